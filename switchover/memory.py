"""Who owns which physical memory: the layout host, bootstrap and both kernels agree on.

The top of RAM is reported as reserved to the kernel at its first boot: half of it is SCRATCH,
where a new kernel works until COMMIT, then STAGE for the packed image and ECHO for the map it
writes back. There is an eighth of RAM, for more processes need more of it, but at least 8 MiB, or 4
below 32 MiB.
"""

from __future__ import annotations

import msgspec

from .errors import Refused
from .protocol import BOOTSTRAP_HI, KERNEL_HI, KERNEL_LO

MIB = 1 << 20
RAM_MIN = 16 * MIB


class Span(msgspec.Struct, frozen=True):
    """Physical memory from `lo` up to, not including, `hi`, and what it is for."""

    name: str
    lo: int
    hi: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.hi - self.lo

    def overlaps(self, lo: int, hi: int) -> bool:
        """Whether any byte of it is in [lo, hi)."""
        return self.lo < hi and lo < self.hi

    def holds(self, lo: int, hi: int) -> bool:
        """Whether all of [lo, hi) is in it."""
        return self.lo <= lo and hi <= self.hi

    def __str__(self) -> str:
        return f"{self.name} {self.lo:#x}-{self.hi:#x}"


KERNEL = Span("kernel range", KERNEL_LO, KERNEL_HI)


class MemoryPlan(msgspec.Struct, frozen=True):
    """The layout for `ram` bytes of RAM."""

    ram: int
    scratch: Span
    stage: Span
    echo: Span

    @property
    def reserve(self) -> Span:
        """What the memory map of the first boot calls reserved."""
        return Span("RESERVE", self.scratch.lo, self.echo.hi)

    @property
    def taken(self) -> tuple[Span, ...]:
        """Memory no user page and no map of the old kernel may be in."""
        low = Span("recorder and bootstrap", 0, BOOTSTRAP_HI)
        adapters = Span("adapter area", 0xA0000, 0x100000)
        return (low, adapters, KERNEL, self.scratch, self.stage, self.echo)


def plan_memory(ram: int) -> MemoryPlan:
    """The layout for `ram` bytes. Raises Refused below 16 MiB."""
    if ram < RAM_MIN:
        raise Refused(
            f"{ram // MIB} MiB of RAM are too few for a switchover, which needs {RAM_MIN // MIB}",
            "start the machine with more memory",
        )
    eighth = ram // (8 * MIB) * MIB
    reserve = max(4 * MIB if ram < 32 * MIB else 8 * MIB, eighth)
    lo, middle, echo = ram - reserve, ram - reserve // 2, ram - reserve // 8
    return MemoryPlan(
        ram, Span("SCRATCH", lo, middle), Span("STAGE", middle, echo), Span("ECHO", echo, ram)
    )
