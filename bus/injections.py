"""The faults that are injected into a backplane: put in, counted, taken out.

A fault belongs to its place: to ports, memory or lines whatever card is plugged in there, or to a
card as long as it is plugged in. It is no part of the machine: no snapshot has it, and neither a
switchover nor its rollback changes it or its counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import structlog

from .cycle import Space
from .errors import BusError, HotswapError
from .faulty_cycles import FaultyCycles, Injection
from .faulty_line import FaultyLine
from .injection import (
    AnyFault,
    CycleFault,
    Delay,
    HangCard,
    KillCard,
    LineFault,
    LoseDrq,
    LoseTc,
    StormIrq,
)
from .line import Lines

if TYPE_CHECKING:
    from .slot import Slot
    from .slots import Slots


class InjectedFault(HotswapError):
    """What a card was killed by."""


class LostTc:
    """TC of one DRQ line, see `dma.FaultyTc`."""

    def __init__(self, injection: Injection, tell: Callable[[Injection, str], None]) -> None:
        self._injection, self._tell = injection, tell
        self._decided: bool | None = None

    def is_lost(self) -> bool:
        """Whether the next one will be; asked as often as it is on its way."""
        if self._decided is None:
            self._decided = self._injection.strikes()
        return self._decided

    def lost(self) -> bool:
        """Whether this one is: it is there now."""
        lost, self._decided = self.is_lost(), None
        if lost:
            self._tell(self._injection, "TC")
        return lost


class Injections:
    """All that is injected into the backplane `slots`; iterating gives it in order."""

    def __init__(self, slots: Slots) -> None:
        self.tc: dict[int, LostTc] = {}
        """Lines that lose TC."""
        self._slots = slots
        self._all: dict[int, Injection] = {}
        self._numbers = 0
        self._cycles = {space: FaultyCycles(space, self._wait, self.tell) for space in Space}
        self._ends: dict[int, FaultyLine] = {}
        self._log = structlog.get_logger()

    def __iter__(self) -> Iterator[Injection]:
        return iter(list(self._all.values()))

    def __len__(self) -> int:
        return len(self._all)

    # -- putting in and taking out ---------------------------------------------------------------

    def add(self, fault: AnyFault) -> Injection:
        """From the next cycle or edge on, let `fault` happen.

        Raises `BusError`, naming what is wrong, when nobody answers there, there is no such line
        or card, or another injection already is at this place.
        """
        injection = Injection(self._numbers + 1, fault)
        match fault:
            case CycleFault():
                self._add_cycles(fault, injection)
            case HangCard() | KillCard():
                self._add_card(fault, injection)
            case _:
                self._add_line(fault, injection)
        self._numbers += 1
        self._all[injection.number] = injection
        self._log.info("fault injected", number=injection.number, what=str(fault))
        if isinstance(fault, HangCard | KillCard):
            self._strike(injection)
        return injection

    def remove(self, number: int) -> Injection:
        """Mend what injection `number` has broken; a card that was killed stays off the bus.

        Raises `BusError` when there is no such injection.
        """
        if (injection := self._all.pop(number, None)) is None:
            there = ", ".join(map(str, self._all)) or "none"
            raise BusError(f"there is no injection {number}; there are: {there}")
        fault = injection.fault
        match fault:
            case CycleFault():
                self._cycles[fault.space].remove(injection)
                self._reroute(fault)
            case HangCard():
                self._slot_of(injection).hang(False)
            case KillCard():
                pass
            case LoseTc():
                del self.tc[fault.drq]
            case _:
                lines, line = self._line_of(fault)
                del lines.faulty[line]
                self._ends.pop(number).mend()
        self._log.info("injection removed", number=number, what=str(fault), hits=injection.hits)
        return injection

    def clear(self) -> None:
        """Mend all."""
        for injection in self:
            self.remove(injection.number)

    def forget(self, slot: Slot) -> None:
        """A card has left: what was injected into it goes with it, what is at its place stays."""
        for injection in self:
            if injection.slot == slot.number:
                del self._all[injection.number]
                self._log.info("injection ended with its card", number=injection.number)

    # -- by place ---------------------------------------------------------------------------------

    def _check_alone(self, fault: object, same_place: Callable[[AnyFault], bool]) -> None:
        for other in self:
            if same_place(other.fault):
                raise BusError(f"{fault}: {other} is there already; remove it first")

    def _add_cycles(self, fault: CycleFault, injection: Injection) -> None:
        slots = self._slots
        if fault.space is Space.PORT:
            answered = any(slots.io.holder(port) for port in range(fault.first, fault.end))
        else:
            answered = slots.windows.answered(fault.first, fault.end)
        if not answered:
            hint = "" if fault.space is Space.PORT else " (what is RAM has no bus cycles)"
            raise BusError(f"{fault}: no card answers at {fault.place}{hint}; insert it first")
        if fault.space is Space.MEMORY and (owner := slots.mapped_by(fault.first, fault.end)):
            what = "has mapped it, so that there are no bus cycles"
            raise BusError(f"{fault}: card {owner.title} in slot {owner.number} {what}")
        if isinstance(fault, Delay) and not slots.clock.can_wait:
            raise BusError(f"{fault}: this machine's clock cannot wait for a cycle")
        self._check_alone(fault, lambda other: isinstance(other, CycleFault) and fault.meets(other))
        self._cycles[fault.space].add(fault, injection)
        self._reroute(fault)

    def _reroute(self, fault: CycleFault) -> None:
        cycles = self._cycles[fault.space]
        if fault.space is Space.PORT:
            self._slots.io.inject(cycles, range(fault.first, fault.end))
        else:
            self._slots.windows.inject(cycles)

    def _line_of(self, fault: LineFault) -> tuple[Lines, int]:
        if isinstance(fault, LoseDrq | LoseTc):
            return self._slots.drq, fault.drq
        return self._slots.irq, fault.irq

    def _add_line(self, fault: LineFault, injection: Injection) -> None:
        lines, line = self._line_of(fault)
        last = len(lines.levels) - 1
        if not 0 <= line <= last:
            raise BusError(f"{fault}: there is no {lines.name} {line}; use 0 to {last}")
        if lines.holder(line) is None and not isinstance(fault, StormIrq):
            raise BusError(f"{fault}: no card drives {lines.name} {line}; insert it first")

        def same(other: AnyFault) -> bool:
            if isinstance(fault, LoseTc) or isinstance(other, LoseTc):
                return isinstance(other, LoseTc) and isinstance(fault, LoseTc) and other.drq == line
            return isinstance(other, LineFault) and self._line_of(other) == (lines, line)

        self._check_alone(fault, same)
        if isinstance(fault, LoseTc):
            self.tc[line] = LostTc(injection, self.tell)
        else:
            end = FaultyLine(lines, line, injection, self._slots.clock, self.tell)
            lines.faulty[line] = self._ends[injection.number] = end

    def _slot_of(self, injection: Injection) -> Slot:
        assert injection.slot is not None
        return self._slots.find(injection.slot)

    def _add_card(self, fault: HangCard | KillCard, injection: Injection) -> None:
        slots, where = self._slots, fault.card
        slot = slots.find(where) if isinstance(where, int) else slots.card(where).slot
        if slot.fault is not None:
            raise BusError(f"{fault}: it is off the bus already, {slot.fault}")
        if isinstance(fault, HangCard) and slot.hung:
            other = next(each for each in self if each.slot == slot.number)
            raise BusError(f"{fault}: {other} is there already; remove it first")
        injection.slot = slot.number

    def _strike(self, injection: Injection) -> None:
        injection.matched = injection.hits = 1
        self.tell(injection, "now")
        slot = self._slot_of(injection)
        if isinstance(injection.fault, HangCard):
            slot.hang(True)
        else:
            slot.set_fault(InjectedFault(f"killed by injection {injection.number}"))

    # -- effects ----------------------------------------------------------------------------------

    def _wait(self, ns: int) -> None:
        self._slots.clock.wait(ns)
        self._slots.kick()

    def tell(self, injection: Injection, what: str) -> None:
        """Record a hit; the log has the first, second, fourth, eighth and so on of each."""
        self._slots.trace.injection(injection.number, f"{injection.fault}: {what}")
        if injection.hits & (injection.hits - 1) == 0:
            self._log.info(
                "injected fault hit", number=injection.number, what=what, hits=injection.hits
            )
