"""The bus trace: every cycle and edge, in order. Costs nothing while it is off."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from .cycle import Space
from .line import Edge


class CycleRecord(msgspec.Struct, frozen=True, array_like=True):
    """One cycle: machine time in ns, then the cycle."""

    time: int
    space: Space
    write: bool
    address: int
    width: int
    value: int


class EdgeRecord(msgspec.Struct, frozen=True, array_like=True):
    """One edge as the controller saw it."""

    time: int
    line: str
    number: int
    level: bool


class HostWrite(msgspec.Struct, frozen=True, array_like=True):
    """One store into guest memory that the guest did not make itself (DMA, loader, coordinator)."""

    time: int
    address: int
    size: int
    by: str


Record = CycleRecord | EdgeRecord | HostWrite


class BusTrace:
    """Records while `on`; equal runs give equal `records`."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.on = False
        self.records: list[Record] = []
        self._now = now

    def cycle(self, space: Space, write: bool, address: int, width: int, value: int) -> None:
        """Record a cycle."""
        self.records.append(CycleRecord(self._now(), space, write, address, width, value))

    def edges(self, name: str, edges: list[Edge]) -> None:
        """Record edges as they are handed to the controller."""
        if self.on:
            self.records.extend(EdgeRecord(e.time, name, e.line, e.level) for e in edges)

    def host_write(self, address: int, size: int, by: str) -> None:
        """Record a host write to guest memory."""
        if self.on:
            self.records.append(HostWrite(self._now(), address, size, by))

    def digest(self) -> bytes:
        """The records as bytes, to compare two runs."""
        return msgspec.msgpack.encode(self.records)
