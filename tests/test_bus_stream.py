"""Streams: whatever is held, rewound and released when, no byte is lost, doubled or misplaced."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import Inbox, Outbox

some_bytes = st.binary(max_size=6)
some = st.integers(0, 8)


class OutboxAgainstItsHistory(RuleBasedStateMachine):
    """`written` is the history as the rollbacks left it; all of it up to `allowed` may leave."""

    def __init__(self) -> None:
        super().__init__()
        self.output = Outbox()
        self.written = b""
        self.left = b""
        self.mark: int | None = None
        self.sending = b""

    @property
    def allowed(self) -> int:
        return len(self.written) if self.mark is None else self.mark

    @rule(data=some_bytes)
    def write(self, data: bytes) -> None:
        self.output.write(data)
        self.written += data

    @rule(limit=some)
    def take(self, limit: int) -> None:
        if not self.sending:
            self.left += self.output.take(limit)

    @rule(limit=some)
    def begin_to_send(self, limit: int) -> None:
        self.sending = self.output.peek(limit)

    @precondition(lambda self: self.sending)
    @rule()
    def have_sent(self) -> None:
        self.output.consume(len(self.sending))
        self.left += self.sending
        self.sending = b""

    @rule()
    def hold(self) -> None:
        self.output.hold()
        self.mark = len(self.written)

    @rule()
    def rewind(self) -> None:
        self.output.rewind()
        if self.mark is not None:
            self.written = self.written[: self.mark]

    @rule()
    def release(self) -> None:
        self.output.release()
        self.mark = None

    @invariant()
    def what_left_is_the_beginning_of_the_history(self) -> None:
        assert self.written.startswith(self.left)
        assert len(self.left) <= self.allowed
        assert self.output.delivered == len(self.left)

    @invariant()
    def what_may_leave_is_next(self) -> None:
        assert self.output.peek() == self.written[len(self.left) : self.allowed]
        assert len(self.output) == len(self.written) - len(self.left)
        assert self.output.held == (self.mark is not None)


class InboxAgainstItsHistory(RuleBasedStateMachine):
    """`fed` is everything that ever came in; the card has read up to `at`."""

    def __init__(self) -> None:
        super().__init__()
        self.input = Inbox()
        self.fed = b""
        self.at = 0
        self.mark: int | None = None

    @rule(data=some_bytes)
    def feed(self, data: bytes) -> None:
        self.input.feed(data)
        self.fed += data

    @rule(limit=some)
    def read(self, limit: int) -> None:
        assert self.input.read(limit) == self.fed[self.at : self.at + limit]
        self.at = min(self.at + limit, len(self.fed))

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

    @invariant()
    def the_rest_is_there(self) -> None:
        assert len(self.input) == len(self.fed) - self.at


test_an_outbox_agrees_with_its_history = OutboxAgainstItsHistory.TestCase
test_an_inbox_agrees_with_its_history = InboxAgainstItsHistory.TestCase


@asynccontextmanager
async def soon() -> AsyncIterator[trio.Nursery]:
    """A nursery whose tasks must come to an end; a wake-up that is forgotten fails the test."""
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            yield nursery


async def test_a_back_end_is_woken_by_a_write() -> None:
    output, got = Outbox(), []

    async def back_end() -> None:
        for _ in range(2):
            await output.ready()
            got.append(output.take())

    async with soon() as nursery:
        nursery.start_soon(back_end)
        for data in (b"one", b"two"):
            await wait_all_tasks_blocked()
            output.write(data)
    assert got == [b"one", b"two"]


@pytest.mark.parametrize("let_out", ["release", "hold"])
async def test_a_back_end_is_woken_when_held_bytes_may_leave(let_out: str) -> None:
    output, got = Outbox(), []

    async def back_end() -> None:
        await output.ready()
        got.append(output.take())

    output.hold()
    output.write(b"held")
    async with soon() as nursery:
        nursery.start_soon(back_end)
        await wait_all_tasks_blocked()
        assert got == []
        getattr(output, let_out)()
    assert got == [b"held"]


async def test_a_card_waits_for_room() -> None:
    output = Outbox(capacity=4)
    output.write(b"123")
    assert not output.full
    output.write(b"4")
    assert output.full
    async with soon() as nursery:
        nursery.start_soon(output.room)
        await wait_all_tasks_blocked()
        output.take(1)
    assert not output.full


def test_a_held_outbox_has_room_for_sixteen_times_as_much() -> None:
    output = Outbox(capacity=4)
    output.write(b"full")
    output.hold()
    output.write(bytes(63))
    assert not output.full
    output.write(b"!")
    assert output.full


@pytest.mark.parametrize("event", ["rewind", "take"])
async def test_drained_waits_until_nothing_is_left(event: str) -> None:
    output = Outbox()
    output.hold()
    output.write(b"data")
    async with soon() as nursery:
        nursery.start_soon(output.drained)
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        if event == "take":
            output.release()
            await wait_all_tasks_blocked()
            output.take()
        else:
            output.rewind()


async def test_a_card_is_woken_by_what_comes_in() -> None:
    inbox, got = Inbox(), []

    async def card() -> None:
        await inbox.wait()
        got.append(inbox.read(10))

    async with soon() as nursery:
        nursery.start_soon(card)
        await wait_all_tasks_blocked()
        inbox.feed(b"data")
    assert got == [b"data"]


async def test_a_card_is_woken_by_what_it_is_to_read_again() -> None:
    inbox = Inbox()
    inbox.hold()
    inbox.feed(b"data")
    assert inbox.read(4) == b"data"
    async with soon() as nursery:
        nursery.start_soon(inbox.wait)
        await wait_all_tasks_blocked()
        inbox.rewind()
    assert inbox.read(4) == b"data"


def test_what_is_under_way_can_be_put_into_another_outbox() -> None:
    out = Outbox()
    out.write(b"gone and ")
    out.take()
    out.write(b"waiting")
    out.hold()
    out.write(b", held")
    other = Outbox()
    other.write(b"something else")
    other.restore(out.snapshot())
    assert (other.take(), other.delivered) == (b"waiting, held", 22)


def test_what_was_not_read_can_be_put_into_another_inbox() -> None:
    inbox, other = Inbox(), Inbox()
    inbox.feed(b"abc")
    inbox.read(1)
    other.feed(b"x")
    other.restore(inbox.snapshot())
    assert other.read(9) == b"bc"


async def test_a_still_outbox_lets_nothing_out_not_even_what_was_written_before() -> None:
    output = Outbox()
    output.write(b"before ")
    output.hold(still=True)
    output.write(b"after")
    assert output.peek() == b""
    output.rewind()
    assert output.snapshot().data == b"before "
    assert output.peek() == b""
    output.release()
    assert output.take() == b"before "


async def test_what_is_being_sent_is_waited_for_and_then_has_left() -> None:
    output, arrived = Outbox(), trio.Event()
    output.write(b"under way")
    settled = False

    async def send() -> None:
        with output.lend() as data:
            assert data == b"under way"
            await arrived.wait()

    async def settle() -> None:
        nonlocal settled
        await output.settled()
        settled = True

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await wait_all_tasks_blocked()
        output.hold(still=True)
        nursery.start_soon(settle)
        await wait_all_tasks_blocked()
        assert not settled
        arrived.set()
    assert settled
    assert output.snapshot().data == b""


async def test_what_could_not_be_sent_is_still_there() -> None:
    output = Outbox()
    output.write(b"abc")
    with pytest.raises(trio.BrokenResourceError), output.lend(2):
        raise trio.BrokenResourceError
    await output.settled()
    assert output.take() == b"abc"


async def test_a_back_end_waits_while_an_inbox_is_full_and_kept_copies_count() -> None:
    inbox = Inbox(capacity=4)
    inbox.hold()
    inbox.feed(b"abcd")
    assert inbox.read(4) == b"abcd"
    with trio.move_on_after(0) as full:
        await inbox.room()
    assert full.cancelled_caught
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.room)
        await wait_all_tasks_blocked()
        inbox.release()


async def test_reading_makes_room_in_an_inbox() -> None:
    inbox = Inbox(capacity=2)
    inbox.feed(b"ab")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.room)
        await wait_all_tasks_blocked()
        inbox.read(1)


def test_whoever_listens_hears_what_comes_in_before_the_card_does() -> None:
    inbox, heard = Inbox(), []

    def listen(data: bytes) -> None:
        heard.append((data, len(inbox)))

    inbox.on_feed = listen
    inbox.feed(b"a")
    inbox.feed(b"bc")
    assert heard == [(b"a", 0), (b"bc", 1)]
