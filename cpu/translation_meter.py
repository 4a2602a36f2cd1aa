"""What translating costs: blocks the engine has translated, and the host's time that took.

For measurements only. The engine calls its translator through its own linkage table (the .got.plt
of an ELF shared object, see the System V ABI); while the meter is on, a thunk stands in there.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any, Self

from elftools.elf.elffile import ELFFile

from .core import Core
from .errors import UnsupportedEngine
from .symbols import Symbols

_TRANSLATOR = "tb_gen_code_x86_64"


class TranslationMeter:
    """Counts while it is entered. A context manager; one at a time in a process.

    Raises `UnsupportedEngine` when the engine was linked in another way.
    """

    def __init__(self, core: Core) -> None:
        self._parameters = core.parameters
        self._slot = ctypes.c_uint64.from_address(_linkage_slot(core.symbols))
        self._thunk = core.thunks.entry("translate")
        self._before = 0

    def __enter__(self) -> Self:
        clock = ctypes.cast(ctypes.CDLL(None).clock_gettime, ctypes.c_void_p).value
        assert clock is not None
        self._parameters.clock_gettime = clock
        self._before = self._slot.value
        self._parameters.translate = self._before
        self._slot.value = self._thunk
        return self

    def __exit__(self, *_: object) -> None:
        self._slot.value = self._before

    @property
    def blocks(self) -> int:
        """Blocks translated so far."""
        return self._parameters.translations

    @property
    def ns(self) -> int:
        """Host time spent translating them."""
        return self._parameters.translation_ns


def _linkage_slot(symbols: Symbols) -> int:
    """Where the address stands by which the engine calls its translator."""
    with Path(symbols.file).open("rb") as file:
        elf: Any = ELFFile(file)
        names = elf.get_section_by_name(".dynsym")
        calls = elf.get_section_by_name(".rela.plt")
        if names is None or calls is None:
            raise UnsupportedEngine("the engine has no linkage table to measure translations by")
        wanted = {index: each for index, each in enumerate(names.iter_symbols()) if _is(each)}
        slots = [
            call["r_offset"] for call in calls.iter_relocations() if call["r_info_sym"] in wanted
        ]
        sealed = [
            range(segment["p_vaddr"], segment["p_vaddr"] + segment["p_memsz"])
            for segment in elf.iter_segments("PT_GNU_RELRO")
        ]
    if len(slots) != 1 or any(slots[0] in span for span in sealed):
        raise UnsupportedEngine("the engine's calls of its translator cannot be redirected")
    (symbol,) = wanted.values()
    base = symbols.address_of("tb_gen_code") - symbol["st_value"]
    return int(base + slots[0])


def _is(symbol: Any) -> bool:
    return bool(symbol.name == _TRANSLATOR)
