"""Faults in IRQ and DRQ lines: edges that are lost, late or too many, and TC that is not seen."""

from __future__ import annotations

import pytest

from hotswap.bus import Backplane, Card, Slot, State
from hotswap.bus.faulty_line import MOST_EDGES
from hotswap.bus.injection import DelayIrq, LoseDrq, LoseIrq, LoseTc, StormIrq
from hotswap.bus.line import Lines
from hotswap.host.pytest_plugin import VirtualClock

IRQ, DRQ = 5, 1


class Driver(Card[State]):
    """Drives its lines as the test says."""

    name = "driver"
    irq, drq = IRQ, DRQ
    state_type = State

    def __init__(self) -> None:
        super().__init__()
        self.terminals: list[bool] = []
        self.ends = 0

    def dma_write(self, line: int, content: bytes, terminal: bool) -> int:
        self.terminals.append(terminal)
        return len(content)

    def dma_end(self, line: int) -> None:
        self.ends += 1


@pytest.fixture
async def slot(backplane: Backplane) -> Slot:
    return await backplane.insert(Driver())


def edges(lines: Lines) -> list[bool]:
    return [edge.level for edge in lines.take()]


def timed(lines: Lines) -> list[tuple[int, bool]]:
    return [(edge.time, edge.level) for edge in lines.take()]


async def test_a_lost_rise_is_not_seen_until_the_line_rises_again(
    backplane: Backplane, slot: Slot
) -> None:
    injected = backplane.injections.add(LoseIrq(irq=IRQ, times=1))
    slot.irq.set(True)
    slot.irq.set(True)  # a driver of a level says it again and again
    assert slot.irq.level
    assert edges(backplane.irq) == []
    slot.irq.pulse()
    assert edges(backplane.irq) == [True]
    assert (injected.hits, injected.spent) == (1, True)


async def test_when_the_wire_is_mended_the_level_is_seen_as_it_is(
    backplane: Backplane, slot: Slot
) -> None:
    injected = backplane.injections.add(LoseIrq(irq=IRQ))
    slot.irq.set(True)
    backplane.injections.remove(injected.number)
    assert edges(backplane.irq) == [True]
    slot.irq.set(False)
    assert edges(backplane.irq) == [False]


async def test_a_late_rise_comes_when_its_time_is_over_and_its_fall_behind_it(
    backplane: Backplane, slot: Slot, virtual_clock: VirtualClock
) -> None:
    backplane.injections.add(DelayIrq(irq=IRQ, ns=1000, every=2))
    slot.irq.pulse()
    assert timed(backplane.irq) == [(0, True)]
    slot.irq.set(False)
    await virtual_clock.advance(10)
    slot.irq.set(True)
    await virtual_clock.advance(500)
    slot.irq.set(False)
    await virtual_clock.advance(499)
    assert timed(backplane.irq) == [(0, False)]
    await virtual_clock.advance(1)
    assert timed(backplane.irq) == [(1010, True), (1010, False)]


async def test_what_is_under_way_is_bounded_and_ends_with_the_level_of_the_card(
    backplane: Backplane, slot: Slot, virtual_clock: VirtualClock
) -> None:
    injected = backplane.injections.add(DelayIrq(irq=IRQ, ns=10_000))
    for _ in range(2 * MOST_EDGES):
        slot.irq.set(True)
        await virtual_clock.advance(1)
        slot.irq.set(False)
    assert injected.hits == 2 * MOST_EDGES
    assert len(backplane.irq.snapshot().edges) == MOST_EDGES
    await virtual_clock.advance(10_000)
    assert edges(backplane.irq) == [True, False] * (MOST_EDGES // 2)
    slot.irq.set(True)
    await virtual_clock.advance(10_000)
    assert edges(backplane.irq) == [True]


async def test_what_is_under_way_is_neither_lost_nor_doubled_by_a_snapshot(
    backplane: Backplane, slot: Slot, virtual_clock: VirtualClock
) -> None:
    backplane.injections.add(DelayIrq(irq=IRQ, ns=1000))
    slot.irq.set(True)
    before = backplane.irq.snapshot()
    await virtual_clock.advance(2000)
    assert edges(backplane.irq) == [True]
    backplane.irq.restore(before)
    await virtual_clock.advance(2000)
    assert edges(backplane.irq) == [True]
    slot.irq.set(False)
    assert edges(backplane.irq) == [False]


async def test_a_late_edge_is_held_with_the_others_while_the_cards_are_frozen(
    backplane: Backplane, slot: Slot, virtual_clock: VirtualClock
) -> None:
    backplane.injections.add(DelayIrq(irq=IRQ, ns=1000))
    slot.irq.set(True)
    await backplane.quiesce(each=1, total=1)
    await virtual_clock.advance(2000)
    assert edges(backplane.irq) == []
    backplane.thaw()
    assert edges(backplane.irq) == [True]


async def test_a_storm_rises_on_its_own_as_often_as_it_was_told(
    backplane: Backplane, virtual_clock: VirtualClock
) -> None:
    injected = backplane.injections.add(StormIrq(irq=11, ns=20_000, times=2))
    await virtual_clock.advance(100_000)
    assert timed(backplane.irq) == [(0, True), (0, False), (20_000, True), (20_000, False)]
    assert (injected.hits, injected.spent) == (2, True)
    assert virtual_clock.machine.next_deadline() is None


async def test_where_the_card_holds_the_line_high_a_storm_makes_gaps(
    backplane: Backplane, slot: Slot, virtual_clock: VirtualClock
) -> None:
    slot.irq.set(True)
    backplane.irq.take()
    injected = backplane.injections.add(StormIrq(irq=IRQ, ns=20_000))
    assert edges(backplane.irq) == [False, True]
    slot.irq.set(False)
    await virtual_clock.advance(25_000)
    assert edges(backplane.irq) == [False, True, False]
    backplane.injections.remove(injected.number)
    await virtual_clock.advance(100_000)
    assert edges(backplane.irq) == []


async def test_a_lost_request_for_dma_is_not_seen_by_the_controller(
    backplane: Backplane, slot: Slot
) -> None:
    backplane.injections.add(LoseDrq(drq=DRQ, times=1))
    slot.drq.set(True)
    assert edges(backplane.drq) == []
    slot.drq.pulse()
    assert edges(backplane.drq) == [True]


async def test_a_card_that_does_not_see_tc_waits_for_more(backplane: Backplane, slot: Slot) -> None:
    card = slot.card
    assert isinstance(card, Driver)
    injected = backplane.injections.add(LoseTc(drq=DRQ, every=2))
    for _ in range(2):
        dack = backplane.acknowledge_dma(DRQ)
        dack.write(b"12", terminal=False)
        dack.write(b"34", terminal=True)
        dack.end()
    assert card.terminals == [False, True, False, False]
    assert (card.ends, injected.hits) == (1, 1)
    backplane.injections.remove(injected.number)
    backplane.acknowledge_dma(DRQ).end()
    assert card.ends == 2
