"""The host's side of the mailbox: issue a command, wait for the guest's answer.

Everything that can end a switchover arrives here, in order: answers, errors, faults of cards, a
CPU that stopped, an instruction budget that is spent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, suppress

import trio

from hotswap.bus import (
    BoardEvent,
    BudgetSpent,
    CardFault,
    CpuReset,
    CpuShutdown,
    MachineClock,
    StrayWrite,
)
from hotswap.cards.mailbox import Ack, Command, Verdict
from hotswap.cards.switchover import SwitchoverCard
from hotswap.cards.switchover_messages import (
    Acknowledged,
    Begin,
    End,
    Heartbeat,
    Issue,
    LogLine,
    Mark,
    Marked,
    Signal,
    Standstill,
)

from . import blame
from .protocol import Reason

LOG_KEPT = 1000
"""Lines of LOG that are kept, the last ones: a guest can write without end."""


class PhaseFailed(Exception):
    """The phase under way cannot be finished; the message says why.

    `fault_of`: whose fault it is, when it is not that of the kernel that was to answer.
    """

    def __init__(self, why: str, fault_of: str = "") -> None:
        super().__init__(why)
        self.fault_of = fault_of


class Conversation:
    """Orders to the switchover card and signals from it, for one transaction."""

    def __init__(self, card: SwitchoverCard, renew: Callable[[], None] = lambda: None) -> None:
        self.card = card
        self.log: deque[str] = deque(maxlen=LOG_KEPT)
        self.progress = 0
        """How far the guest is with its next answer, by its own account."""
        self.explain: Callable[[StrayWrite], str] = str
        """Says more about a stray write than the write guard knows."""
        self._renew = renew  # called when there is progress
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

    def unheard(self) -> Iterator[BoardEvent]:
        """What has happened on the board and nobody has waited for; all signals are dropped."""
        with suppress(trio.WouldBlock):
            while True:
                signal = self.card.signals.receive_nowait()
                if isinstance(signal, BoardEvent):
                    yield signal

    def issue(self, command: Command, *, interrupt: bool = False) -> None:
        """Put `command` into CMD; a kernel that is not polling needs the interrupt."""
        self.progress = 0
        self.card.slot.post(Issue(command, interrupt))

    def end(self) -> None:
        """Close the mailbox."""
        self.card.slot.post(End())

    async def expect(self, wanted: Ack) -> Acknowledged:
        """The guest's answer. Raises PhaseFailed when anything else happens first."""
        while True:
            ack = await self._next()
            if ack.phase == wanted and ack.verdict is Verdict.ANSWER:
                self.progress = 0
                return ack
            if ack.verdict is Verdict.ERROR:
                raise PhaseFailed(f"the guest reports {_reason(ack.code)}")
            raise PhaseFailed(f"{ack} {ack.verdict.doc}: {wanted.name} was due")

    @asynccontextmanager
    async def stopped_at(
        self, wanted: Ack, standing: Callable[[], AbstractContextManager[None]]
    ) -> AsyncIterator[None]:
        """As `expect`; the guest is `standing` from the OUT of that answer to the block's end."""
        with ExitStack() as stopped:

            def stop(answer: Acknowledged) -> None:
                if answer.phase == wanted:
                    stopped.enter_context(standing())

            before, self.card.on_answer = self.card.on_answer, stop
            try:
                await self.expect(wanted)
            finally:
                self.card.on_answer = before
            yield

    async def trouble(self) -> PhaseFailed:
        """Wait for something that ends a switchover, when no answer is due."""
        try:
            return _not_due(await self._next())
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
        with suppress(trio.WouldBlock):  # what came after `watch` was cancelled
            while True:
                if (ack := self._hear(self.card.signals.receive_nowait())) is not None:
                    raise _not_due(ack)

    async def _next(self) -> Acknowledged:
        async for signal in self.card.signals:
            if (ack := self._hear(signal)) is not None:
                return ack
        raise PhaseFailed("the switchover card was removed", blame.OPERATOR)

    def _hear(self, signal: Signal) -> Acknowledged | None:
        """Take note of a signal; the answer, if it is one. Raises PhaseFailed for trouble."""
        match signal:
            case Acknowledged():
                return signal
            case Heartbeat(progress=progress):
                self.progress = progress
                self._renew()
            case LogLine(text=text):
                self.log.append(text)
            case CardFault(card=name):
                raise PhaseFailed(str(signal), blame.card(name))
            case StrayWrite():
                raise PhaseFailed(self.explain(signal))
            case CpuShutdown() | CpuReset() | BudgetSpent() | Standstill():
                raise PhaseFailed(str(signal))
        return None


def _not_due(ack: Acknowledged) -> PhaseFailed:
    if ack.verdict is Verdict.ERROR:
        return PhaseFailed(f"the new kernel reports {_reason(ack.code)}")
    return PhaseFailed(f"{ack} {ack.verdict.doc}: none was due")


def _reason(code: int) -> str:
    return Reason(code).doc if code in set(Reason) else f"error code {code:#x}"
