"""Replacement: another implementation takes over in the slot, as a whole or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import (
    Backplane,
    BusError,
    Card,
    CardError,
    MachineClock,
    PortRange,
    Resources,
    SavedState,
    Slot,
    State,
    open_backplane,
)
from hotswap.bus.injection import HangCard, LoseIrq
from hotswap.host.pytest_plugin import Ports, VirtualClock

PORT = 0x300
WINDOW = 0xD0000


class CounterState(State):
    count: int = 0
    due: int | None = None


class Add(msgspec.Struct, frozen=True):
    """Posted by OUT: count so much more."""

    value: int


class Counter(Card[CounterState]):
    """Counts what is written, says it on `output`, and raises its lines on the way."""

    name = "counter"
    state_type = CounterState
    closed = 0

    def __init__(self, leases: Resources | None = None) -> None:
        super().__init__()
        ports = (PortRange(PORT, 2),)
        self.leases = leases or Resources(ports=ports, irqs=(5,), drqs=(3,), disks=1)

    def resources(self) -> Resources:
        return self.leases

    def read(self, port: int, width: int) -> int:
        return self.state.count

    def write(self, port: int, width: int, value: int) -> None:
        if port == PORT:
            self.slot.post(Add(value))
        else:
            raise ZeroDivisionError("as asked for")

    async def run(self, slot: Slot) -> None:
        async for add in slot.commands:
            self.state.count += add.value
            slot.output.write(b"%d;" % self.state.count)

    def close(self) -> None:
        self.closed += 1


class Better(Counter):
    """A later version of it, which knows its commands."""


class Stranger(Card[CounterState]):
    """Somebody else's: the same state, commands of its own."""

    name = "counter"
    state_type = CounterState
    ports = PortRange(PORT, 2)
    irq, drq = 5, 3

    def resources(self) -> Resources:
        return msgspec.structs.replace(super().resources(), disks=1)

    def read(self, port: int, width: int) -> int:
        return 100 + self.state.count

    async def run(self, slot: Slot) -> None:
        async for _ in slot.commands:
            raise AssertionError("a command of the card before")


Stranger.__module__ = "elsewhere"


class Memory:
    """What `Slot` needs of a processor's memory."""

    def __init__(self) -> None:
        self.mapped: dict[int, Any] = {}

    def map_ram(self, start: int, size: int) -> memoryview:
        assert start not in self.mapped, "the place is taken"
        self.mapped[start] = bytearray(size)
        return memoryview(self.mapped[start])

    def map_rom(self, start: int, content: bytes) -> None:
        assert start not in self.mapped, "the place is taken"
        self.mapped[start] = content

    def unmap(self, start: int) -> None:
        del self.mapped[start]


@pytest.fixture
async def slot(backplane: Backplane) -> Slot:
    return await backplane.insert(Counter(), 7)


async def count(slot: Slot, ports: Ports, *values: int) -> None:
    for value in values:
        ports.write(PORT, value)
    await wait_all_tasks_blocked()


def of(slot: Slot) -> dict[str, Any]:
    """All that a refused replacement leaves as it was."""
    backplane = slot.backplane
    return {
        "card": slot.card,
        "saved": slot.card.save(),
        "leases": backplane.leases[slot.number],
        "lines": (backplane.irq.snapshot(), backplane.drq.snapshot()),
        "held": (backplane.irq.held, slot.output.held, slot.input.held, slot.frames_in.held),
        "output": slot.output.snapshot(),
        "input": slot.input.snapshot(),
        "commands": slot.commands.snapshot(),
        "alarms": [(alarm.deadline, alarm.has_rung) for alarm in slot.alarms],
        "disks": [(disk.on_change, disk.on_room) for disk in slot.disks],
        "fault": slot.fault,
        "sockets": (backplane.controller, backplane.dma, backplane.numeric_errors),
        "locked": backplane.locked_by,
        "mapped": dict(slot.mapped),
    }


# -- it takes over ------------------------------------------------------------------------------


async def test_the_new_card_answers_from_the_state_of_the_old_one(slot: Slot, ports: Ports) -> None:
    await count(slot, ports, 3, 4)
    await slot.backplane.replace(7, Stranger())
    assert ports.read(PORT) == 107


async def test_slot_leases_and_streams_stay(slot: Slot, ports: Ports) -> None:
    output, wire = slot.output, slot.irq
    await count(slot, ports, 3)
    assert await slot.backplane.replace(7, Better()) is slot
    await count(slot, ports, 4)
    assert slot.output is output
    assert output.take() == b"3;7;"
    assert slot.irq is wire
    assert slot.backplane.irq.holder(5) == 7


