"""Insertion, removal, rollback: what a card leases is its own, and is gone when the card is."""

from __future__ import annotations

import random

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import (
    Backplane,
    BusError,
    Card,
    CardError,
    MemoryRange,
    PortRange,
    Resources,
    Slot,
    State,
    open_backplane,
)
from hotswap.host.pytest_plugin import Ports, VirtualClock

PORT, WINDOW = 0x300, 0xD0000
NS = 100


class Silent(Card[State]):
    """Leases nothing."""

    name = "silent"
    state_type = State


class EchoState(State):
    got: list[int] = msgspec.field(default_factory=list)


class Echo(Card[EchoState]):
    """Sends each byte written to it, and raises IRQ and DRQ, `NS` later. All kinds of lease."""

    name = "echo"
    state_type = EchoState

    def __init__(self, base: int = PORT, irq: int = 5, drq: int = 3, window: int = WINDOW) -> None:
        super().__init__()
        self.leases = Resources(
            ports=(PortRange(base, 2),),
            irqs=(irq,),
            drqs=(drq,),
            windows=(MemoryRange(window, 4096),),
        )

    def resources(self) -> Resources:
        return self.leases

    def read(self, port: int, width: int) -> int:
        return len(self.state.got)

    def write(self, port: int, width: int, value: int) -> None:
        self.slot.post(value)

    def memory_read(self, address: int, width: int) -> int:
        return self.state.got[address & 0xFFF]

    async def run(self, slot: Slot) -> None:
        async for value in slot.commands:
            await slot.clock.sleep_until(slot.clock.now() + NS, slot.number)
            slot.output.write(bytes((value,)))
            self.state.got.append(value)
            slot.irq.pulse()
            slot.drqs[0].set(value & 1 == 1)


def assert_nothing_is_leased(backplane: Backplane) -> None:
    assert backplane.io.holder(PORT) is None
    assert backplane.windows.holder(WINDOW) is None
    backplane.irq.release(backplane.irq.lease(5, 0, "test"))
    backplane.drq.release(backplane.drq.lease(3, 0, "test"))
    assert backplane.slots == {}


# -- insert ---------------------------------------------------------------------------------------


async def test_cards_go_into_the_first_free_slot(backplane: Backplane) -> None:
    for slot in range(3):
        assert (await backplane.insert(Silent())).number == slot
    await backplane.remove(1)
    assert (await backplane.insert(Silent())).number == 1
    assert (await backplane.insert(Silent(), 7)).number == 7


async def test_a_taken_slot_is_refused_and_says_by_whom(backplane: Backplane) -> None:
    await backplane.insert(Silent(), 2)
    with pytest.raises(BusError, match="slot 2 holds card silent; remove it or use another slot"):
        await backplane.insert(Silent(), 2)


@pytest.mark.parametrize(
    "taken",
    [
        Resources(ports=(PortRange(PORT + 1, 1),)),
        Resources(irqs=(5,)),
        Resources(drqs=(3,)),
        Resources(windows=(MemoryRange(WINDOW, 4096),)),
    ],
    ids=["port", "irq", "drq", "window"],
)
async def test_a_conflict_leaves_nothing_leased(backplane: Backplane, taken: Resources) -> None:
    class Holder(Silent):
        def resources(self) -> Resources:
            return taken

    holder = await backplane.insert(Holder())
    with pytest.raises(BusError, match=r"card echo: .* card silent in slot 0"):
        await backplane.insert(Echo())
    await backplane.remove(holder.number)
    assert_nothing_is_leased(backplane)
    await backplane.insert(Echo())


async def test_a_line_asked_for_twice_leaves_nothing_leased(backplane: Backplane) -> None:
    class Twice(Silent):
        def resources(self) -> Resources:
            return Resources(ports=(PortRange(PORT, 1),), irqs=(5, 5))

    with pytest.raises(BusError, match="card silent: it names IRQ 5 twice"):
        await backplane.insert(Twice())
    assert_nothing_is_leased(backplane)


