"""What happens on a bus: kept for who expects something of it, and for the report of a failure.

Each port and each line has a place up to which it has been read: an expectation goes on behind the
event the last one for that port or line has found, so that nothing is missed between two of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeAlias, TypeVar

import trio

from hotswap.bus import Backplane, CycleRecord, Edge, EdgeRecord, Space
from hotswap.bus.trace import Record

KEPT = 16384
"""Cycles and edges that are kept for expectations."""

E = TypeVar("E")
Place: TypeAlias = tuple[str, int]
"""A port or a line, by what it is and its number."""


class _Waiter(Generic[E]):
    """Somebody who waits for an event."""

    def __init__(self, place: Place, wanted: Callable[[E], bool]) -> None:
        self.place, self.wanted = place, wanted
        self.found: E | None = None
        self.came = trio.Event()


class Events(Generic[E]):
    """The last events of one kind, and who waits for the next."""

    def __init__(self, kick: Callable[[], None]) -> None:
        self._kick = kick
        self._kept: deque[tuple[int, E]] = deque(maxlen=KEPT)
        self._count = 0
        self._read: dict[Place, int] = {}
        self._waiting: list[_Waiter[E]] = []

    def add(self, event: E) -> None:
        """It happens now."""
        self._count += 1
        self._kept.append((self._count, event))
        for waiter in self._waiting:
            if waiter.found is None and waiter.wanted(event):
                waiter.found = event
                self._read[waiter.place] = self._count
                waiter.came.set()
                self._kick()  # so that who waited has its turn soon

    async def next(self, place: Place, wanted: Callable[[E], bool]) -> E:
        """The next that is `wanted`, behind what has been read at `place`."""
        read = self._read.get(place, 0)
        for number, event in self._kept:
            if number > read and wanted(event):
                self._read[place] = number
                return event
        waiter = _Waiter(place, wanted)
        self._waiting.append(waiter)
        try:
            await waiter.came.wait()
        finally:
            self._waiting.remove(waiter)
        assert waiter.found is not None
        return waiter.found

    def last(self, of: Callable[[E], bool], count: int) -> list[E]:
        """The last `count` of those that `of` picks, oldest first."""
        picked = [event for _, event in self._kept if of(event)]
        return picked[-count:]


class Recorder:
    """The cycles and edges of `backplane`; the last `size` of all records are its `tail`."""

    def __init__(self, backplane: Backplane, size: int) -> None:
        self.cycles: Events[CycleRecord] = Events(backplane.kick)
        self.edges: Events[Edge] = Events(backplane.kick)
        self.tail: deque[Record] = deque(maxlen=size)
        self._backplane = backplane

    @contextmanager
    def recording(self) -> Iterator[None]:
        """While the block runs, all is recorded."""
        backplane = self._backplane
        trace, lines = backplane.trace, (backplane.irq, backplane.drq)
        callbacks = [(each, self._edge_of(each.name)) for each in lines]
        trace.watchers.append(self._record)
        for each, callback in callbacks:
            each.watchers.append(callback)
        backplane.io.trace(True, keep=False)
        try:
            yield
        finally:
            backplane.io.trace(False, keep=False)
            for each, callback in callbacks:
                each.watchers.remove(callback)
            trace.watchers.remove(self._record)

    def _record(self, record: Record) -> None:
        if isinstance(record, EdgeRecord):
            return  # it was there when it was logged, also where no controller takes it
        self.tail.append(record)
        if isinstance(record, CycleRecord) and record.space is Space.PORT:
            self.cycles.add(record)

    def _edge_of(self, name: str) -> Callable[[Edge], None]:
        def edge(edge: Edge) -> None:
            self.tail.append(EdgeRecord(edge.time, name, edge.line, edge.level))
            if name == "IRQ":
                self.edges.add(edge)

        return edge
