"""One transaction on a machine: phases under their limits, rollback points, the way back.

The phases themselves are the coordinator's, see coordinator.py. Once there is a rollback point the
outputs of the machine are held: whatever fails, whoever cancels, the machine is put back to it, the
old kernel runs on, and nothing that was written since has left the machine.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from hotswap.bus import BoardEvent, CardError, CardFault
from hotswap.cpu import CommitError

from . import blame
from .conversation import Conversation, PhaseFailed
from .course import CALLED_OFF, Course
from .errors import DurabilityError, Lost, Refused, RolledBack
from .image import KernelImage
from .machine import Machine
from .old_kernel import resume_old
from .options import DEFAULT, Options
from .phases import QUIESCE_ALL, QUIESCE_CARD
from .report import PhaseEvent
from .rollback import RollbackPoint

SETTLE = 1.0
"""Seconds a back end may take for what it is sending."""
NOTHING_TOUCHED = "nothing was touched"


class Transaction(Course):
    """What every use of the coordinator shares; `run` it once."""

    _point: RollbackPoint | None = None
    _is_r1 = False
    _sealed = False
    """R1 is in the durable folder."""
    _undone = False

    def __init__(
        self,
        machine: Machine,
        image: KernelImage,
        options: Options = DEFAULT,
        tell: Callable[[PhaseEvent], None] = lambda event: None,
    ) -> None:
        super().__init__(machine, image, options, tell)
        self._early: list[BoardEvent] = []  # before R0

    @asynccontextmanager
    async def _witnessed(self) -> AsyncIterator[None]:
        """Whoever keeps records of the machine's switchovers has this one, however it ends."""
        witness, listener = self.machine.witness(self.image.path or self.image.name), self.tell
        if witness is not None:

            def tell(event: PhaseEvent) -> None:
                witness.tell(event)
                listener(event)

            self.tell = tell
        report = self.report
        try:
            yield
        except Refused as refusal:
            report.reason, report.todo = refusal.reason, refusal.todo
            report.fault_of, report.saved = refusal.fault_of, NOTHING_TOUCHED
            raise
        except BaseException as error:  # noted, and raised again
            if not report.reason:  # in PLAN: there was nothing to undo
                report.reason, report.fault_of = _cause(error)
                report.todo, report.saved = blame.todo(report.fault_of), NOTHING_TOUCHED
            raise
        finally:
            if witness is not None:
                with trio.CancelScope(shield=True):
                    await witness.close(report)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        """Number it; undo everything when the block fails.

        Raises RolledBack for a phase that failed, Lost when the old kernel does not come back.
        """
        self.report.txn = self.machine.next_txn()
        self._log = self._log.bind(txn=self.report.txn)
        card = self.machine.card()
        self._talk = Conversation(card, self._processor.renew_budget)

        def hear(event: BoardEvent) -> None:
            if self._point is None:  # nothing can undo it: that is the board's business
                self._early.append(event)
                outer(event)
            elif self._undone and isinstance(event, CardFault):  # as would have come without us
                outer(event)
            else:
                card.relay(event)

        with self._backplane.listening(hear) as outer:
            try:
                yield
            except (PhaseFailed, CardError) as failure:
                if isinstance(failure, CardError):
                    fault_of = blame.card(failure.card)
                else:
                    fault_of = failure.fault_of or blame.ANSWERS[self._phase_now]
                await self._undo(str(failure), fault_of)
                raise RolledBack(self.report.phase, str(failure), self.report) from failure
            except BaseException as error:  # cancelled, or a defect of ours: back all the same
                await self._undo(*_cause(error))
                raise
            finally:
                self.report.log = list(self._talk.log)
                for event in self._talk.unheard():  # now that is the board's business
                    outer(event)

    async def _settle_ahead(self) -> None:
        """Leave little to do for R0 where R1 is kept in a folder."""
        if self.machine.durability is not None:
            try:
                await self.machine.durability.ahead()
            except DurabilityError as error:
                raise PhaseFailed(str(error), blame.FOLDER) from error

    def _take_point(self, *, r1: bool = False) -> None:
        """R0, or R1. When that fails the one before holds, and the phase has failed.

        But for R1 that could not be sealed: RAM is committed for it, so there is no R0 any more.
        The machine goes back to R1 like from a later phase, and only a SIGKILL in the way back
        finds nothing to resume.

        It fails, too, when the machine is past switching over already.
        """
        if not r1 and self._early:
            event = self._early[0]
            fault_of = blame.card(event.card) if isinstance(event, CardFault) else blame.OLD
            raise PhaseFailed(str(event), fault_of)
        durability = self.machine.durability
        began = time.perf_counter_ns()
        try:
            if durability is not None:
                (durability.write if r1 else durability.settle)()
            self._point, self._is_r1 = (
                RollbackPoint(self._processor, self._backplane, still=durability is not None),
                r1,
            )
            if durability is not None and r1:
                durability.seal()
                self._sealed = True
        except (CommitError, DurabilityError) as error:
            raise PhaseFailed(str(error), blame.FOLDER) from error
        if r1:
            self.report.pages_committed = self._point.pages
            if durability is not None:
                self.report.durable_ms = (time.perf_counter_ns() - began) / 1e6
        else:
            self.report.pages_ahead += self._point.pages
            self._held = began

    async def _settle(self) -> None:
        """R1 must know what has left: wait for back ends that are in the middle of sending.

        From R0 on nothing more leaves.
        """
        if self.machine.durability is None:
            return
        allowed = SETTLE * self.options.patience
        with trio.move_on_after(allowed) as waiting:
            await self._backplane.settle_streams()
        if waiting.cancelled_caught:
            raise PhaseFailed(f"what is being sent has not arrived in {allowed:g} s", blame.PEER)

    def _release(self) -> None:
        """Outputs leave, inputs are forgotten: there is no way back any more."""
        if self.machine.durability is not None:
            self.machine.durability.forget()
        self._backplane.release_streams()
        if self._point is not None:
            self.report.outside_pause_ms = (time.perf_counter_ns() - self._held) / 1e6
        self._point = None

    def _put(self, address: int, content: bytes) -> None:
        self._processor.write_memory(address, content, by="coordinator")

    # -- the way back ---------------------------------------------------------------------------

    async def _undo(self, why: str, fault_of: str) -> None:
        """Back to the rollback point, whatever happens outside meanwhile."""
        self.report.outcome, self.report.reason = "rolled back", why
        self.report.phase = self._phase_now.name
        self.report.fault_of, self.report.todo = fault_of, blame.todo(fault_of)
        self.report.saved = self._saved()
        began = time.perf_counter_ns()
        self._processor.guard.disarm()
        with trio.CancelScope(shield=True):
            try:
                if self._point is not None:
                    await self._go_back_to(self._point)
            except BaseException as error:
                self._talk.end()
                if self._sealed:
                    self._point = None  # R1 outlives this process: who goes on there sends it all
                else:
                    self._release()
                if isinstance(error, Lost) or not isinstance(error, Exception):
                    raise
                raise self._lost(f"the way back failed: {_cause(error)[0]}", blame.OURS) from error
            self._talk.end()
            self._release()
        self.report.rollback_ms = (time.perf_counter_ns() - began) / 1e6
        self._log.info("rolled back", phase=self.report.phase, reason=why, fault_of=fault_of)

    def _saved(self) -> str:
        """What going back to the rollback point saves."""
        if self._point is None:
            return NOTHING_TOUCHED
        cards = f"memory, CPU and {len(self._backplane.slots)} cards"
        if not self._is_r1:
            return f"{cards} are as they were before PREPARE, and nothing has left the machine"
        count = self.report.processes
        processes = "the process goes" if count == 1 else f"{count} processes go"
        return f"{cards} are as they were at SAVE, nothing has left the machine, {processes} on"

    async def _go_back_to(self, point: RollbackPoint) -> None:
        with self._processor.standing():
            await self._backplane.quiesce(each=QUIESCE_CARD, total=QUIESCE_ALL)
            point.restore(self._processor, self._backplane)
            self._undone = True
            self._backplane.thaw()
            self._talk.forget()
        if self._is_r1 and self._processor.running:  # else the whole machine is ending
            await self._resume_old()

    async def _resume_old(self) -> None:
        try:
            await resume_old(self._talk, self.options.patience)
        except PhaseFailed as failure:
            raise self._lost(str(failure), blame.OLD) from failure

    def _lost(self, why: str, fault_of: str) -> Lost:
        """Neither kernel can go on here."""
        report = self.report
        report.outcome, report.fault_of = "lost", fault_of
        report.saved, report.todo = "", "start the machine again"
        if self._sealed:
            report.saved = "all as it was at SAVE, in the durable folder"
            report.todo = "go on there with `hotswap-host resume`"
        return Lost(why, report)


def _cause(error: BaseException) -> tuple[str, str]:
    """Why it ended by `error`, which no phase has named, and whose fault that is."""
    if not isinstance(error, Exception):
        return CALLED_OFF, blame.OPERATOR
    return f"{type(error).__name__}: {error}", blame.OURS
