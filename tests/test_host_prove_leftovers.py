"""What is left over is noticed, whatever it is."""

from __future__ import annotations

import ctypes
import gc
import mmap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest
import trio

from hotswap.bus import BudgetSpent, CardFault
from hotswap.cards.switchover import SwitchoverCard
from hotswap.host.board import Board
from hotswap.host.discovery import make_card
from hotswap.host.prove.leftovers import Holdings

Trace = Callable[[Board], AbstractContextManager[object] | None]
MPROTECT = ctypes.CDLL(None, use_errno=True).mprotect
MPROTECT.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int


def held_output(board: Board) -> None:
    board.serial.output.hold()


def held_input(board: Board) -> None:
    board.serial.input.hold()


def lock(board: Board) -> None:
    board.backplane.locked_by = "somebody"


def latched_edges(board: Board) -> None:
    board.backplane.irq.hold(True)


def fault(board: Board) -> None:
    slot = board.slot("cmos")
    slot.fault = CardFault(slot.number, "cmos", "smoke")


def open_mailbox(board: Board) -> None:
    board.slot("switchover").card.state.txn = 7


def signal(board: Board) -> None:
    card = board.slot("switchover").card
    assert isinstance(card, SwitchoverCard)
    card.relay(BudgetSpent(1))


def standstill(board: Board) -> AbstractContextManager[object]:
    return board.processor.standing()


def budget(board: Board) -> AbstractContextManager[object]:
    return board.processor.budget(1000)


def listener(board: Board) -> AbstractContextManager[object]:
    return board.backplane.listening(print)


def protected_page(board: Board) -> None:
    assert not MPROTECT(board.processor.ram.address + 0x200000, 4096, mmap.PROT_READ)


def task(board: Board) -> None:
    board.nursery.start_soon(trio.sleep_forever, name="a task of somebody")


TRACES: dict[Trace, str] = {
    held_output: "streams: uart output is left",
    held_input: "streams: uart input is left",
    lock: "locked by is somebody, was None",
    latched_edges: "IRQ edges are latched is True, was False",
    fault: "cards at fault is ['cmos'], was []",
    open_mailbox: "mailboxes is [(0, 7)], was [(0, 0)]",
    signal: "signals nobody heard is 1, was 0",
    standstill: "asked to stand still is True, was False",
    budget: "instruction budget is True, was False",
    listener: "listeners is 2, was 1",
    task: "tasks: a task of somebody is left",
}


@contextmanager
def garbage_collection() -> Iterator[None]:
    """On again afterwards."""
    try:
        yield
    finally:
        gc.enable()


async def test_nothing_is_left_when_nothing_has_happened(board: Board) -> None:
    await trio.testing.wait_all_tasks_blocked()
    before = Holdings.of(board)
    await board.backplane.quiesce(each=1, total=1)
    board.backplane.thaw()
    await trio.testing.wait_all_tasks_blocked()
    assert Holdings.of(board).left(before) == []


@pytest.mark.parametrize("leave", TRACES, ids=lambda leave: leave.__name__)
async def test_what_is_left_is_named(board: Board, leave: Trace) -> None:
    before = Holdings.of(board)
    with leave(board) or nullcontext():
        assert Holdings.of(board).left(before) == [TRACES[leave]]


async def test_a_protected_page_of_guest_ram_splits_its_mapping(board: Board) -> None:
    before = Holdings.of(board)
    protected_page(board)
    left = Holdings.of(board).left(before)
    assert any(line.startswith("mappings: ") and " r--p is left" in line for line in left)


async def test_cards_and_their_leases_are_counted(board: Board) -> None:
    before = Holdings.of(board)
    slot = await board.backplane.insert(make_card("lpt"))
    await trio.testing.wait_all_tasks_blocked()
    left = Holdings.of(board).left(before)
    assert f"leases: IRQ 7 of slot {slot.number} is left" in left
    assert f"tasks: card lpt (slot {slot.number}) is left" in left
    assert any(line.startswith(f"leases: slot {slot.number} lpt ") for line in left)


async def test_an_open_file_and_a_lost_one_are_noticed(board: Board, tmp_path: Path) -> None:
    path = tmp_path / "file"
    before = Holdings.of(board)
    with path.open("w"):
        during = Holdings.of(board)
        assert during.left(before) == [f"files: {path} is left"]
    assert Holdings.of(board).left(during) == [f"files: {path} is gone"]


async def test_garbage_collection_that_stays_off_is_noticed(board: Board) -> None:
    before = Holdings.of(board)
    with garbage_collection():
        gc.disable()
        assert Holdings.of(board).left(before) == ["garbage collection is False, was True"]
