"""Bus cycles: what a port or memory access is, and what an empty bus answers.

A cycle is delivered as a plain call, `read(port, width)` or `write(port, width, value)`, because
it is the hottest path there is; `Cycle` is the same thing as a value, for traces and errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Literal, TypeAlias

import msgspec

Width: TypeAlias = Literal[1, 2, 4]
"""Bytes moved by one cycle."""

FLOATING: dict[int, int] = {1: 0xFF, 2: 0xFFFF, 4: 0xFFFFFFFF}
"""What is read where no card answers: the pull-ups of the data lines, by width in bytes."""

PORTS = 0x10000
"""Size of the I/O space of the 80x86."""


class Space(Enum):
    """The two address spaces of the bus (M/IO#)."""

    PORT = "port"
    MEMORY = "memory"


class Cycle(msgspec.Struct, frozen=True):
    """One bus cycle. `value` is what was read or written; `width` is in bytes."""

    space: Space
    write: bool
    address: int
    width: int
    value: int

    def __str__(self) -> str:
        verb = "OUT" if self.write else "IN"
        if self.space is Space.MEMORY:
            verb = "store" if self.write else "load"
        return f"{verb} {self.address:#06x} width {self.width} value {self.value:#x}"


class PortRange(msgspec.Struct, frozen=True):
    """`count` consecutive ports from `start`."""

    start: int
    count: int

    def __post_init__(self) -> None:
        if not (self.start >= 0 and self.count > 0 and self.start + self.count <= PORTS):
            raise ValueError(f"ports {self.start:#x}+{self.count:#x} do not fit 0x0000-0xffff")

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.start + self.count))

    def __str__(self) -> str:
        last = self.start + self.count - 1
        return f"{self.start:#06x}" if self.count == 1 else f"{self.start:#06x}-{last:#06x}"


class MemoryRange(msgspec.Struct, frozen=True):
    """`size` bytes of physical address space from `start`; both multiples of 4096."""

    start: int
    size: int

    def __post_init__(self) -> None:
        if self.start & 0xFFF or self.size & 0xFFF or self.size <= 0:
            raise ValueError(f"window {self.start:#x}+{self.size:#x} is not page aligned")
        if not 0 <= self.start <= (1 << 32) - self.size:
            raise ValueError(f"window {self.start:#x}+{self.size:#x} is beyond 4 GiB")

    def __str__(self) -> str:
        return f"{self.start:#010x}-{self.start + self.size - 1:#010x}"
