"""A card author's bench: one card on a real board whose processor does not run.

Machine time stands still but for `wait`. IRQ edges are seen as they come; DMA is made when the card
`dma` is plugged in as well. There is some RAM, for bus masters.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

import structlog
import trio.testing

from hotswap.bus import (
    FLOATING,
    Backplane,
    BoardEvent,
    BusError,
    Card,
    CardFault,
    HasScreen,
    Slot,
    Space,
    open_backplane,
)
from hotswap.bus import Cycle as BusCycle
from hotswap.cpu import Processor, Ram, RealTime
from hotswap.host.screen import save_png
from hotswap.host.virtual_clock import VirtualClock

from .errors import SdkError
from .events import Event
from .steps import Cycle, Feed, Lines, Picture, Quit, Step, Wait

RAM_SIZE = 1 << 20


class Workbench:
    """The bench; `slot` is the card's place. Use `open_workbench`."""

    def __init__(self, backplane: Backplane, clock: VirtualClock) -> None:
        self.backplane = backplane
        self.clock = clock
        self.events: list[Event] = []
        """All that has happened."""
        self.fault: CardFault | None = None
        self._slot: Slot | None = None
        self._drq: dict[int, bool] = {}

    @property
    def slot(self) -> Slot:
        """Where the card is."""
        if self._slot is None:
            raise BusError("no card is on the bench; insert one")
        return self._slot

    async def insert(self, card: Card[Any]) -> Slot:
        """Plug the card to be tried in. Raises `BusError`, `CardError`."""
        slot = self._slot = await self.backplane.insert(card)
        everything = structlog.make_filtering_bound_logger(0)  # whatever the host logs
        slot.log = structlog.wrap_logger(None, [self._logged], everything)
        await self.settle()
        return slot

    def _logged(self, _logger: Any, level: str, event: MutableMapping[str, Any]) -> NoReturn:
        what = event.pop("event", "")
        if what == "card fault":  # as the board reports it, too
            raise structlog.DropEvent
        event.pop("exc_info", None)
        rest = "".join(f" {key}={value}" for key, value in event.items())
        self._happened("log", text=f"{level}: {what}{rest}")
        raise structlog.DropEvent

    def heard(self, event: BoardEvent) -> None:
        """What the board reports."""
        if isinstance(event, CardFault):
            self.fault = event
            self._happened("fault", text=str(event))

    def _happened(self, what: Any, **more: Any) -> None:
        self.events.append(Event(self.clock.now, what, **more))

    # -- what may be done ---------------------------------------------------------------------

    async def do(self, step: Step) -> None:
        """One step; what comes of it is in `events`. Raises `HotswapError`."""
        match step:
            case Cycle():
                self._cycle(step)
            case Wait():
                self._happened("wait", text=f"{step.ns / 1e6:g} ms")
                await self.wait(step.ns)
            case Feed():
                self._happened("input", text=repr(step.content)[1:])
                self.slot.input.feed(step.content)
            case Lines():
                self._lines()
            case Picture():
                self._picture(Path(step.file))
            case Quit():
                pass
        await self.settle()

    def _cycle(self, step: Cycle) -> None:
        read = step.value is None
        what = ("read" if read else "write") if step.memory else ("in" if read else "out")
        cell = self._cell(step) if step.memory else None
        try:
            if step.value is None:
                value = self._load(step) if cell is None else int.from_bytes(cell, "little")
            else:
                value = step.value
                self._happened(what, address=step.address, width=step.width, value=value)
                if cell is None:
                    self._store(step, value)
                else:
                    cell[:] = value.to_bytes(step.width, "little")
        except Exception as error:  # as the processor does: the card's fault, or raised again
            value = FLOATING[step.width]
            space = Space.MEMORY if step.memory else Space.PORT
            cycle = BusCycle(space, not read, step.address, step.width, value)
            self.backplane.cycle_failed(cycle, error)
        if read:
            self._happened(what, address=step.address, width=step.width, value=value)

    def _load(self, step: Cycle) -> int:
        plane, memory = self.backplane, self.backplane.memory
        if not step.memory:
            return plane.io.reads[step.width][step.address](step.address, step.width)
        if memory is not None and memory.holds(step.address, step.width):
            return int.from_bytes(memory.read_memory(step.address, step.width), "little")
        return plane.memory_read(step.address, step.width)

    def _store(self, step: Cycle, value: int) -> None:
        plane, memory = self.backplane, self.backplane.memory
        if not step.memory:
            plane.io.writes[step.width][step.address](step.address, step.width, value)
        elif memory is not None and memory.holds(step.address, step.width):
            memory.write_memory(step.address, value.to_bytes(step.width, "little"))
        else:
            plane.memory_write(step.address, step.width, value)

    def _cell(self, step: Cycle) -> memoryview | None:
        """The card's own memory at the address, which is no bus cycle."""
        for start, memory in self.slot.mapped.items():
            at = step.address - start
            if isinstance(memory, memoryview) and 0 <= at <= len(memory) - step.width:
                return memory[at : at + step.width]
        return None

    def _lines(self) -> None:
        slot = self.slot
        for kind, wires in (("IRQ", slot.irqs), ("DRQ", slot.drqs)):
            for wire in wires:
                self._happened("lines", text=f"{kind} {wire.line} {_word(wire.level)}")
        if not (slot.irqs or slot.drqs):
            self._happened("lines", text="none")

    def _picture(self, file: Path) -> None:
        card = self.slot.card
        if not isinstance(card, HasScreen):
            raise SdkError(f"card {card.name} has no screen")
        shown = save_png(file, card.screen())
        self._happened("screen", text=f"{file}: {shown.width} by {shown.height} pixels")

    async def wait(self, ns: int) -> None:
        """Let machine time pass: every alarm rings at its own instant."""
        end = self.clock.now + ns
        while (deadline := self.clock.machine.next_deadline()) is not None and deadline <= end:
            await self.clock.advance(max(0, deadline - self.clock.now))
            await self.settle()
        await self.clock.advance(end - self.clock.now)
        await self.settle()

    async def settle(self) -> None:
        """Let the card's task come to rest; edges and output are then events, DMA is made."""
        await trio.testing.wait_all_tasks_blocked()
        plane, slot = self.backplane, self.slot
        self._take_edges()
        for wire in slot.drqs:
            if wire.level != self._drq.get(wire.line, False):
                self._drq[wire.line] = wire.level
                self._happened("drq", line=wire.line, level=wire.level)
        if plane.dma is not None:
            plane.dma.serve()
            self._take_edges()
            for wire in slot.drqs:
                self._drq[wire.line] = wire.level
        else:
            plane.drq.take()
        if content := slot.output.take():
            self._happened("output", text=content.decode("latin-1"))

    def _take_edges(self) -> None:
        for edge in self.backplane.irq.take():
            self.events.append(Event(edge.time, "irq", line=edge.line, level=edge.level))


def _word(level: bool) -> str:
    return "up" if level else "down"


@asynccontextmanager
async def open_workbench() -> AsyncIterator[Workbench]:
    """An empty bench. Raises `UnsupportedEngine`."""
    clock = VirtualClock()
    async with open_backplane(clock.machine) as backplane:
        Processor(Ram(RAM_SIZE), backplane, RealTime())
        bench = Workbench(backplane, clock)
        with backplane.listening(bench.heard):
            yield bench
