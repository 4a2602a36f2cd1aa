"""The models of processor: who they are, what they have, and how the engine is told.

Intel application note 485 (CPUID, its feature bits, EDX after RESET); Intel386 DX Data Sheet, 5.5.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Literal, NamedTuple, TypeAlias

from unicorn.x86_const import (
    UC_CPU_X86_486,
    UC_CPU_X86_PENTIUM,
    UC_CPU_X86_PENTIUM2,
    UC_CPU_X86_PENTIUM3,
    UC_X86_INS_CPUID,
    UC_X86_INS_RDTSC,
    UC_X86_INS_SYSCALL,
    UC_X86_INS_SYSENTER,
)

Model: TypeAlias = Literal["386", "486", "586", "686", "686sse"]
"""Intel386 DX with a 387, 486DX4 (CPUID, no TSC), Pentium MMX, Pentium II, or Pentium III."""


class Feature(IntFlag):
    """EDX of CPUID function 1."""

    FPU = 1 << 0
    DE = 1 << 2  # DR4 and DR5 are no aliases
    PSE = 1 << 3  # pages of 4 MiB
    TSC = 1 << 4
    MSR = 1 << 5
    PAE = 1 << 6
    MCE = 1 << 7
    CX8 = 1 << 8
    PGE = 1 << 13  # global pages
    CMOV = 1 << 15
    PSE36 = 1 << 17
    MMX = 1 << 23
    FXSR = 1 << 24
    SSE = 1 << 25  # XMM0 to XMM7, MXCSR


class Traits(NamedTuple):
    """A model. `engine` is the engine's nearest one, `signature` EDX after RESET."""

    engine: int
    signature: int
    features: Feature
    lacks: tuple[int, ...]
    """Instructions of the engine that are #UD."""
    no_flags: int = 0
    """Bits EFLAGS does not have."""

    @property
    def has_tsc(self) -> bool:
        """Whether RDTSC exists."""
        return Feature.TSC in self.features


_LATER = (UC_X86_INS_SYSENTER, UC_X86_INS_SYSCALL)
_486 = Feature.FPU
_586 = _486 | Feature.DE | Feature.PSE | Feature.TSC | Feature.MSR | Feature.CX8 | Feature.MMX
_686 = _586 | Feature.PAE | Feature.PGE | Feature.CMOV | Feature.PSE36 | Feature.FXSR

# Not there: VME, which the engine does not have; APIC, a chip the board does not have; SEP, MTRR,
# MCA and PAT, whose registers the engine stores and does not obey.
TRAITS: dict[Model, Traits] = {
    "386": Traits(
        UC_CPU_X86_486,
        0x308,
        Feature.FPU,
        (UC_X86_INS_CPUID, UC_X86_INS_RDTSC, *_LATER),
        1 << 18 | 1 << 21,  # AC, ID
    ),
    "486": Traits(UC_CPU_X86_486, 0x480, _486, (UC_X86_INS_RDTSC, *_LATER)),
    "586": Traits(UC_CPU_X86_PENTIUM, 0x543, _586 | Feature.MCE, _LATER),
    "686": Traits(UC_CPU_X86_PENTIUM2, 0x652, _686, _LATER),
    "686sse": Traits(UC_CPU_X86_PENTIUM3, 0x673, _686 | Feature.SSE, _LATER),
}
