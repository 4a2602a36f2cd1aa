"""The course of a switchover: its phases under their limits, told and timed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
import trio

from . import blame
from .conversation import PhaseFailed
from .image import KernelImage
from .machine import Machine, kernel_name
from .options import Options
from .phases import LIMITS, WAITS_FOR, Phase
from .report import PhaseEvent, PhaseTime, Report

CALLED_OFF = "it was called off"
BUSY = " (a host that is slow or busy needs more patience)"


class Course:
    """One switchover of `machine` to `image`; `tell` hears as each phase begins and ends."""

    def __init__(
        self,
        machine: Machine,
        image: KernelImage,
        options: Options,
        tell: Callable[[PhaseEvent], None],
    ) -> None:
        self.machine, self.image, self.options, self.tell = machine, image, options, tell
        self.report = Report(0, kernel_name(machine.kernel), kernel_name(image), int(options.mode))
        self._processor, self._backplane = machine.processor, machine.backplane
        self._blackout: trio.CancelScope | None = None
        self._blackout_over: Callable[[], PhaseFailed]
        self._phase_now = Phase.PLAN
        self._log = structlog.get_logger()

    @asynccontextmanager
    async def _phase(self, phase: Phase) -> AsyncIterator[None]:
        """One phase under its limits, told and timed."""
        self._phase_now = phase
        limit, began = LIMITS[phase], time.perf_counter_ns()
        count = self._processor.instructions
        name, txn = phase.name, self.report.txn
        self.tell(
            PhaseEvent(
                txn,
                name,
                "begun",
                limit_ms=limit.seconds * self.options.patience * 1000,
                limit_instructions=limit.instructions or 0,
                waits_for=WAITS_FOR[phase],
            )
        )

        def took() -> PhaseTime:
            spent = self._processor.instructions - count
            return PhaseTime((time.perf_counter_ns() - began) / 1e6, spent)

        try:
            with trio.fail_after(limit.seconds * self.options.patience):
                with self._processor.budget(limit.instructions, limit.stall):
                    yield
        except BaseException as error:
            spent = took()
            failure: BaseException = error
            if isinstance(error, trio.TooSlowError):
                failure = self._too_slow(limit.seconds * self.options.patience, spent.instructions)
            why = str(failure) if isinstance(failure, Exception) else self._why_cancelled()
            self.tell(PhaseEvent(txn, name, "failed", spent.ms, spent.instructions, why))
            if failure is not error:
                raise failure from None
            raise
        spent = self.report.phases[name] = took()
        self._log.debug("phase", phase=name, ms=spent.ms, instructions=spent.instructions)
        self.tell(PhaseEvent(txn, name, "done", spent.ms, spent.instructions))

    @asynccontextmanager
    async def _blackout_limit(self) -> AsyncIterator[None]:
        """All phases of the block together end within `blackout_max_ms`, or have failed."""
        before = self._processor.instructions
        seconds = self.options.blackout_max_ms * self.options.patience / 1000

        def over() -> PhaseFailed:
            return self._too_slow(seconds, self._processor.instructions - before, "blackout: ")

        try:
            with trio.fail_after(seconds) as self._blackout:
                self._blackout_over = over
                yield
        except trio.TooSlowError:
            raise over() from None

    def _why_cancelled(self) -> str:
        """Why the phase is cancelled: by the limit of the whole blackout, or from outside."""
        if self._blackout is not None and self._blackout.cancel_called:
            return str(self._blackout_over())
        return CALLED_OFF

    def _too_slow(self, seconds: float, instructions: int, what: str = "") -> PhaseFailed:
        """The failure of what has taken longer than `seconds`, by default the phase."""
        phase, halted = self._phase_now, self._processor.halted
        fault_of = blame.of_silence(phase, seconds, instructions, halted=halted)
        busy = BUSY if fault_of == blame.SLOW else ""
        return PhaseFailed(f"{what}no end within {seconds:g} s{busy}", fault_of)
