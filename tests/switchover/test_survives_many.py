"""A thousand processes, in both directions: SCRATCH grows with RAM, and the work with processes."""

from hotswap.host.board import BoardConfig, open_board
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.options import Options

from .conftest import MS

PROCESSES, MEMORY = 1000, 256
PER_PROCESS = 20_000
"""Guest instructions of a blackout that no process may cost more of."""


async def test_a_thousand_processes_are_taken_over_by_either_kernel() -> None:
    async with open_board(BoardConfig(memory=MEMORY, deterministic=True)) as board:
        guest = Guest(board)
        guest.boot([f"sleeper*{PROCESSES}:100000"], version=2)
        await guest.pass_time(2500 * MS)
        for kernel in (1, 2):
            options = Options(probation_ms=0, patience=PATIENCE)
            report = await Switchover(board.machine, refkernel(kernel), options).run()
            assert report.outcome == "committed", report.reason
            assert report.processes == PROCESSES + 1
            assert report.instructions < PER_PROCESS * PROCESSES
        assert "FAILED" not in guest.text
