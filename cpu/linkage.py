"""The engine's own linkage table: where it keeps the addresses of functions it calls by name.

The .got.plt of an ELF shared object, see the System V ABI. The engine's is not sealed, so that
another function can stand in for one of them.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from .errors import UnsupportedEngine
from .symbols import Symbols

_CALL = struct.Struct("<QQq")  # Elf64_Rela
_SYMBOL = struct.Struct("<I20x")  # Elf64_Sym, its st_name


def _slots(calls: bytes, entries: bytes, strings: bytes) -> Iterator[tuple[bytes, int]]:
    """Name and address of each. By hand: pyelftools takes a second for 30,000 symbols."""
    for offset, info, _ in _CALL.iter_unpack(calls):
        (at,) = _SYMBOL.unpack_from(entries, (info >> 32) * _SYMBOL.size)
        yield strings[at : strings.index(b"\0", at)], offset


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
        entries, strings = table.data(), elf.get_section(table["sh_link"]).data()
        slots = dict(_slots(calls.data(), entries, strings))
        sealed = [
            range(segment["p_vaddr"], segment["p_vaddr"] + segment["p_memsz"])
            for segment in elf.iter_segments("PT_GNU_RELRO")
        ]
    base = symbols.load_address()
    found = []
    for name in names:
        slot = slots.get(name.encode())
        if slot is None or any(slot in span for span in sealed):
            raise UnsupportedEngine(f"the engine's calls of {name} cannot be redirected")
        found.append(ctypes.c_uint64.from_address(base + slot))
    return found
