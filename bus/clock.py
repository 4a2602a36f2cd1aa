"""Machine time: the one clock cards may use, and the alarms on it.

Machine time is integer nanoseconds since power-on. Where it comes from is the machine's business:
the host's monotonic clock, or counted instructions in deterministic mode. Alarms are kept in one
heap which the CPU loop fires between slices, so that no card ever waits on the host's clock and
alarms that fall due together fire in a fixed order: (deadline, slot, sequence).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

import trio

from .errors import BusError

CROWDED = 64
"""Entries of the heap that are not worth pruning."""


def _nobody() -> None:
    """No CPU is plugged in: nobody to tell."""


def _cannot_wait(_ns: int) -> None:
    raise BusError("this machine's clock cannot wait; inject no delay into its cycles")


class MachineClock:
    """The machine's clock: `now()` in ns, alarms, and the earliest deadline for the CPU loop."""

    def __init__(
        self, source: Callable[[], int], wait: Callable[[int], None] = _cannot_wait
    ) -> None:
        self.now = source
        self.wait = wait
        """Let machine time (ns) pass at once, as the wait states of a bus cycle do."""
        self.on_deadline_change: Callable[[], None] = _nobody
        """Called when an alarm becomes the earliest one; the CPU kicks its slice."""
        self._heap: list[tuple[int, int, int, Alarm]] = []
        self._crowded = CROWDED
        self._sequence = count()

    @property
    def can_wait(self) -> bool:
        """Whether `wait` can be called."""
        return self.wait is not _cannot_wait

    @property
    def armed(self) -> int:
        """How many alarms are set."""
        return sum(alarm.entry == entry for _, _, entry, alarm in self._heap)

    def alarm(self, slot: int = -1) -> Alarm:
        """A new alarm; `slot` decides the order among equal deadlines."""
        return Alarm(self, slot)

    async def sleep_until(self, deadline: int, slot: int = -1) -> None:
        """Return once machine time has reached `deadline` (ns)."""
        if deadline <= self.now():
            await trio.lowlevel.checkpoint()
            return
        alarm = self.alarm(slot)
        alarm.set(deadline)
        try:
            await alarm.wait()
        finally:
            alarm.set(None)

    def next_deadline(self) -> int | None:
        """The earliest armed deadline in ns, or None."""
        heap = self._heap
        while heap and heap[0][3].entry != heap[0][2]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def fire(self) -> bool:
        """Ring every alarm that is due; True when there was one. Called by the CPU loop."""
        now, due = self.now(), []
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            due.append(heapq.heappop(self._heap))
        for _, _, entry, alarm in due:
            if alarm.entry == entry:  # else one that rang before it has moved it
                alarm.ring()
        return bool(due)

    def arm(self, alarm: Alarm, deadline: int) -> None:
        """Put `alarm` into the heap; `alarm.entry` is the ticket of its live entry there."""
        if len(self._heap) > self._crowded:
            self._prune()
        earliest = self.next_deadline()
        alarm.entry = next(self._sequence)
        heapq.heappush(self._heap, (deadline, alarm.slot, alarm.entry, alarm))
        if earliest is None or deadline < earliest:
            self.on_deadline_change()

    def _prune(self) -> None:
        """Drop what alarms moved since have left behind: a guest may move one for ever."""
        self._heap = [entry for entry in self._heap if entry[3].entry == entry[2]]
        heapq.heapify(self._heap)
        self._crowded = 2 * len(self._heap) + CROWDED


class Alarm:
    """One timer on machine time: set it from a bus cycle, wait for it in the card's task, or have
    something called (see `Slot.calling`).

    Setting it again moves it; an alarm that has rung but was not yet waited for is forgotten then.
    While muted (its card is frozen) it keeps its deadline but never rings; one that has rung before
    is still there for the next run to wait for.
    """

    def __init__(self, clock: MachineClock, slot: int) -> None:
        self.slot = slot
        self.deadline: int | None = None
        self.entry: int | None = None
        self.call: Callable[[], None] | None = None
        """Called when it rings, instead of waking who waits; set by the slot."""
        self._clock = clock
        self._muted = False
        self._rung = trio.Event()

    @property
    def has_rung(self) -> bool:
        """True when it has rung and nobody has waited for it yet."""
        return self._rung.is_set()

    def set(self, deadline: int | None) -> None:
        """Ring at `deadline` (ns of machine time), or never."""
        self.deadline = deadline
        if self._rung.is_set():
            self._rung = trio.Event()
        self.mute(self._muted)

    async def wait(self) -> None:
        """Until the alarm rings; then it is unset."""
        while True:
            rung = self._rung
            await rung.wait()
            if rung is self._rung:  # else it was moved before this task had its turn
                self._rung = trio.Event()
                return

    def ring(self) -> None:
        """The deadline has passed (called by the clock)."""
        self.deadline = self.entry = None
        if self.call is None:
            self._rung.set()
        else:
            self.call()

    def mute(self, muted: bool) -> None:
        """Stop ringing, or ring again from the kept deadline (called by the slot)."""
        self._muted = muted
        self.entry = None
        if self.deadline is not None and not muted:
            self._clock.arm(self, self.deadline)
