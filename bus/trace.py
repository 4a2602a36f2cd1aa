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


class InjectionRecord(msgspec.Struct, frozen=True, array_like=True):
    """One hit of injection `number`; a cycle's own record says what the CPU has seen of it."""

    time: int
    number: int
    what: str


Record = CycleRecord | EdgeRecord | HostWrite | InjectionRecord


class BusTrace:
    """Records while `on`; equal runs give equal `records`. `watchers` see each record as well."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.on = False
        self.keeping = True
        """Whether `records` grows while `on`; watchers alone want it not to."""
        self.records: list[Record] = []
        self.watchers: list[Callable[[Record], None]] = []
        self._now = now

    def _record(self, record: Record) -> None:
        if self.keeping:
            self.records.append(record)
        for watcher in self.watchers:
            watcher(record)

    def cycle(self, space: Space, write: bool, address: int, width: int, value: int) -> None:
        """Record a cycle."""
        self._record(CycleRecord(self._now(), space, write, address, width, value))

    def edges(self, name: str, edges: list[Edge]) -> None:
        """Record edges as they are handed to the controller."""
        if self.on:
            for edge in edges:
                self._record(EdgeRecord(edge.time, name, edge.line, edge.level))

    def host_write(self, address: int, size: int, by: str) -> None:
        """Record a host write to guest memory."""
        if self.on:
            self._record(HostWrite(self._now(), address, size, by))

    def injection(self, number: int, what: str) -> None:
        """Record a hit of an injection."""
        if self.on:
            self._record(InjectionRecord(self._now(), number, what))

    def digest(self) -> bytes:
        """The records as bytes, to compare two runs."""
        return msgspec.msgpack.encode(self.records)
