"""A map is read where it can be, and as long as it can be."""

from __future__ import annotations

import pytest

from hotswap.cards.mailbox import Ack
from hotswap.cards.switchover_messages import Acknowledged
from hotswap.host.board import Board
from hotswap.switchover.conversation import PhaseFailed
from hotswap.switchover.memory import MIB, plan_memory
from hotswap.switchover.transcript import read_map


@pytest.mark.parametrize(
    ("place", "more", "why"),
    [(0, 0, "cannot be"), (0x200100, 0, "cannot be"), (0x200000, 1, "room for an echo")],
    ids=["at 0", "not at a page", "longer than an echo can be"],
)
async def test_a_map_that_no_kernel_could_echo_is_not_read(
    board: Board, place: int, more: int, why: str
) -> None:
    plan = plan_memory(64 * MIB)
    ack = Acknowledged(Ack.SAVED, 0, place, plan.echo.size + more)
    with pytest.raises(PhaseFailed, match=why):
        read_map(board.processor, ack, plan, time=(0, 0))