async def test_settings_no_bus_can_give_are_refused(backplane: Backplane) -> None:
    class Beyond(Silent):
        def resources(self) -> Resources:
            return Resources(ports=(PortRange(0xFFFF, 2),))

    with pytest.raises(BusError, match=r"card silent: ports 0xffff.* change its settings"):
        await backplane.insert(Beyond())


async def test_a_card_that_raises_when_plugged_in_is_not_plugged_in(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    class Broken(Echo):
        def plugged(self, slot: Slot) -> None:
            slot.irq.set(True)
            slot.alarm.set(10)
            raise LookupError("no crystal")

    with pytest.raises(CardError, match="card echo: it could not be plugged in: no crystal"):
        await backplane.insert(Broken())
    assert_nothing_is_leased(backplane)
    assert not backplane.irq.levels[5]
    assert virtual_clock.machine.next_deadline() is None
    await backplane.insert(Echo())
    assert ports.read(PORT) == 0


@pytest.mark.parametrize("what", ["insert silent", "remove slot 0"])
async def test_nothing_goes_in_or_out_while_the_board_is_locked(
    backplane: Backplane, what: str
) -> None:
    await backplane.insert(Silent())
    with backplane.locked("switchover 7"), pytest.raises(BusError) as refusal:
        await (backplane.insert(Silent()) if "insert" in what else backplane.remove(0))
    assert str(refusal.value) == (
        f"cannot {what}: switchover 7 is under way; try again when it ended"
    )
    assert len(backplane.slots) == 1
    await backplane.remove(0)


async def test_the_lock_has_one_owner_and_ends_with_its_block(backplane: Backplane) -> None:
    with backplane.locked("switchover 1"):
        late = pytest.raises(BusError, match="cannot switchover 2: switchover 1 is under way")
        with late, backplane.locked("switchover 2"):
            pass
        assert backplane.locked_by == "switchover 1"
    assert backplane.locked_by is None


# -- remove ---------------------------------------------------------------------------------------


async def test_a_removed_card_floats_and_its_lines_drop_before_its_task_has_ended(
    backplane: Backplane, ports: Ports
) -> None:
    seen: list[tuple[int, int, list[bool]]] = []

    class Looking(Echo):
        async def run(self, slot: Slot) -> None:
            try:
                await trio.sleep_forever()
            finally:
                edges = [edge.level for edge in backplane.irq.take()]
                seen.append((ports.read(PORT), backplane.memory_read(WINDOW, 1), edges))

    slot = await backplane.insert(Looking())
    await wait_all_tasks_blocked()
    slot.irq.set(True)
    await backplane.remove(slot.number)
    assert seen == [(0xFF, 0xFF, [True, False])]
    assert_nothing_is_leased(backplane)


async def test_an_empty_slot_cannot_be_removed(backplane: Backplane) -> None:
    await backplane.insert(Silent(), 3)
    with pytest.raises(BusError, match="slot 4 is empty; taken are: 3 silent"):
        await backplane.remove(4)


async def test_a_faulted_card_can_be_removed(backplane: Backplane) -> None:
    slot = await backplane.insert(Echo())
    slot.set_fault(LookupError("dust"))
    await backplane.remove(slot.number)
    assert_nothing_is_leased(backplane)


async def test_removing_a_faulted_card_leaves_its_successors_ports_alone(
    backplane: Backplane, ports: Ports
) -> None:
    old = await backplane.insert(Echo())
    old.set_fault(LookupError("dust"))
    await backplane.insert(Echo(irq=6, drq=4))
    await backplane.remove(old.number)
    assert ports.read(PORT) == 0


async def test_what_a_removed_cards_task_does_in_the_end_reaches_nobody(
    backplane: Backplane, ports: Ports
) -> None:
    class Sore(Echo):
        async def run(self, slot: Slot) -> None:
            try:
                await trio.sleep_forever()
            finally:
                slot.irq.set(True)
                raise LookupError("I was not done")

    slot = await backplane.insert(Sore())
    await wait_all_tasks_blocked()
    await backplane.remove(slot.number)
    await wait_all_tasks_blocked()
    assert not backplane.irq.levels[5]
    assert_nothing_is_leased(backplane)
    await backplane.insert(Silent())  # the machine goes on


async def test_two_hundred_rounds_leave_nothing_behind(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    def tasks() -> int:
        return trio.lowlevel.current_statistics().tasks_living

    before, chance = tasks(), random.Random(1)
    for _ in range(200):
        slot = await backplane.insert(Echo())
        slot.alarm.set(virtual_clock.now + 1_000_000)
        ports.write(PORT, chance.randrange(256))
        await virtual_clock.advance(chance.choice([0, NS // 2, NS]))
        await backplane.remove(slot.number)
    await wait_all_tasks_blocked()
    assert tasks() == before
    assert virtual_clock.machine.next_deadline() is None
    assert_nothing_is_leased(backplane)


async def test_the_end_of_the_backplane_ends_every_card(virtual_clock: VirtualClock) -> None:
    ended: list[int] = []

    class Ending(Silent):
        async def run(self, slot: Slot) -> None:
            try:
                await trio.sleep_forever()
            finally:
                ended.append(slot.number)

    async with open_backplane(virtual_clock.machine) as backplane:
        for _ in range(3):
            await backplane.insert(Ending())
        await wait_all_tasks_blocked()
    assert sorted(ended) == [0, 1, 2]


async def test_cards_are_found_by_name_and_by_slot(backplane: Backplane) -> None:
    first, second = Echo(), Echo(0x320, 6, 4, WINDOW + 4096)
    await backplane.insert(second, 5)
    await backplane.insert(first, 2)
    assert backplane.card("echo") is first
    assert backplane.find(5).card is second
    with pytest.raises(
        BusError, match=r"no card called harp is plugged in; there are: echo, echo$"
    ):
        backplane.card("harp")


# -- events and the CPU ---------------------------------------------------------------------------


class Pins:
    """A CPU that only notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def sync_interrupts(self) -> None:
        self.asked.append("sync")

    def kick(self) -> None:
        self.asked.append("kick")

    def nmi(self) -> None:
        self.asked.append("nmi")

    def set_a20(self, enabled: bool) -> None:
        self.asked.append("a20")

    def ignne(self) -> None:
        self.asked.append("ignne")

    def reset(self) -> None:
        self.asked.append("reset")


@pytest.mark.parametrize(("in_slice", "asked"), [(True, "sync"), (False, "kick")])
async def test_an_edge_reaches_the_cpu_at_once_or_when_it_has_its_turn(
    backplane: Backplane, in_slice: bool, asked: str
) -> None:
    slot = await backplane.insert(Echo())
    pins = backplane.cpu = Pins()
    backplane.in_slice = in_slice
    slot.irq.set(True)
    assert pins.asked == [asked]


async def test_a_posted_command_ends_the_slice(backplane: Backplane, ports: Ports) -> None:
    await backplane.insert(Echo())
    pins = backplane.cpu = Pins()
    ports.write(PORT, 1)
    assert pins.asked == ["kick"]


async def test_edges_are_latched_from_freeze_to_thaw(backplane: Backplane) -> None:
    slot = await backplane.insert(Echo())
    await backplane.quiesce(each=1, total=1)
    pins = backplane.cpu = Pins()
    slot.irq.set(True)
    slot.drqs[0].set(True)
    assert pins.asked == []
    assert backplane.irq.take() == []
    assert backplane.drq.take() == []
    backplane.thaw()
    assert pins.asked == ["kick"]
    assert [edge.line for edge in backplane.irq.take()] == [5]
    assert [edge.line for edge in backplane.drq.take()] == [3]


async def test_edges_of_tasks_are_put_into_a_fixed_order(backplane: Backplane) -> None:
    low = await backplane.insert(Echo())
    high = await backplane.insert(Echo(0x320, 6, 4, WINDOW + 4096))
    high.irq.set(True)
    high.drqs[0].set(True)
    low.irq.set(True)
    low.drqs[0].set(True)
    backplane.settle_order()
    assert [edge.slot for edge in backplane.irq.take()] == [0, 1]
    assert [edge.slot for edge in backplane.drq.take()] == [0, 1]