async def test_lines_keep_their_levels_without_an_edge(slot: Slot, backplane: Backplane) -> None:
    class Pulls(Better):
        def plugged(self, slot: Slot) -> None:
            slot.irq.set(False)
            slot.drq.set(True)

    slot.irq.set(True)
    backplane.irq.take()
    backplane.drq.take()
    await backplane.replace(7, Pulls())
    assert (slot.irq.level, slot.drq.level) == (True, False)
    assert backplane.irq.take() == backplane.drq.take() == []


async def test_what_the_new_card_does_to_a_line_when_it_takes_over_counts(
    slot: Slot, backplane: Backplane
) -> None:
    class Raises(Better):
        def adopt(self, saved: SavedState) -> None:
            super().adopt(saved)
            self.slot.irq.set(True)

    await backplane.replace(7, Raises())
    assert [edge.level for edge in backplane.irq.take()] == [True]


async def test_alarms_ring_when_they_were_to(slot: Slot, virtual_clock: VirtualClock) -> None:
    class Two(Better):
        def plugged(self, slot: Slot) -> None:
            self.second = slot.new_alarm()

        async def run(self, slot: Slot) -> None:
            for alarm in (slot.alarm, self.second):
                await alarm.wait()
                slot.output.write(b"%d;" % slot.clock.now())

    await slot.backplane.remove(7)
    slot = await slot.backplane.insert(Two(), 7)
    slot.alarms[0].set(50)
    slot.alarms[1].set(90)
    await slot.backplane.replace(7, Two())
    await virtual_clock.advance(100)
    assert slot.output.take() == b"50;90;"
    assert len(slot.alarms) == 2


async def test_an_alarm_that_rang_before_is_not_lost(
    slot: Slot, virtual_clock: VirtualClock
) -> None:
    class Waits(Better):
        async def run(self, slot: Slot) -> None:
            await slot.alarm.wait()
            self.state.count += 1

    slot.alarm.set(10)
    await virtual_clock.advance(10)  # nobody waits for it
    await slot.backplane.replace(7, Waits())
    await wait_all_tasks_blocked()
    assert slot.card.state.count == 1


async def test_the_old_card_is_closed_once_and_its_task_ends(slot: Slot, ports: Ports) -> None:
    old, new = slot.card, Better()
    assert isinstance(old, Counter)
    await slot.backplane.replace(7, new)
    await count(slot, ports, 1)
    assert (old.closed, old.state.count) == (1, 0)
    await slot.backplane.remove(7)
    await wait_all_tasks_blocked()
    assert (old.closed, new.closed) == (1, 1)


async def test_adopt_may_translate_the_state(slot: Slot, ports: Ports) -> None:
    class Doubles(Better):
        name = "doubles"

        def adopt(self, saved: SavedState) -> None:
            self.state.count = 2 * msgspec.msgpack.decode(saved.fields, type=CounterState).count

    await count(slot, ports, 21)
    await slot.backplane.replace(7, Doubles())
    assert ports.read(PORT) == 42
    assert slot.title == "doubles"
    with pytest.raises(BusError, match="driven by card doubles in slot 7"):
        await slot.backplane.insert(Counter(Resources(irqs=(5,))))


async def test_disks_stay_and_tell_the_new_card(slot: Slot) -> None:
    class Drives(Better):
        changed = 0

        def plugged(self, slot: Slot) -> None:
            slot.disks[0].on_change = self.change_disk

        def change_disk(self) -> None:
            self.changed += 1

    disk = slot.disks[0]
    for card in (old := Drives(), new := Drives(), None):
        if card is not None:
            await slot.backplane.replace(7, card)
    disk.change(None)
    assert slot.disks == [disk]
    assert (old.changed, new.changed) == (0, 1)


async def test_a_card_with_another_data_path_gets_its_cycles_as_it_wants(
    slot: Slot, ports: Ports
) -> None:
    class Wide(Better):
        def read(self, port: int, width: int) -> int:
            return width

    leases = msgspec.structs.replace(slot.backplane.leases[7], cycle_width=2)
    await slot.backplane.replace(7, Wide(leases))
    assert ports.read(PORT, 2) == 2


# -- what was posted ----------------------------------------------------------------------------


class Slow(Counter):
    """Works `NS` on each."""

    NS = 1000

    async def run(self, slot: Slot) -> None:
        async for add in slot.commands:
            await slot.clock.sleep_until(slot.clock.now() + self.NS)
            self.state.count += add.value


