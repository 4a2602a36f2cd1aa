"""Rehearsals: what a switchover would come to, found out without the machine noticing."""

from __future__ import annotations

import errno
import gc
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
import trio

from hotswap.bus import Card, PortRange, Resources, State
from hotswap.host import rehearsal as module
from hotswap.host.board import Board, BoardConfig, open_board
from hotswap.host.exits import Exit
from hotswap.host.fork import fork
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel, shipped
from hotswap.host.rehearsal import RUN_ON, Rehearsal, Summary, rehearse, rehearse_often, summary
from hotswap.host.rerun import Recorder, judge, run_to
from hotswap.host.snapshot_elf import SnapshotError
from hotswap.switchover.errors import Refused
from hotswap.switchover.image import load_image
from hotswap.switchover.options import Options
from hotswap.switchover.report import PhaseEvent

MS = 1_000_000
GUESTS = Path(__file__).parent / "guests"
PROGRAMS = ["memory:40", "registers:400", "pipes:40"]
OPTIONS = Options(patience=PATIENCE)
PROCESSES = len(PROGRAMS) + 2  # init, and idle


def left_behind() -> tuple[set[str], set[str]]:
    """What the open descriptors of this process lead to, and its child processes."""
    gc.collect()  # machines of earlier tests
    files = set()
    for file in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the folder's own
            files.add(f"{file.name} {file.readlink()}")
    children: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has just ended
            children |= set((task / "children").read_text().split())
    return files, children


def process_of_rehearsal(before: set[str]) -> int:
    (child,) = left_behind()[1] - before
    return int(child)


async def until_it_works(board: Board) -> None:
    """It is paused then, for it would only take the host's time from what is tested here."""
    guest = Guest(board)
    guest.boot(PROGRAMS)
    await guest.pass_time(30 * MS)
    await board.pause()


# -- the machine does not notice ------------------------------------------------------------------


@asynccontextmanager
async def traced() -> AsyncIterator[tuple[Board, Recorder]]:
    recorder = Recorder()
    async with open_board(BoardConfig(deterministic=True), recorder.backend) as board:
        board.backplane.io.trace(True)
        append = f"init=/bin/init {' '.join(PROGRAMS)}"
        board.boot(refkernel(1), initrd=shipped("initrd.cpio"), append=append)
        await run_to(board, 30 * MS)
        yield board, recorder


async def test_the_machine_goes_on_as_if_it_had_not_been_rehearsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elsewhere = module._elsewhere

    async def soon(*words: Any) -> Rehearsal:
        """The machine, forked, goes on, but not for long: the control run has to be as long."""
        clock = board.backplane.clock
        await clock.sleep_until(clock.now() + 5 * MS)
        await board.pause()
        return await elsewhere(*words)

    async with traced() as (board, recorder):
        before = left_behind()
        stray, now = load_image(GUESTS / "refkernel-v2-stray.elf"), board.backplane.clock.now()
        wrong = await rehearse(board, stray, OPTIONS)  # it is paused, and stays so
        assert board.paused
        assert board.backplane.clock.now() == now
        board.resume()
        monkeypatch.setattr(module, "_elsewhere", soon)
        well = await rehearse(board, refkernel(2), OPTIONS)
        board.resume()
        assert left_behind() == before
        end = board.backplane.clock.now() + 20 * MS
        await run_to(board, end)
        verdict = await judge(board, recorder.data)
    async with traced() as (board, recorder):
        board.resume()
        await run_to(board, end)
        assert await judge(board, recorder.data) == verdict

    assert (well.outcome, well.phase, well.reason) == ("rehearsed ok", "RUN_ON", "")
    assert (well.processes, well.guarded) == (PROCESSES, True)
    assert RUN_ON <= well.ran_on_ms < RUN_ON + 1
    assert well.predicted_ms > 0
    assert well.report is not None
    assert well.report.outcome == "committed"
    assert well.blackout_ms == well.report.blackout_ms > 0
    assert well.pause_ms > 0
    assert end > well.time_ns >= wrong.time_ns

    assert (wrong.outcome, wrong.phase) == ("would roll back", "NEWINIT")
    assert wrong.report is not None
    assert wrong.report.stray is not None
    assert wrong.report.stray.function.startswith("restore")
    assert wrong.reason == wrong.report.reason
    assert wrong.todo


async def test_a_kernel_that_crashes_after_probation_would_fail_later(board: Board) -> None:
    await until_it_works(board)
    late = load_image(GUESTS / "refkernel-v2-late.elf")
    found = await rehearse(board, late, Options(patience=PATIENCE, probation_ms=0))
    assert (found.outcome, found.phase) == ("would fail later", "RUN_ON")
    assert "ms after PROBATION" in found.reason
    assert found.report is not None
    assert found.report.outcome == "committed"


# -- whatever becomes of its process --------------------------------------------------------------


async def test_a_process_that_is_killed_is_told_and_the_machine_goes_on(board: Board) -> None:
    await until_it_works(board)
    before = left_behind()

    def kill(event: PhaseEvent) -> None:
        if (event.phase, event.state) == ("NEWINIT", "begun"):
            os.kill(process_of_rehearsal(before[1]), signal.SIGKILL)

    hour = 3_600_000.0  # it would not be ready
    found = await rehearse(board, refkernel(2), OPTIONS, kill, run_on_ms=hour)
    assert found.outcome == "not rehearsed"
    assert found.reason == "the rehearsal's process: ended by signal 9"
    assert left_behind() == before
    board.resume()
    clock = board.backplane.clock
    await clock.sleep_until(clock.now() + MS)
    assert board.backplane.locked_by is None


