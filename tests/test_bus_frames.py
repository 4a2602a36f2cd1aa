"""Frames: whatever is held, rewound and released when, no frame is lost, doubled or misplaced."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import FRAME_MAX, Backplane, Card, FrameInbox, FrameOutbox, State

CAPACITY = 3
some_frames = st.lists(st.integers(0, 255).map(lambda value: bytes((value,)) * 60), max_size=3)


def frame(value: int = 0, size: int = 60) -> bytes:
    return bytes((value,)) * size


class OutboxAgainstItsHistory(RuleBasedStateMachine):
    """`written` is the history as the rollbacks left it; all of it up to `allowed` may leave."""

    def __init__(self) -> None:
        super().__init__()
        self.output = FrameOutbox(CAPACITY)
        self.seen: list[bytes] = []
        self.output.watch = self.seen.append
        self.written: list[bytes] = []
        self.left: list[bytes] = []
        self.mark: int | None = None
        self.lost = self.lost_at_mark = 0

    @property
    def allowed(self) -> int:
        return len(self.written) if self.mark is None else self.mark

    @property
    def limit(self) -> int:
        """How long the history may become."""
        if self.mark is None:
            return len(self.left) + CAPACITY
        return self.mark + 16 * CAPACITY

    @rule(frames=some_frames)
    def write(self, frames: list[bytes]) -> None:
        for one in frames:
            assert self.output.full == (len(self.written) >= self.limit)
            self.output.write(one)
            if len(self.written) < self.limit:
                self.written.append(one)
            else:
                self.lost += 1

    @precondition(lambda self: len(self.left) < self.allowed)
    @rule()
    def take(self) -> None:
        left = self.output.take()
        assert left is not None
        self.left.append(left)

    @rule()
    def hold(self) -> None:
        self.output.hold()
        self.mark, self.lost_at_mark = len(self.written), self.lost

    @rule()
    def rewind(self) -> None:
        self.output.rewind()
        if self.mark is not None:
            del self.written[self.mark :]
            self.lost = self.lost_at_mark

    @rule()
    def release(self) -> None:
        self.output.release()
        self.mark = None

    @rule()
    def go_on_in_another_process(self) -> None:
        if self.mark is None:
            state = self.output.snapshot()
            self.output = FrameOutbox(CAPACITY)
            self.output.watch = self.seen.append
            self.output.restore(state)

    @invariant()
    def what_left_is_the_beginning_of_the_history(self) -> None:
        assert self.written[: len(self.left)] == self.left == self.seen
        assert self.output.delivered == len(self.left)
        assert self.output.dropped == self.lost

    @invariant()
    def what_may_leave_is_next(self) -> None:
        waiting = self.written[len(self.left) : self.allowed]
        assert self.output.peek() == (waiting[0] if waiting else None)
        assert len(self.output) == len(self.written) - len(self.left)
        assert self.output.held == (self.mark is not None)


class InboxAgainstItsHistory(RuleBasedStateMachine):
    """`fed` is everything that came in and found room; the card has read up to `at`."""

    def __init__(self) -> None:
        super().__init__()
        self.input = FrameInbox(CAPACITY)
        self.fed: list[bytes] = []
        self.at = 0
        self.mark: int | None = None
        self.lost = 0

    @rule(frames=some_frames)
    def feed(self, frames: list[bytes]) -> None:
        for one in frames:
            self.input.feed(one)
            if len(self.fed) - self.at < CAPACITY:
                self.fed.append(one)
            else:
                self.lost += 1

    @rule()
    def read(self) -> None:
        expected = self.fed[self.at] if self.at < len(self.fed) else None
        assert self.input.peek() == expected
        assert self.input.read() == expected
        self.at = min(self.at + 1, len(self.fed))

    @rule()
    def hold(self) -> None:
        self.input.hold()
        self.mark = self.at

    @rule()
    def rewind(self) -> None:
        self.input.rewind()
        if self.mark is not None:
            self.at = self.mark

    @rule()
    def release(self) -> None:
        self.input.release()
        self.mark = None

    @rule()
    def go_on_in_another_process(self) -> None:
        state = self.input.snapshot()
        self.input = FrameInbox(CAPACITY)
        self.input.restore(state)
        self.mark = None

    @invariant()
    def the_rest_is_there(self) -> None:
        assert len(self.input) == len(self.fed) - self.at
        assert self.input.full == (len(self.input) >= CAPACITY)
        assert self.input.dropped == self.lost


test_an_outbox_agrees_with_its_history = OutboxAgainstItsHistory.TestCase
test_an_inbox_agrees_with_its_history = InboxAgainstItsHistory.TestCase


@pytest.mark.parametrize("size", [0, 13, FRAME_MAX + 1])
def test_what_is_no_ethernet_frame_is_counted_and_lost(size: int) -> None:
    output, inbox = FrameOutbox(), FrameInbox()
    output.write(frame(size=size))
    inbox.feed(frame(size=size))
    assert (len(output), output.dropped) == (len(inbox), inbox.dropped) == (0, 1)


def test_an_inbox_shows_a_capture_what_it_loses_too() -> None:
    inbox = FrameInbox(capacity=1)
    seen: list[bytes] = []
    inbox.watch = seen.append
    for value in range(3):
        inbox.feed(frame(value))
    assert seen == [frame(0), frame(1), frame(2)]


@asynccontextmanager
async def soon() -> AsyncIterator[trio.Nursery]:
    """A nursery whose tasks must come to an end; a wake-up that is forgotten fails the test."""
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            yield nursery


@pytest.mark.parametrize("let_out", ["release", "hold"])
async def test_a_back_end_is_woken_when_held_frames_may_leave(let_out: str) -> None:
    output = FrameOutbox()
    output.hold()
    output.write(frame())
    async with soon() as nursery:
        nursery.start_soon(output.ready)
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        getattr(output, let_out)()
    assert output.take() == frame()


async def test_a_back_end_is_woken_by_every_frame() -> None:
    output = FrameOutbox()
    async with soon() as nursery:
        nursery.start_soon(output.ready)
        await wait_all_tasks_blocked()
        output.write(frame())


@pytest.mark.parametrize("event", ["take", "rewind"])
async def test_a_card_waits_for_room(event: str) -> None:
    output = FrameOutbox(capacity=1)
    if event == "rewind":
        output.hold()
    while not output.full:
        output.write(frame())
    async with soon() as nursery:
        nursery.start_soon(output.room)
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        getattr(output, event)()


async def test_a_back_end_that_can_hold_frames_back_waits_for_room() -> None:
    inbox = FrameInbox(capacity=1)
    inbox.feed(frame())
    async with soon() as nursery:
        nursery.start_soon(inbox.room)
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        inbox.read()


@pytest.mark.parametrize("event", ["feed", "rewind"])
async def test_a_card_is_woken_by_what_there_is_to_read(event: str) -> None:
    inbox = FrameInbox()
    inbox.hold()
    if event == "rewind":
        inbox.feed(frame())
        inbox.read()
    async with soon() as nursery:
        nursery.start_soon(inbox.wait)
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        inbox.feed(frame()) if event == "feed" else inbox.rewind()
    assert inbox.read() == frame()


async def test_the_backplane_holds_rewinds_and_releases_frames(backplane: Backplane) -> None:
    slot = await backplane.insert(Plain())
    slot.frames_in.feed(frame(1))
    slot.frames_out.write(frame(2))
    backplane.hold_streams()
    slot.frames_in.read()
    slot.frames_out.write(frame(3))
    backplane.rewind_streams()
    slot.frames_out.write(frame(4))
    backplane.release_streams()
    assert slot.frames_in.read() == frame(1)
    assert [slot.frames_out.take() for _ in range(3)] == [frame(2), frame(4), None]


class Plain(Card[State]):
    """A card with nothing but a slot."""

    name = "plain"
    state_type = State


FRAME = bytes(range(60))


async def test_a_still_outbox_lets_no_frame_out_not_even_one_from_before() -> None:
    output = FrameOutbox()
    output.write(FRAME)
    output.hold(still=True)
    output.write(FRAME[::-1])
    assert output.take() is None
    output.rewind()
    output.release()
    assert [output.take(), output.take()] == [FRAME, None]


async def test_a_frame_that_is_being_sent_is_waited_for() -> None:
    output = FrameOutbox()
    output.write(FRAME)
    with output.lend() as frame:
        assert frame == FRAME
        output.hold(still=True)
        with trio.move_on_after(0) as waiting:
            await output.settled()
        assert waiting.cancelled_caught
    await output.settled()
    assert len(output) == 0


def test_a_held_inbox_is_full_when_sixteen_times_its_capacity_is_kept() -> None:
    inbox = FrameInbox(capacity=2)
    inbox.hold()
    for _ in range(32):
        inbox.feed(FRAME)
        assert inbox.read() == FRAME
    assert inbox.full
    inbox.feed(FRAME)
    assert inbox.dropped == 1
    inbox.rewind()
    assert len(inbox) == 32
