"""Bursts: what a card offers, and what it hears of it when the words were moved."""

from __future__ import annotations

import msgspec
import pytest

from hotswap.bus import Backplane, Card, CardFault, PortRange, Resources, Slot, State
from hotswap.bus.burst import BURST, MOST, MOVED, OFFER, SIZE, WIDTH_SHIFT, WORDS, WRITE
from hotswap.bus.latches import PENDING

PORT = 0x300
IN, OUT = 2 << WIDTH_SHIFT | PORT, WRITE | 2 << WIDTH_SHIFT | PORT


class QueueState(State):
    out: bytes = b"abcdefgh"
    came: list[bytes] = msgspec.field(default_factory=list)


class Queue(Card[QueueState]):
    """Gives bytes one after the other and keeps what comes, in words."""

    name = "queue"
    state_type = QueueState

    def resources(self) -> Resources:
        return Resources(ports=(PortRange(PORT, 2),), cycle_width=2)

    def burst_read(self, port: int, size: int) -> None:
        assert port == PORT
        if size > len(self.state.out):
            raise ValueError("too much")
        self.state.out = self.state.out[size:]

    def burst_written(self, port: int, content: bytes) -> None:
        assert port == PORT
        self.state.came.append(content)


@pytest.fixture
async def slot(backplane: Backplane) -> Slot:
    return await backplane.insert(Queue())


def state(slot: Slot) -> QueueState:
    assert isinstance(slot.card, Queue)
    return slot.card.state


def begin(backplane: Backplane) -> None:
    """As the processor does after the cycle in which something was offered."""
    cells = backplane.io.latches.cells
    cells[BURST] = cells[OFFER]
    cells[PENDING] = 1


def take(backplane: Backplane) -> bytes:
    """The next word, as the processor takes it."""
    cells = backplane.io.latches.cells
    assert cells[BURST] == IN
    at = cells[MOVED]
    assert at + 2 <= cells[SIZE]
    cells[MOVED] += 2
    return cells[WORDS:].cast("B")[at : at + 2].tobytes()


def bring(backplane: Backplane, word: bytes) -> None:
    cells = backplane.io.latches.cells
    assert cells[BURST] == OUT
    at = cells[MOVED]
    assert at + 2 <= cells[SIZE]
    cells[WORDS:].cast("B")[at : at + 2] = word
    cells[MOVED] += 2


async def test_a_card_hears_how_much_was_read(backplane: Backplane, slot: Slot) -> None:
    slot.burst_in(PORT, 2, state(slot).out)
    begin(backplane)
    assert [take(backplane) for _ in range(3)] == [b"ab", b"cd", b"ef"]
    assert state(slot).out == b"abcdefgh"
    backplane.io.settle()
    assert state(slot).out == b"gh"
    backplane.io.settle()
    assert state(slot).out == b"gh", "it is told once"


async def test_a_card_gets_what_was_written(backplane: Backplane, slot: Slot) -> None:
    slot.burst_out(PORT, 2, 8)
    begin(backplane)
    bring(backplane, b"xy")
    bring(backplane, b"z!")
    backplane.io.settle()
    assert state(slot).came == [b"xyz!"]


async def test_of_a_burst_that_moved_nothing_nobody_hears(backplane: Backplane, slot: Slot) -> None:
    slot.burst_out(PORT, 2, 8)
    begin(backplane)
    backplane.io.settle()
    assert state(slot).came == []


async def test_settling_ends_the_burst(backplane: Backplane, slot: Slot) -> None:
    slot.burst_in(PORT, 2, b"abcd")
    begin(backplane)
    take(backplane)
    backplane.io.settle()
    cells = backplane.io.latches.cells
    assert (cells[BURST], cells[OFFER], cells[PENDING]) == (0, 0, 0)


async def test_the_last_offer_of_a_cycle_counts(backplane: Backplane, slot: Slot) -> None:
    slot.burst_in(PORT, 2, b"abcd")
    slot.burst_in(PORT, 2, b"gh")
    begin(backplane)
    assert take(backplane) == b"gh"
    assert backplane.io.latches.cells[SIZE] == 2


async def test_an_offer_may_be_longer_than_a_burst(backplane: Backplane, slot: Slot) -> None:
    slot.burst_in(PORT, 2, bytes(MOST + 100))
    assert backplane.io.latches.cells[SIZE] == MOST
    slot.burst_out(PORT, 2, MOST + 100)
    assert backplane.io.latches.cells[SIZE] == MOST


async def test_while_the_trace_is_on_nothing_can_be_offered(
    backplane: Backplane, slot: Slot
) -> None:
    slot.burst_in(PORT, 2, b"abcd")
    begin(backplane)
    take(backplane)
    backplane.io.trace(True)
    assert state(slot).out == b"cdefgh"
    cells = backplane.io.latches.cells
    slot.burst_in(PORT, 2, b"cd")
    slot.burst_out(PORT, 2, 8)
    assert cells[BURST] == cells[OFFER] == 0
    backplane.io.trace(False)
    slot.burst_in(PORT, 2, b"cd")
    assert cells[OFFER] == IN


async def test_a_pulled_card_takes_what_was_moved_with_it(backplane: Backplane, slot: Slot) -> None:
    slot.burst_out(PORT, 2, 8)
    begin(backplane)
    bring(backplane, b"xy")
    await backplane.remove(slot.number)
    assert state(slot).came == [b"xy"]
    assert backplane.io.latches.cells[BURST] == 0


async def test_a_faulted_card_has_no_burst(backplane: Backplane, slot: Slot) -> None:
    slot.burst_in(PORT, 2, b"abcd")
    begin(backplane)
    slot.set_fault(RuntimeError("smoke"))
    assert backplane.io.latches.cells[BURST] == 0


async def test_a_card_that_raises_when_it_hears_of_it_is_off_the_bus(
    backplane: Backplane, slot: Slot
) -> None:
    state(slot).out = b""
    slot.burst_in(PORT, 2, b"abcd")
    begin(backplane)
    take(backplane)
    events: list[object] = []
    with backplane.listening(events.append):
        backplane.io.settle()
    assert events == [CardFault(slot.number, "queue", "ValueError: too much")]
    assert backplane.io.holder(PORT) is None
