"""What a killed host has left in a durable folder: a machine at R1, or the snapshot of one.

R1 is the better one, and the only one that loses nothing; the snapshot is what a power cut leaves.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

from hotswap.switchover.errors import DamagedError, DurabilityError
from hotswap.switchover.old_kernel import go_on_from_r1

from .board import Board
from .cables import OpenCable
from .durable_folder import DurableFolder, boot_id
from .durable_inputs import read_inputs
from .durable_machine import KeptInFolder
from .durable_ram import kept_ram
from .durable_records import MachineRecord, PointRecord, read_record
from .durable_run import DurableRun, begin
from .snapshot import NOTHING, Snapshot, go_on, open_restored, read_snapshot
from .snapshot_disks import last_change

PATIENCE = 10.0
"""How far the old kernel's limit is stretched: this process has just been started."""


class NothingToResume(DurabilityError):
    """There is no R1: it was a power cut, and the message says what is lost; or it has ended."""


# -- from R1 ------------------------------------------------------------------------------------


class FromR1:
    """A machine that goes on at R1. `run` is its folder."""

    def __init__(self, run: DurableRun, point: PointRecord) -> None:
        assert run.folder is not None
        self.run, self.folder, self.point = run, run.folder, point
        self.machine = point.machine

    def open(
        self, cables: Mapping[int, OpenCable], moved: Mapping[Path, Path] = NOTHING
    ) -> AbstractAsyncContextManager[Board]:
        """As it was at R1; nothing leaves it."""
        return open_restored(
            Snapshot(self.machine, [], [], []),
            moved=moved,
            cables=cables,
            ram=self.run.ram,
            identify=last_change,
            prepare=self._prepare,
        )

    def _prepare(self, board: Board) -> None:
        slots, point_id = board.backplane.slots, self.point.point_id
        for number, drives in self.point.owed.items():
            for disk, sectors in zip(slots[number].disks, drives, strict=True):
                disk.owe(sectors)
        for number, data in read_inputs(self.folder.file("inputs"), point_id):
            slots[number].input.feed(data)
        board.backplane.hold_streams(still=True)
        self.run.attach(board)
        assert isinstance(board.durability, KeptInFolder)
        board.durability.adopt(point_id)

    def go_on(self, board: Board) -> None:
        """Let it run; what was held leaves when the old kernel has undone its preparations."""

        async def old_kernel() -> None:
            try:
                await go_on_from_r1(board.machine, PATIENCE)
            except DurabilityError as lost:
                board.lose(f"{lost}; {_offer(self.folder, self.folder.machine())}")

        go_on(board, Snapshot(self.machine, [], [], []))
        board.nursery.start_soon(old_kernel)


@contextmanager
def from_r1(folder: DurableFolder, record: MachineRecord) -> Iterator[FromR1]:
    """Raises `NothingToResume` when there is none, `DurabilityError` when it is not as it was."""
    try:
        point = read_record(folder.file("r1"), PointRecord)
        if point is None:
            raise NothingToResume(_power_cut(folder, record))
        if point.machine_id != folder.machine_id:
            raise DamagedError(f"{folder.file('r1')}: belongs to another machine")
        if point.boot_id != boot_id():
            raise NothingToResume(
                f"{folder.path}: the host itself was started again since R1, which is kept for as "
                f"long as it runs; {_offer(folder, record)}"
            )
        with kept_ram(folder, point.machine.ram_size) as ram:
            yield FromR1(DurableRun(folder, ram), point)
    except NothingToResume:
        raise
    except DurabilityError as error:
        raise type(error)(f"{error}; {_offer(folder, record)}") from error


def _power_cut(folder: DurableFolder, record: MachineRecord) -> str:
    if record.ended_at:
        return (
            f"{folder.path}: {record.name} ended at {record.ended_at}; there is nothing to resume"
        )
    return (
        f"{folder.path}: {record.name} was cut off, and in no switchover, which is a power cut; "
        f"{_offer(folder, record)}"
    )


def _offer(folder: DurableFolder, record: MachineRecord) -> str:
    """What is lost, and how to go on."""
    snapshot = folder.snapshot()
    if snapshot is None:
        again = shlex.join(["hotswap-host", *record.command[1:]])
        return (
            f"lost is all since its start at {record.started_at}, for it was never saved; start it "
            f"again: {again}"
        )
    there = "" if Path(snapshot.file).exists() else ", which is not there any more"
    return (
        f"lost is all since it was saved at {snapshot.taken_at}, {snapshot.time_ns / 1e9:.3f} s of "
        f"machine time, in {snapshot.file}{there}; `hotswap-host resume {folder.path} "
        "--from-snapshot` starts that"
    )


# -- from a snapshot ----------------------------------------------------------------------------


class FromSnapshot:
    """A machine that goes on from its newest snapshot, in the same folder."""

    def __init__(self, run: DurableRun, snapshot: Snapshot) -> None:
        self.run, self.snapshot, self.machine = run, snapshot, snapshot.machine

    def open(
        self, cables: Mapping[int, OpenCable], moved: Mapping[Path, Path] = NOTHING
    ) -> AbstractAsyncContextManager[Board]:
        """As it was when it was saved."""
        return open_restored(
            self.snapshot, moved=moved, cables=cables, ram=self.run.ram, prepare=self.run.attach
        )

    def go_on(self, board: Board) -> None:
        """Let it run."""
        go_on(board, self.snapshot)


def _give_up_r1(folder: DurableFolder, record: MachineRecord) -> None:
    """Remove an R1 nobody can resume from. Raises `DurabilityError` for one somebody can."""
    try:
        with from_r1(folder, record):
            pass
    except (NothingToResume, DamagedError):
        folder.file("r1").unlink()
    except DurabilityError as error:
        raise DurabilityError(f"{error}; removing {folder.file('r1')} gives it up") from error
    else:
        raise DurabilityError(
            f"{folder.path}: has R1, which loses nothing; resume without --from-snapshot, or "
            f"remove {folder.file('r1')}"
        )


@contextmanager
def from_snapshot(folder: DurableFolder, record: MachineRecord) -> Iterator[FromSnapshot]:
    """Raises `DurabilityError` when there is none or R1 is there, `SnapshotError`."""
    if folder.has_r1:
        _give_up_r1(folder, record)
    saved = folder.snapshot()
    if saved is None:
        raise DurabilityError(f"{folder.path}: no snapshot; {_offer(folder, record)}")
    snapshot = read_snapshot(Path(saved.file))
    with begin(folder, snapshot.machine.config) as run:
        folder.note_snapshot(Path(saved.file), saved.taken_at, saved.time_ns)
        yield FromSnapshot(run, snapshot)
