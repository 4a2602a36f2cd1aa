"""IRQ and DRQ lines: wires with an ordered log of edges.

A line is not a queue: raising or dropping it changes its level at once and appends one edge to
the log. Whoever watches the lines (the 8259A, the 8237A) takes the log before it answers anything,
so neither an EOI nor a register read can overtake the edge that came before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from .errors import BusError


class Edge(msgspec.Struct, frozen=True):
    """One change of one line. `time` is machine time in ns."""

    time: int
    slot: int
    sequence: int
    line: int
    level: bool

    @property
    def order(self) -> tuple[int, int, int]:
        """Where it belongs among the edges of tasks that ran at the same machine time."""
        return (self.time, self.slot, self.sequence)


class LinesState(msgspec.Struct):
    """Levels by line and the edges nobody has taken yet."""

    levels: list[bool]
    edges: list[Edge]


class FaultyEnd(Protocol):
    """What an injected fault makes of a line, see `faulty_line`."""

    def drive(self, slot: int, level: bool) -> None:
        """The card's end has changed."""
        ...

    def pending(self) -> list[Edge]:
        """Edges that have not arrived yet."""
        ...

    def rewind(self) -> None:
        """A snapshot was put back."""
        ...


class Wire:
    """One line in the hands of the slot that leased it."""

    __slots__ = ("_lines", "card", "line", "slot")

    def __init__(self, lines: Lines, line: int, slot: int, card: str) -> None:
        self.line, self.slot, self.card = line, slot, card
        self._lines = lines

    @property
    def level(self) -> bool:
        """True while the line is high."""
        return self._lines.levels[self.line]

    def set(self, level: bool) -> None:
        """Drive the line; an edge is logged when the level changes."""
        if self._lines.levels[self.line] != level:
            self._lines.change(self, level)

    def pulse(self) -> None:
        """Low, then high: a fresh rising edge whatever the level was."""
        self.set(False)
        self.set(True)


class Unconnected(Wire):
    """The wire of a card whose line nobody has chosen yet: it leads nowhere."""

    __slots__ = ()

    @property
    def level(self) -> bool:
        """Low."""
        return False

    def set(self, level: bool) -> None:
        """Nothing is driven."""


class Lines:
    """The IRQ (or DRQ) lines of one backplane: levels, leases, edge log."""

    def __init__(self, name: str, size: int, now: Callable[[], int]) -> None:
        self.name = name
        self.levels = [False] * size
        self.on_edge: Callable[[], None] | None = None
        """Called after each edge is logged: the watcher is told at once."""
        self.watchers: list[Callable[[Edge], None]] = []
        """Called with each edge as it is logged, whether it is held or not."""
        self.faulty: dict[int, FaultyEnd] = {}
        """While faults are injected: what stands between a line's card and its log."""
        self._wires: dict[int, Wire] = {}
        self._edges: list[Edge] = []
        self._held = False
        self._sequence = 0
        self._now = now

    def check(self, lines: Sequence[int], card: str) -> None:
        """Raise `BusError` when one of `lines` is driven by a slot; nothing is changed."""
        last = len(self.levels) - 1
        for line in lines:
            if not 0 <= line <= last:
                raise BusError(f"card {card}: there is no {self.name} {line}; use 0 to {last}")
            if (taken := self._wires.get(line)) is not None:
                raise BusError(
                    f"card {card}: {self.name} {line} is driven by card {taken.card} in slot "
                    f"{taken.slot}; set another line or remove that card"
                )

    def lease(self, line: int, slot: int, card: str) -> Wire:
        """The wire of `line` for `slot`. Raises `BusError` when another slot drives it."""
        self.check((line,), card)
        wire = self._wires[line] = Wire(self, line, slot, card)
        return wire

    def holder(self, line: int) -> int | None:
        """The number of the slot that drives `line`."""
        wire = self._wires.get(line)
        return None if wire is None else wire.slot

    @property
    def held(self) -> bool:
        """True while edges are latched instead of handed out."""
        return self._held

    def release(self, wire: Wire) -> None:
        """End a lease: the pull-down takes the line low, and the wire drives nothing any more."""
        wire.set(False)
        del self._wires[wire.line]

    def change(self, wire: Wire, level: bool) -> None:
        """The card's end of a line changes (called by the line's wire)."""
        if self._wires.get(wire.line) is not wire:
            return  # its lease has ended
        self.levels[wire.line] = level
        if self.faulty and (end := self.faulty.get(wire.line)) is not None:
            end.drive(wire.slot, level)
        else:
            self.log(wire.line, wire.slot, level)

    def log(self, line: int, slot: int, level: bool) -> None:
        """What arrives at the watcher's end of `line`: one edge."""
        self._sequence += 1
        edge = Edge(self._now(), slot, self._sequence, line, level)
        self._edges.append(edge)
        for watcher in self.watchers:
            watcher(edge)
        if self.on_edge is not None and not self._held:
            self.on_edge()

    def sort(self) -> None:
        """Order the edges that tasks raised between two slices, by (time, slot, sequence)."""
        if len(self._edges) > 1:
            self._edges.sort(key=lambda edge: edge.order)

    def take(self) -> list[Edge]:
        """The edges since the last call, oldest first; none while the lines are held."""
        if self._held or not self._edges:
            return []
        edges, self._edges = self._edges, []
        return edges

    def hold(self, held: bool) -> None:
        """Latch edges instead of handing them out (a switchover), or hand them out again."""
        self._held = held
        if not held and self._edges and self.on_edge is not None:
            self.on_edge()

    def snapshot(self) -> LinesState:
        """Levels and untaken edges, as values."""
        late = [edge for end in self.faulty.values() for edge in end.pending()]
        return LinesState(list(self.levels), [*self._edges, *late])

    def restore(self, state: LinesState) -> None:
        """Put a snapshot back."""
        self.levels[:] = state.levels
        self._edges = list(state.edges)
        self._sequence = max([self._sequence, *(edge.sequence for edge in self._edges)])
        for end in self.faulty.values():
            end.rewind()
