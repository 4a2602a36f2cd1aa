"""Another implementation of a card takes over in its slot, under a guest that does not notice.

    at rest - settled - saved - plugged in - taken over - the old one closed

Leases, lines with their levels, alarms, streams, disks and back ends are the slot's and stay. The
old card is frozen until the new one runs, so that it answers bus cycles meanwhile; from saving its
state to the first cycle of the new card nobody else has a turn. Until that is over, everything can
be put back as it was: a replacement is made as a whole or not at all.

Work that was posted goes along when the new card knows its commands (their classes are its own
module's, as in a snapshot), else the old card carries it out first.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from .api import check_api
from .card import Card, Resources
from .cycle import MemoryRange, PortRange
from .disk import nobody
from .errors import BusError, CardError
from .leases import alternatives, check
from .pnp_interface import identity

if TYPE_CHECKING:
    from .backplane import Backplane
    from .slot import Slot


async def replace(
    backplane: Backplane, number: int, card: Card[Any], seconds: float, cold: bool
) -> Slot:
    """See `Backplane.replace`."""
    slot = backplane.find(number)
    old = slot.card
    with backplane.locked(f"the replacement of card {slot.title} in slot {number}"):
        resources = _fitting(card, slot)
        try:
            await _at_rest(slot, card, seconds)
            if slot.fault is not None:  # it is off the bus, where another may be by now
                for held in (resources, *(lease.resources for lease in slot.leases)):
                    backplane.io.check(held.ports, card.name)
                    backplane.windows.check(held.windows, card.name)
            _Exchange(backplane, slot, card, cold).make(resources)
        finally:
            if not backplane.frozen:
                slot.thaw()
    try:
        old.close()
    except Exception as error:  # it is nobody's any more
        slot.log.error("the card before does not close", exc_info=error)
    slot.log.info("card replaced", before=old.name)
    return slot


# -- what the new card has to fit --------------------------------------------------------------


def _fitting(card: Card[Any], slot: Slot) -> Resources:
    """What the new card leases, which must be what the old one has. Raises `BusError`."""
    check_api(type(card))
    there = None if slot.pnp is None else slot.pnp.identity
    if msgspec.msgpack.encode(identity(card)) != msgspec.msgpack.encode(there):  # lists or tuples
        raise BusError(
            f"card {card.name} says another thing to Plug and Play than card {slot.title} in slot "
            f"{slot.number}; set it to the same, or remove that card and insert this one"
        )
    for lease in slot.leases:
        check(card, lease.resources)
    leased, offered = slot.resources, alternatives(card)
    for resources in offered:
        if not any(_differences(resources, leased)):
            return resources
    kind, mine, theirs = next(_differences(offered[0], leased))
    raise BusError(
        f"card {card.name} has {kind} {mine}, card {slot.title} in slot {slot.number} has "
        f"{theirs}; set it to the same, or remove that card and insert this one"
    )


def _differences(one: Resources, other: Resources) -> Iterator[tuple[str, str, str]]:
    """Kinds of resources that are not the same, with both sides in words."""
    for kind, mine, theirs in (
        ("ports", _spans(one.ports), _spans(other.ports)),
        ("windows", _spans(one.windows), _spans(other.windows)),
        ("IRQ", _numbers(one.irqs), _numbers(other.irqs)),
        ("DRQ", _numbers(one.drqs), _numbers(other.drqs)),
        ("drives", str(one.disks), str(other.disks)),
    ):
        if mine != theirs:
            yield kind, mine, theirs


def _spans(spans: Sequence[PortRange] | Sequence[MemoryRange]) -> str:
    return ", ".join(sorted(map(str, spans))) or "none"


def _numbers(lines: Sequence[int]) -> str:
    return ", ".join(map(str, lines)) or "none"


# -- what was posted ---------------------------------------------------------------------------


async def _at_rest(slot: Slot, card: Card[Any], seconds: float) -> None:
    """Freeze the slot with nothing posted that `card` does not know. Raises `BusError`."""
    with trio.move_on_after(seconds):
        while True:
            await slot.flushed()
            slot.freeze(math.inf)
            await slot.frozen()
            if slot.fault is not None or all(_knows(card, c) for c in slot.commands.snapshot()):
                return
            if slot.backplane.frozen:
                break
            slot.thaw()
            await slot.commands.done()
    unknown = [c for c in slot.commands.snapshot() if not _knows(card, c)]
    if unknown and slot.fault is None:
        what = (
            f"{len(unknown)} commands wait which card {card.name} does not know, the first a "
            f"{type(unknown[0]).__name__}"
        )
    else:
        what = "it does not come to rest"
    raise BusError(
        f"card {slot.title} in slot {slot.number} cannot be replaced now: {what}; let the machine "
        "run and try again, or remove the card"
    )


def _knows(card: Card[Any], command: Any) -> bool:
    """Whether `card` is of the module the command is from, or of a class that derives from it."""
    kind = type(command)
    modules = [sys.modules.get(base.__module__) for base in type(card).__mro__]
    return any(getattr(module, kind.__name__, None) is kind for module in modules)


# -- the exchange ------------------------------------------------------------------------------


class _Exchange:
    """All that is changed by it, as it is before."""

    def __init__(self, backplane: Backplane, slot: Slot, card: Card[Any], cold: bool) -> None:
        self._backplane, self._slot, self._new = backplane, slot, card
        self._cold = cold
        self._old: Card[Any] = slot.card
        self._log = slot.log

    def make(self, resources: Resources) -> None:
        """Without an await. Raises `CardError`, with everything as it was."""
        backplane, slot, old, new = self._backplane, self._slot, self._old, self._new
        backplane.io.settle()
        backplane.notice_interrupts(old)
        try:
            saved = None if self._cold else old.save()
        except Exception as error:
            raise CardError(
                old.name, f"it cannot be replaced: saving it failed: {error}"
            ) from error
        self._remember()
        irq_held, drq_held = backplane.irq.held, backplane.drq.held
        backplane.irq.hold(True)
        backplane.drq.hold(True)
        try:
            self._plug_in(resources)
            if saved is not None:
                new.adopt(saved)
            if slot.pnp is not None:
                slot.pnp.announce()
            if saved is not None:
                self._raise_lines()
        except BaseException as error:
            self._put_back()
            if saved is not None and self._old_memory_is_shared:
                old.load(saved)
            if not isinstance(error, Exception):
                raise
            raise CardError(
                new.name,
                f"it does not take over from {old.name} in slot {slot.number}: {error}; "
                f"card {old.name} goes on",
            ) from error
        finally:
            backplane.irq.hold(irq_held)
            backplane.drq.hold(drq_held)
        self._complete()

    @property
    def _streams(self) -> tuple[Any, ...]:
        slot = self._slot
        return slot.output, slot.input, slot.frames_out, slot.frames_in

    @property
    def _old_memory_is_shared(self) -> bool:
        return any(isinstance(memory, memoryview) for memory in self._mapped.values())

    def _remember(self) -> None:
        backplane, slot = self._backplane, self._slot
        self._leased = slot.resources
        self._lines = backplane.irq.snapshot(), backplane.drq.snapshot()
        self._sockets = backplane.controller, backplane.dma, backplane.numeric_errors
        self._alarms = list(slot.alarms)
        self._deadlines = [(alarm.deadline, alarm.has_rung) for alarm in slot.alarms]
        self._mapped = dict(slot.mapped)
        self._commands = slot.commands.snapshot()
        self._disks = [(disk.on_change, disk.on_room) for disk in slot.disks]
        self._fault, self._raised = slot.fault, list(slot.raised)
        for stream in self._streams:
            stream.hold()

    def _plug_in(self, resources: Resources) -> None:
        """The new card has the slot, as it is; what `plugged` does to the lines does not count."""
        backplane, slot, new = self._backplane, self._slot, self._new
        backplane.unplug_ports(slot)
        slot.fault = None
        backplane.hand_over(slot, new, resources)
        slot.own_memory.hand_over()
        slot.alarms = [slot.alarm]
        for disk in slot.disks:
            disk.on_change = disk.on_room = nobody
        if self._cold:
            slot.commands.restore([])
            slot.alarm.set(None)
            for wire in (*slot.irqs, *slot.drqs):
                wire.set(False)
            new.plugged(slot)
            return
        new.plugged(slot)
        self._wind_up()
        backplane.irq.restore(self._lines[0])
        backplane.drq.restore(self._lines[1])

    def _wind_up(self) -> None:
        """The alarms have the deadlines they had, the first the first."""
        for alarm in self._slot.alarms:
            alarm.mute(True)
        for alarm, (deadline, rung) in zip(self._slot.alarms, self._deadlines, strict=False):
            if (alarm.deadline, alarm.has_rung) != (deadline, rung):
                alarm.set(deadline)
                if rung:
                    alarm.ring()

    def _raise_lines(self) -> None:
        """Those that fell because the old card was taken off the bus: its state has them high."""
        for wire in self._raised if self._fault is not None else ():
            wire.set(True)

    def _put_back(self) -> None:
        """The old card has the slot again."""
        backplane, slot = self._backplane, self._slot
        backplane.unplug_ports(slot)
        slot.fault, slot.raised = self._fault, self._raised
        backplane.hand_over(slot, self._old, self._leased)
        slot.own_memory.put_back(self._mapped)
        slot.alarms = self._alarms
        self._wind_up()
        for disk, (changed, room) in zip(slot.disks, self._disks, strict=True):
            disk.on_change, disk.on_room = changed, room
        backplane.controller, backplane.dma, backplane.numeric_errors = self._sockets
        backplane.irq.restore(self._lines[0])
        backplane.drq.restore(self._lines[1])
        slot.commands.restore(self._commands)
        for stream in self._streams:
            stream.rewind()
            stream.release()

    def _complete(self) -> None:
        backplane, slot = self._backplane, self._slot
        backplane.vacate(self._old)
        slot.own_memory.keep_new()
        slot.raised = []
        slot.needs_reset = slot.hung = False
        backplane.injections.forget(slot)
        for stream in self._streams:
            stream.release()