async def test_a_process_that_hangs_is_ended(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    await until_it_works(board)
    before = left_behind()
    monkeypatch.setattr(module, "START", 0.25)
    options = Options(probation_ms=0)
    monkeypatch.setattr(module, "LIMITS", {})
    found = await rehearse(board, refkernel(2), options, run_on_ms=0)
    assert found.outcome == "not rehearsed"
    assert found.reason == "the rehearsal's process: no end within 0.25 s"
    assert left_behind() == before


async def test_a_process_that_cannot_start_says_why(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    await until_it_works(board)
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    found = await rehearse(board, refkernel(2), OPTIONS)
    assert found.outcome == "not rehearsed"
    assert "ended with status 1: " in found.reason


async def test_a_process_that_is_left_alone_ends_by_itself(board: Board) -> None:
    await until_it_works(board)
    with ExitStack() as files:
        forked = await fork(board, files)
        job = module.Job(forked, refkernel(2), OPTIONS, [], 3_600_000.0, 3600)
        file = module._file_of(msgspec.msgpack.encode(job))
        files.callback(os.close, file)
        with trio.fail_after(100):
            done = await trio.run_process(
                [sys.executable, "-m", "hotswap.host.rehearsal_process", str(file)],
                stdin=subprocess.DEVNULL,
                capture_stdout=True,
                check=False,
                pass_fds=[file, *forked.descriptors],
            )
    assert done.returncode == Exit.INTERRUPTED
    assert b"rehearsal" not in done.stdout


@pytest.mark.parametrize("what", ["memory", "process"])
async def test_a_host_without_room_for_it_is_told_and_the_machine_goes_on(
    board: Board, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    await until_it_works(board)
    before = left_behind()

    def no_room() -> int:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    if what == "memory":
        monkeypatch.setattr(board.processor.ram, "copy_base", no_room)
    else:
        monkeypatch.setattr(sys, "executable", "/no/such/python")
    found = await rehearse(board, refkernel(2), OPTIONS)
    assert found.outcome == "not rehearsed"
    assert "no room for a second machine: [Errno" in found.reason
    assert left_behind() == before
    assert board.backplane.locked_by is None


async def test_cancelling_it_ends_its_process(board: Board) -> None:
    await until_it_works(board)
    before = left_behind()
    with trio.CancelScope() as outside:
        await rehearse(board, refkernel(2), OPTIONS, lambda event: outside.cancel())
    assert outside.cancelled_caught
    assert left_behind() == before
    assert board.backplane.locked_by is None
    assert board.paused


# -- refused --------------------------------------------------------------------------------------


async def test_what_the_switchover_would_refuse_is_refused_without_a_fork(board: Board) -> None:
    await until_it_works(board)
    image = msgspec.structs.replace(refkernel(2), note=None)
    with pytest.raises(Refused, match="has no LKUS note"):
        await rehearse(board, image, OPTIONS)


async def test_during_a_switchover_it_is_refused(board: Board) -> None:
    await until_it_works(board)
    with board.backplane.locked("switchover 1"), pytest.raises(Refused, match="is under way"):
        await rehearse(board, refkernel(2), OPTIONS)


class Nothing(State):
    """Of cards for these tests."""


class Private(Card[Nothing]):
    """A card that no entry point names."""

    name: ClassVar[str] = "private"
    state_type = Nothing

    def resources(self) -> Resources:
        return Resources(ports=(PortRange(0x300, 1),))


async def test_a_machine_with_a_card_that_is_not_installed_cannot_be_rehearsed(
    board: Board,
) -> None:
    await board.backplane.insert(Private())
    await until_it_works(board)
    with pytest.raises(SnapshotError, match="cannot be had in another process"):
        await rehearse(board, refkernel(2), OPTIONS)
    assert board.backplane.locked_by is None


# -- many -----------------------------------------------------------------------------------------


async def test_several_are_at_different_instants_and_summed_up(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    await until_it_works(board)
    board.resume()
    instants: list[int] = []

    async def quick(board: Board, *_words: object, **_more: object) -> Rehearsal:
        instants.append(board.backplane.clock.now())
        ok = len(instants) != 2
        return Rehearsal(
            outcome="rehearsed ok" if ok else "would roll back",
            blackout_ms=float(len(instants)),
            pause_ms=len(instants) / 10,
        )

    monkeypatch.setattr(module, "rehearse", quick)
    told: list[object] = []
    found = await rehearse_often(board, refkernel(2), OPTIONS, told.append, count=5)
    assert told == found
    gaps = [later - earlier for earlier, later in itertools.pairwise(instants)]
    assert len({gap // MS for gap in gaps}) == len(gaps)
    assert summary(found) == Summary(5, 4, 2, (1.0, 4.0, 5.0), 0.5)


async def test_several_of_a_paused_machine_are_refused(board: Board) -> None:
    await until_it_works(board)
    with pytest.raises(Refused, match="every instant is the same"):
        await rehearse_often(board, refkernel(2), OPTIONS, count=2)
