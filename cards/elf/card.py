"""A card whose behaviour is machine code: an `ElfImage` in an engine of its own.

What the bus asks of it becomes a call with a budget of instructions; what it asks of the board
comes by `host_calls`. A call that ends in a fault takes the card off the bus, as an exception does
one in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from hotswap.bus import (
    FLOATING,
    Card,
    CodeEngine,
    Policy,
    Resources,
    SavedState,
    Screen,
    Slot,
    Width,
)
from hotswap.bus.errors import CodeError

from . import takeover
from .budgets import Budgets
from .commands import Work
from .host_calls import HostCalls
from .image import ElfImage
from .memory import CardMemory
from .own_time import OwnTime
from .picture import shown
from .report import code_error
from .resources import resources_of
from .settings import convert, settings_type, stores
from .state import ElfState

POLICIES = (Policy.CARRY, Policy.REINITIALISE, Policy.COLD_RESET, Policy.REFUSE)
_WORD = 0xFFFF_FFFF

__all__ = ["ElfCard", "Work"]  # what is posted is looked for in a card's module


class ElfCard(Card[ElfState]):
    """The card of `image`, with `settings` as its descriptor names them, in `engine`.

    The engine is the card's from here on, and closed with it; it is the caller's again when this
    raises `ElfError` (settings that do not fit) or `HotswapError` (too little memory for it).
    """

    name = "elf"  # until an instance has its descriptor's
    state_type = ElfState

    def __init__(
        self,
        image: ElfImage,
        settings: Mapping[str, Any],
        engine: CodeEngine,
        *,
        budgets: Budgets | None = None,
    ) -> None:
        descriptor = image.descriptor
        kind = settings_type(image)
        self.__dict__.update(
            name=descriptor.name,
            switchover=POLICIES[descriptor.policy],
            settings_type=kind,
            cycle_width=descriptor.cycle_width,
        )
        self.image, self.engine = image, engine
        self.settings = convert(image, kind, settings)
        self.plugged_in: Slot | None = None
        self.state = ElfState()
        self.budgets = budgets or Budgets()
        self.host = HostCalls(self, self.budgets)
        self._stores = list(stores(image, self.settings))
        self._alternatives = resources_of(image)
        most = self._alternatives or (Resources(),)
        self.irq_count = min(len(one.irqs) for one in most)
        self.drq_count = min(len(one.drqs) for one in most)
        self.memory = CardMemory(engine, image, self.host.links())
        self.store_settings()
        self.has_begun = False
        """Its state is one it has been given, or power_on has made."""
        self.owes_restored = False
        """A state came before the card was plugged in."""
        self._functions = descriptor.functions
        self._engine_call, self._cycle = engine.call, self.budgets.cycle
        self._read, self._write = descriptor.functions.read, descriptor.functions.write
        self.own_time = OwnTime(self)
        if "hotswap_screen" in image.host_calls:
            self.screen: Callable[[], Screen] = self._screen

    # -- what it leases -------------------------------------------------------------------------

    def resources(self) -> Resources:
        """The first way to set its jumpers."""
        return self.alternatives()[0]

    def alternatives(self) -> Sequence[Resources]:
        """Every way its descriptor names."""
        width = cast("Width", self.image.descriptor.cycle_width)
        return self._alternatives or (Resources(cycle_width=width),)

    @property
    def leased(self) -> Resources:
        """What it has."""
        return self.resources() if self.plugged_in is None else self.plugged_in.resources

    @property
    def alternative(self) -> int:
        """Which of its alternatives that is."""
        alternatives = list(self.alternatives())
        return alternatives.index(self.leased) if self.leased in alternatives else 0

    # -- power, RESET and the end ---------------------------------------------------------------

    def plugged(self, slot: Slot) -> None:
        """Power comes: constructors, power_on and plugged. Raises `CodeError`."""
        self.plugged_in = slot
        if not self.has_begun:
            self.begin()
        self.plug()
        if self.owes_restored:
            self.owes_restored = False
            self.call("restored")

    def power_on(self) -> None:
        """RESET: everything anew, and plugged again."""
        try:
            self.begin()
            self.plug()
        except CodeError as error:
            if self.plugged_in is None:
                raise
            self.plugged_in.set_fault(error)

    def reinitialise(self) -> None:
        """A new kernel takes over. Raises `CodeError`."""
        if self._functions.reinitialise:
            self.call("reinitialise")
        else:
            self.power_on()

    def begin(self) -> None:
        """Memory as in the object, then constructors and power_on. Raises `CodeError`."""
        self.memory.reset()
        self.state = ElfState()
        self.arm()
        self.store_settings()
        self._construct()
        self.call("power_on")
        self.has_begun = True

    def _construct(self) -> None:
        """All constructors have the budget of one call. Raises `CodeError`."""
        left = self.budgets.work
        for function in self.image.init:
            if left <= 0:
                what = f"budget of all constructors spent: {self.budgets.work} instructions"
                raise CodeError(self.name, what, during="a constructor")
            self.host.changes = 0
            result = self._engine_call(function, (), left)
            if result.fault is not None:
                raise code_error(self.image, result.fault, "a constructor")
            left -= result.instructions

    def plug(self) -> None:
        """Tell it what was leased. Raises `CodeError`."""
        self.host.plugging = True
        try:
            self.call("plugged", self.alternative)
        finally:
            self.host.plugging = False

    def store_settings(self) -> None:
        """Put the settings where the descriptor says."""
        for address, content in self._stores:
            self.engine.write(address, content)

    def close(self) -> None:
        """Give the engine back."""
        self.engine.close()

    # -- calls ----------------------------------------------------------------------------------

    def call(self, function: str, *arguments: int) -> int:
        """Call one of the card's functions, if it has it, with the budget of work.

        Returns eax. Raises `CodeError`.
        """
        entry: int = getattr(self._functions, function)
        if not entry:
            return 0
        return self._enter(entry, arguments, self.budgets.work, f"{function}()")

    def _enter(self, entry: int, arguments: tuple[int, ...], budget: int, during: str) -> int:
        self.host.changes = 0
        result = self._engine_call(entry, arguments, budget)
        if result.fault is not None:
            raise code_error(self.image, result.fault, during)
        return result.value & _WORD

    # -- bus cycles -----------------------------------------------------------------------------

    def read(self, port: int, width: int) -> int:
        """IN."""
        if not self._read:
            return FLOATING[width]
        self.host.changes = 0
        result = self._engine_call(self._read, (port, width), self._cycle)
        if result.fault is not None:
            raise code_error(self.image, result.fault, f"IN {port:#x} width {width}")
        return result.value & FLOATING[width]

    def write(self, port: int, width: int, value: int) -> None:
        """OUT."""
        if not self._write:
            return
        self.host.changes = 0
        result = self._engine_call(self._write, (port, width, value), self._cycle)
        if result.fault is not None:
            during = f"OUT {port:#x} width {width} value {value:#x}"
            raise code_error(self.image, result.fault, during)

    def memory_read(self, address: int, width: int) -> int:
        """Load from a window."""
        entry = self._functions.memory_read
        if not entry:
            return FLOATING[width]
        during = f"load {address:#x} width {width}"
        return self._enter(entry, (address, width), self.budgets.cycle, during) & FLOATING[width]

    def memory_write(self, address: int, width: int, value: int) -> None:
        """Store to a window."""
        if entry := self._functions.memory_write:
            during = f"store {address:#x} width {width} value {value:#x}"
            self._enter(entry, (address, width, value), self.budgets.cycle, during)

    # -- DMA ------------------------------------------------------------------------------------

    def dma_read(self, line: int, size: int) -> bytes:
        """Bytes for memory."""
        if not (entry := self._functions.dma_read):
            return b""
        to, number = self.memory.scratch(size), self._drq(line)
        during = f"a DMA read of {size} bytes on DRQ {line}"
        count = self._enter(entry, (number, to, size), self.budgets.turn, during)
        return self.engine.read(to, self._moved(count, size, during))

    def dma_write(self, line: int, content: bytes, terminal: bool) -> int:
        """Bytes from memory."""
        if not (entry := self._functions.dma_write):
            return 0
        size, number = len(content), self._drq(line)
        at = self.memory.scratch(size)
        self.engine.write(at, content)
        during = f"a DMA write of {size} bytes on DRQ {line}"
        words = number, at, size, int(terminal)
        return self._moved(self._enter(entry, words, self.budgets.turn, during), size, during)

    def dma_end(self, line: int) -> None:
        """TC."""
        if entry := self._functions.dma_end:
            self._enter(entry, (self._drq(line),), self.budgets.turn, f"TC on DRQ {line}")

    def _drq(self, line: int) -> int:
        """Which of its lines that is."""
        return list(self.leased.drqs).index(line)

    def _moved(self, count: int, size: int, during: str) -> int:
        if count > size:
            raise CodeError(self.name, f"it moved {count} bytes of {size}", during=during)
        return count

    # -- its own time ---------------------------------------------------------------------------

    def arm(self) -> None:
        """Its timers have changed."""
        self.own_time.arm()

    async def run(self, slot: Slot) -> None:
        """Timers, what was posted, what came in, and room for what goes out."""
        await self.own_time.run(slot)

    # -- state, screen --------------------------------------------------------------------------

    def save(self) -> SavedState:
        """By field names when it has a table of them, else its memory. Raises `StateError`."""
        return takeover.save(self)

    def load(self, saved: SavedState) -> None:
        """Take over a state of this build, another build or another implementation.

        Raises `StateError` naming the field or symbol that does not fit; then nothing has changed.
        """
        takeover.load(self, saved)

    def _screen(self) -> Screen:
        return shown(self.state.picture, self.engine)
