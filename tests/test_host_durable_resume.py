"""What is in the folder at any instant is what a SIGKILL then would leave: it is copied there.

The run that goes on is rolled back at that instant, the copy is resumed: they must end the same.
"""

from __future__ import annotations

import resource
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from hotswap.host.board import Board, BoardConfig, open_board
from hotswap.host.cables import Cable, OpenCable
from hotswap.host.card_changes import insert_card, remove_card
from hotswap.host.card_report import card_rows
from hotswap.host.durable_folder import open_folder
from hotswap.host.durable_records import VERSION, PointRecord, encode, read_record
from hotswap.host.durable_resume import NothingToResume, from_r1, from_snapshot
from hotswap.host.durable_run import open_durable
from hotswap.host.guest import PATIENCE
from hotswap.host.images import refkernel, shipped
from hotswap.host.rerun import Recorder, Verdict, judge, run_to
from hotswap.host.snapshot import save_snapshot
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import DurabilityError, Lost, RolledBack
from hotswap.switchover.options import Options
from hotswap.switchover.phases import Phase
from hotswap.switchover.report import PhaseEvent

from .switchover.faults import triple_fault
from .switchover.test_rolls_back import Exact, exact_state

MS = 1_000_000
CONFIG = BoardConfig(deterministic=True, memory=16)
PROGRAMS = "init=/bin/init stay memory:3 pipes:1 reader:2 ticker:30:5"
END = 500 * MS
SERIAL = 3
COUNTER = Path(__file__).parent / "elf" / "counter.o"
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


async def undone_in(board: Board, phase: Phase, act: Callable[[], object]) -> None:
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
        board.serial.input.feed(b"1\nline 2\n")
        shutil.copytree(folder, copy)

    async with running(folder, recorder) as board:
        board.serial.input.feed(b"line ")
        await undone_in(board, phase, killed)
        await run_to(board, END)
        rolled_back = await judge(board, recorder.data)
    restored = await resumed(copy, other)
    assert sent + other.data == recorder.data
    assert b"reader ok 2" in other.data
    assert msgspec.structs.replace(restored, output=rolled_back.output) == rolled_back
    assert not (copy / "r1").exists()


