"""A card can be frozen and thawed at any moment; what it flushes is given its time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hotswap.bus import (
    Backplane,
    Card,
    Policy,
    PortRange,
    Slot,
    State,
    open_backplane,
)
from hotswap.host.pytest_plugin import Ports, VirtualClock

PORT = 0x300
SECONDS = 0.05  # what a freeze allows each card, in host time

Body = Callable[["Scripted", Slot], Awaitable[None]]


class ScriptedState(State):
    latch: int = 0


class Scripted(Card[ScriptedState]):
    """A latch whose task does what the test says; counts how often it was started."""

    name = "scripted"
    ports = PortRange(PORT, 1)
    irq = 5
    state_type = ScriptedState

    def __init__(self, body: Body | None = None) -> None:
        super().__init__()
        self.body = body
        self.starts = 0
        self.notes: list[str] = []

    def read(self, port: int, width: int) -> int:
        return self.state.latch

    def write(self, port: int, width: int, value: int) -> None:
        self.state.latch = value

    async def run(self, slot: Slot) -> None:
        self.starts += 1
        if self.body is not None:
            await self.body(self, slot)
        else:
            await trio.sleep_forever()


class Silent(Card[State]):
    """No ports, no lines, nothing to do."""

    name = "silent"
    state_type = State


class Board:
    """A backplane with one scripted card on it."""

    def __init__(self, backplane: Backplane, ports: Ports) -> None:
        self.backplane, self.ports = backplane, ports

    async def insert(self, body: Body | None = None) -> Scripted:
        card = Scripted(body)
        await self.backplane.insert(card)
        await wait_all_tasks_blocked()
        return card

    async def freeze(self) -> list[str]:
        late = await self.backplane.quiesce(each=SECONDS, total=4 * SECONDS)
        await wait_all_tasks_blocked()
        return late

    async def thaw(self) -> None:
        self.backplane.thaw()
        await wait_all_tasks_blocked()


@pytest.fixture
def board(backplane: Backplane, ports: Ports) -> Board:
    return Board(backplane, ports)


# -- freeze and thaw ------------------------------------------------------------------------------


async def test_a_frozen_card_answers_from_its_state(board: Board) -> None:
    card = await board.insert()
    assert await board.freeze() == []
    assert not card.slot.running
    board.ports.write(PORT, 0x42)
    assert board.ports.read(PORT) == 0x42


async def test_a_thaw_starts_the_task_again(board: Board) -> None:
    card = await board.insert()
    await board.freeze()
    assert card.starts == 1
    await board.thaw()
    assert card.starts == 2
    assert card.slot.running


async def test_freezing_twice_is_freezing_once(board: Board) -> None:
    card = await board.insert()
    assert await board.freeze() == []
    assert await board.freeze() == []
    await board.thaw()
    assert card.starts == 2
    await board.thaw()
    assert card.starts == 2


async def test_frozen_again_before_the_task_had_its_turn_it_stays_frozen(board: Board) -> None:
    card = await board.insert()
    await board.freeze()
    board.backplane.thaw()
    assert await board.freeze() == []
    assert card.starts == 1
    await board.thaw()
    assert card.starts == 2


async def test_thawed_again_before_the_task_had_its_turn_it_runs(board: Board) -> None:
    card = await board.insert()
    card.slot.freeze(trio.current_time() + SECONDS)
    await board.thaw()
    assert card.starts == 2
    assert card.slot.running


async def test_a_task_that_has_returned_can_be_frozen_and_starts_again(board: Board) -> None:
    async def body(card: Scripted, slot: Slot) -> None:
        card.notes.append("done")

    card = await board.insert(body)
    assert await board.freeze() == []
    await board.thaw()
    assert card.notes == ["done", "done"]
    assert card.slot.fault is None


async def test_a_card_that_does_not_freeze_goes_on(board: Board) -> None:
    class Conductor(Scripted):
        freezes = False

    card = Conductor()
    await board.backplane.insert(card)
    await wait_all_tasks_blocked()
    assert await board.freeze() == []
    assert card.slot.running
    await board.thaw()
    assert card.starts == 1


async def test_a_card_inserted_while_the_board_is_frozen_starts_with_the_thaw(
    board: Board,
) -> None:
    await board.freeze()
    card = await board.insert()
    assert card.starts == 0
    await board.thaw()
    assert card.starts == 1


async def test_a_hundred_cards_are_all_frozen(backplane: Backplane) -> None:
    class Many(Card[State]):
        name = "many"
        state_type = State

        async def run(self, slot: Slot) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(slot.alarm.wait)
                nursery.start_soon(slot.input.wait)
                async for _ in slot.commands:
                    pass

    slots = [await backplane.insert(Many()) for _ in range(100)]
    await wait_all_tasks_blocked()
    assert all(slot.running for slot in slots)
    assert await backplane.quiesce(each=5, total=20) == []
    assert not any(slot.running for slot in slots)
    backplane.thaw()
    await wait_all_tasks_blocked()
    assert all(slot.running for slot in slots)


async def test_cards_are_told_to_freeze_from_the_highest_slot_down(
    backplane: Backplane, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    freeze = Slot.freeze

    def noted(slot: Slot, deadline: float) -> None:
        told.append(slot.number)
        freeze(slot, deadline)

    monkeypatch.setattr(Slot, "freeze", noted)
    for number in (4, 0, 2):
        await backplane.insert(Silent(), number)
    await backplane.quiesce(each=1, total=1)
    assert told == [4, 2, 0]


# -- flush ----------------------------------------------------------------------------------------


async def flush_for(card: Scripted, slot: Slot, seconds: float) -> None:
    async with slot.flush():
        await trio.sleep(seconds)
        card.notes.append("flushed")


async def test_a_freeze_waits_for_a_flush(board: Board, autojump_clock: MockClock) -> None:
    async def body(card: Scripted, slot: Slot) -> None:
        await flush_for(card, slot, SECONDS / 2)
        await trio.sleep_forever()

    card = await board.insert(body)
    assert await board.freeze() == []
    assert card.notes == ["flushed"]
    assert card.slot.policy is Policy.CARRY


@pytest.mark.parametrize("flushes", [1, 2])
async def test_a_flush_beyond_the_deadline_is_cut_short_and_costs_a_cold_reset(
    board: Board, autojump_clock: MockClock, flushes: int
) -> None:
    async def body(card: Scripted, slot: Slot) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(flushes):
                nursery.start_soon(flush_for, card, slot, 1000)

    card = await board.insert(body)
    began = trio.current_time()
    assert await board.freeze() == []
    assert trio.current_time() - began == pytest.approx(SECONDS)
    assert card.notes == []
    assert card.slot.policy is Policy.COLD_RESET


async def test_a_flush_that_begins_when_the_card_is_told_to_freeze_has_the_same_deadline(
    board: Board, autojump_clock: MockClock
) -> None:
    async def body(card: Scripted, slot: Slot) -> None:
        try:
            await trio.sleep_forever()
        finally:
            await flush_for(card, slot, 1000)

    card = await board.insert(body)
    assert await board.freeze() == []
    assert card.slot.needs_reset


async def test_a_flush_that_nobody_interrupts_has_no_deadline(
    board: Board, autojump_clock: MockClock
) -> None:
    async def body(card: Scripted, slot: Slot) -> None:
        await flush_for(card, slot, 1000)
        await trio.sleep_forever()

    card = await board.insert()
    await board.freeze()
    card.body = body
    await board.thaw()
    await trio.sleep(1001)
    assert card.notes == ["flushed"]
    assert not card.slot.needs_reset


async def test_a_card_that_ignores_its_freeze_is_named(
    board: Board, autojump_clock: MockClock
) -> None:
    async def body(card: Scripted, slot: Slot) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(1000)

    card = await board.insert(body)
    began = trio.current_time()
    assert await board.freeze() == ["scripted"]
    assert trio.current_time() - began == pytest.approx(2 * SECONDS)
    assert card.slot.running
    assert card.slot.policy is Policy.COLD_RESET


async def test_a_cold_reset_gives_power_on_state_an_empty_queue_and_low_lines(
    board: Board,
) -> None:
    card = await board.insert()
    board.ports.write(PORT, 0x42)
    card.slot.commands.post("command")
    card.slot.irq.set(True)
    card.slot.needs_reset = True
    await board.freeze()
    card.slot.cold_reset()
    assert board.ports.read(PORT) == 0
    assert len(card.slot.commands) == 0
    assert not card.slot.irq.level
    assert card.slot.policy is Policy.CARRY


async def test_a_card_that_raises_at_its_cold_reset_is_faulted(board: Board) -> None:
    class Stuck(Scripted):
        def power_on(self) -> None:
            if hasattr(self, "slot"):
                raise ZeroDivisionError("no power")
            super().power_on()

    slot = await board.backplane.insert(Stuck())
    slot.commands.post("command")
    slot.alarm.set(500)
    slot.needs_reset = True
    await board.freeze()
    with board.backplane.listening(lambda event: None):
        slot.cold_reset()
    assert slot.fault is not None
    assert slot.fault.what == "ZeroDivisionError: no power"
    assert (len(slot.commands), slot.alarm.deadline, slot.needs_reset) == (0, None, False)


async def test_no_flush_holds_up_the_end_of_the_machine(
    virtual_clock: VirtualClock, autojump_clock: MockClock
) -> None:
    async with open_backplane(virtual_clock.machine) as backplane:
        await backplane.insert(Scripted(lambda card, slot: flush_for(card, slot, 1000)))
        await wait_all_tasks_blocked()
        began = trio.current_time()
    assert trio.current_time() == began


# -- what an alarm calls --------------------------------------------------------------------------


async def call_at_alarm(card: Scripted, slot: Slot) -> None:
    def due() -> None:
        card.notes.append(f"due at {slot.clock.now()}")
        if card.state.latch:
            raise LookupError("nothing there")
        slot.alarm.set(slot.clock.now() + 10)

    with slot.calling(due):
        slot.alarm.set(10)
        await trio.sleep_forever()


async def test_what_an_alarm_calls_has_happened_when_the_clock_has_fired(
    board: Board, virtual_clock: VirtualClock
) -> None:
    card = await board.insert(call_at_alarm)
    for now in (10, 20, 25, 30):
        virtual_clock.now = now
        assert virtual_clock.machine.fire() == (now != 25)
    assert card.notes == ["due at 10", "due at 20", "due at 30"]


async def test_an_alarm_that_is_due_and_moved_by_an_earlier_one_does_not_ring(
    board: Board, virtual_clock: VirtualClock
) -> None:
    card = await board.insert(call_at_alarm)
    later = card.slot.new_alarm()
    later.call = lambda: card.notes.append("later")
    later.set(12)

    def move() -> None:
        later.set(40)

    card.slot.alarm.call = move
    virtual_clock.now = 20
    virtual_clock.machine.fire()
    assert card.notes == []
    assert virtual_clock.machine.next_deadline() == 40


async def test_a_frozen_card_is_not_called(board: Board, virtual_clock: VirtualClock) -> None:
    card = await board.insert(call_at_alarm)
    await board.freeze()
    await virtual_clock.advance(30)
    assert card.notes == []
    await board.thaw()
    await virtual_clock.advance(1)
    assert card.notes == ["due at 30"]


async def test_a_card_that_raises_when_it_is_called_is_faulted(
    board: Board, virtual_clock: VirtualClock
) -> None:
    card = await board.insert(call_at_alarm)
    board.ports.write(PORT, 1)
    await virtual_clock.advance(30)
    assert card.notes == ["due at 10"]
    assert card.slot.fault is not None
    assert card.slot.fault.what == "LookupError: nothing there"
    card.slot.alarm.set(40)
    await virtual_clock.advance(20)
    assert card.notes == ["due at 10"]
