"""The backplane: slots, leases, lines, windows, and the scopes of every card.

Owned by one nursery (`open_backplane`); every card's task lives in it and ends with it.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
import structlog
import trio

from .card import Card, Resources
from .clock import MachineClock
from .cycle import Cycle, Space
from .dependence import waves
from .disk import Disk
from .dma import DmaAcknowledge, DmaController
from .errors import BusError, CardError
from .line import Lines, LinesState
from .pins import BoardEvent, CpuPins, InterruptController, Memory, NumericErrors
from .ports import IoSpace
from .screen import HasScreen, Screen
from .slot import Slot, SlotState
from .trace import BusTrace
from .windows import Windows


class BackplaneState(msgspec.Struct):
    """Every slot and line at one instant."""

    slots: list[SlotState]
    irq: LinesState
    drq: LinesState


class Backplane:
    """The ISA/VLB bus of one machine. Use `open_backplane`."""

    def __init__(self, nursery: trio.Nursery, clock: MachineClock) -> None:
        self.clock = clock
        self.trace = BusTrace(clock.now)
        self.io = IoSpace(self.trace)
        self.windows = Windows(self.trace)
        self.irq = Lines("IRQ", 16, clock.now)
        self.drq = Lines("DRQ", 8, clock.now)
        self.slots: dict[int, Slot] = {}
        self.controller: InterruptController | None = None
        self.dma: DmaController | None = None
        self.numeric_errors: NumericErrors | None = None
        self.cpu: CpuPins | None = None
        self.memory: Memory | None = None
        self.in_slice = False
        """True while guest code runs; set by the CPU."""
        self.frozen = False
        self.locked_by: str | None = None
        """What forbids insertion and removal now, e.g. a switchover transaction."""
        self.port_reads = tuple(self.io.reads.get(w) for w in range(5))
        self.port_writes = tuple(self.io.writes.get(w) for w in range(5))
        self.memory_read = self.windows.read
        self.memory_write = self.windows.write
        self._nursery = nursery
        self._order: list[list[Slot]] | None = None
        self._scopes: dict[int, trio.CancelScope] = {}
        self._leases: dict[int, Resources] = {}
        self._listeners: list[Callable[[BoardEvent], None]] = []
        self._log = structlog.get_logger()
        self.irq.on_edge = self._irq_edge
        self.drq.on_edge = self._drq_edge

    @property
    def leases(self) -> Mapping[int, Resources]:
        """What each card has leased, by slot."""
        return self._leases

    @property
    def listeners(self) -> int:
        """How many listen to board events."""
        return len(self._listeners)

    # -- slots --------------------------------------------------------------------------------

    async def insert(self, card: Card[Any], number: int | None = None, *, run: bool = True) -> Slot:
        """Plug `card` in (next free slot by default) and start its task.

        Raises `BusError` when the slot or one of the card's resources is taken or a transaction
        is under way, `CardError` when the card itself raised; then nothing is leased.
        """
        self._check_unlocked(f"insert {card.name}")
        if number is None:
            number = next(n for n in range(len(self.slots) + 1) if n not in self.slots)
        elif number in self.slots:
            raise BusError(
                f"slot {number} holds card {self.slots[number].title}; "
                "remove it or use another slot"
            )
        slot = Slot(number, card, self)
        resources = _resources(card)
        self.io.check(resources.ports, card.name)
        self.windows.check(resources.windows, card.name)
        try:
            for line in resources.irqs:
                slot.irqs.append(self.irq.lease(line, number, card.name))
            for line in resources.drqs:
                slot.drqs.append(self.drq.lease(line, number, card.name))
        except BusError:
            self._release_lines(slot)
            raise
        slot.disks = [Disk() for _ in range(resources.disks)]
        card.slot = slot
        self._leases[number] = resources
        self.slots[number] = slot
        self._order = None
        try:
            self.replug_ports(slot)
        except BusError:
            self._unplug(slot)
            raise
        try:
            card.plugged(slot)
        except Exception as error:
            self._unplug(slot)
            raise CardError(card.name, f"it could not be plugged in: {error}") from error
        scope = self._scopes[number] = trio.CancelScope()
        self._nursery.start_soon(self._serve, slot, scope, name=f"card {card.name} (slot {number})")
        if run and not self.frozen:
            slot.thaw()
        self._log.info("card inserted", card=card.name, slot=number)
        await trio.lowlevel.checkpoint()
        return slot

    async def remove(self, number: int) -> None:
        """Pull the card: its ports float and its lines drop at once, then its task ends."""
        self._check_unlocked(f"remove slot {number}")
        slot = self.find(number)
        self._unplug(slot)
        self._scopes.pop(number).cancel()
        await slot.frozen()
        self._log.info("card removed", card=slot.title, slot=number)

    def find(self, number: int) -> Slot:
        """The slot; raises `BusError` when it is empty."""
        if number not in self.slots:
            taken = ", ".join(f"{n} {s.title}" for n, s in sorted(self.slots.items()))
            raise BusError(f"slot {number} is empty; taken are: {taken or 'none'}")
        return self.slots[number]

    def card(self, name: str) -> Card[Any]:
        """The first card called `name`. Raises `BusError` when there is none."""
        for _, slot in sorted(self.slots.items()):
            if slot.title == name:
                return slot.card
        raise BusError(f"no card called {name} is plugged in")

    def screen(self) -> Screen:
        """What the monitor shows: it is plugged into the first card that has a connector for it.

        Raises `BusError` when there is none, or the card cannot say; that is no fault of its
        bus side, and the guest goes on.
        """
        for _, slot in sorted(self.slots.items()):
            if isinstance(slot.card, HasScreen) and slot.fault is None:
                try:
                    return slot.card.screen()
                except Exception as error:
                    what = f"{type(error).__name__}: {error}"
                    raise BusError(f"card {slot.title}: its screen() raised {what}") from error
        raise BusError("no card with a screen is plugged in; insert card `vga`")

    async def _serve(self, slot: Slot, scope: trio.CancelScope) -> None:
        with scope:
            await slot.serve()

    def _unplug(self, slot: Slot) -> None:
        self.unplug_ports(slot)
        slot.unmap()
        self._release_lines(slot)
        del self.slots[slot.number], self._leases[slot.number]
        self._order = None
        card: object = slot.card
        if self.controller is card:
            self.controller = None
        if self.numeric_errors is card:
            self.numeric_errors = None
        if self.dma is card:
            self.dma = None
        slot.freeze(trio.current_time())

    def _release_lines(self, slot: Slot) -> None:
        for wire in slot.irqs:
            self.irq.release(wire)
        for wire in slot.drqs:
            self.drq.release(wire)

    def replug_ports(self, slot: Slot) -> None:
        """Connect the card's ports and windows to it."""
        resources, card = self._leases[slot.number], slot.card
        width = resources.cycle_width
        self.io.lease(resources.ports, slot, card.read, card.write, width)
        self.windows.lease(resources.windows, slot, card.memory_read, card.memory_write, width)
        self.io.latches.add(resources.latches, card)

    def cycle_failed(self, cycle: Cycle, error: BaseException) -> None:
        """A bus handler raised in the CPU's turn: fault its card.

        A wide cycle may have reached several cards; it is the one the error came through. Raises
        `error` itself when it is no card's: an interrupt, or a defect of the board.
        """
        leases = self.io if cycle.space is Space.PORT else self.windows
        holders = (leases.holder(cycle.address + byte) for byte in range(cycle.width))
        slots = [self.slots[holder.number] for holder in holders if holder is not None]
        if not slots or not isinstance(error, Exception):
            raise error
        raising = (slot for slot in slots if _came_through(slot.card, error))
        next(raising, slots[0]).set_fault(error)

    def unplug_ports(self, slot: Slot) -> None:
        """Let the card's ports and windows float."""
        self.io.settle()
        self.io.latches.remove(slot.card)
        self.io.release(slot)
        self.windows.release(slot)

    @contextmanager
    def locked(self, by: str) -> Iterator[None]:
        """Refuse insertion and removal while the block runs."""
        self._check_unlocked(by)
        self.locked_by = by
        try:
            yield
        finally:
            self.locked_by = None

    def _check_unlocked(self, what: str) -> None:
        if self.locked_by is not None:
            raise BusError(f"cannot {what}: {self.locked_by} is under way; try again when it ended")

    # -- lines and the CPU --------------------------------------------------------------------

    def kick(self) -> None:
        """End the CPU's slice soon, or wake it from HLT."""
        if self.cpu is not None:
            self.cpu.kick()

    def _irq_edge(self) -> None:
        if self.cpu is None:
            return
        if self.in_slice:
            self.cpu.sync_interrupts()
        else:  # tasks run in no fixed order: the CPU sorts the edges before it takes them
            self.cpu.kick()

    def _drq_edge(self) -> None:
        if self.dma is not None:
            self.kick()

    def settle_order(self) -> None:
        """Put the edges raised between two slices into their fixed order; then DMA has its turn."""
        self.irq.sort()
        self.drq.sort()
        if self.dma is not None:
            self.dma.serve()

    def acknowledge_dma(self, line: int) -> DmaAcknowledge:
        """DACK of DRQ `line`, as it is plugged now."""
        number = self.drq.holder(line)
        slot = None if number is None else self.slots.get(number)
        return DmaAcknowledge(line, slot if slot is not None and slot.fault is None else None)

    # -- events -------------------------------------------------------------------------------

    @contextmanager
    def listening(
        self, listener: Callable[[BoardEvent], None]
    ) -> Iterator[Callable[[BoardEvent], None]]:
        """Send board events to `listener` while the block runs; the innermost one gets them.

        Yields the one it takes them from, to hand on what is not for it.
        """
        outer = self._listeners[-1] if self._listeners else self._unheard
        self._listeners.append(listener)
        try:
            yield outer
        finally:
            self._listeners.remove(listener)

    def report(self, event: BoardEvent) -> None:
        """Tell whoever listens about a fault or a shutdown."""
        listener = self._listeners[-1] if self._listeners else self._unheard
        listener(event)

    def _unheard(self, event: BoardEvent) -> None:
        self._log.error("nobody listens", happened=str(event))

    # -- freeze, thaw, snapshot ---------------------------------------------------------------

    @property
    def freeze_order(self) -> list[list[Slot]]:
        """The waves in which the cards are frozen, see `dependence`."""
        if self._order is None:
            freezing = {n: slot for n, slot in self.slots.items() if slot.card.freezes}
            order = waves({number: self._needs(slot) for number, slot in freezing.items()})
            self._order = [[freezing[number] for number in wave] for wave in order]
        return self._order

    def _needs(self, slot: Slot) -> set[int]:
        """The numbers of the slots this one cannot do without."""
        chips: list[object] = []
        if slot.irqs:
            chips.append(self.controller)
        if slot.drqs:
            chips.append(self.dma)
        return {
            number
            for number, other in self.slots.items()
            if other.title in slot.card.needs or any(other.card is chip for chip in chips)
        }

    async def quiesce(self, *, each: float, total: float, cut: bool = True) -> list[str]:
        """End every run scope, wave after wave, and latch the lines.

        `each` is how long a card's flushes may take, and after that how long its task may take to
        end; `total` goes for all of them. Seconds of host time. Returns the names of the cards that
        were not frozen in time, which need a cold reset; the caller thaws or goes on. Already
        frozen is fine. Without `cut` no flush is cut short and no card needs a cold reset: the
        caller has to thaw when one is late.
        """
        self.frozen = True
        self.irq.hold(True)
        self.drq.hold(True)
        last = trio.current_time() + total
        for wave in self.freeze_order:
            flushed = min(trio.current_time() + each, last)
            for slot in wave:
                slot.freeze(flushed if cut else math.inf)
            with trio.move_on_at(min(flushed + each, last)):
                for slot in wave:
                    await slot.frozen()
        late = [slot for wave in self.freeze_order for slot in wave if slot.running]
        for slot in late:
            slot.needs_reset = slot.needs_reset or cut
        return [slot.title for slot in late]

    async def flushed(self, limit: float) -> list[str]:
        """Wait until no card is in the middle of a flush, at most `limit` seconds of host time.

        Returns the names of those that still are.
        """
        with trio.move_on_after(limit):
            for slot in list(self.slots.values()):
                await slot.flushed()
        return [slot.title for slot in self.slots.values() if slot.flushing]

    def thaw(self) -> None:
        """Start every run scope again from state, last frozen first, and let the edges out."""
        self.frozen = False
        always = [slot for slot in self.slots.values() if not slot.card.freezes]
        for wave in (*self.freeze_order, always)[::-1]:  # they may have been inserted frozen
            for slot in reversed(wave):
                slot.thaw()
        self.irq.hold(False)
        self.drq.hold(False)

    def snapshot(self) -> BackplaneState:
        """State, queue and lines of every card."""
        slots = [slot.snapshot() for _, slot in sorted(self.slots.items())]
        return BackplaneState(slots, self.irq.snapshot(), self.drq.snapshot())

    def restore(self, state: BackplaneState) -> None:
        """Put a snapshot back. The cards must be frozen and be the same as then."""
        for saved in state.slots:
            self.find(saved.slot).restore(saved)
        self.irq.restore(state.irq)
        self.drq.restore(state.drq)

    def hold_streams(self, *, still: bool = False) -> None:
        """From here on nothing that is written leaves, and what is read is kept.

        With `still`, what was written before and has not left yet stays as well.
        """
        for slot in self.slots.values():
            slot.commands.hold()
            slot.output.hold(still=still)
            slot.input.hold()
            slot.frames_out.hold(still=still)
            slot.frames_in.hold()
            for disk in slot.disks:
                disk.hold(still=still)

    async def settle_streams(self) -> None:
        """Wait until no back end is in the middle of sending something."""
        for slot in self.slots.values():
            await slot.output.settled()
            await slot.frames_out.settled()

    def rewind_streams(self) -> None:
        """Back to the hold: what was written since is forgotten, what was read is there again."""
        for slot in self.slots.values():
            slot.commands.rewind()
            slot.output.rewind()
            slot.input.rewind()
            slot.frames_out.rewind()
            slot.frames_in.rewind()
            for disk in slot.disks:
                disk.rewind()

    def release_streams(self) -> None:
        """Let everything out, forget the copies."""
        for slot in self.slots.values():
            slot.commands.release()
            slot.output.release()
            slot.input.release()
            slot.frames_out.release()
            slot.frames_in.release()
            for disk in slot.disks:
                disk.release()


def _resources(card: Card[Any]) -> Resources:
    try:
        return card.resources()
    except ValueError as error:
        raise BusError(f"card {card.name}: {error}; change its settings") from error


def _came_through(card: Card[Any], error: Exception) -> bool:
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(frame.f_locals.get("self") is card for frame in frames)


@asynccontextmanager
async def open_backplane(clock: MachineClock) -> AsyncIterator[Backplane]:
    """An empty backplane whose cards live until the block ends."""
    async with trio.open_nursery() as nursery:
        backplane = Backplane(nursery, clock)
        try:
            yield backplane
        finally:
            for slot in backplane.slots.values():
                slot.freeze(trio.current_time())  # no flush holds up the end
            nursery.cancel_scope.cancel()
