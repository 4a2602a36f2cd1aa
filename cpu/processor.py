"""The processor in its socket: one task that runs the guest a slice at a time.

    slice - the other tasks' turns - edges in order - due alarms - INTR - slice ...

A slice ends at the next machine deadline, after a millisecond, at a kick, at HLT. The guest runs in
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

from hotswap.bus import Backplane, BudgetSpent, CpuShutdown

from . import power_on
from .bus_unit import BusUnit
from .core import Model
from .engine import Engine
from .errors import CpuStateError, MemoryBoundsError, WildFetch
from .interrupts import InterruptPins
from .memory_map import MemoryMap
from .native import NO_LIMIT
from .ram import Ram, RamWindow, Run
from .registers import EFLAGS_IF, Segment
from .selftest import Capabilities, probe
from .standstill import Standstill
from .state import Checkpoint, CpuState, Extras, Registers
from .ticker import Ticker, Wakeup
from .timebase import InstructionTime, RealTime

SLICE = 1_000_000
"""Longest slice, ns."""
TURNS = 200e-6
"""Longest the other tasks may keep a real-time guest waiting while they have work, s."""
MORE_TURNS = 4
"""Checkpoints they get after that: enough for a message and its answer."""
AGING = 1_000_000_000
"""Between two looks for pages that stopped being code, ns."""
TSC_RATE = 100_000_000
"""Time-stamp counter of the 586, Hz."""
_STEP = 100_000
_REGISTERS = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")


class Processor:
    """A 486 or 586 on `backplane` (where it plugs itself in), with `ram`, in machine time `clock`.

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
        self.capabilities: Capabilities = probe()
        wanted = self.capabilities.fast_stores if fast_stores is None else fast_stores
        self.ram = ram
        self.engine = engine = Engine(model, ram.size, fast_stores=wanted)
        self._backplane = backplane
        self._clock = clock
        self._counted = clock if isinstance(clock, InstructionTime) else None
        self._counter = engine.counter
        self._interrupts = InterruptPins(engine, backplane)
        stamp = self._time_stamp if model == "586" else None
        self._bus_unit = BusUnit(engine.core, backplane, self._counter.stop, stamp)
        self._memory = MemoryMap(engine, ram, self._bus_unit)
        self._registers = Registers(engine.core)
        power_on.reset(engine.core)
        if self._counted is not None:
            self._counted.attach(self._counter)
        self._halted = False
        self._ring: Callable[[], None] | None = None
        self._reset_asked = False
        self._standstill = Standstill()
        self._budget: tuple[int, int] | None = None  # first instruction, last instruction
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
        try:
            with Ticker(self._counter, SLICE) as ticker, Wakeup() as wakeup:
                task_status.started()
                while True:
                    await self._between_slices()
                    if standstill.wanted:
                        ticker.sleep()
                        await standstill.park()
                    elif self._halted and not self._interrupts.can_wake:
                        ticker.sleep()
                        await self._wait_for_interrupt(wakeup)
                    else:
                        self._slice(ticker)
        finally:
            standstill.end()

    def _slice(self, ticker: Ticker) -> None:
        deadline = self._backplane.clock.next_deadline()
        longest = SLICE
        last = NO_LIMIT if self._budget is None else self._budget[1]
        if deadline is not None:
            if self._counted is None:
                longest = min(longest, deadline - self._clock.now())
            else:
                last = min(last, self._counted.count_at(deadline))
        self._counter.stop_at(last)
        self._halted = False
        ticker.start(longest)
        ticker.in_slice = True
        try:
            self._execute()
        finally:
            ticker.in_slice = False

    def _execute(self, count: int | None = None) -> None:
        """The engine's turn: a slice, or exactly `count` instructions."""
        self._backplane.in_slice = True
        wild: WildFetch | None = None
        try:
            if count is None:
                self.engine.run()
            else:
                self.engine.run_exactly(count)
        except WildFetch as error:
            wild = error
        finally:
            self._backplane.in_slice = False
        if wild is not None:
            self._shut_down_with(str(wild))
        elif self.engine.shut_down:
            self._shut_down_with("triple fault")
        elif self.engine.halted:
            self._halted = True
        if (failure := self._bus_unit.take_failure()) is not None:
            self._backplane.cycle_failed(failure.cycle, failure.error)
        if self._reset_asked:
            self._do_reset()

    async def _between_slices(self) -> None:
        """Everybody else's turn, until machine time alone can bring something new."""
        clock = self._backplane.clock
        fired = True
        while fired:
            await self._give_turns()
            self._backplane.settle_order()
            fired = clock.fire()
            if fired and self._counted is None:
                await self._give_turns()
                self._backplane.settle_order()
                break
        self.sync_interrupts()
        if self._budget is not None and self.instructions >= self._budget[1]:
            first, _ = self._budget
            self._budget = None
            self._backplane.report(BudgetSpent(self.instructions - first))
        now = time.monotonic_ns()
        if now - self._aged > AGING:
            self._aged = now
            self._memory.age()

    async def _give_turns(self) -> None:
        if self._counted is not None:
            await wait_all_tasks_blocked()
        else:
            with trio.move_on_after(TURNS) as turns:
                await wait_all_tasks_blocked()
            if turns.cancelled_caught:  # one long turn took it all: messages sent in it still go
                for _ in range(MORE_TURNS):
                    await trio.lowlevel.checkpoint()

    # -- HLT, shutdown, pause -----------------------------------------------------------------

    async def _wait_for_interrupt(self, wakeup: Wakeup) -> None:
        """HLT: no host time until a deadline or a kick."""
        if not self.engine.env.eflags & EFLAGS_IF:
            self._shut_down_with("halted with interrupts off")
            return
        deadline = self._backplane.clock.next_deadline()
        if self._counted is not None and deadline is not None:
            self._counted.skip_to(deadline)
            return
        self._ring = wakeup.ring
        try:
            await wakeup.wait(None if deadline is None else deadline - self._clock.now())
        finally:
            self._ring = None

    def _shut_down_with(self, reason: str) -> None:
        env = self.engine.env
        self._standstill.blocked = True
        event = CpuShutdown(reason, env.segs[Segment.CS].selector, env.eip)
        self._log.warning("processor shut down", reason=reason, at=str(event))
        self._backplane.report(event)

    def _revive(self) -> None:
        if self._standstill.blocked:
            self.engine.env.old_exception = -1
            self._standstill.blocked = False

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
    def budget(self, instructions: int | None) -> Iterator[None]:
        """Report `BudgetSpent`, once, when more are executed while the block runs."""
        first = self.instructions
        self._budget = None if instructions is None else (first, first + instructions)
        self.kick()
        try:
            yield
        finally:
            self._budget = None

    # -- pins (CpuPins) -----------------------------------------------------------------------

    def sync_interrupts(self) -> None:
        """Notice a delivered interrupt, ask the controller again, arm or withdraw INTR."""
        self._interrupts.sync()

    def kick(self) -> None:
        """End the running slice at its next block, or wake a halted processor to look around."""
        if self._ring is not None:
            self._ring()
        else:
            self._counter.stop()

    def nmi(self) -> None:
        """Raise NMI. Also brings the processor out of HLT and shutdown."""
        self._interrupts.nmi()
        self._revive()
        self.kick()

    def set_a20(self, enabled: bool) -> None:
        """Drive the A20 gate; takes effect at once."""
        self.engine.set_a20(enabled)

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

    # -- state --------------------------------------------------------------------------------

    @property
    def instructions(self) -> int:
        """Instructions retired since power-on."""
        return self._counter.instructions

    @property
    def halted(self) -> bool:
        """True in HLT."""
        return self._halted

    @property
    def shut_down(self) -> bool:
        """True after a `CpuShutdown` was reported."""
        return self._standstill.blocked

    @property
    def a20(self) -> bool:
        """True while address bit 20 is let through."""
        return self.engine.a20

    def _time_stamp(self) -> int:
        return self._clock.now() * TSC_RATE // 1_000_000_000

    def _extras(self) -> Extras:
        return Extras(
            self._interrupts.vector,
            self._interrupts.nmi_pending,
            self._halted,
            self.shut_down,
            self.instructions,
            0 if self._counted is None else self._counted.skipped,
        )

    def _put_extras(self, extras: Extras | CpuState) -> None:
        self._interrupts.put(extras.armed_vector, nmi=extras.nmi_pending)
        self._halted = extras.halted
        if self._counted is not None:
            self._counter.instructions = extras.instructions
            self._counted.skipped = extras.skipped
        self.engine.flush_tlb()
        self._standstill.blocked = extras.shut_down
        self.kick()

    def take_state(self) -> CpuState:
        """The state as values, between two slices. Raises `CpuStateError` when it cannot be."""
        return self._registers.take(self._extras())

    def put_state(self, state: CpuState) -> None:
        """Go on from `state`, between two slices. Raises `CpuStateError`; then nothing changed."""
        self._registers.put(state)
        self._counter.instructions = state.instructions
        self._put_extras(state)

    def checkpoint(self) -> Checkpoint:
        """The state for this processor only: 10 us."""
        return Checkpoint(self._registers.image(), self._extras())

    def restore(self, checkpoint: Checkpoint) -> None:
        """Put a checkpoint back: the registers only, not RAM. In real time the count runs on."""
        self._registers.put_image(checkpoint.env)
        self._put_extras(checkpoint.extras)

    def rollback(self, checkpoint: Checkpoint) -> list[Run]:
        """Put a checkpoint back, and RAM as it was at its last commit; returns the pages undone."""
        runs = self._memory.roll_back()
        self.restore(checkpoint)
        return runs

    def flat32(self, eip: int, esp: int, **registers: int) -> None:
        """Stand at `eip` in flat protected mode as a boot loader leaves it; e.g. `eax=0x2BADB002`.

        Raises `CpuStateError` for an unknown register.
        """
        unknown = set(registers) - set(_REGISTERS)
        if unknown:
            raise CpuStateError(f"no such register: {', '.join(sorted(unknown))}")
        power_on.flat32(self.engine.core, eip, esp)
        for name, value in registers.items():
            self.engine.env.regs[_REGISTERS.index(name)] = value & 0xFFFFFFFF
        self._halted = False
        self._revive()

    def load_gdt(self, base: int, limit: int) -> None:
        """LGDT, for loaders: the table's physical address and its last byte."""
        self.engine.env.gdt.base, self.engine.env.gdt.limit = base, limit

    # -- memory -------------------------------------------------------------------------------

    def holds(self, start: int, size: int) -> bool:
        """Whether all of it is RAM."""
        try:
            self.ram.check(start, size)
        except MemoryBoundsError:
            return False
        return True

    def read_memory(self, start: int, size: int) -> bytes:
        """A copy of physical RAM. Raises `MemoryBoundsError`."""
        return self.ram.read(start, size)

    def write_memory(
        self, start: int, content: bytes | bytearray | memoryview, *, by: str = "host"
    ) -> None:
        """Store into physical RAM as DMA does: code in it takes effect. Safe inside a bus cycle.

        Raises `MemoryBoundsError`. `by` says in the bus trace who wrote.
        """
        self._memory.write(start, content)
        self._backplane.trace.host_write(start, len(content), by)

    def window(self, start: int, size: int, *, by: str = "card") -> RamWindow:
        """Lend `size` bytes of RAM, to be revoked by the lender. Raises `MemoryBoundsError`."""

        def write(at: int, content: bytes) -> None:
            self.write_memory(at, content, by=by)

        return RamWindow(self.ram, start, size, write)
