"""The processor in its socket: one task that runs the guest a slice at a time.

    slice - the other tasks' turns - edges in order - due alarms - INTR - slice ...

A slice ends at the next machine deadline, after 1 to 3 ms, at a kick, at HLT. The guest runs in
trio's thread, so every other task of the machine stands at an await meanwhile: whatever they call
here finds the processor between two instructions.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
import trio
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import Backplane, BudgetSpent, CpuReset, CpuShutdown

from . import power_on
from .chip import Chip
from .errors import CpuStateError, GaveUp, WildFetch
from .models import Model
from .native import NO_LIMIT
from .ram import Ram
from .registers import EFLAGS_IF, Segment
from .ticker import Ticker, Wakeup
from .timebase import InstructionTime, RealTime

SLICE = 1_000_000
"""Longest slice while other tasks have something to do, ns."""
QUIET_SLICE = 3_000_000
"""Longest slice when they had nothing to do after the last one, ns."""
FROZEN_SLICE = 5_000_000
"""Longest slice while the cards are frozen: nobody but the coordinator waits for anything, ns."""
TURNS = 200e-6
"""Longest the other tasks may keep a real-time guest waiting while they have work, s."""
MORE_TURNS = 4
"""Checkpoints they get after that: enough for a message and its answer."""
LATE_KICKS = 2
"""Times they get so many more before a slice because of a kick that came late."""
AGING = 1_000_000_000
"""Between two looks for pages that stopped being code, ns."""
_STEP = 100_000


def _others_wait() -> bool:
    return trio.lowlevel.current_statistics().tasks_runnable > 0


class Processor(Chip):
    """A processor on `backplane` (where it plugs itself in), with `ram`, in machine time `clock`.

    `clock` is the source the backplane's `MachineClock` was made with: `RealTime`, or
    `InstructionTime` for a deterministic machine. Raises `UnsupportedEngine`.
    """

    def __init__(
        self,
        ram: Ram,
        backplane: Backplane,
        clock: RealTime | InstructionTime,
        *,
        model: Model = "486",
        fast_stores: bool | None = None,
    ) -> None:
        super().__init__(ram, backplane, clock, model=model, fast_stores=fast_stores)
        self._ring: Callable[[], None] | None = None
        self._reset_asked = False
        self.engine_ns = 0
        """Host time spent in guest code, ns: executing, translating, and its bus cycles."""
        self._budget: tuple[int, int] | None = None  # first instruction, last instruction
        self._budget_rules: tuple[int, int | None] = 0, None  # last of all, between two renewals
        self._longest = SLICE
        self._alone_since = 0
        """Host time at which every other task was last seen to wait, ns; 0: some may not."""
        self._kicked = False
        """A kick has come between two slices, from a task that may have woken another."""
        self._aged = time.monotonic_ns()
        self._log = structlog.get_logger().bind(cpu=model)
        backplane.cpu = self
        backplane.memory = self
        backplane.clock.on_deadline_change = self.kick

    # -- the task -----------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run the guest until cancelled. One at a time."""
        self._log.info("processor runs", **self.capabilities.summary())
        standstill = self._standstill
        standstill.begin()
        self._alone_since = 0
        try:
            with Ticker(self.engine.core) as ticker, Wakeup() as wakeup:
                task_status.started()
                turns = False  # the other tasks have had theirs since the last slice
                late = 0  # kicks heeded after that
                while True:
                    if not turns and not (self._halted and self._counted is None):
                        await self._give_turns()
                        turns = True
                    await self._look_around()
                    if standstill.wanted:
                        ticker.sleep()
                        await standstill.park()
                        self._alone_since = 0
                        turns = False
                    elif self._halted and not self._interrupts.can_wake:
                        turns = await self._wait_for_interrupt(ticker, wakeup)
                    elif turns and self._kicked and late < LATE_KICKS:
                        late += 1
                        await self._give_more_turns()
                    elif turns:
                        self._slice(ticker)
                        turns, late = False, 0
                    else:
                        await self._give_turns()
                        turns = True
        finally:
            standstill.end()

    @property
    def running(self) -> bool:
        """True while `run` is under way, also when the guest stands still."""
        return self._standstill.running

    def _slice(self, ticker: Ticker) -> None:
        deadline = self._backplane.clock.next_deadline()
        longest = FROZEN_SLICE if self._backplane.frozen else self._longest
        last = NO_LIMIT if self._budget is None else self._budget[1]
        if deadline is not None:
            if self._counted is None:
                longest = min(longest, deadline - self._clock.now())
            else:
                last = min(last, self._counted.count_at(deadline))
        self._counter.stop_at(last)
        self._halted = False
        ticker.start(longest)
        try:
            self._execute()
        finally:
            ticker.stop()

    def _execute(self, count: int | None = None) -> None:
        """The engine's turn: a slice, or exactly `count` instructions."""
        self._backplane.in_slice = True
        crash: WildFetch | GaveUp | None = None
        began = time.perf_counter_ns()
        try:
            if count is None:
                self.engine.run()
            else:
                self.engine.run_exactly(count)
        except (WildFetch, GaveUp) as error:
            crash = error
        finally:
            self._backplane.in_slice = False
            self._bus_unit.settle()
            self.engine_ns += time.perf_counter_ns() - began
        if crash is not None:
            self._shut_down_with(str(crash))
        elif self.engine.shut_down:
            self._shut_down_with("triple fault")
        elif self.engine.halted:
            self._halted = True
        elif self.engine.delivery.take_ferr():
            self._report_x87_error()
        if (failure := self._bus_unit.take_failure()) is not None:
            self._backplane.cycle_failed(failure.cycle, failure.error)
        if self._reset_asked:
            self._do_reset()

    async def _look_around(self) -> None:
        """Edges, alarms, INTR: until machine time alone can bring something new."""
        clock = self._backplane.clock
        self._backplane.settle_order()
        kicked = self._kicked
        while clock.fire():
            if _others_wait():
                await self._give_turns()
            self._backplane.settle_order()
            if self._counted is None:
                break
        self._kicked = kicked  # alarms kick for INTR, which is looked at here
        self.sync_interrupts()
        if self._budget is not None and self.instructions >= self._budget[1]:
            first, _ = self._budget
            self._budget = None
            self._backplane.report(BudgetSpent(self.instructions - first))
        if (stray := self.guard.take()) is not None:
            self._backplane.report(stray)
        now = time.monotonic_ns()
        if now - self._aged > AGING:
            self._aged = now
            self._memory.age()

    async def _give_turns(self) -> None:
        if self._counted is not None:
            waiting = _others_wait()
            now = time.monotonic_ns()
            if waiting or now - self._alone_since > SLICE:  # else the slice has woken nobody
                self._longest = SLICE if waiting else QUIET_SLICE
                await wait_all_tasks_blocked()
                self._alone_since = time.monotonic_ns()
            return
        if not _others_wait():
            await trio.lowlevel.checkpoint()  # host I/O that is ready wakes its task,
            await trio.lowlevel.checkpoint()  # which has had its turn after this
            if not _others_wait():
                self._longest = QUIET_SLICE
                return
        self._longest = SLICE
        with trio.move_on_after(TURNS) as turns:
            await wait_all_tasks_blocked()
        if turns.cancelled_caught:  # one long turn took it all: messages sent in it still go
            await self._give_more_turns()
        else:
            self._kicked = False  # whoever was woken has had its turn

    async def _give_more_turns(self) -> None:
        """As many as a message and its answer need."""
        self._kicked = False
        for _ in range(MORE_TURNS):
            await trio.lowlevel.checkpoint()

    # -- HLT, shutdown, pause -----------------------------------------------------------------

    async def _wait_for_interrupt(self, ticker: Ticker, wakeup: Wakeup) -> bool:
        """HLT: no host time until a deadline or a kick. True when others had turns meanwhile."""
        if not self.engine.env.eflags & EFLAGS_IF:
            self._shut_down_with("halted with interrupts off")
            return False
        deadline = self._backplane.clock.next_deadline()
        if self._counted is not None and deadline is not None:
            self._counted.skip_to(deadline)
            return False
        ticker.sleep()
        self._alone_since = 0
        self._ring = wakeup.ring
        try:
            await wakeup.wait(None if deadline is None else deadline - self._clock.now())
        finally:
            self._ring = None
        return not (wakeup.rung and _others_wait())

    def _report_x87_error(self) -> None:
        """FERR#: wait in front of the x87 instruction, as in HLT, for an interrupt."""
        errors = self._backplane.numeric_errors
        if errors is None:  # the pins are strapped together
            self.ignne()
        else:
            self._halted = True
            errors.ferr()

    def _shut_down_with(self, reason: str) -> None:
        env = self.engine.env
        self._standstill.blocked = True
        event = CpuShutdown(reason, env.segs[Segment.CS].selector, env.eip)
        self._log.info("processor shut down", reason=reason, at=str(event))
        self._backplane.report(event)

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Keep the processor standing between two instructions for the time of the block."""
        await self.pause()
        try:
            yield
        finally:
            self.resume()

    @contextmanager
    def standing(self) -> Iterator[None]:
        """As `paused`, for another task of the machine: it stands already while that has its turn.

        What that task awaits in the block happens without the guest.
        """
        self._standstill.ask()
        try:
            yield
        finally:
            self.resume()

    async def pause(self) -> None:
        """Return once the processor stands still; it does until each `pause` has its `resume`."""
        self._standstill.ask()
        try:
            self.kick()
            await self._standstill.parked()
        except BaseException:
            self.resume()
            raise

    def resume(self) -> None:
        """Take one `pause` back. Raises `CpuStateError` when there was none."""
        self._standstill.withdraw()

    @property
    def asked(self) -> bool:
        """True while somebody asks it to stand still."""
        return self._standstill.asked

    @property
    def budgeted(self) -> bool:
        """True while a `budget` counts."""
        return self._budget is not None

    async def step(self, count: int = 1) -> int:
        """Execute exactly `count` instructions while paused; returns how many that were.

        Fewer at HLT and shutdown. No interrupt is taken and no alarm fires meanwhile: they come
        when the processor resumes. Raises `CpuStateError` unless it is paused.
        """
        if not self._standstill.asked:
            raise CpuStateError("step: pause the processor first")
        first = self.instructions
        self._interrupts.hold()
        try:
            while (left := count - (self.instructions - first)) > 0:
                if self._halted or self.shut_down:
                    break
                self._execute(min(left, _STEP))
                await trio.lowlevel.checkpoint()
        finally:
            self._interrupts.release()
        return self.instructions - first

    @contextmanager
    def budget(self, instructions: int | None, between: int | None = None) -> Iterator[None]:
        """Report `BudgetSpent`, once, when more are executed while the block runs.

        Also when more than `between` are executed without a `renew_budget`.
        """
        first = self.instructions
        self._budget = None if instructions is None else (first, first + instructions)
        self._budget_rules = first + (instructions or 0), between
        self.renew_budget()
        self.kick()
        try:
            yield
        finally:
            self._budget = None

    def renew_budget(self) -> None:
        """The guest gets on: from here it may execute `between` instructions again."""
        last, between = self._budget_rules
        if self._budget is not None and between is not None:
            self._budget = self.instructions, min(last, self.instructions + between)

    # -- pins (CpuPins) -----------------------------------------------------------------------

    def sync_interrupts(self) -> None:
        """Notice a delivered interrupt, ask the controller again, arm or withdraw INTR."""
        self._interrupts.sync()

    def kick(self) -> None:
        """End the running slice at its next block, or wake a halted processor to look around.

        Between two slices: let the other tasks have turns before the next one, once more.
        """
        if self._ring is not None:
            self._ring()
        elif self._backplane.in_slice:
            self._counter.stop()
        elif self._counted is None:  # else all have had their turns before any slice
            self._kicked = True

    def nmi(self) -> None:
        """Raise NMI. Also brings the processor out of HLT and shutdown."""
        self._interrupts.nmi()
        self._revive()
        self.kick()

    def set_a20(self, enabled: bool) -> None:
        """Drive the A20 gate; takes effect at once."""
        self.engine.set_a20(enabled)

    def ignne(self) -> None:
        """Pull IGNNE#: the x87 error that pulled FERR# is ignored until it is cleared."""
        self.engine.ignore_x87_error()

    def reset(self) -> None:
        """Pull RESET: real mode at F000:FFF0, as soon as the slice has ended."""
        self._reset_asked = True
        if self._backplane.in_slice:
            self.kick()
        else:
            self._do_reset()

    def _do_reset(self) -> None:
        self._reset_asked = False
        self._halted = False
        self._interrupts.withdraw()
        self._interrupts.put(None, nmi=False)
        power_on.reset(self.engine.core)
        self._revive()
        self.kick()
        self._backplane.report(CpuReset())
