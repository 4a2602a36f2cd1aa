"""A host that has no time for the machine for a while is not taken for a kernel that fails."""

import time

from hotswap.host.board import BoardConfig, open_board
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.phases import Phase
from hotswap.switchover.report import PhaseEvent
from hotswap.switchover.transaction import Options


async def test_ticks_that_come_late_in_probation_still_count() -> None:
    async with open_board(BoardConfig()) as board:
        guest = Guest(board)
        guest.boot(["files:1", "registers:60"], stay=True)
        await guest.expect("^files ok")  # however long a busy host takes to boot it

        async def keep_the_thread() -> None:
            until = time.monotonic() + 0.08
            while time.monotonic() < until:
                pass

        def tell(event: PhaseEvent) -> None:
            if (event.phase, event.state) == (Phase.PROBATION.name, "begun"):
                board.nursery.start_soon(keep_the_thread)

        options = Options(probation_ms=60, patience=PATIENCE)
        report = await Switchover(board.machine, refkernel(2), options, tell).run()
        assert report.outcome == "committed"
