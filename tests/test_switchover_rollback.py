"""A rollback point that could not be taken leaves the one before as it was."""

from __future__ import annotations

import pytest

from hotswap.bus import CardError, State
from hotswap.host.board import Board
from hotswap.switchover.rollback import RollbackPoint

PLACE = 0x30000


async def test_a_card_that_cannot_tell_its_state_does_not_spoil_the_point_before(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor, backplane = board.processor, board.backplane

    def fail() -> State:
        raise ValueError("no state")

    with processor.standing():
        processor.write_memory(PLACE, b"before", by="test")
        point = RollbackPoint(processor, backplane)
        processor.write_memory(PLACE, b"behind", by="test")
        with monkeypatch.context() as broken:
            broken.setattr(board.slot("uart").card, "save", fail)
            with pytest.raises(CardError, match="card uart: it gives no state: no state"):
                RollbackPoint(processor, backplane)
        await backplane.quiesce(each=1, total=1)
        point.restore(processor, backplane)
        backplane.thaw()
        assert processor.read_memory(PLACE, 6) == b"before"
    backplane.release_streams()
