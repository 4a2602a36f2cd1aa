"""What debuggers want of a snapshot: the registers as a Linux core has them, and what is mapped.

`struct elf_prstatus`, `user_i387_struct` and `elf_prpsinfo` of <sys/procfs.h> for i386; page tables
as in the Intel 486 and Pentium manuals (two levels, 4 KiB and 4 MiB pages).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from hotswap.cpu import CpuState

from .snapshot_elf import NT_PRFPREG, NT_PRPSINFO, NT_PRSTATUS, PAGE, Mapping, note

_CORE = b"CORE\0"
_PRSTATUS = struct.Struct("<72x17II")
_PRFPREG = struct.Struct("<7I80s")
_PRPSINFO = struct.Struct("<4s4x4x2H4I16s80s")
_PID = 1

CR0_PG, CR4_PSE = 1 << 31, 1 << 4
PRESENT, LARGE = 1 << 0, 1 << 7
TABLE = 1024
"""Entries of a page directory or table."""


def debugger_notes(cpu: CpuState, eflags: int, name: str) -> list[bytes]:
    """Notes with the registers, for a machine called `name`."""
    code, stack = cpu.cs.base, cpu.ss.base  # debuggers think in linear addresses
    general = (cpu.ebx, cpu.ecx, cpu.edx, cpu.esi, cpu.edi, cpu.ebp, cpu.eax)
    selectors = (segment.selector for segment in (cpu.ds, cpu.es, cpu.fs, cpu.gs))
    status = _PRSTATUS.pack(
        *general, *selectors, 0xFFFFFFFF, (code + cpu.eip) & 0xFFFFFFFF, cpu.cs.selector,
        eflags & 0xFFFFFFFF, (stack + cpu.esp) & 0xFFFFFFFF, cpu.ss.selector, 1,
    )  # fmt: skip
    title = name.encode("utf-8", "replace")[:15]
    about = _PRPSINFO.pack(b"\0R\0\0", 0, 0, _PID, 0, _PID, _PID, title, title)
    return [
        note(_CORE, NT_PRSTATUS, status),
        note(_CORE, NT_PRPSINFO, about),
        note(_CORE, NT_PRFPREG, _x87(cpu)),
    ]


def _x87(cpu: CpuState) -> bytes:
    """FNSAVE's image: the stack from ST(0) on, its tags and the pointers."""
    fpu = cpu.fpu
    status = fpu.fpus & ~0x3800 | fpu.fpstt << 11
    tags, stack = 0, b""
    for i in range(8):
        mantissa, exponent = fpu.registers[i]
        tags |= _tag(fpu.fptags[i], mantissa, exponent) << 2 * i
        mantissa, exponent = fpu.registers[(fpu.fpstt + i) % 8]
        stack += struct.pack("<QH", mantissa, exponent)
    words = (fpu.fpuc, status, tags, fpu.fpip, fpu.fpcs | fpu.fpop << 16, fpu.fpdp, fpu.fpds)
    return _PRFPREG.pack(*(word & 0xFFFFFFFF for word in words), stack)


def _tag(empty: int, mantissa: int, exponent: int) -> int:
    """0 valid, 1 zero, 2 special, 3 empty."""
    if empty:
        return 3
    if not exponent & 0x7FFF:
        return 2 if mantissa else 1
    return 0 if mantissa >> 63 and exponent & 0x7FFF != 0x7FFF else 2


def linear_mappings(
    cpu: CpuState, holds: Callable[[int, int], bool], read: Callable[[int, int], bytes]
) -> Iterator[Mapping]:
    """What the page tables map to RAM, neighbours together; nothing while paging is off.

    `holds(start, size)` says whether physical memory is RAM, `read` gives it.
    """
    if not cpu.cr0 & CR0_PG:
        return
    run: Mapping | None = None
    for page in _pages(cpu, holds, read):
        if run is not None and (run.linear + run.size, run.physical + run.size) == page[:2]:
            run = Mapping(run.linear, run.physical, run.size + page.size)
            continue
        if run is not None:
            yield run
        run = page
    if run is not None:
        yield run


def _pages(
    cpu: CpuState, holds: Callable[[int, int], bool], read: Callable[[int, int], bytes]
) -> Iterator[Mapping]:
    def table(at: int) -> tuple[int, ...]:
        at &= ~(PAGE - 1)
        return struct.unpack(f"<{TABLE}I", read(at, PAGE)) if holds(at, PAGE) else ()

    large = TABLE * PAGE
    for i, directory in enumerate(table(cpu.cr3)):
        if not directory & PRESENT:
            continue
        if directory & LARGE and cpu.cr4 & CR4_PSE:
            start = directory & ~(large - 1)
            if holds(start + large - PAGE, PAGE):
                yield Mapping(i * large, start, large)
            continue
        for j, entry in enumerate(table(directory)):
            start = entry & ~(PAGE - 1)
            if entry & PRESENT and holds(start, PAGE):
                yield Mapping(i * large + j * PAGE, start, PAGE)
