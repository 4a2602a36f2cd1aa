"""One transaction on a machine: phases under their limits, rollback points, the way back.

The phases themselves are the coordinator's, see coordinator.py. Once there is a rollback point the
outputs of the machine are held: whatever fails, whoever cancels, the machine is put back to it, the
old kernel runs on, and nothing that was written since has left the machine.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import structlog
import trio

from hotswap.cards.switchover import Ack, Command

from .conversation import Conversation, PhaseFailed
from .errors import Lost, RolledBack
from .image import KernelImage
from .machine import Machine, kernel_name
from .phases import LIMITS, QUIESCE_ALL, QUIESCE_CARD, Phase
from .protocol import BootMode
from .report import PhaseEvent, PhaseTime, Report
from .rollback import RollbackPoint


class Options(msgspec.Struct, frozen=True):
    """How to switch. `patience` stretches every limit of host time (slow or busy hosts, tests)."""

    mode: BootMode = BootMode.DMA
    probation_ms: float = 50
    blackout_max_ms: float = 250
    patience: float = 1.0


DEFAULT = Options()
BUSY = " (a host that is slow or busy needs more patience)"


class Transaction:
    """What every use of the coordinator shares; `run` it once."""

    def __init__(
        self,
        machine: Machine,
        image: KernelImage,
        options: Options = DEFAULT,
        tell: Callable[[PhaseEvent], None] = lambda event: None,
    ) -> None:
        self.machine, self.image, self.options, self.tell = machine, image, options, tell
        self.report = Report(0, kernel_name(machine.kernel), kernel_name(image), int(options.mode))
        self._processor, self._backplane = machine.processor, machine.backplane
        self._point: RollbackPoint | None = None
        self._is_r1 = False
        self._phase_now = Phase.PLAN
        self._log = structlog.get_logger()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        """Number it, lock the backplane; undo everything when the block fails.

        Raises RolledBack for a phase that failed, Lost when the old kernel does not come back.
        """
        self.report.txn = self.machine.next_txn()
        self._log = self._log.bind(txn=self.report.txn)
        card = self.machine.card()
        self._talk = Conversation(card)
        by = f"switchover {self.report.txn}"
        with self._backplane.locked(by), self._backplane.listening(card.relay):
            try:
                yield
            except PhaseFailed as failure:
                await self._undo(str(failure))
                raise RolledBack(self.report.phase, str(failure), self.report) from failure
            except BaseException as error:  # cancelled, or a defect of ours: back all the same
                await self._undo(f"{type(error).__name__}: {error}")
                raise
            finally:
                self.report.log = self._talk.log

    def _take_point(self, *, r1: bool = False) -> None:
        self._point, self._is_r1 = RollbackPoint(self._processor, self._backplane), r1
        if r1:
            self.report.pages_committed = self._point.pages
        else:
            self._held = time.perf_counter_ns()

    def _release(self) -> None:
        """Outputs leave, inputs are forgotten: there is no way back any more."""
        self._backplane.release_streams()
        if self._point is not None:
            self.report.outside_pause_ms = (time.perf_counter_ns() - self._held) / 1e6
        self._point = None

    def _put(self, address: int, content: bytes) -> None:
        self._processor.write_memory(address, content, by="coordinator")

    @asynccontextmanager
    async def _phase(self, phase: Phase) -> AsyncIterator[None]:
        """One phase under its limits, told and timed."""
        self._phase_now = phase
        limit, began = LIMITS[phase], time.perf_counter_ns()
        count = self._processor.instructions
        name, txn = phase.name, self.report.txn
        self.tell(PhaseEvent(txn, name, "begun"))

        def took() -> PhaseTime:
            spent = self._processor.instructions - count
            return PhaseTime((time.perf_counter_ns() - began) / 1e6, spent)

        try:
            with trio.fail_after(limit.seconds * self.options.patience):
                with self._processor.budget(limit.instructions):
                    yield
        except BaseException as error:
            spent = took()
            slow = isinstance(error, trio.TooSlowError)
            allowed = limit.seconds * self.options.patience
            why = f"no end within {allowed:g} s{BUSY}" if slow else str(error)
            self.tell(PhaseEvent(txn, name, "failed", spent.ms, spent.instructions, why))
            if slow:
                raise PhaseFailed(why) from None
            raise
        spent = self.report.phases[name] = took()
        self._log.debug("phase", phase=name, ms=spent.ms, instructions=spent.instructions)
        self.tell(PhaseEvent(txn, name, "done", spent.ms, spent.instructions))

    # -- the way back ---------------------------------------------------------------------------

    async def _undo(self, why: str) -> None:
        """Back to the rollback point, whatever happens outside meanwhile."""
        self.report.outcome, self.report.reason = "rolled back", why
        self.report.phase = self._phase_now.name
        began = time.perf_counter_ns()
        with trio.CancelScope(shield=True):
            try:
                if self._point is not None:
                    await self._go_back_to(self._point)
            finally:
                self._talk.end()
                self._release()
        self.report.rollback_ms = (time.perf_counter_ns() - began) / 1e6
        self._log.info("rolled back", phase=self.report.phase, reason=why)

    async def _go_back_to(self, point: RollbackPoint) -> None:
        with self._processor.standing():
            await self._backplane.quiesce(each=QUIESCE_CARD, total=QUIESCE_ALL)
            point.restore(self._processor, self._backplane)
            self._backplane.thaw()
            self._talk.forget()
        if self._is_r1 and self._processor.running:  # else the whole machine is ending
            await self._resume_old()

    async def _resume_old(self) -> None:
        self._talk.issue(Command.RESUME_OLD)
        try:
            with trio.fail_after(LIMITS[Phase.PREPARE].seconds * self.options.patience):
                await self._talk.expect(Ack.RESUMED)
        except (PhaseFailed, trio.TooSlowError) as error:
            raise Lost(f"the old kernel does not go on after the rollback: {error}") from error
