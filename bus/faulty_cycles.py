"""The cycles of one address space between the processor and a card, while faults are injected.

Only what a card answers comes through here, and only where a fault is: everything else goes on as
it does without any.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from .cycle import FLOATING, Cycle, Space
from .injection import AnyFault, Choosing, Corrupt, CycleFault, Delay, Drop, Duplicate

Read = Callable[[int, int], int]
Write = Callable[[int, int, int], None]


class Injection:
    """A fault in force. `matched` counts what it could have hit, `hits` what it has."""

    def __init__(self, number: int, fault: AnyFault) -> None:
        self.number = number
        self.fault = fault
        self.matched = 0
        self.hits = 0
        self.slot: int | None = None
        """Of a card's fault: the slot it is in."""
        self._random = Random(fault.seed if isinstance(fault, Choosing) else 0)

    @property
    def spent(self) -> bool:
        """True when it will hit nothing any more."""
        times = getattr(self.fault, "times", 0)
        return bool(times) and self.hits >= times

    def strikes(self) -> bool:
        """Whether what matches now is hit; to be asked once about each."""
        fault = self.fault
        assert isinstance(fault, Choosing)
        self.matched += 1
        counted = self.matched - fault.skip
        if counted <= 0 or counted % fault.every or self.spent:
            return False
        if fault.probability < 1 and self._random.random() >= fault.probability:
            return False
        self.hits += 1
        return True

    def __str__(self) -> str:
        return f"injection {self.number} ({self.fault})"


class FaultyCycles:
    """What becomes of the cycles in `space`. `wait` lets machine time pass under the CPU (ns);
    `tell` is called with each hit before it has its effect."""

    def __init__(
        self,
        space: Space,
        wait: Callable[[int], None],
        tell: Callable[[Injection, str], None],
    ) -> None:
        self.space = space
        self._wait = wait
        self._tell = tell
        self._injections: list[tuple[CycleFault, Injection]] = []

    def add(self, fault: CycleFault, injection: Injection) -> None:
        """Let `fault` happen."""
        self._injections.append((fault, injection))

    def remove(self, injection: Injection) -> None:
        """Let it happen no more."""
        self._injections = [pair for pair in self._injections if pair[1] is not injection]

    def covers(self, first: int, end: int) -> bool:
        """Whether a fault may happen to cycles that begin at `first` up to `end`."""
        return any(fault.first < end and first < fault.end for fault, _ in self._injections)

    def bars(self, port: int) -> bool:
        """Whether every cycle of `port` has to come through here."""
        return self.covers(port, port + 1)

    def _at(self, address: int, barred: str) -> tuple[CycleFault, Injection] | None:
        for pair in self._injections:
            if pair[0].first <= address < pair[0].end and pair[0].direction != barred:
                return pair
        return None

    def read(self, address: int, width: int, read: Read) -> int:
        """IN or load."""
        if (found := self._at(address, "out")) is None:
            return read(address, width)
        fault, injection = found
        asked = fault.value is not None
        value = read(address, width) if asked else 0
        hit = fault.wants(value) and injection.strikes()
        if not hit:
            return value if asked else read(address, width)
        self._tell(injection, str(Cycle(self.space, False, address, width, value)))
        match fault:
            case Drop():
                return FLOATING[width]
            case Duplicate():
                if not asked:
                    read(address, width)
                return read(address, width)
        if not asked:
            value = read(address, width)
        match fault:
            case Delay():
                self._wait(fault.ns)
            case Corrupt():
                return fault.corrupted(value, width)
        return value

    def write(self, address: int, width: int, value: int, write: Write) -> None:
        """OUT or store."""
        found = self._at(address, "in")
        if found is None or not (found[0].wants(value) and found[1].strikes()):
            write(address, width, value)
            return
        fault, injection = found
        self._tell(injection, str(Cycle(self.space, True, address, width, value)))
        match fault:
            case Drop():
                return
            case Duplicate():
                write(address, width, value)
            case Corrupt():
                value = fault.corrupted(value, width)
        write(address, width, value)
        if isinstance(fault, Delay):
            self._wait(fault.ns)
