"""The backplane: slots, lines to the CPU, board events, freeze and thaw of every card.

Owned by one nursery (`open_backplane`); every card's task lives in it and ends with it. What is
plugged in is slots.py.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
import trio

from .card import Card, Resources
from .clock import MachineClock
from .dma import DmaAcknowledge
from .line import LinesState
from .pins import BoardEvent, CpuPins
from .replacement import replace
from .slot import Slot, SlotState
from .slots import Slots


class BackplaneState(msgspec.Struct):
    """Every slot and line at one instant."""

    slots: list[SlotState]
    irq: LinesState
    drq: LinesState


class Backplane(Slots):
    """The ISA/VLB bus of one machine. Use `open_backplane`."""

    def __init__(self, nursery: trio.Nursery, clock: MachineClock) -> None:
        super().__init__(nursery, clock)
        self.cpu: CpuPins | None = None
        self.in_slice = False
        """True while guest code runs; set by the CPU."""
        self.port_reads = tuple(self.io.reads.get(w) for w in range(5))
        self.port_writes = tuple(self.io.writes.get(w) for w in range(5))
        self.memory_read = self.windows.read
        self.memory_write = self.windows.write
        self._listeners: list[Callable[[BoardEvent], None]] = []
        self.irq.on_edge = self._irq_edge
        self.drq.on_edge = self._drq_edge

    def _slot_for(self, number: int, card: Card[Any], resources: Resources) -> Slot:
        return Slot(number, card, self, resources)

    @property
    def listeners(self) -> int:
        """How many listen to board events."""
        return len(self._listeners)

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
        """Put the edges raised between two slices into their fixed order; then DMA has its turn.

        Where no controller is plugged in nobody sees an edge: one that comes takes the levels.
        """
        self.irq.sort()
        self.drq.sort()
        if self.controller is None and self.cpu is not None:
            self.irq.take()
        if self.dma is not None:
            self.dma.serve()
        elif self.cpu is not None:
            self.drq.take()

    def vacate(self, card: Card[Any]) -> None:
        """Empty the sockets `card` is in: interrupt controller, DMA controller, FERR#."""
        chip: object = card
        if self.controller is chip:
            self.notice_interrupts(card)
            self.controller = None
            if self.cpu is not None:
                self.cpu.sync_interrupts()  # nobody pulls INTR any more
        if self.numeric_errors is chip:
            self.numeric_errors = None
        if self.dma is chip:
            self.dma = None

    def notice_interrupts(self, card: Card[Any]) -> None:
        """If `card` is the interrupt controller, the CPU tells it what it has taken."""
        chip: object = card
        if self.controller is chip and self.cpu is not None:
            self.irq.sort()
            self.cpu.sync_interrupts()

    def acknowledge_dma(self, line: int) -> DmaAcknowledge:
        """DACK of DRQ `line`, as it is plugged now."""
        number = self.drq.holder(line)
        slot = None if number is None else self.slots.get(number)
        there = slot if slot is not None and slot.fault is None else None
        return DmaAcknowledge(line, there, self.injections.tc.get(line))

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

    # -- replacement --------------------------------------------------------------------------

    async def replace(
        self, number: int, card: Card[Any], *, seconds: float = 2.0, cold: bool = False
    ) -> Slot:
        """Put another implementation of the card in slot `number` in its place, see `replacement`.

        It may take so many `seconds` of host time, in which the card in the slot works on. Raises
        `BusError` when the slot is empty, the new card's resources are others, work is under way
        that only the old one can end, or a transaction is; `CardError` when the new card does not
        take the state. Then the old card goes on, and the new one is the caller's.

        With `cold` the new card begins as at power-on, with nothing of what the old one was about
        to do: for one that has faulted.
        """
        return await replace(self, number, card, seconds, cold)

    # -- freeze, thaw, snapshot ---------------------------------------------------------------

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
                    if slot.running:  # most end together: a wait for each would be a turn for each
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
        for slot in self.slots.values():  # before any is leased again: two may have changed places
            if slot.pnp is not None:
                slot.pnp.release()
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
