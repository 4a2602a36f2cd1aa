"""A card in machine code on a machine whose kernel is replaced: what CARRY promises holds."""

from pathlib import Path

import pytest

from hotswap.bus import Slot
from hotswap.cards.elf import ElfCard, load_image
from hotswap.cpu import CodePool
from hotswap.host.board import Board
from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import Ports, SwitchKernel
from hotswap.switchover.image import load_image as load_kernel

from .conftest import CARDS

MS = 1_000_000
PANICS = Path(__file__).parents[1] / "guests" / "refkernel-v2-panic.elf"


async def ledger_of(board: Board, pool: CodePool) -> Slot:
    """A ledger with payments in it, and a timer under way."""
    image = load_image((CARDS / "ledger.o").read_bytes(), "ledger.o")
    slot = await board.backplane.insert(ElfCard(image, {}, pool.take()))
    ports = Ports(board.backplane)
    for amount in (3, 5, 7):
        ports.write(0x300, amount)
    return slot


@pytest.mark.parametrize("outcome", ["committed", "rolled back"])
async def test_its_state_is_bit_for_bit_what_it_was(
    board: Board, guest: Guest, pool: CodePool, switchover: SwitchKernel, outcome: str
) -> None:
    guest.boot(["busy"])
    slot = await ledger_of(board, pool)
    await guest.pass_time(50 * MS)
    before = slot.card.save()
    report = await switchover(load_kernel(PANICS) if outcome == "rolled back" else 2)
    assert report.outcome == outcome, report.reason
    assert slot.card.save() == before
    assert slot.fault is None
    assert Ports(board.backplane).read(0x300) == 15
    await guest.pass_time(1100 * MS)
    assert Ports(board.backplane).read(0x305) == 16  # its timer has come


async def test_a_fault_that_comes_after_the_rollback_point_is_undone_with_it(
    board: Board, guest: Guest, pool: CodePool
) -> None:
    guest.boot(["busy"])
    slot = await ledger_of(board, pool)
    await guest.pass_time(10 * MS)
    plane = board.backplane
    assert await plane.quiesce(each=1, total=1) == []
    point = plane.snapshot()
    ports = Ports(plane)
    ports.write(0x300, 9)
    slot.set_fault(RuntimeError("as if its code had done wrong"))
    plane.restore(point)
    plane.thaw()
    assert slot.fault is None
    assert ports.read(0x300) == 15
