"""What a card is when it overrides nothing, and how its cycles are written down."""

from __future__ import annotations

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import (
    Backplane,
    Card,
    Cycle,
    MemoryRange,
    Policy,
    PortRange,
    Resources,
    Settings,
    Slot,
    Space,
    State,
)


class Plain(Card[State]):
    name = "plain"
    state_type = State


class Sound(Plain):
    ports = (PortRange(0x220, 16), PortRange(0x388, 4))
    irq = 5
    drq = 1
    cycle_width = 2


class Game(Plain):
    ports = PortRange(0x201, 1)


def test_its_class_attributes_say_what_it_leases() -> None:
    assert Plain().resources() == Resources()
    assert Game().resources() == Resources(ports=(PortRange(0x201, 1),))
    assert Sound().resources() == Resources(
        ports=(PortRange(0x220, 16), PortRange(0x388, 4)), irqs=(5,), drqs=(1,), cycle_width=2
    )


def test_equal_resources_are_equal_however_they_are_listed() -> None:
    listed = Resources(ports=[PortRange(0x201, 1)], irqs=[5], drqs=[1], windows=[])
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(listed), type=Resources)
    assert again == listed == Resources(ports=(PortRange(0x201, 1),), irqs=(5,), drqs=(1,))


def test_it_has_default_settings_and_is_carried_over() -> None:
    assert Plain().settings == Settings()
    assert Plain.switchover is Policy.CARRY
    assert Plain.freezes


@pytest.mark.parametrize(("width", "value"), [(1, 0xFF), (2, 0xFFFF), (4, 0xFFFFFFFF)])
def test_it_floats_and_ignores_what_is_written(width: int, value: int) -> None:
    card = Plain()
    card.write(0x201, width, 0)
    card.memory_write(0xD0000, width, 0)
    assert card.read(0x201, width) == card.memory_read(0xD0000, width) == value


async def test_it_has_nothing_to_do_and_costs_a_freeze_nothing(backplane: Backplane) -> None:
    slot = await backplane.insert(Plain())
    await wait_all_tasks_blocked()
    assert not slot.running
    before = trio.lowlevel.current_statistics().tasks_runnable
    assert await backplane.quiesce(each=1, total=1) == []
    assert trio.lowlevel.current_statistics().tasks_runnable == before
    backplane.thaw()
    await wait_all_tasks_blocked()
    assert not slot.running


async def test_it_knows_its_slot_before_the_first_cycle(backplane: Backplane) -> None:
    class Knowing(Sound):
        def plugged(self, slot: Slot) -> None:
            assert self.slot is slot
            assert slot.backplane.io.holder(0x220) is slot
            slot.irq.set(True)

    slot = await backplane.insert(Knowing())
    assert backplane.irq.levels[5]
    assert slot.drqs[0].line == 1


async def test_further_alarms_freeze_with_it(backplane: Backplane) -> None:
    class TwoTimers(Plain):
        def plugged(self, slot: Slot) -> None:
            self.second = slot.new_alarm()
            slot.alarm.set(20)
            self.second.set(10)

    card = TwoTimers()
    await backplane.insert(card)
    assert backplane.clock.next_deadline() == 10
    await backplane.quiesce(each=1, total=1)
    assert backplane.clock.next_deadline() is None
    backplane.thaw()
    assert backplane.clock.next_deadline() == 10
    await trio.lowlevel.checkpoint()


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("IN 0x03f8 width 1 value 0xff", Cycle(Space.PORT, False, 0x3F8, 1, 0xFF)),
        ("OUT 0x03f8 width 2 value 0x41", Cycle(Space.PORT, True, 0x3F8, 2, 0x41)),
        ("load 0xd0000 width 4 value 0x0", Cycle(Space.MEMORY, False, 0xD0000, 4, 0)),
        ("store 0xd0000 width 4 value 0x1", Cycle(Space.MEMORY, True, 0xD0000, 4, 1)),
        ("0x03f8-0x03ff", PortRange(0x3F8, 8)),
        ("0x0080", PortRange(0x80, 1)),
        ("0x000d0000-0x000d0fff", MemoryRange(0xD0000, 4096)),
    ],
)
def test_cycles_and_ranges_read_as_a_manual_writes_them(written: str, what: object) -> None:
    assert str(what) == written
