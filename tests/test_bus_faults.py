"""A card that raises is taken off the bus and reported; the board and the other cards go on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import (
    Backplane,
    BoardEvent,
    Card,
    CardFault,
    Cycle,
    MemoryRange,
    PortRange,
    Resources,
    Slot,
    Space,
    State,
)
from hotswap.host.pytest_plugin import Ports

PORT, WINDOW = 0x300, 0xD0000

Body = Callable[[Slot], Awaitable[None]]


async def idle(_slot: Slot) -> None:
    await trio.sleep_forever()


async def raising(slot: Slot) -> None:
    slot.irq.set(True)
    raise LookupError("paper")


async def raising_in_a_nursery(slot: Slot) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(idle, slot)
        nursery.start_soon(raising, slot)


async def raising_when_frozen(slot: Slot) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(idle, slot)
        try:
            await trio.sleep_forever()
        finally:
            await raising(slot)


class LatchState(State):
    latch: int = 0


class Latch(Card[LatchState]):
    """A latch at its own port and window: raises when it holds 0xEE. Its task runs `body`."""

    name = "latch"
    state_type = LatchState

    def __init__(self, number: int = 0, body: Body = idle) -> None:
        super().__init__()
        self.number, self.body, self.starts = number, body, 0

    def resources(self) -> Resources:
        return Resources(
            ports=(PortRange(PORT + self.number, 1),),
            irqs=(5 + self.number,),
            windows=(MemoryRange(WINDOW + 0x1000 * self.number, 4096),),
        )

    def read(self, port: int, width: int) -> int:
        if self.state.latch == 0xEE:
            raise LookupError("latch")
        return self.state.latch

    def write(self, port: int, width: int, value: int) -> None:
        self.read(port, width)
        self.state.latch = value

    def memory_read(self, address: int, width: int) -> int:
        return self.read(PORT, width)

    async def run(self, slot: Slot) -> None:
        self.starts += 1
        await self.body(slot)


@pytest.fixture
async def events(backplane: Backplane) -> AsyncIterator[list[BoardEvent]]:
    heard: list[BoardEvent] = []
    with backplane.listening(heard.append):
        yield heard


async def inserted(backplane: Backplane, body: Body = idle, number: int = 0) -> Latch:
    card = Latch(number, body)
    await backplane.insert(card)
    await wait_all_tasks_blocked()
    return card


def carried_out(
    backplane: Backplane, cycle: Cycle, run: Callable[..., Any], *arguments: int
) -> None:
    """A cycle as the CPU does it: what is raised comes back after the slice."""
    try:
        run(*arguments)
    except LookupError as error:
        backplane.cycle_failed(cycle, error)


# -- in the task ----------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [raising, raising_in_a_nursery])
async def test_a_card_whose_task_raises_is_taken_off_the_bus_and_its_lines_drop(
    backplane: Backplane, ports: Ports, events: list[BoardEvent], body: Body
) -> None:
    card = await inserted(backplane, body)
    assert events == [CardFault(0, "latch", "LookupError: paper")]
    assert card.slot.fault == events[0]
    assert ports.read(PORT) == 0xFF
    assert backplane.memory_read(WINDOW, 1) == 0xFF
    assert not card.slot.irq.level
    assert card.starts == 1


async def test_a_card_that_raises_when_it_is_frozen_is_faulted_and_frozen(
    backplane: Backplane, ports: Ports, events: list[BoardEvent]
) -> None:
    card = await inserted(backplane, raising_when_frozen)
    assert await backplane.quiesce(each=1, total=1) == []
    assert events == [card.slot.fault]
    assert ports.read(PORT) == 0xFF


async def test_a_faulted_card_is_not_thawed(backplane: Backplane) -> None:
    card = await inserted(backplane, raising)
    await backplane.quiesce(each=1, total=1)
    backplane.thaw()
    await wait_all_tasks_blocked()
    assert card.starts == 1
    assert not card.slot.running


async def test_the_other_cards_go_on(backplane: Backplane, ports: Ports) -> None:
    other = await inserted(backplane)
    await inserted(backplane, raising_in_a_nursery, number=1)
    ports.write(PORT, 7)
    assert ports.read(PORT, 2) == 0xFF07
    assert other.slot.running


# -- in a cycle -----------------------------------------------------------------------------------


async def test_a_card_that_raises_in_a_cycle_is_faulted_and_its_task_ends(
    backplane: Backplane, ports: Ports, events: list[BoardEvent]
) -> None:
    card = await inserted(backplane)
    ports.write(PORT, 0xEE)
    carried_out(backplane, Cycle(Space.PORT, False, PORT, 1, 0xFF), ports.read, PORT)
    await wait_all_tasks_blocked()
    assert events == [CardFault(0, "latch", "LookupError: latch")]
    assert ports.read(PORT) == 0xFF
    assert not card.slot.running
    assert card.starts == 1


@pytest.mark.parametrize("guilty", [0, 1])
@pytest.mark.parametrize(("start", "width"), [(0, 2), (-1, 4), (-2, 4)])
@pytest.mark.parametrize("write", [False, True])
async def test_of_the_cards_a_wide_cycle_reached_the_one_that_raised_is_faulted(
    backplane: Backplane, ports: Ports, guilty: int, start: int, width: int, write: bool
) -> None:
    cards = [await inserted(backplane, number=number) for number in range(2)]
    cards[guilty].state.latch = 0xEE
    cycle = Cycle(Space.PORT, write, PORT + start, width, 0)
    if write:
        carried_out(backplane, cycle, ports.write, PORT + start, 0, width)
    else:
        carried_out(backplane, cycle, ports.read, PORT + start, width)
    faults = [card.slot.fault is not None for card in cards]
    assert faults == [guilty == 0, guilty == 1]


async def test_a_load_that_fails_faults_the_windows_card(backplane: Backplane) -> None:
    cards = [await inserted(backplane, number=number) for number in range(2)]
    cards[1].state.latch = 0xEE
    at = WINDOW + 0xFFC  # eight bytes, as a movq does: the second half is the other card's
    cycle = Cycle(Space.MEMORY, False, at, 8, 0)
    carried_out(backplane, cycle, backplane.memory_read, at + 4, 4)
    assert [card.slot.fault is not None for card in cards] == [False, True]


async def test_an_error_that_is_no_cards_is_raised(backplane: Backplane) -> None:
    card = await inserted(backplane)
    with pytest.raises(LookupError):
        backplane.cycle_failed(Cycle(Space.PORT, False, 0x80, 1, 0), LookupError())
    with pytest.raises(KeyboardInterrupt):
        backplane.cycle_failed(Cycle(Space.PORT, False, PORT, 1, 0), KeyboardInterrupt())
    assert card.slot.fault is None


# -- what becomes of it ---------------------------------------------------------------------------


async def test_a_fault_is_reported_once(backplane: Backplane, events: list[BoardEvent]) -> None:
    card = await inserted(backplane)
    card.slot.set_fault(LookupError("first"))
    card.slot.set_fault(LookupError("second"))
    assert [str(event) for event in events] == ["card latch in slot 0: LookupError: first"]


async def test_the_innermost_listener_hears_of_it(
    backplane: Backplane, events: list[BoardEvent]
) -> None:
    first, second = await inserted(backplane), await inserted(backplane, number=1)
    inner: list[BoardEvent] = []
    with backplane.listening(inner.append):
        first.slot.set_fault(LookupError("one"))
    second.slot.set_fault(LookupError("two"))
    assert inner == [first.slot.fault]
    assert events == [second.slot.fault]


async def test_a_rollback_lifts_a_fault_that_came_later(
    backplane: Backplane, ports: Ports, events: list[BoardEvent]
) -> None:
    card = await inserted(backplane)
    ports.write(PORT, 0x42)
    before = backplane.snapshot()
    card.slot.set_fault(LookupError("later"))
    await backplane.quiesce(each=1, total=1)
    backplane.restore(before)
    backplane.thaw()
    await wait_all_tasks_blocked()
    assert card.slot.fault is None
    assert ports.read(PORT) == 0x42
    assert card.slot.running


async def test_a_rollback_keeps_a_fault_that_was_there(
    backplane: Backplane, ports: Ports, events: list[BoardEvent]
) -> None:
    card = await inserted(backplane)
    card.slot.set_fault(LookupError("before"))
    before = backplane.snapshot()
    await backplane.quiesce(each=1, total=1)
    backplane.restore(before)
    backplane.thaw()
    await wait_all_tasks_blocked()
    assert card.slot.fault == events[0]
    assert ports.read(PORT) == 0xFF


async def test_a_faulted_card_can_be_replaced_before_and_after_its_removal(
    backplane: Backplane, ports: Ports, events: list[BoardEvent]
) -> None:
    class Spare(Latch):
        def resources(self) -> Resources:
            return Resources(ports=(PortRange(PORT, 1),))

    old = await inserted(backplane)
    old.slot.set_fault(LookupError("dust"))
    spare = await backplane.insert(Spare())
    await backplane.remove(old.slot.number)
    assert ports.read(PORT) == 0
    await backplane.remove(spare.number)
    assert (await inserted(backplane)).slot.number == 0
