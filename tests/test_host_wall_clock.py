"""The wall clock is read in one place, and may jump in the middle of a switchover."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from hotswap.host import wall_clock
from hotswap.host.board import BoardConfig, open_board
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.options import Options
from hotswap.switchover.report import PhaseEvent

MS = 1_000_000
YEAR = 365 * 86_400 * 1_000_000_000
ROOT = Path(__file__).parents[1]
WALL = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today",
        "date.today", "time.CLOCK_REALTIME"}  # fmt: skip
ALLOWED = {
    "wall_clock.py",
    "trust.py",  # until when a kernel's signature is good, asked once, in PLAN
    "record.py",  # the date of a switchover in the history
}


def reads_wall_clock(source: str) -> bool:
    """Whether it names a function that does."""
    names = (ast.unparse(node) for node in ast.walk(ast.parse(source)))
    return any(name.endswith(f"datetime.{w[9:]}") or name == w for name in names for w in WALL)


def test_nobody_else_asks_for_the_wall_clock() -> None:
    files = [file for folder in ("bus", "cards", "cpu", "switchover", "host")
             for file in (ROOT / folder).rglob("*.py")]  # fmt: skip
    assert {file.name for file in files if reads_wall_clock(file.read_text())} <= ALLOWED


@pytest.mark.parametrize("jump", [-YEAR, YEAR], ids=["back", "forward"])
async def test_a_wall_clock_that_jumps_in_every_phase_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    """In real time: a guest that keeps time by ticks, and the date its clock chip shows."""
    real, offset = wall_clock.now_ns, 0
    monkeypatch.setattr(wall_clock, "now_ns", lambda: real() + offset)

    def tell(event: PhaseEvent) -> None:
        nonlocal offset
        offset += jump

    async with open_board(BoardConfig(memory=16)) as board:
        year = board.slot("cmos").card.state.chip.cells[9]
        guest = Guest(board)
        guest.boot(["clock:60", "sleeper:20", "timer:20"])
        await guest.pass_time(100 * MS)
        for kernel in (2, 1):
            options = Options(patience=PATIENCE)
            report = await Switchover(board.machine, refkernel(kernel), options, tell).run()
            assert report.outcome == "committed", report.reason
            assert 0 < report.blackout_ms < 60_000
        words = await guest.reported()
        assert {word.split()[0] for word in words.values()} == {"ok"}
        assert abs(offset) >= 22 * YEAR
        assert board.slot("cmos").card.state.chip.cells[9] == year
