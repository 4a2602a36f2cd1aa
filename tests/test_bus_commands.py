"""Commands are carried out in order and exactly once, whenever the card's task is cut short."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import (
    Backplane,
    BusError,
    Card,
    Commands,
    Policy,
    PortRange,
    Slot,
    State,
)
from hotswap.host.pytest_plugin import Ports, VirtualClock

PORT = 0x300
LETTER_NS = 1_000


class TypewriterState(State):
    typed: str = ""


class Typewriter(Card[TypewriterState]):
    """Types each byte written to its port, a microsecond later."""

    name = "typewriter"
    ports = PortRange(PORT, 1)
    switchover = Policy.CARRY
    state_type = TypewriterState

    def write(self, port: int, width: int, value: int) -> None:
        self.slot.post(chr(value))

    async def run(self, slot: Slot) -> None:
        async for letter in slot.commands:
            await slot.clock.sleep_until(slot.clock.now() + LETTER_NS)
            self.state.typed += letter


@pytest.fixture
async def typewriter(backplane: Backplane) -> Typewriter:
    card = Typewriter()
    await backplane.insert(card)
    return card


def type_in(ports: Ports, text: str) -> None:
    for letter in text:
        ports.write(PORT, ord(letter))


async def test_commands_are_carried_out_in_order(
    typewriter: Typewriter, ports: Ports, virtual_clock: VirtualClock
) -> None:
    type_in(ports, "abc")
    await virtual_clock.advance(3 * LETTER_NS)
    assert typewriter.state.typed == "abc"


async def test_a_command_cut_short_by_a_freeze_is_done_once_after_the_thaw(
    typewriter: Typewriter, backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    type_in(ports, "abc")
    await virtual_clock.advance(LETTER_NS + LETTER_NS // 2)
    assert await backplane.quiesce(each=1, total=1) == []
    await virtual_clock.advance(10 * LETTER_NS)
    assert typewriter.state.typed == "a"
    backplane.thaw()
    await virtual_clock.advance(10 * LETTER_NS)
    assert typewriter.state.typed == "abc"


async def test_a_command_posted_one_cycle_before_a_freeze_is_done_once(
    typewriter: Typewriter, backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    await wait_all_tasks_blocked()  # the task waits for a command
    type_in(ports, "a")
    await backplane.quiesce(each=1, total=1)
    assert len(typewriter.slot.commands) == 1
    backplane.thaw()
    await virtual_clock.advance(10 * LETTER_NS)
    assert typewriter.state.typed == "a"


class Eager(Typewriter):
    """Types before it awaits anything."""

    async def run(self, slot: Slot) -> None:
        async for letter in slot.commands:
            self.state.typed += letter


async def test_a_command_posted_in_the_turn_in_which_the_card_is_pulled_is_not_carried_out(
    backplane: Backplane,
) -> None:
    slot = await backplane.insert(card := Eager())
    await wait_all_tasks_blocked()
    slot.post("a")
    await backplane.remove(slot.number)
    assert card.state.typed == ""


async def test_a_command_posted_to_a_frozen_card_waits_for_the_thaw(
    typewriter: Typewriter, backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    await backplane.quiesce(each=1, total=1)
    type_in(ports, "a")
    await virtual_clock.advance(10 * LETTER_NS)
    assert typewriter.state.typed == ""
    backplane.thaw()
    await virtual_clock.advance(LETTER_NS)
    assert typewriter.state.typed == "a"


async def test_a_snapshot_of_a_running_card_leaves_its_commands_alone(
    typewriter: Typewriter, ports: Ports, virtual_clock: VirtualClock
) -> None:
    type_in(ports, "ab")
    await virtual_clock.advance(LETTER_NS // 2)
    assert typewriter.slot.snapshot().commands == ["a", "b"]
    await virtual_clock.advance(10 * LETTER_NS)
    assert typewriter.state.typed == "ab"
    assert typewriter.slot.snapshot().commands == []


async def test_a_snapshot_sees_a_command_on_its_way_to_the_task(
    typewriter: Typewriter, ports: Ports
) -> None:
    await wait_all_tasks_blocked()
    type_in(ports, "a")
    assert typewriter.slot.snapshot().commands == ["a"]


async def test_a_restored_queue_replaces_what_was_posted_since(
    typewriter: Typewriter, backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    type_in(ports, "ab")
    await virtual_clock.advance(LETTER_NS // 2)
    await backplane.quiesce(each=1, total=1)
    before = backplane.snapshot()
    type_in(ports, "cd")
    backplane.thaw()
    await virtual_clock.advance(LETTER_NS)
    assert typewriter.state.typed == "a"
    await backplane.quiesce(each=1, total=1)
    backplane.restore(before)
    backplane.thaw()
    await virtual_clock.advance(10 * LETTER_NS)
    assert typewriter.state.typed == "ab"


async def test_a_task_that_waits_gets_restored_commands() -> None:
    commands: Commands[str] = Commands()
    got: list[str] = []

    async def task() -> None:
        async for command in commands:
            got.append(command)  # noqa: PERF401 (what was got so far is looked at)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(task)
        await wait_all_tasks_blocked()
        commands.restore(["a", "b"])
        await wait_all_tasks_blocked()
        assert got == ["a", "b"]
        nursery.cancel_scope.cancel()


def test_the_queue_is_bounded_and_says_what_to_do() -> None:
    commands: Commands[int] = Commands(capacity=2)
    commands.post(1)
    commands.post(2)
    with pytest.raises(BusError, match=r"2 commands are waiting; .* must say BSY"):
        commands.post(3)
    assert commands.snapshot() == [1, 2]


@given(st.lists(st.sampled_from(["post", "half a letter", "freeze"]), max_size=40))
def test_whatever_is_posted_and_frozen_when_all_is_typed_once(events: list[str]) -> None:
    async def scenario() -> None:
        virtual = VirtualClock()
        commands: Commands[int] = Commands()
        typed: list[int] = []
        posted = 0

        async def run() -> None:
            async for command in commands:
                await virtual.machine.sleep_until(virtual.now + LETTER_NS)
                typed.append(command)

        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope()

            async def serve() -> None:
                nonlocal scope
                while True:
                    with trio.CancelScope() as scope:
                        await run()

            nursery.start_soon(serve)
            for event in events:
                match event:
                    case "post":
                        commands.post(posted)
                        posted += 1
                    case "half a letter":
                        await virtual.advance(LETTER_NS // 2)
                    case "freeze":
                        scope.cancel()
                assert typed + commands.snapshot() == list(range(posted))
            await virtual.advance((posted + 1) * LETTER_NS)
            assert typed == list(range(posted))
            nursery.cancel_scope.cancel()

    trio.run(scenario)


async def test_what_was_fed_since_the_hold_is_posted_again_after_a_rewind_and_nothing_else() -> (
    None
):
    commands: Commands[int] = Commands()
    commands.feed(1)
    saved = commands.snapshot()
    commands.hold()
    commands.feed(2)
    commands.post(3)  # by the guest, which will do it again
    commands.feed(4)
    commands.restore(saved)
    commands.rewind()
    assert commands.snapshot() == [1, 2, 4]
    commands.release()
    commands.rewind()
    assert commands.snapshot() == [1, 2, 4]


async def test_what_is_kept_for_a_rewind_is_bounded() -> None:
    commands: Commands[int] = Commands(capacity=2)
    commands.hold()
    for number in (1, 2):
        commands.feed(number)
        commands.restore([])
    with pytest.raises(BusError, match="2 commands are kept for a rewind"):
        commands.feed(3)