async def test_a_card_that_was_inserted_and_one_that_was_pulled_are_so_after_it(
    tmp_path: Path,
) -> None:
    """The card is in a file that is not there any more."""
    folder, copy, file = tmp_path / "d", tmp_path / "copy", tmp_path / "mine.o"

    def killed() -> None:
        shutil.copytree(folder, copy)
        file.unlink()

    async with running(folder, Recorder()) as board:
        shutil.copy(COUNTER, file)
        slot = await insert_card(board, str(file), number=30)
        assert [slot.card.read(0x300, 1) for _ in range(3)] == [1, 2, 3]
        await remove_card(board, "post")
        await undone_in(board, Phase.NEWINIT, killed)
    with open_folder(copy) as held, from_r1(held, held.machine()) as start:
        async with start.open({}) as board:
            start.go_on(board)
            await run_to(board, END)
            rows = {row.name: row for row in card_rows(board)}
            assert (rows["counter"].slot, rows["counter"].implementation) == (30, "elf")
            assert "post" not in rows
            assert board.backplane.find(30).card.read(0x300, 1) == 4


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
            pytest.raises(NothingToResume, match=r"power cut; lost is all since its start at 2"),
            from_r1(held, held.machine()),
        ):
            pass


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """Call it with a number of bytes: no file can be written beyond those. Undone at the end."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def allow(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield allow
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("phase", "size"),
    [(Phase.STAGE, 4096), (Phase.SAVE, 4096), (Phase.SAVE, 0x100000)],
    ids=["before R0", "R1 cannot be written", "RAM cannot be written"],
)
async def test_a_folder_that_is_full_undoes_the_switchover_and_nothing_is_lost(
    tmp_path: Path, small_files: Callable[[int], None], phase: Phase, size: int
) -> None:
    folder, recorder = tmp_path / "d", Recorder()
    before: list[Exact] = []

    def tell(event: PhaseEvent) -> None:
        if event.state == "begun" and event.phase == Phase.PREPARE.name:
            before.append(exact_state(board))
        if event.state == "begun" and event.phase == phase.name:
            small_files(size)
        elif event.state == "failed":
            small_files(resource.RLIM_INFINITY)

    async with running(folder, recorder) as board:
        with pytest.raises(RolledBack, match="File too large") as caught:
            await Switchover(board.machine, refkernel(2), Options(patience=PATIENCE), tell).run()
        assert caught.value.report.phase == phase.name
        assert caught.value.report.fault_of == "durable folder"
        assert [file.name for file in folder.glob("r1*")] == []
        if before:
            assert exact_state(board) == before[0]
        report = await Switchover(board.machine, refkernel(2), Options(patience=PATIENCE)).run()
        assert report.outcome == "committed"
        board.serial.input.feed(b"line 1\nline 2\n")
        await run_to(board, END)
    for program in (b"memory", b"pipes", b"reader", b"ticker"):
        assert program + b" ok" in recorder.data


async def left_at(phase: Phase, folder: Path, copy: Path) -> None:
    """Leave in `copy` what a SIGKILL in `phase` would leave of a machine in `folder`."""
    async with running(folder, Recorder()) as board:
        await undone_in(board, phase, lambda: shutil.copytree(folder, copy))


async def test_what_was_killed_again_before_the_old_kernel_went_on_is_resumed_again(
    tmp_path: Path,
) -> None:
    copy, again = tmp_path / "copy", tmp_path / "again"
    await left_at(Phase.ECHO, tmp_path / "d", copy)
    with open_folder(copy) as held, from_r1(held, held.machine()) as start:
        async with start.open({}) as board:
            board.serial.input.feed(b"line 1\n")
            shutil.copytree(copy, again)
    recorder = Recorder()
    with open_folder(again) as held, from_r1(held, held.machine()) as start:
        cables = {SERIAL: OpenCable(Cable("recorder", "serial"), recorder.backend)}
        async with start.open(cables) as board:
            board.serial.input.feed(b"line 2\n")
            start.go_on(board)
            await run_to(board, END)
            board.resume()
            report = await Switchover(board.machine, refkernel(2), Options(patience=PATIENCE)).run()
            assert report.outcome == "committed"
    assert b"reader ok 2" in recorder.data


async def test_an_r1_that_cannot_be_used_says_why_and_offers_the_snapshot(tmp_path: Path) -> None:
    copy, saved = tmp_path / "copy", tmp_path / "saved"
    async with running(tmp_path / "d", Recorder()) as board:
        await save_snapshot(board, saved)
        await undone_in(board, Phase.SWITCH, lambda: shutil.copytree(tmp_path / "d", copy))
    point = read_record(copy / "r1", PointRecord)
    assert point is not None
    offer = (
        rf"lost is all since it was saved at 2.*s of machine time, in {saved}; .*--from-snapshot"
    )
    whole = (copy / "r1").read_bytes()

    def refused(kind: type[DurabilityError], why: str) -> None:
        with (
            open_folder(copy) as held,
            pytest.raises(kind, match=f"{why}.*{offer}"),
            from_r1(held, held.machine()),
        ):
            pass

    (copy / "r1").write_bytes(whole[:-1])
    refused(DurabilityError, "r1: damaged")
    booted = msgspec.structs.replace(point, boot_id="another")
    (copy / "r1").write_bytes(encode(booted))
    refused(NothingToResume, "the host itself was started again since R1")
    (copy / "r1").write_bytes(encode(msgspec.structs.replace(point, machine_id="another")))
    refused(DurabilityError, "belongs to another machine")
    (copy / "r1").write_bytes(whole)
    with (copy / "ram").open("r+b") as ram:
        ram.seek(0x100000)
        ram.write(b"damage")
    refused(DurabilityError, "ram: damaged: the page at 0x100000")
    with open_folder(copy) as held, from_snapshot(held, held.machine()) as start:
        recorder = Recorder()
        cables = {SERIAL: OpenCable(Cable("recorder", "serial"), recorder.backend)}
        async with start.open(cables) as board:
            start.go_on(board)
            board.serial.input.feed(b"line 1\nline 2\n")
            await run_to(board, END)
        assert b"reader ok 2" in recorder.data
        assert held.snapshot() is not None
        assert not held.has_r1


async def test_a_machine_whose_old_kernel_does_not_come_back_goes_on_at_r1(
    tmp_path: Path,
) -> None:
    folder, recorder, other = tmp_path / "d", Recorder(), Recorder()
    async with running(folder, recorder) as board:
        with ExitStack() as standing:

            def tell(event: PhaseEvent) -> None:
                if event.phase == Phase.SWITCH.name and event.state == "begun":
                    triple_fault(board)
                elif event.state == "failed":  # it stands still when it is to go on
                    standing.enter_context(board.processor.standing())

            with pytest.raises(Lost, match="`hotswap-host resume`"):
                await Switchover(board.machine, refkernel(2), Options(patience=2), tell).run()
            sent = bytes(recorder.data)
            board.lose("as whoever asked for the switchover does")
            board.serial.input.feed(b"line 1\nline 2\n")
    assert recorder.data == sent
    await resumed(folder, other)
    assert b"reader ok 2" in other.data
    assert not (folder / "r1").exists()


async def test_an_r1_that_cannot_be_sealed_is_gone_back_to_all_the_same(tmp_path: Path) -> None:
    folder, recorder = tmp_path / "d", Recorder()

    def tell(event: PhaseEvent) -> None:
        if event.phase == Phase.SAVE.name and event.state == "begun":
            (folder / "r1").mkdir()  # so no file can have that name

    async with running(folder, recorder) as board:
        with pytest.raises(RolledBack, match="Is a directory") as caught:
            await Switchover(board.machine, refkernel(2), Options(patience=PATIENCE), tell).run()
        assert (caught.value.report.phase, caught.value.report.fault_of) == (
            "SAVE",
            "durable folder",
        )
        assert "as they were at SAVE" in caught.value.report.saved
        assert not (folder / "r1.partial").exists()
        (folder / "r1").rmdir()
        report = await Switchover(board.machine, refkernel(2), Options(patience=PATIENCE)).run()
        assert report.outcome == "committed"
        board.serial.input.feed(b"line 1\nline 2\n")
        await run_to(board, END)
    for program in (b"memory", b"pipes", b"reader", b"ticker"):
        assert program + b" ok" in recorder.data


async def test_an_r1_that_the_way_back_did_not_reach_stays_and_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, recorder, other = tmp_path / "d", Recorder(), Recorder()

    def fail(_state: object) -> None:
        raise RuntimeError("not that state")

    async with running(folder, recorder) as board:

        def tell(event: PhaseEvent) -> None:
            if event.phase == Phase.NEWINIT.name and event.state == "begun":
                monkeypatch.setattr(board.slot("post").card, "load", fail)
                triple_fault(board)

        with pytest.raises(Lost, match="the way back failed: RuntimeError: not that") as caught:
            await Switchover(board.machine, refkernel(2), Options(patience=PATIENCE), tell).run()
        assert caught.value.report.fault_of == "hotswap-host"
        assert caught.value.report.todo == "go on there with `hotswap-host resume`"
        sent = bytes(recorder.data)
        board.lose("as whoever asked for the switchover does")
    assert recorder.data == sent
    assert (folder / "r1").exists()
    await resumed(folder, other)
    assert b"memory ok" in other.data
    assert not (folder / "r1").exists()


async def test_an_r1_another_version_or_user_can_use_is_not_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    await left_at(Phase.SWITCH, tmp_path / "d", copy)
    whole = (copy / "r1").read_bytes()
    point = read_record(copy / "r1", PointRecord)
    assert point is not None
    with monkeypatch.context() as later:
        later.setattr("hotswap.host.durable_records.VERSION", VERSION + 1)
        (copy / "r1").write_bytes(encode(point))

    def refused(why: str) -> None:
        with (
            open_folder(copy) as held,
            pytest.raises(DurabilityError, match=f"{why}.*removing .*r1 gives it up"),
            from_snapshot(held, held.machine()),
        ):
            pass
        with (
            pytest.raises(DurabilityError, match=f"{why}.*removing .*r1 gives it up"),
            open_durable(copy, CONFIG),
        ):
            pass
        assert (copy / "r1").exists()

    refused(f"version {VERSION + 1}")
    (copy / "r1").unlink()
    (copy / "r1").mkdir()  # root may read any file, but nobody a folder
    refused("cannot be read: Is a directory")
    (copy / "r1").rmdir()
    (copy / "r1").write_bytes(whole[:-1])
    with open_durable(copy, CONFIG):
        assert not (copy / "r1").exists()


async def test_an_r1_that_can_be_used_is_not_given_up_by_mistake(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    await left_at(Phase.SWITCH, tmp_path / "d", copy)
    with (
        open_folder(copy) as held,
        pytest.raises(DurabilityError, match="has R1, which loses nothing"),
        from_snapshot(held, held.machine()),
    ):
        pass
    with pytest.raises(DurabilityError, match="has lost nothing"), open_durable(copy, CONFIG):
        pass
    assert (copy / "r1").exists()
