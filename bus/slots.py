"""The slots of a backplane: the cards plugged in, what they have leased, and their scopes."""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import structlog
import trio

from .api import check_api
from .card import Card, Resources, Settings
from .clock import MachineClock
from .cycle import Cycle, MemoryRange, Space
from .dependence import waves
from .disk import Disk
from .dma import DmaController
from .errors import CARD_RAISES, BusError, CardError
from .injections import Injections
from .leases import Lease, check, choose
from .line import Lines
from .pins import InterruptController, Memory, NumericErrors
from .pnp_interface import plug_and_play
from .ports import IoSpace, PortHolder
from .screen import HasScreen, Screen
from .slot import Slot
from .trace import BusTrace
from .windows import Windows


class Slots(ABC):
    """Insertion and removal of cards; they fill the sockets `controller`, `dma` and so on."""

    def __init__(self, nursery: trio.Nursery, clock: MachineClock) -> None:
        self.clock = clock
        self.trace = BusTrace(clock.now)
        self.io = IoSpace(self.trace)
        self.windows = Windows(self.trace)
        self.injections = Injections(self)
        """The faults that are injected now."""
        self.irq = Lines("IRQ", 16, clock.now)
        self.drq = Lines("DRQ", 8, clock.now)
        self.slots: dict[int, Slot] = {}
        self.controller: InterruptController | None = None
        self.dma: DmaController | None = None
        self.numeric_errors: NumericErrors | None = None
        self.memory: Memory | None = None
        self.frozen = False
        self.locked_by: str | None = None
        """What forbids insertion and removal now, e.g. a switchover transaction."""
        self._unlocked = trio.Event()
        self._nursery = nursery
        self._order: list[list[Slot]] | None = None
        self._scopes: dict[int, trio.CancelScope] = {}
        self._log = structlog.get_logger()

    @abstractmethod
    def _slot_for(self, number: int, card: Card[Any], resources: Resources) -> Slot:
        """A new slot on this backplane."""

    @abstractmethod
    def kick(self) -> None:
        """End the CPU's slice soon, or wake it from HLT."""

    @property
    def leases(self) -> Mapping[int, Resources]:
        """What each card has leased, by slot."""
        return {number: slot.leased for number, slot in self.slots.items()}

    async def insert(
        self,
        card: Card[Any],
        number: int | None = None,
        *,
        run: bool = True,
        resources: Resources | None = None,
    ) -> Slot:
        """Plug `card` in (next free slot by default) and start its task.

        It leases the first of its alternatives that is free, or the one like `resources`. Raises
        `BusError` when the slot or what it needs is taken, the card is for another API or a
        transaction is under way, `CardError` when the card itself raised; then, and when it is
        cancelled, nothing is leased.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        self._check_unlocked(f"insert {card.name}")
        check_api(type(card))
        number = self._socket(card, number)
        slot = self._slot_for(number, card, choose(card, self._free(card), resources))
        slot.pnp = plug_and_play(slot, self.slots.values())
        self._lease(slot)
        try:
            card.plugged(slot)
        except BaseException as error:
            self._unplug(slot)
            if not isinstance(error, CARD_RAISES):
                raise
            raise CardError(card.name, f"it could not be plugged in: {error}") from error
        scope = self._scopes[number] = trio.CancelScope()
        self._nursery.start_soon(self._serve, slot, scope, name=f"card {card.name} (slot {number})")
        if run and not self.frozen:
            slot.thaw()
        self._log.info("card inserted", card=card.name, slot=number)
        await trio.lowlevel.cancel_shielded_checkpoint()  # it is in: the caller has to hear of it
        return slot

    def _socket(self, card: Card[Any], number: int | None) -> int:
        """The number of an empty slot for `card`."""
        for slot in self.slots.values():
            if slot.card is card:
                raise BusError(
                    f"this card {card.name} is in slot {slot.number} already; make another one"
                )
        if number is None:
            return next(n for n in range(len(self.slots) + 1) if n not in self.slots)
        if number in self.slots:
            raise BusError(
                f"slot {number} holds card {self.slots[number].title}; "
                "remove it or use another slot"
            )
        return number

    def _free(self, card: Card[Any]) -> Callable[[Resources], None]:
        def check(resources: Resources) -> None:
            self.io.check(resources.ports, card.name)
            self.windows.check(resources.windows, card.name)
            self._check_outside_ram(resources.windows, card.name)
            self.irq.check(resources.irqs, card.name)
            self.drq.check(resources.drqs, card.name)

        return check

    def _check_outside_ram(self, windows: Sequence[MemoryRange], card: str) -> None:
        """RAM begins and ends at multiples of 64 KiB, and no card hears of what goes there."""
        if (memory := self.memory) is None:
            return
        for window in windows:
            end = window.start + window.size
            for start in range(window.start & ~0xFFFF, end, 0x10000):
                if memory.holds(max(start, window.start), 4096):
                    raise BusError(
                        f"card {card}: window {window} is in the machine's RAM; use "
                        "0x000a0000-0x000bffff, or what is above RAM"
                    )

    def _lease(self, slot: Slot) -> None:
        """Lease what was found free: nothing in here fails."""
        card, resources = slot.card, slot.resources
        slot.irqs = [self.irq.lease(line, slot.number, card.name) for line in resources.irqs]
        slot.drqs = [self.drq.lease(line, slot.number, card.name) for line in resources.drqs]
        slot.disks = [Disk() for _ in range(resources.disks)]
        card.slot = slot
        self.slots[slot.number] = slot
        self._order = None
        self.replug_ports(slot)

    def lease(self, slot: Slot, resources: Resources) -> Lease:
        """Let a plugged-in card have all of `resources` too, or raise `BusError`.

        `cycle_width` and `latches` are those of these ports and windows. Ended by `release`, and
        when the card is removed.
        """
        card = slot.card
        check(card, resources)
        self._free(card)(resources)
        lease = Lease(slot, resources)  # nothing fails from here on
        lease.irqs = [self.irq.lease(line, slot.number, card.name) for line in resources.irqs]
        lease.drqs = [self.drq.lease(line, slot.number, card.name) for line in resources.drqs]
        slot.irqs += lease.irqs
        slot.drqs += lease.drqs
        slot.leases.append(lease)
        self._order = None
        self._plug(lease, card, resources)
        return lease

    def release(self, slot: Slot, lease: Lease) -> None:
        """End a lease that `lease` gave."""
        slot.leases.remove(lease)
        self.io.settle()
        self.io.latches.remove(slot.card, lease.resources.latches)
        self.io.release(lease)
        self.windows.release(lease)
        for wire in lease.irqs:
            slot.irqs.remove(wire)
            self.irq.release(wire)
        for wire in lease.drqs:
            slot.drqs.remove(wire)
            self.drq.release(wire)
        self._order = None

    async def remove(self, number: int, *, drain: float = 0) -> None:
        """Pull the card: its ports float and its lines drop at once, then its task ends.

        The back ends at its connectors have up to `drain` seconds of host time to take what it has
        sent; then they end, too.
        """
        self._check_unlocked(f"remove slot {number}")
        slot = self.find(number)
        self._unplug(slot)
        self._scopes.pop(number).cancel()
        self._log.info("card removed", card=slot.title, slot=number)
        try:
            await slot.sent(drain)
        finally:
            slot.disconnect()
        await slot.frozen()

    def change(self, number: int, settings: Settings) -> None:
        """Give the card in a slot new settings, of which only `settable` ones may differ.

        Raises `BusError` when another differs, the card refuses them, it has a fault or a
        transaction is under way: everything is then as before. `CardError` when it raised, which
        takes it off the bus.
        """
        slot = self.find(number)
        self._check_unlocked(f"change card {slot.title}")
        slot.change(settings)

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
        titles = ", ".join(slot.title for _, slot in sorted(self.slots.items()))
        raise BusError(f"no card called {name} is plugged in; there are: {titles or 'none'}")

    def mapped_by(self, start: int, end: int) -> Slot | None:
        """The slot whose card has mapped all memory from `start` up to `end` as its own, if any."""
        for slot in self.slots.values():
            if any(at <= start and end <= at + len(own) for at, own in slot.mapped.items()):
                return slot
        return None

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
        try:
            with scope:
                await slot.serve()
        finally:
            slot.close()

    def _unplug(self, slot: Slot) -> None:
        self.unplug_ports(slot)
        slot.own_memory.unmap()
        self._release_lines(slot)
        self.injections.forget(slot)
        del self.slots[slot.number]
        self._order = None
        self.vacate(slot.card)
        slot.freeze(trio.current_time())

    @abstractmethod
    def vacate(self, card: Card[Any]) -> None:
        """Empty the sockets `card` is in: interrupt controller, DMA controller, FERR#."""

    def _release_lines(self, slot: Slot) -> None:
        for wire in slot.irqs:
            self.irq.release(wire)
        for wire in slot.drqs:
            self.drq.release(wire)

    def hand_over(self, slot: Slot, card: Card[Any], resources: Resources) -> None:
        """`card` has the slot now, whose ports are unplugged, and stay so while it has a fault.

        Raises `BusError`.
        """
        slot.take(card)
        slot.resources = resources
        self._order = None
        if slot.fault is None:
            self.replug_ports(slot)

    def replug_ports(self, slot: Slot) -> None:
        """Connect the card's ports and windows to it."""
        self._plug(slot, slot.card, slot.resources)
        for lease in slot.leases:
            self._plug(lease, slot.card, lease.resources)
        if slot.pnp is not None:
            slot.pnp.connect()

    def _plug(self, holder: PortHolder, card: Card[Any], resources: Resources) -> None:
        width = resources.cycle_width
        self.io.lease(resources.ports, holder, card.read, card.write, width)
        self.windows.lease(resources.windows, holder, card.memory_read, card.memory_write, width)
        self.io.latches.add(resources.latches, card, width)

    def cycle_failed(self, cycle: Cycle, error: BaseException) -> None:
        """A bus handler raised in the CPU's turn: fault its card.

        A wide cycle may have reached several cards; it is the one the error came through. Raises
        `error` itself when it is no card's: an interrupt, or a defect of the board.
        """
        leases = self.io if cycle.space is Space.PORT else self.windows
        holders = (leases.holder(cycle.address + byte) for byte in range(cycle.width))
        slots = [self.slots[holder.number] for holder in holders if holder is not None]
        if not slots or not isinstance(error, CARD_RAISES):
            raise error
        raising = (slot for slot in slots if _came_through(slot.card, error))
        next(raising, slots[0]).set_fault(error)

    def unplug_ports(self, slot: Slot) -> None:
        """Let the card's ports and windows float."""
        self.io.settle()
        self.io.latches.remove(slot.card)
        holders: list[PortHolder] = [slot, *slot.leases]
        for holder in holders:
            self.io.release(holder)
            self.windows.release(holder)
        if slot.pnp is not None:
            slot.pnp.disconnect()

    @contextmanager
    def locked(self, by: str) -> Iterator[None]:
        """Refuse insertion and removal while the block runs."""
        self._check_unlocked(by)
        self.locked_by, self._unlocked = by, trio.Event()
        try:
            yield
        finally:
            self.locked_by = None
            self._unlocked.set()

    async def unlocked(self) -> None:
        """Wait until no transaction is under way."""
        while self.locked_by is not None:
            await self._unlocked.wait()
        await trio.lowlevel.checkpoint()

    def _check_unlocked(self, what: str) -> None:
        if self.locked_by is not None:
            raise BusError(f"cannot {what}: {self.locked_by} is under way; try again when it ended")

    @property
    def freeze_order(self) -> list[list[Slot]]:
        """The waves in which the cards are frozen, see `dependence`."""
        if self._order is None:
            freezing = {n: slot for n, slot in self.slots.items() if slot.card.freezes}
            titles: dict[str, list[int]] = {}
            for number, slot in self.slots.items():
                titles.setdefault(slot.title, []).append(number)
            order = waves({n: self._needs(slot, titles) for n, slot in freezing.items()})
            self._order = [[freezing[number] for number in wave] for wave in order]
        return self._order

    def _needs(self, slot: Slot, titles: Mapping[str, list[int]]) -> set[int]:
        """The numbers of the slots this one cannot do without; `titles` has all by their names."""
        chips: list[object] = []
        if slot.irqs:
            chips.append(self.controller)
        if slot.drqs:
            chips.append(self.dma)
        numbers = {chip.slot.number for chip in chips if isinstance(chip, Card)}
        return numbers.union(*(titles.get(name, ()) for name in slot.card.needs))


def _came_through(card: Card[Any], error: BaseException) -> bool:
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(frame.f_locals.get("self") is card for frame in frames)
