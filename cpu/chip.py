"""The processor chip: registers, memory and interrupt pins, without the task that runs it.

Whatever is called here finds it between two instructions: the guest runs in trio's thread, so
every other task stands at an await while it does.
"""

from __future__ import annotations

from unicorn.x86_const import UC_X86_REG_EFLAGS

from hotswap.bus import Backplane

from . import power_on
from .bus_unit import BusUnit
from .engine import Engine
from .errors import CpuStateError, MemoryBoundsError
from .interrupts import InterruptPins
from .memory_map import MemoryMap
from .models import Model
from .pagemap import Run
from .ram import Ram, RamWindow
from .selftest import Capabilities, probe
from .standstill import Standstill
from .state import Checkpoint, CpuState, Extras, Registers
from .timebase import InstructionTime, RealTime
from .translation_meter import TranslationMeter
from .write_guard import WriteGuard

TSC_RATE = 100_000_000
"""Time-stamp counter of the 586 and 686, Hz."""
_REGISTERS = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")


class Chip:
    """Everything of a processor but its running; see `Processor`."""

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
        self.engine = engine = Engine(model, fast_stores=wanted)
        self._backplane = backplane
        self._clock = clock
        self._counted = clock if isinstance(clock, InstructionTime) else None
        self._counter = engine.counter
        self._interrupts = InterruptPins(engine, backplane)
        stamp = self._time_stamp if engine.core.traits.has_tsc else None
        self._bus_unit = BusUnit(engine.core, backplane, self._counter.stop, stamp)
        self._memory = MemoryMap(engine, ram, self._bus_unit)
        self.guard = WriteGuard(engine.core, ram, missing=engine.stores_reason)
        self._registers = Registers(engine.core)
        self._standstill = Standstill()
        self._halted = False
        power_on.reset(engine.core)
        if self._counted is not None:
            self._counted.attach(self._counter)

    def kick(self) -> None:
        """Have the task look around, if there is one."""
        self._counter.stop()

    def _revive(self) -> None:
        """End a shutdown."""
        if self._standstill.blocked:
            self.engine.env.old_exception = -1
            self._standstill.blocked = False

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
    def eflags(self) -> int:
        """EFLAGS, whole, as PUSHF would push them."""
        flags: int = self.engine.core.uc.reg_read(UC_X86_REG_EFLAGS)
        return flags

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
        self.guard.see_host_write(start, len(content), by)
        self._backplane.trace.host_write(start, len(content), by)

    def drop_translations(self, start: int, size: int) -> None:
        """Forget what was translated from there, for writes that did not use `write_memory`."""
        self._memory.drop_translations(start, size)

    def forget_code(self, start: int, size: int) -> None:
        """Prepare whole pages that hold code to be overwritten: stores to them are fast again.

        Between slices only. Code there that still runs is translated anew.
        """
        self._memory.forget_code(start, size)

    def translations(self) -> TranslationMeter:
        """Measure, while the meter is entered, what translating costs."""
        return TranslationMeter(self.engine.core)

    def map_ram(self, start: int, size: int) -> memoryview:
        """New, zeroed RAM of a card, outside guest RAM; see `Memory`. Between slices only.

        Raises `MemoryBoundsError`.
        """
        return self._memory.map_ram(start, size)

    def map_rom(self, start: int, content: bytes) -> None:
        """A ROM outside guest RAM, whole pages; see `Memory`. Raises `MemoryBoundsError`."""
        self._memory.map_rom(start, content)

    def unmap(self, start: int) -> None:
        """Give what was mapped at `start` back to the bus. Raises `MemoryBoundsError`."""
        self._memory.unmap(start)

    def window(self, start: int, size: int, *, by: str = "card") -> RamWindow:
        """Lend `size` bytes of RAM, to be revoked by the lender. Raises `MemoryBoundsError`."""

        def write(at: int, content: bytes) -> None:
            self.write_memory(at, content, by=by)

        return RamWindow(self.ram, start, size, write)