async def test_commands_go_along_when_the_new_card_knows_them(
    backplane: Backplane, ports: Ports
) -> None:
    slot = await backplane.insert(Slow(), 7)
    await count(slot, ports, 1, 2, 3)
    await backplane.replace(7, Better())
    await wait_all_tasks_blocked()
    assert ports.read(PORT) == 6
    assert slot.output.take() == b"1;3;6;"


async def test_other_commands_are_carried_out_first(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    slot = await backplane.insert(Slow(), 7)
    await count(slot, ports, 1, 2, 3)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: backplane.replace(7, Stranger(), seconds=60))
        await virtual_clock.advance(2 * Slow.NS)
        assert (ports.read(PORT), slot.running) == (3, True)
        await virtual_clock.advance(2 * Slow.NS)
    assert ports.read(PORT) == 106


async def test_a_card_that_cannot_end_its_work_is_not_replaced(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    slot = await backplane.insert(Slow(), 7)
    await count(slot, ports, 5)
    before = of(slot)
    with pytest.raises(BusError, match=r"1 commands wait .* does not know, the first a Add; let"):
        await backplane.replace(7, Stranger(), seconds=0.01)
    assert of(slot) == before
    await virtual_clock.advance(2 * Slow.NS)
    assert ports.read(PORT) == 5


async def test_a_flush_is_waited_for(backplane: Backplane) -> None:
    class Flushes(Counter):
        end = trio.Event()

        async def run(self, slot: Slot) -> None:
            async with slot.flush():
                await self.end.wait()
                self.state.count = 9
            await trio.sleep_forever()

    slot = await backplane.insert(Flushes(), 7)
    await wait_all_tasks_blocked()
    with pytest.raises(BusError, match="does not come to rest"):
        await backplane.replace(7, Better(), seconds=0.01)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: backplane.replace(7, Better(), seconds=60))
        await wait_all_tasks_blocked()
        Flushes.end.set()
    assert (slot.card.state.count, slot.needs_reset) == (9, False)


# -- or it does not -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leases", "kind"),
    [
        (Resources(ports=(PortRange(PORT, 3),), irqs=(5,), drqs=(3,), disks=1), "ports"),
        (Resources(ports=(PortRange(PORT, 2),), irqs=(6,), drqs=(3,), disks=1), "IRQ 6"),
        (Resources(ports=(PortRange(PORT, 2),), irqs=(5,), disks=1), "DRQ none"),
        (Resources(ports=(PortRange(PORT, 2),), irqs=(5,), drqs=(3,)), "drives 0"),
    ],
)
async def test_other_resources_are_refused(slot: Slot, leases: Resources, kind: str) -> None:
    before = of(slot)
    with pytest.raises(BusError, match=f"card counter has {kind}.* in slot 7 has"):
        await slot.backplane.replace(7, Counter(leases))
    assert of(slot) == before


class Spoils(Better):
    """Touches all it can reach, then fails."""

    def plugged(self, slot: Slot) -> None:
        slot.irq.set(not slot.irq.level)
        slot.drq.pulse()
        slot.alarm.set(1)
        slot.new_alarm().set(2)
        slot.output.write(b"rubbish")
        slot.input.read(100)
        slot.commands.post(Add(99))
        slot.disks[0].on_change = slot.disks[0].on_room = self.close
        slot.backplane.controller = slot.backplane.dma = self  # type: ignore[assignment]

    def adopt(self, saved: SavedState) -> None:
        raise RuntimeError("no")


@pytest.mark.parametrize("frozen", [False, True])
async def test_a_card_that_fails_on_the_way_leaves_everything_as_it_was(
    slot: Slot, ports: Ports, frozen: bool
) -> None:
    await count(slot, ports, 3)
    slot.irq.set(True)
    slot.alarm.set(500)
    slot.input.feed(b"typed")
    if frozen:
        await slot.backplane.quiesce(each=1, total=1)
    before, new = of(slot), Spoils()
    with pytest.raises(CardError, match=r"counter in slot 7: no; card counter goes on"):
        await slot.backplane.replace(7, new)
    assert of(slot) == before
    assert (slot.running, new.closed) == (False, 0)
    slot.backplane.thaw()
    await count(slot, ports, 4)
    assert ports.read(PORT) == 7


async def test_the_state_of_another_card_is_refused(slot: Slot, ports: Ports) -> None:
    class Other(Better):
        name = "other"

    await count(slot, ports, 3)
    with pytest.raises(CardError, match="this is the state of a counter"):
        await slot.backplane.replace(7, Other())
    await count(slot, ports, 3)
    assert ports.read(PORT) == 6


