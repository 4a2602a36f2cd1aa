"""A whole machine: RAM, CPU, backplane and the cards every PC has, in one nursery."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

import structlog
import trio

from hotswap.bus import (
    Backplane,
    BoardEvent,
    BudgetSpent,
    Card,
    CardFault,
    CpuReset,
    CpuShutdown,
    MachineClock,
    Resources,
    Slot,
    StrayWrite,
    open_backplane,
)
from hotswap.cpu import InstructionTime, Processor, Ram, RealTime
from hotswap.switchover.errors import Refused
from hotswap.switchover.image import KernelImage
from hotswap.switchover.machine import Durability, Machine
from hotswap.switchover.memory import MIB, RAM_MIN, MemoryPlan, plan_memory

from . import wall_clock
from .backends import SerialBackEnd
from .background import in_background
from .board_config import BoardConfig, PlugIn, usual_cards
from .board_info import board_info
from .board_run import Ended, Run
from .cables import BackEnd, Cable
from .card_engines import CardEngines
from .discovery import fetch_card
from .elf_cards import ElfFile, in_engine
from .exits import Exit
from .history.record import Recording
from .loader import BOOT_STACK, BOOTLOADER_MAGIC, Loaded, load_kernel
from .network import NetworkBackEnd, capture
from .rom import PoweredOn

__all__ = ["Board", "BoardConfig", "Ended", "PlugIn", "open_board", "usual_cards"]

SHUTDOWN = 0x0F
"""The cell of the CMOS that says what a RESET is for: 0 a power-on self test (IBM PC/AT Technical
Reference, "Real-Time Clock and CMOS RAM", Shutdown Status Byte)."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def _nobody(_file: Path, _taken_at: str, _time_ns: int) -> None:
    """Nobody keeps account of snapshots."""


async def _until_pulled(
    slot: Slot, serve: Callable[[*Ts], Awaitable[object]], *streams: *Ts
) -> None:
    with slot.connected():
        await serve(*streams)


