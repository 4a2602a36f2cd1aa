"""The engine's own linkage table: where it keeps the addresses of functions it calls by name.

The .got.plt of an ELF shared object, see the System V ABI. The engine's is not sealed, so that
another function can stand in for one of them.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from .errors import UnsupportedEngine
from .symbols import Symbols


def linkage_slots(symbols: Symbols, *names: str) -> list[ctypes.c_uint64]:
    """Where the addresses stand by which the engine calls the functions `names`.

    Raises `UnsupportedEngine` when the engine was linked in another way.
    """
    with Path(symbols.file).open("rb") as file:
        elf: Any = ELFFile(file)
        table = elf.get_section_by_name(".dynsym")
        calls = elf.get_section_by_name(".rela.plt")
        if table is None or calls is None:
            raise UnsupportedEngine(
                "the engine has no linkage table whose functions can be changed"
            )
        index = {symbol.name: i for i, symbol in enumerate(table.iter_symbols())}
        slots = {call["r_info_sym"]: int(call["r_offset"]) for call in calls.iter_relocations()}
        sealed = [
            range(segment["p_vaddr"], segment["p_vaddr"] + segment["p_memsz"])
            for segment in elf.iter_segments("PT_GNU_RELRO")
        ]
    base = symbols.load_address()
    found = []
    for name in names:
        slot = slots.get(index.get(name, -1))
        if slot is None or any(slot in span for span in sealed):
            raise UnsupportedEngine(f"the engine's calls of {name} cannot be redirected")
        found.append(ctypes.c_uint64.from_address(base + slot))
    return found