async def test_the_old_card_works_on_after_a_refusal_in_the_middle_of_its_work(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    slot = await backplane.insert(Slow(), 7)
    await count(slot, ports, 1, 2)
    await virtual_clock.advance(Slow.NS // 2)
    with pytest.raises(CardError, match="goes on"):
        await backplane.replace(7, Spoils())
    await virtual_clock.advance(3 * Slow.NS)
    assert ports.read(PORT) == 3


async def test_nothing_else_changes_the_slots_meanwhile(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    slot = await backplane.insert(Slow(), 7)
    await count(slot, ports, 1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: backplane.replace(7, Stranger(), seconds=60))
        await wait_all_tasks_blocked()
        with pytest.raises(BusError, match="the replacement of card counter in slot 7 is under"):
            await backplane.remove(7)
        await virtual_clock.advance(2 * Slow.NS)
    await backplane.remove(7)


async def test_a_replacement_that_is_cancelled_leaves_the_old_card(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    slot = await backplane.insert(Slow(), 7)
    await count(slot, ports, 1)
    with trio.move_on_after(0.01):
        await backplane.replace(7, Stranger(), seconds=60)
    assert backplane.locked_by is None
    await virtual_clock.advance(2 * Slow.NS)
    assert ports.read(PORT) == 1


async def test_it_is_refused_during_a_switchover(slot: Slot) -> None:
    with (
        slot.backplane.locked("a switchover"),
        pytest.raises(BusError, match="a switchover is under way"),
    ):
        await slot.backplane.replace(7, Better())


# -- a card that has raised ---------------------------------------------------------------------


async def fault(slot: Slot, ports: Ports) -> None:
    backplane = slot.backplane
    with backplane.listening(lambda event: None), pytest.raises(ZeroDivisionError) as raised:
        ports.write(PORT + 1, 0)
    slot.set_fault(raised.value)
    await wait_all_tasks_blocked()


async def test_a_card_that_has_raised_is_replaced_with_its_state_and_its_lines(
    slot: Slot, ports: Ports
) -> None:
    await count(slot, ports, 3)
    slot.irq.set(True)
    await fault(slot, ports)
    assert (ports.read(PORT), slot.irq.level) == (0xFF, False)
    await slot.backplane.replace(7, Better())
    assert (ports.read(PORT), slot.irq.level, slot.fault) == (3, True, None)
    await count(slot, ports, 1)
    assert ports.read(PORT) == 4


async def test_a_card_that_has_raised_stays_off_the_bus_after_a_refusal(
    slot: Slot, ports: Ports
) -> None:
    await fault(slot, ports)
    before = of(slot)
    with pytest.raises(CardError, match="goes on"):
        await slot.backplane.replace(7, Spoils())
    assert of(slot) == before
    assert ports.read(PORT) == 0xFF


class Late(Counter):
    """Its task takes its time to end, and then raises."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = trio.Event()

    async def run(self, slot: Slot) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await self.go_on.wait()
            raise ValueError("too late")


async def test_the_task_of_a_card_that_has_raised_ends_before_the_new_card_has_the_slot(
    backplane: Backplane, ports: Ports
) -> None:
    slot = await backplane.insert(card := Late(), 7)
    await wait_all_tasks_blocked()
    await fault(slot, ports)
    with pytest.raises(BusError, match="it does not come to rest"):
        await backplane.replace(7, Better(), seconds=0.01)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: backplane.replace(7, Better(), seconds=60))
        await wait_all_tasks_blocked()
        assert slot.card is card
        card.go_on.set()
    await wait_all_tasks_blocked()
    assert (slot.card is card, slot.fault) == (False, None)


async def test_a_card_that_raises_while_it_is_waited_for_is_not_replaced_where_another_is(
    backplane: Backplane,
) -> None:
    slot = await backplane.insert(card := Late(), 7)
    other = await backplane.insert(Counter(Resources()))
    await wait_all_tasks_blocked()

    async def refused() -> None:
        with pytest.raises(BusError, match=r"port 0x0300 .* is taken by card counter in slot 0"):
            await backplane.replace(7, Better(), seconds=60)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(refused)
        await wait_all_tasks_blocked()
        card.go_on.set()
        with backplane.listening(lambda event: None):
            slot.set_fault(ZeroDivisionError("as asked for"))
        other.lease(Resources(ports=(PortRange(PORT, 1),)))
    assert (slot.card, slot.output.held, backplane.irq.held) == (card, False, False)
    assert backplane.io.holder(PORT) is other.leases[0]
    await backplane.remove(7)


async def test_what_was_injected_into_the_card_goes_with_it(slot: Slot, ports: Ports) -> None:
    backplane = slot.backplane
    backplane.injections.add(HangCard(card=7))
    backplane.injections.add(LoseIrq(irq=5))
    await backplane.replace(7, Better())
    assert [each.fault for each in backplane.injections] == [LoseIrq(irq=5)]
    await count(slot, ports, 3)
    assert (slot.hung, ports.read(PORT)) == (False, 3)


# -- memory of its own --------------------------------------------------------------------------


class Video(Counter):
    """Has RAM and ROM in two windows; `rom` is what the ROM has."""

    rom = bytes(4096)

    def plugged(self, slot: Slot) -> None:
        self.video = slot.map_ram(WINDOW, 4096)
        slot.map_rom(WINDOW + 0x1000, self.rom)


class OtherRom(Video):
    rom = b"\x55" * 4096


class Blank(Video):
    def plugged(self, slot: Slot) -> None:
        pass


class Breaks(OtherRom):
    def adopt(self, saved: SavedState) -> None:
        raise RuntimeError("no")


class Shy(OtherRom):
    """Gives back the RAM it has."""

    def plugged(self, slot: Slot) -> None:
        super().plugged(slot)
        slot.unmap_ram(WINDOW)


class ShyAndBreaks(Shy, Breaks):
    pass


@pytest.fixture
async def video(virtual_clock: VirtualClock) -> AsyncIterator[Slot]:
    async with open_backplane(MachineClock(lambda: 0)) as backplane:
        backplane.memory = Memory()  # type: ignore[assignment]
        yield await backplane.insert(Video(), 7)


async def test_memory_the_guest_sees_stays_where_it_is(video: Slot) -> None:
    ram = video.mapped[WINDOW]
    assert isinstance(ram, memoryview)
    ram[:4] = b"seen"
    await video.backplane.replace(7, new := OtherRom())
    assert new.video is ram
    assert bytes(ram[:4]) == b"seen"
    assert video.mapped == {WINDOW: ram, WINDOW + 0x1000: OtherRom.rom}
    memory = video.backplane.memory
    assert isinstance(memory, Memory)
    assert memory.mapped[WINDOW + 0x1000] == OtherRom.rom


async def test_memory_the_new_card_does_not_have_is_unmapped(video: Slot) -> None:
    await video.backplane.replace(7, Blank())
    memory = video.backplane.memory
    assert isinstance(memory, Memory)
    assert memory.mapped == video.mapped == {}


async def test_memory_the_new_card_gives_back_is_unmapped(video: Slot) -> None:
    await video.backplane.replace(7, Shy())
    memory = video.backplane.memory
    assert isinstance(memory, Memory)
    assert memory.mapped == video.mapped == {WINDOW + 0x1000: OtherRom.rom}
    video.map_ram(WINDOW, 4096)
    video.unmap_ram(WINDOW)
    assert list(memory.mapped) == [WINDOW + 0x1000]


@pytest.mark.parametrize("breaks", [Breaks, ShyAndBreaks])
async def test_memory_is_as_it_was_after_a_refusal(video: Slot, breaks: type[Breaks]) -> None:
    memory = video.backplane.memory
    assert isinstance(memory, Memory)
    before, mapped = of(video), dict(memory.mapped)
    with pytest.raises(CardError, match="goes on"):
        await video.backplane.replace(7, breaks())
    assert of(video) == before
    assert memory.mapped == mapped
    await video.backplane.remove(7)
    assert memory.mapped == {}


# -- latches it has taken since ------------------------------------------------------------------


class Grown(Counter):
    """Takes a latch of its state when told to."""

    def grow(self) -> None:
        self.slot.lease(Resources(ports=(PortRange(PORT + 8, 1),), latches={PORT + 8: "count"}))


class OtherState(State):
    counted: int = 0


class Renamed(Grown):
    state_type = OtherState  # type: ignore[assignment]


async def test_a_card_without_the_field_of_a_latch_leased_since_is_refused(
    backplane: Backplane,
) -> None:
    slot = await backplane.insert(card := Grown(), 7)
    card.grow()
    with pytest.raises(BusError, match=f"latch at port {PORT + 8:#06x} .*OtherState has not"):
        await backplane.replace(7, Renamed(), cold=True)
    assert slot.card is card
