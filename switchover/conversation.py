"""The host's side of the mailbox: issue a command, wait for the guest's answer.

Everything that can end a switchover arrives here, in order: answers, errors, faults of cards, a
CPU that stopped, an instruction budget that is spent.
"""

from __future__ import annotations

from contextlib import suppress

import trio

from hotswap.bus import BudgetSpent, CardFault, CpuReset, CpuShutdown, MachineClock
from hotswap.cards.switchover import (
    Ack,
    Acknowledged,
    Begin,
    Command,
    End,
    Heartbeat,
    Issue,
    LogLine,
    Mark,
    Marked,
    SwitchoverCard,
)

from .protocol import Reason


class PhaseFailed(Exception):
    """The phase under way cannot be finished; the message says why."""


class Conversation:
    """Orders to the switchover card and signals from it, for one transaction."""

    def __init__(self, card: SwitchoverCard) -> None:
        self.card = card
        self.log: list[str] = []
        self.progress = 0
        self._marks = 0

    async def begin(self, order: Begin) -> None:
        """Open the mailbox for a transaction; signals of an earlier one are dropped."""
        self.card.slot.post(order)
        self._marks += 1
        self.card.slot.post(Mark(self._marks))
        async for signal in self.card.signals:
            if signal == Marked(self._marks):
                return

    def forget(self) -> None:
        """Drop every signal that is there: what has been undone. The guest must stand still."""
        with suppress(trio.WouldBlock):
            while True:
                self.card.signals.receive_nowait()

    def issue(self, command: Command, *, interrupt: bool = False) -> None:
        """Put `command` into CMD; a kernel that is not polling needs the interrupt."""
        self.card.slot.post(Issue(command, interrupt))

    def end(self) -> None:
        """Close the mailbox."""
        self.card.slot.post(End())

    async def expect(self, wanted: Ack) -> Acknowledged:
        """The guest's answer. Raises PhaseFailed when anything else happens first."""
        while True:
            match await self._next():
                case Acknowledged(phase=phase) as ack if phase == wanted:
                    return ack
                case Acknowledged(phase=Ack.ERROR, code=code):
                    raise PhaseFailed(f"the guest reports {_reason(code)}")
                case Acknowledged() as ack:
                    raise PhaseFailed(f"{ack} came instead of {wanted.name}")

    async def trouble(self) -> PhaseFailed:
        """Wait for something that ends a switchover, when no answer is due."""
        try:
            while True:
                match await self._next():
                    case Acknowledged(phase=Ack.ERROR, code=code):
                        return PhaseFailed(f"the new kernel reports {_reason(code)}")
                    case Acknowledged() as ack:
                        return PhaseFailed(f"{ack} came after the switchover")
        except PhaseFailed as failure:
            return failure

    async def pass_time(self, clock: MachineClock, until: int) -> None:
        """Wait for machine time `until` (ns). Raises PhaseFailed when there is trouble first."""
        failure: PhaseFailed | None = None
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                nonlocal failure
                failure = await self.trouble()
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            await clock.sleep_until(until)
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _next(self) -> Acknowledged:
        async for signal in self.card.signals:
            match signal:
                case Acknowledged():
                    return signal
                case Heartbeat(progress=progress):
                    self.progress = progress
                case LogLine(text=text):
                    self.log.append(text)
                case CpuShutdown() | CpuReset() | CardFault() | BudgetSpent():
                    raise PhaseFailed(str(signal))
        raise PhaseFailed("the switchover card was removed")


def _reason(code: int) -> str:
    return Reason(code).doc if code in set(Reason) else f"error code {code:#x}"
