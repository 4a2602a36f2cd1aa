"""Fourth cure: instructions the engine gets wrong, or has on models that do not.

Translated code calls a function of the engine's for what an instruction does, and two tables hold
its address: the linkage table the translator reads it from (.got), and the list of all functions
that may be called so (in .data.rel.ro). The dynamic linker has made both read-only; they are
opened, the functions of thunks/instructions.c are entered into both, and they are closed again. It
costs nothing where none of these instructions is used.

This is for the whole process, and for engines made from then on: a program that uses Unicorn beside
hotswap makes its own engines after `probe()`.
"""

from __future__ import annotations

import ctypes
import struct
from functools import cache
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from .aborts import aborts
from .errors import UnsupportedEngine
from .host_memory import rewrite_sealed
from .native import Parameters, Thunks
from .registers import ENV_UC, Env
from .symbols import Symbols

REPLACED = (
    "read_eflags",
    "fwait",
    "fclex",
    "fninit",
    "fsave",
    "frstor",
    "fldenv",
    "read_crN",
    "write_crN",
    "ltr",
    "get_dr",
    "set_dr",
    "invlpg",
    "rdmsr",
    "wrmsr",
)
_TABLES = (".got", ".data.rel.ro")


@cache
def mend_instructions() -> Parameters:
    """Replace the functions; returns the parameters of what stands in for them.

    Raises `UnsupportedEngine`, then nothing was changed.
    """
    symbols, thunks = Symbols(), Thunks()
    p = thunks.parameters
    p.stop = symbols.address_of("uc_emu_stop")
    p.raise_exception_at = symbols.address_of("raise_exception_ra")
    p.at_ecx = _offset("regs") + 8
    p.at_cr0, p.at_fpus, p.at_hflags2 = _offset("cr"), _offset("fpus"), _offset("hflags2")
    p.at_version, p.at_features = _offset("cpuid_version"), _offset("features")
    p.at_uc, p.at_dr7 = ENV_UC, _offset("dr") + 8 * 7
    tables = _tables(symbols)
    put_stand_ins = aborts(symbols, thunks)
    changes: list[tuple[int, int]] = []
    for name in REPLACED:
        original = symbols.address_of(f"helper_{name}")
        entry = thunks.entry(name.lower())
        changes += [(_only_place(name, original, *table), entry) for table in tables]
        if name != "fwait":  # of which nothing is left
            setattr(p, name.lower(), original)
    try:
        for place, function in changes:
            rewrite_sealed(place, struct.pack("<Q", function))
    except OSError as error:
        raise UnsupportedEngine(
            f"the host does not let the engine's tables be changed ({error}); allow mprotect"
        ) from error
    put_stand_ins()
    return p


def _offset(name: str) -> int:
    offset: int = getattr(Env, name).offset
    return offset


def _only_place(name: str, function: int, section: str, start: int, content: bytes) -> int:
    wanted = struct.pack("<Q", function)
    if content.count(wanted) != 1:
        raise UnsupportedEngine(
            f"helper_{name} of the engine stands {content.count(wanted)} times in {section}, not 1"
        )
    return start + content.index(wanted)


def _tables(symbols: Symbols) -> list[tuple[str, int, bytes]]:
    """Name, address and content of each table."""
    base = symbols.load_address()
    with Path(symbols.file).open("rb") as file:
        elf: Any = ELFFile(file)
        sections = [elf.get_section_by_name(name) for name in _TABLES]
        sealed = [
            range(segment["p_vaddr"], segment["p_vaddr"] + segment["p_memsz"])
            for segment in elf.iter_segments("PT_GNU_RELRO")
        ]
        spans = [(s["sh_addr"], s["sh_size"]) for s in sections if s is not None]
    if len(spans) != len(_TABLES) or not all(
        any(start in seal and start + size - 1 in seal for seal in sealed) for start, size in spans
    ):
        raise UnsupportedEngine("the engine was linked in another way: its tables are elsewhere")
    return [
        (name, base + start, ctypes.string_at(base + start, size))
        for name, (start, size) in zip(_TABLES, spans, strict=True)
    ]
