"""A line between the card that drives it and the controller that watches it, with a fault in it.

The card's end has its level as ever (`Wire.level`). What arrives at the other end is logged as
edges: those of the card that were not lost, some of them later, and those of a storm.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from .clock import MachineClock
from .faulty_cycles import Injection
from .injection import DelayIrq, LoseDrq, LoseIrq, StormIrq
from .line import Edge, Lines

MOST_EDGES = 1024
"""Under way at once; beyond it a late rise and its fall are lost, as on a wire that is too slow."""


class FaultyLine:
    """Line `line` of `lines` while `injection` is in force. `tell` is called with each hit."""

    def __init__(
        self,
        lines: Lines,
        line: int,
        injection: Injection,
        clock: MachineClock,
        tell: Callable[[Injection, str], None],
    ) -> None:
        self._lines, self._line, self._injection = lines, line, injection
        self._clock, self._tell = clock, tell
        self._seen = lines.levels[line]  # the card's level, as far as it has come through
        self._under_way: deque[tuple[int, int, bool]] = deque()  # due (ns), slot, level
        self._alarm = clock.alarm()
        self._alarm.call = self._due
        if isinstance(injection.fault, StormIrq):
            self._pulse()

    def drive(self, slot: int, level: bool) -> None:
        """The card's end has changed its level."""
        fault = self._injection.fault
        edge = f"{self._lines.name} {self._line} rises"
        if isinstance(fault, LoseIrq | LoseDrq) and level and self._injection.strikes():
            self._tell(self._injection, edge)
            return
        due = self._under_way[-1][0] if self._under_way else None
        if isinstance(fault, DelayIrq) and level and self._injection.strikes():
            self._tell(self._injection, edge)
            due = max(self._clock.now() + fault.ns, due or 0)
        if due is None:
            self._arrive(slot, level)
            return
        if len(self._under_way) < MOST_EDGES:
            self._under_way.append((due, slot, level))
        elif level != self._under_way[-1][2]:
            self._under_way.pop()
        self._alarm.set(self._under_way[0][0])

    def pending(self) -> list[Edge]:
        """The edges under way, as if they arrived now: for a snapshot."""
        now = self._clock.now()
        return [Edge(now, slot, 0, self._line, level) for _, slot, level in self._under_way]

    def rewind(self) -> None:
        """The line's levels and log are those of a snapshot: what was under way is in there."""
        self._under_way.clear()
        if not isinstance(self._injection.fault, StormIrq):
            self._alarm.set(None)
        self._seen = self._lines.levels[self._line]

    def mend(self) -> None:
        """No fault any more: what was under way arrives, and the level is seen as it is."""
        self._alarm.set(None)
        self._alarm.call = None
        for _, slot, level in self._under_way:
            self._arrive(slot, level)
        self._under_way.clear()
        self._arrive(-1, self._lines.levels[self._line])

    def _arrive(self, slot: int, level: bool) -> None:
        if level != self._seen:
            self._seen = level
            self._lines.log(self._line, slot, level)

    def _due(self) -> None:
        if isinstance(self._injection.fault, StormIrq):
            self._pulse()
            return
        now = self._clock.now()
        while self._under_way and self._under_way[0][0] <= now:
            _, slot, level = self._under_way.popleft()
            self._arrive(slot, level)
        self._alarm.set(self._under_way[0][0] if self._under_way else None)

    def _pulse(self) -> None:
        """One rise of a storm: a spike, or a gap while the card holds the line high."""
        fault = self._injection.fault
        assert isinstance(fault, StormIrq)
        self._injection.matched += 1
        self._injection.hits += 1
        self._tell(self._injection, f"{self._lines.name} {self._line} rises")
        self._lines.log(self._line, -1, not self._seen)
        self._lines.log(self._line, -1, self._seen)
        self._alarm.set(None if self._injection.spent else self._clock.now() + fault.ns)
