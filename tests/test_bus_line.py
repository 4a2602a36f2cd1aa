"""Lines are wires with an ordered log of edges; each has one driver."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotswap.bus import BusError, Edge, Lines


class Board:
    """Sixteen lines whose time the test owns."""

    def __init__(self) -> None:
        self.now = 0
        self.told = 0
        self.irq = Lines("IRQ", 16, lambda: self.now)
        self.irq.on_edge = self.tell

    def tell(self) -> None:
        self.told += 1


@pytest.fixture
def board() -> Board:
    return Board()


def short(edges: list[Edge]) -> list[tuple[int, bool]]:
    return [(edge.line, edge.level) for edge in edges]


def test_every_change_of_level_is_one_edge(board: Board) -> None:
    wire = board.irq.lease(3, 1, "card")
    for level in (True, True, False, False, True):
        wire.set(level)
    assert short(board.irq.take()) == [(3, True), (3, False), (3, True)]
    assert wire.level
    assert board.told == 3


def test_an_edge_says_when_who_and_which(board: Board) -> None:
    wire = board.irq.lease(3, 7, "card")
    board.now = 1234
    wire.set(True)
    assert board.irq.take() == [Edge(time=1234, slot=7, sequence=1, line=3, level=True)]


def test_a_pulse_is_a_rising_edge_whatever_the_level_was(board: Board) -> None:
    wire = board.irq.lease(3, 1, "card")
    wire.pulse()
    wire.pulse()
    assert short(board.irq.take()) == [(3, True), (3, False), (3, True)]


def test_edges_are_taken_once(board: Board) -> None:
    board.irq.lease(3, 1, "card").set(True)
    assert len(board.irq.take()) == 1
    assert board.irq.take() == []


def test_edges_are_sorted_by_time_slot_and_sequence(board: Board) -> None:
    late, early = board.irq.lease(9, 2, "late"), board.irq.lease(5, 1, "early")
    late.set(True)
    early.set(True)
    late.set(False)
    early.set(False)
    board.now = 1
    early.set(True)
    board.irq.sort()
    assert [(edge.time, edge.slot, edge.level) for edge in board.irq.take()] == [
        (0, 1, True),
        (0, 1, False),
        (0, 2, True),
        (0, 2, False),
        (1, 1, True),
    ]


def test_held_edges_come_out_when_the_hold_ends(board: Board) -> None:
    wire = board.irq.lease(3, 1, "card")
    wire.set(True)
    board.irq.hold(True)
    wire.set(False)
    assert board.told == 1
    assert board.irq.take() == []
    assert not wire.level
    board.irq.hold(False)
    assert board.told == 2
    assert short(board.irq.take()) == [(3, True), (3, False)]


def test_the_end_of_a_hold_without_edges_tells_nobody(board: Board) -> None:
    board.irq.hold(True)
    board.irq.hold(False)
    assert board.told == 0


def test_a_line_has_one_driver_and_the_conflict_names_it(board: Board) -> None:
    board.irq.lease(5, 3, "sound")
    with pytest.raises(BusError) as conflict:
        board.irq.lease(5, 4, "printer")
    assert str(conflict.value) == (
        "card printer: IRQ 5 is driven by card sound in slot 3; "
        "set another line or remove that card"
    )


@pytest.mark.parametrize("line", [-1, 16])
def test_a_line_that_is_not_there_is_refused(board: Board, line: int) -> None:
    with pytest.raises(BusError, match=f"card x: there is no IRQ {line}; use 0 to 15"):
        board.irq.lease(line, 0, "x")


def test_a_released_line_goes_low_and_can_be_leased_again(board: Board) -> None:
    wire = board.irq.lease(5, 1, "card")
    wire.set(True)
    board.irq.release(wire)
    assert short(board.irq.take()) == [(5, True), (5, False)]
    assert not board.irq.levels[5]
    board.irq.lease(5, 2, "other")


def test_a_released_wire_drives_nothing(board: Board) -> None:
    wire = board.irq.lease(5, 1, "card")
    board.irq.release(wire)
    wire.set(True)
    other = board.irq.lease(5, 1, "other")
    wire.pulse()
    assert not other.level
    assert board.irq.take() == []


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=30), st.integers(0, 30))
def test_a_restored_snapshot_gives_the_same_edges_again(
    changes: list[tuple[int, bool]], taken_after: int
) -> None:
    board = Board()
    wires = [board.irq.lease(line, line, "card") for line in range(4)]
    for count, (line, level) in enumerate(changes):
        wires[line].set(level)
        if count == taken_after:
            board.irq.take()
    saved = board.irq.snapshot()
    levels, edges = list(board.irq.levels), board.irq.take()
    for _ in range(2):  # a snapshot can be restored more than once
        for wire in wires:
            wire.pulse()
        board.irq.restore(saved)
    assert board.irq.levels == levels
    assert board.irq.take() == edges


def test_edges_after_a_restore_in_another_machine_come_after_those_of_the_snapshot() -> None:
    old, new = Lines("IRQ", 16, lambda: 5), Lines("IRQ", 16, lambda: 5)
    wire = old.lease(3, slot=1, card="a")
    for _ in range(3):
        wire.pulse()
    new.restore(old.snapshot())
    new.lease(3, slot=1, card="a").set(False)
    new.sort()
    assert [edge.level for edge in new.take()] == [True, False] * 3
