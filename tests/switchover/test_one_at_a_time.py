"""While a switchover is under way, to the end of its probation, nothing else may begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotswap.bus import BusError, HotswapError
from hotswap.cards.lpt import Lpt
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.host.snapshot import save_snapshot
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import Refused
from hotswap.switchover.options import Options
from hotswap.switchover.phases import Phase
from hotswap.switchover.report import PhaseEvent

from .conftest import MS

OPTIONS = Options(probation_ms=30, patience=PATIENCE)


async def test_a_second_switchover_a_snapshot_and_other_cards_are_refused_in_every_phase(
    guest: Guest, tmp_path: Path
) -> None:
    guest.boot(["memory:12"])
    await guest.pass_time(20 * MS)
    board = guest.board
    refused: dict[str, list[str]] = {}

    async def attempt(phase: str) -> None:
        wishes = (
            lambda: Switchover(board.machine, refkernel(2), OPTIONS).run(),
            lambda: Switchover(board.machine, refkernel(2), OPTIONS).plan(),
            lambda: save_snapshot(board, tmp_path / "snapshot"),
            lambda: board.backplane.insert(Lpt()),
            lambda: board.backplane.remove(board.slot("post").number),
        )
        for wish in wishes:
            with pytest.raises(HotswapError) as caught:
                await wish()
            assert isinstance(caught.value, Refused | BusError)
            assert "switchover 1 is under way" in str(caught.value)
        refused[phase] = [slot.title for slot in board.backplane.slots.values()]

    def tell(event: PhaseEvent) -> None:
        if event.state == "begun":
            board.nursery.start_soon(attempt, event.phase)

    cards = [slot.title for slot in board.backplane.slots.values()]
    report = await Switchover(board.machine, refkernel(2), OPTIONS, tell).run()
    assert report.outcome == "committed", report.reason
    assert refused == {phase.name: cards for phase in Phase}
    await board.backplane.insert(Lpt())  # and now it may