class Board(Run):
    """One machine. Use `open_board`."""

    def __init__(
        self,
        config: BoardConfig,
        nursery: trio.Nursery,
        backplane: Backplane,
        processor: Processor,
        timebase: RealTime | InstructionTime,
        engines: CardEngines,
    ) -> None:
        super().__init__(backplane)
        self.config = config
        self.processor = processor
        self.plan: MemoryPlan | None = (
            plan_memory(processor.ram.size)
            if config.switchover and processor.ram.size >= RAM_MIN
            else None
        )
        self.nursery = nursery
        self.durability: Durability | None = None
        """Where R1 of a switchover is kept; to be set before it boots."""
        self.history: Path | None = None
        """Folder in which switchovers of its kernel leave records; None for nowhere."""
        self.on_saved: Callable[[Path, str, int], None] = _nobody
        """Called with each snapshot: its file, when (ISO 8601) and its machine time (ns). In a
        thread, for it may take as long as an fsync."""
        self.engines = engines
        self.cables: dict[int, Cable] = {}
        """What `connect` was told, by slot."""
        self._timebase = timebase
        self._machine: Machine | None = None
        self._load: Callable[[], None] | None = None  # a boot loader's work, from its beginning
        self.paused = False
        self._trouble = trio.Event()
        self._log = structlog.get_logger()

    # -- building and booting -------------------------------------------------------------------

    async def plug_in(self, name: str, settings: Mapping[str, object] | None = None) -> Slot:
        """Insert a new card of this name. Raises `PluginError`, `BusError`."""
        return await self.insert(await self.make_card(name, settings or {}))

    async def make_card(
        self, name: str, settings: Mapping[str, Any], elf: ElfFile | None = None
    ) -> Card[Any]:
        """A new card of this name, or that of an object file. Raises `PluginError`, `ElfError`."""
        if elf is None:
            return await fetch_card(name, settings)
        image = elf.image
        return in_engine(image, settings, await self.engines.take(elf.sandbox))

    async def insert(
        self, card: Card[Any], number: int | None = None, resources: Resources | None = None
    ) -> Slot:
        """As `Backplane.insert`; a card that may end the run is obeyed."""
        slot = await self.backplane.insert(card, number, resources=resources)
        if slot.title == "debugexit":
            self.nursery.start_soon(self.obey_debug_exit, slot)
        return slot

    def connect(self, slot: Slot, back_end: BackEnd, cable: Cable | None = None) -> None:
        """Plug an open back end into a card's connector. Raises `NetworkError`."""
        if cable is not None:
            self.cables[slot.number] = cable
        if not isinstance(back_end, NetworkBackEnd):
            self.nursery.start_soon(_until_pulled, slot, back_end.serve, slot.input, slot.output)
            return
        if cable is not None and cable.capture:
            now = self.backplane.clock.now if self.config.deterministic else wall_clock.now_ns
            back_end = capture(back_end, Path(cable.capture), now, append=cable.append)
        self.nursery.start_soon(
            _until_pulled, slot, back_end.serve, slot.frames_in, slot.frames_out
        )

    def boot(self, kernel: KernelImage, *, initrd: bytes = b"", append: str = "") -> None:
        """Load a kernel as a boot loader does; the CPU task runs it. Raises `LoadError`."""
        processor = self.processor

        def load() -> None:
            info = load_kernel(
                kernel, initrd, append, self.plan, processor.ram.size, processor.write_memory
            )
            processor.flat32(kernel.entry, BOOT_STACK, eax=BOOTLOADER_MAGIC, ebx=info)
            if self.plan is not None:
                self._machine = Machine(
                    processor, self.backplane, self.plan, kernel, durability=self.durability,
                    witness=self.witness,
                )  # fmt: skip

        self._start(load)

    def start(self, loaded: Loaded | PoweredOn) -> None:
        """Start a guest that no switchover can replace: store its images, run the CPU task."""

        def load() -> None:
            for address, content in loaded.stores:
                self.processor.write_memory(address, content, by="loader")
            if isinstance(loaded, Loaded):
                self.processor.flat32(loaded.entry, loaded.stack, **loaded.registers)
                if loaded.gdt is not None:
                    self.processor.load_gdt(*loaded.gdt)

        self._start(load)

    def _start(self, load: Callable[[], None]) -> None:
        load()
        self._load = load
        self.nursery.start_soon(self.processor.run, name="cpu")

    def go_on(self, now: int, kernel: KernelImage | None, switchovers: int) -> None:
        """Run the CPU task from a state that was put back, which was taken at `now` (ns).

        `kernel` is what a switchover would replace, `switchovers` how many there were.
        """
        if isinstance(self._timebase, RealTime):
            self._timebase.move_to(now)
        if self.plan is not None and kernel is not None:
            self._machine = Machine(
                self.processor, self.backplane, self.plan, kernel, switchovers, self.durability,
                self.witness,
            )  # fmt: skip
        self.backplane.thaw()
        self.nursery.start_soon(self.processor.run, name="cpu")

    @property
    def machine(self) -> Machine:
        """What a switchover works on. Raises Refused with the reason when there is none."""
        if self._machine is None:
            if not self.config.switchover:
                raise Refused(
                    "what runs here takes no part in switchovers",
                    "boot a kernel with an LKUS note to replace it",
                )
            plan_memory(self.processor.ram.size)  # says that the RAM is too small
            raise RuntimeError("boot() comes first")
        return self._machine

    @property
    def replaceable(self) -> Machine | None:
        """As `machine`, or None when there is none."""
        return self._machine

    def witness(self, image: str) -> Recording | None:
        """Who keeps the record of a switchover to `image` that begins now, if `history` is set."""
        return Recording(self.history, image) if self.history is not None else None

    def slot(self, name: str) -> Slot:
        """The slot of the first card called `name`. Raises `BusError`."""
        return self.backplane.card(name).slot

    @property
    def serial(self) -> Slot:
        """The first serial port."""
        return self.slot("uart")

    # -- how it ends ------------------------------------------------------------------------------

    def on_event(self, event: BoardEvent) -> None:
        """What happens on the board while no switchover listens."""
        match event:
            case CpuShutdown():
                self._end_by_debug_exit()  # written in the same slice, and first
                self.end(Ended(Exit.GUEST, f"the guest ended: {event}"))
            case CpuReset():
                self._start_again()
            case CardFault() | BudgetSpent() | StrayWrite():
                self._log.error("board", happened=str(event))
                self._look()

    def _start_again(self) -> None:
        """After RESET: the loader's work, from its beginning.

        Without a BIOS that is the kernel; with one its shadow, which has variables in it, unless a
        cell of the CMOS tells the BIOS to go on with what is in memory.
        """
        titles = {slot.title for slot in self.backplane.slots.values()}
        if not self.config.reboot:
            self.end(Ended(Exit.OK, "the guest reset the machine"))
        elif self._load is not None and "rom" not in titles:
            self.processor.set_a20(True)
            self._load()
        elif self._load is not None and not self.backplane.card("cmos").state.chip.cells[SHUTDOWN]:
            self._load()

    async def drain(self, seconds: float) -> None:
        """Let the serial and parallel back ends take what the guest has sent."""
        with trio.move_on_after(seconds):
            for slot in list(self.backplane.slots.values()):
                if slot.is_connected:
                    await slot.output.drained()

    # -- operating --------------------------------------------------------------------------------

    async def pause(self) -> None:
        """Stop between two instructions; machine time stands still. Twice is once."""
        if not self.paused:
            self.paused = True
            try:
                await self.processor.pause()
            except BaseException:
                self.paused = False  # it has not come to that
                raise
            if isinstance(self._timebase, RealTime):
                self._timebase.stop()

    def resume(self) -> None:
        """Go on after `pause`."""
        if self.paused:
            self.paused = False
            if isinstance(self._timebase, RealTime):
                self._timebase.go_on()
            self.processor.resume()

    @asynccontextmanager
    async def standing(self) -> AsyncIterator[None]:
        """Paused for the time of the block, if it was not already."""
        was_paused = self.paused
        await self.pause()
        try:
            yield
        finally:
            if not was_paused:
                self.resume()

    async def in_background(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do `work` in the machine's nursery: it goes on when whoever asked for it is gone.

        Raises what `work` raises, and `MachineEnded` when the machine ends before `work` does.
        """
        try:
            return await in_background(self.nursery, work)
        finally:
            self._look()  # a card's fault in a switchover was for that to hear

    async def trouble(self) -> None:
        """Until a card may have faulted, or have been put right."""
        await self._trouble.wait()

    def _look(self) -> None:
        self._trouble.set()
        self._trouble = trio.Event()

    def info(self) -> dict[str, Any]:
        """How the machine is, for people and machines."""
        return board_info(self)


@asynccontextmanager
async def open_board(
    config: BoardConfig = BoardConfig(),  # noqa: B008 (frozen)
    serial: SerialBackEnd | None = None,
    cards: Sequence[PlugIn] | None = None,
    *,
    frozen: bool = True,
    ram: Ram | None = None,
) -> AsyncIterator[Board]:
    """A machine with the usual cards, not booted yet; it is gone when the block ends.

    The first serial port goes to `serial`, by default nowhere. With `cards`, those are plugged
    in instead of the usual ones, and stay frozen until `go_on` unless `frozen` is False. `ram` is
    that of the machine, by default new memory. Raises `UnsupportedEngine`, `PluginError`,
    `BusError`.
    """
    timebase = InstructionTime(config.rate) if config.deterministic else RealTime()
    engines = CardEngines(config.sandbox_deadline)
    with structlog.contextvars.bound_contextvars(machine=config.name), engines:
        async with open_backplane(MachineClock(timebase.now, timebase.wait)) as backplane:
            memory = Ram(config.memory * MIB) if ram is None else ram
            processor = Processor(memory, backplane, timebase, model=config.cpu)
            async with trio.open_nursery() as nursery:
                board = Board(config, nursery, backplane, processor, timebase, engines)
                with backplane.listening(board.on_event):
                    if cards is not None and frozen:
                        await backplane.quiesce(each=0, total=0)
                    for plug in usual_cards(config, board.plan) if cards is None else cards:
                        card = await board.make_card(plug.card, plug.settings, plug.elf)
                        await board.insert(card, plug.slot, plug.resources)
                    titles = {slot.title for slot in backplane.slots.values()}
                    if serial is not None and "uart" in titles:
                        board.connect(board.serial, serial)
                    try:
                        yield board
                    finally:
                        nursery.cancel_scope.cancel()
