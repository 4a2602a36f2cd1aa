"""What is in the folder at any instant is what a SIGKILL then would leave: it is copied there.

The run that goes on is rolled back at that instant, the copy is resumed: they must end the same.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from hotswap.host.board import Board, BoardConfig, open_board
from hotswap.host.cables import Cable, OpenCable
from hotswap.host.durable_folder import open_folder
from hotswap.host.durable_resume import PowerCut, from_r1
from hotswap.host.durable_run import open_durable
from hotswap.host.guest import PATIENCE
from hotswap.host.images import refkernel, shipped
from hotswap.host.rerun import Recorder, Verdict, judge, run_to
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import RolledBack
from hotswap.switchover.phases import Phase
from hotswap.switchover.report import PhaseEvent
from hotswap.switchover.transaction import Options

from .switchover.faults import triple_fault

MS = 1_000_000
CONFIG = BoardConfig(deterministic=True, memory=16)
PROGRAMS = "init=/bin/init stay memory:3 pipes:2 ticker:30:5"
END = 400 * MS
SERIAL = 3
AFTER_R1 = [phase for phase in Phase if phase > Phase.SAVE]


@asynccontextmanager
async def running(folder: Path, recorder: Recorder) -> AsyncIterator[Board]:
    """The reference kernel with programs at work, in a durable folder."""
    with open_durable(folder, CONFIG) as run:
        async with open_board(CONFIG, recorder.backend, ram=run.ram) as board:
            run.attach(board)
            board.boot(refkernel(1), initrd=shipped("initrd.cpio"), append=PROGRAMS)
            await board.backplane.clock.sleep_until(60 * MS)
            yield board


async def undone_in(board: Board, phase: Phase, act: Callable[[], None]) -> None:
    """Call `act` as `phase` begins, and let the new kernel crash then."""

    def tell(event: PhaseEvent) -> None:
        if event.phase == phase.name and event.state == "begun":
            act()
            triple_fault(board)

    with pytest.raises(RolledBack):
        await Switchover(board.machine, refkernel(2), Options(patience=PATIENCE), tell).run()


async def resumed(folder: Path, recorder: Recorder) -> Verdict:
    """The machine in the folder from R1 to the end."""
    with open_folder(folder) as held, from_r1(held, held.machine()) as start:
        cables = {SERIAL: OpenCable(Cable("recorder", "serial"), recorder.backend)}
        async with start.open(cables) as board:
            start.go_on(board)
            await run_to(board, END)
            return await judge(board, recorder.data)


@pytest.mark.parametrize("phase", AFTER_R1, ids=lambda phase: phase.name)
async def test_a_resumed_run_ends_as_one_that_was_rolled_back_at_that_instant(
    tmp_path: Path, phase: Phase
) -> None:
    folder, copy, recorder, other = tmp_path / "d", tmp_path / "copy", Recorder(), Recorder()
    sent = b""

    def killed() -> None:
        nonlocal sent
        sent = bytes(recorder.data)
        shutil.copytree(folder, copy)

    async with running(folder, recorder) as board:
        await undone_in(board, phase, killed)
        await run_to(board, END)
        rolled_back = await judge(board, recorder.data)
    restored = await resumed(copy, other)
    assert sent + other.data == recorder.data
    assert other.data
    assert msgspec.structs.replace(restored, output=rolled_back.output) == rolled_back
    assert not (copy / "r1").exists()


@pytest.mark.parametrize("phase", [p for p in Phase if p <= Phase.SAVE], ids=lambda p: p.name)
async def test_until_r1_a_kill_is_a_power_cut(tmp_path: Path, phase: Phase) -> None:
    folder, copy = tmp_path / "d", tmp_path / "copy"

    def tell(event: PhaseEvent) -> None:
        if event.phase == phase.name and event.state == "begun":
            shutil.copytree(folder, copy)

    async with running(folder, Recorder()) as board:
        await Switchover(board.machine, refkernel(2), Options(patience=PATIENCE), tell).run()
        shutil.copytree(folder, tmp_path / "after")
    for left in (copy, tmp_path / "after"):
        with (
            open_folder(left) as held,
            pytest.raises(PowerCut, match=r"power cut; lost is all since its start at 2"),
            from_r1(held, held.machine()),
        ):
            pass
