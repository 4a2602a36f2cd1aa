"""R1 in a folder, disks and back ends: nothing that has left is in it, and all that has not."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from hotswap.bus import SECTOR, Disk, Inbox, Outbox
from hotswap.host.backends import SerialBackEnd
from hotswap.host.board import Board, BoardConfig, open_board
from hotswap.host.durable_folder import open_folder
from hotswap.host.durable_resume import from_r1
from hotswap.host.durable_run import open_durable
from hotswap.host.guest import PATIENCE
from hotswap.host.images import refkernel, shipped
from hotswap.host.media import open_medium
from hotswap.host.rerun import Recorder
from hotswap.host.snapshot_elf import SnapshotError
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import RolledBack
from hotswap.switchover.options import Options
from hotswap.switchover.phases import Phase
from hotswap.switchover.report import PhaseEvent

MS = 1_000_000
CONFIG = BoardConfig(deterministic=True, memory=16)
SECTORS = 16
CYLINDERS = {"geometry0": [1, 1, SECTORS]}


@asynccontextmanager
async def running(folder: Path, back_end: SerialBackEnd) -> AsyncIterator[Board]:
    with open_durable(folder, CONFIG) as run:
        async with open_board(CONFIG, back_end, ram=run.ram) as board:
            run.attach(board)
            append = "init=/bin/init stay ticker:20:5"
            board.boot(refkernel(1), initrd=shipped("initrd.cpio"), append=append)
            await board.backplane.clock.sleep_until(60 * MS)
            yield board


def filled(letter: str) -> bytes:
    return letter.encode() * SECTOR


class KilledWithDisk:
    """A machine with a disk, written to before R0, between R0 and R1 and after R1; then killed.

    `folder` and `image` (and `overlay`) are as the kill has left them.
    """

    def __init__(self, tmp_path: Path, *, overlaid: bool) -> None:
        self.left, self.here = tmp_path / "left", tmp_path / "here"
        self.here.mkdir()
        self.folder = self.left / "d"
        self.image = self.left / "image"
        self.overlay = self.left / "overlay" if overlaid else None

    async def be(self) -> None:
        image = self.here / "image"
        image.write_bytes(bytes(SECTORS * SECTOR))
        overlay = self.here / "overlay" if self.overlay else None

        def tell(event: PhaseEvent) -> None:
            if event.state == "begun" and event.phase == Phase.QUIESCE.name:
                disk.write(1, filled("b"))
            elif event.state == "begun" and event.phase == Phase.SWITCH.name:
                disk.write(2, filled("c"))
                shutil.copytree(self.here, self.left)

        with open_medium(image, overlay=overlay) as medium:
            async with running(self.here / "d", Recorder().backend) as board:
                slot = await board.plug_in("ide", CYLINDERS)
                disk = slot.disks[0]
                disk.change(medium)
                disk.write(0, filled("a"))
                options = Options(patience=PATIENCE)
                await Switchover(board.machine, refkernel(2), options, tell).run()

    def content(self) -> bytes:
        """The first three sectors of what is in the files."""
        with open_medium(self.image, overlay=self.overlay, read_only=True) as medium:
            return medium.read(0, 3)

    @asynccontextmanager
    async def resumed(self) -> AsyncIterator[tuple[Board, Disk]]:
        moved = {self.here / name: self.left / name for name in ("image", "overlay")}
        if self.overlay is None:
            del moved[self.here / "overlay"]
        with open_folder(self.folder) as held, from_r1(held, held.machine()) as start:
            async with start.open({}, moved) as board:
                start.go_on(board)
                yield board, board.slot("ide").disks[0]


@pytest.fixture(params=[False, True], ids=["raw", "overlay"])
async def killed(tmp_path: Path, request: pytest.FixtureRequest) -> KilledWithDisk:
    machine = KilledWithDisk(tmp_path, overlaid=request.param)
    await machine.be()
    return machine


async def test_a_killed_machine_s_disk_is_as_it_was_at_r1(killed: KilledWithDisk) -> None:
    nothing = bytes(SECTOR)
    assert (killed.folder / "r1").stat().st_mode & 0o077 == 0
    assert killed.content() == filled("a") + nothing + nothing
    async with killed.resumed() as (board, disk):
        assert disk.read(0, 3) == filled("a") + filled("b") + nothing
        while board.backplane.locked_by or (killed.folder / "r1").exists():
            await board.backplane.clock.sleep_until(board.backplane.clock.now() + MS)
        disk.flush()
        assert disk.pending == {}
    assert killed.content() == filled("a") + filled("b") + nothing


async def test_disks_are_synced_while_the_machine_runs_before_they_are_for_r0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    sync = os.fdatasync

    def watched(descriptor: int) -> None:
        synced.append(trio.lowlevel.in_trio_run())
        sync(descriptor)

    image = tmp_path / "image"
    image.write_bytes(bytes(SECTORS * SECTOR))
    with open_medium(image) as medium:
        async with running(tmp_path / "d", Recorder().backend) as board:
            slot = await board.plug_in("ide", CYLINDERS)
            slot.disks[0].change(medium)
            slot.disks[0].write(0, filled("a"))
            monkeypatch.setattr(os, "fdatasync", watched)
            await Switchover(board.machine, refkernel(2), Options(patience=PATIENCE)).run()
    assert synced[:2] == [False, True]


async def test_a_disk_that_somebody_has_written_to_meanwhile_is_refused(
    killed: KilledWithDisk,
) -> None:
    changed = killed.overlay or killed.image
    with changed.open("r+b") as file:
        file.seek(0, 2)
        file.write(bytes(SECTOR))
    with pytest.raises(SnapshotError, match=r"has changed since the machine was saved"):
        async with killed.resumed():
            pass
    assert (killed.folder / "r1").exists()


class Stuck:
    """A back end whose far end takes nothing once it is `closed`."""

    def __init__(self) -> None:
        self.closed, self.reads_again = False, trio.Event()
        self.data = bytearray()

    async def serve(self, _inbox: Inbox, output: Outbox) -> None:
        while True:
            await output.ready()
            with output.lend() as data:
                if self.closed:
                    await self.reads_again.wait()
                self.data += data


async def test_a_peer_that_does_not_read_what_is_being_sent_undoes_the_switchover(
    tmp_path: Path,
) -> None:
    far = Stuck()
    async with running(tmp_path / "d", SerialBackEnd("stuck", far.serve)) as board:
        far.closed = True
        await board.backplane.clock.sleep_until(100 * MS)
        assert len(board.serial.output) > 0
        with pytest.raises(
            RolledBack, match=r"what is being sent has not arrived in 1 s"
        ) as caught:
            await Switchover(board.machine, refkernel(2), Options()).run()
        assert caught.value.report.fault_of == "peer"
        far.closed = False
        far.reads_again.set()
        report = await Switchover(board.machine, refkernel(2), Options(patience=PATIENCE)).run()
        assert report.outcome == "committed"
        await board.backplane.clock.sleep_until(500 * MS)
    assert b"ticker ok 20" in far.data
    assert far.data.count(b"tick 000007 of") == 1
