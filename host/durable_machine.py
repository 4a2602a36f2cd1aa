"""R1 of a board, kept in a durable folder: see docs/durability.md for what is valid when."""

from __future__ import annotations

import os
from pathlib import Path

import structlog
import trio

from hotswap.bus import Disk, HotswapError
from hotswap.switchover.errors import DurabilityError

from .board import Board
from .durable_folder import DurableFolder, boot_id, for_owner, unusable
from .durable_inputs import ID, InputJournal
from .durable_records import PointRecord, encode
from .media_file import ImageFile
from .media_overlay import Overlay
from .media_raw import RawImage
from .snapshot import describe
from .snapshot_disks import name_disk


class KeptInFolder:
    """The `Durability` of a board."""

    def __init__(self, board: Board, folder: DurableFolder) -> None:
        self._board, self._folder = board, folder
        self._boot_id = boot_id()
        self._journal: InputJournal | None = None

    async def ahead(self) -> None:
        """What was written to images and overlays goes to the disk, while the machine runs.

        In a thread, whose descriptor is its own. Raises `DurabilityError`.
        """
        slots = list(self._board.backplane.slots.values())
        for file in filter(None, (_written(disk) for slot in slots for disk in slot.disks)):
            descriptor = file.share()
            try:
                await trio.to_thread.run_sync(os.fdatasync, descriptor)
            except OSError as error:
                raise DurabilityError(
                    f"{file.path}: cannot be brought up to date: {error.strerror}"
                ) from error
            finally:
                os.close(descriptor)

    def settle(self) -> None:
        """What media keep in memory goes to their files. Raises `DurabilityError`.

        It syncs, and the machine waits: nothing may be written between this and R0. After `ahead`
        that is 3 to 8 ms on the disk of the test host, ext4, instead of 45 with 64 MiB unsynced.
        """
        try:
            for slot in self._board.backplane.slots.values():
                for disk in slot.disks:
                    disk.flush()
        except HotswapError as error:
            raise DurabilityError(f"a disk cannot be brought up to date: {error}") from error

    def write(self) -> None:
        """R1 but for RAM, into files that do not count yet. Raises `DurabilityError`."""
        board, point_id = self._board, os.urandom(ID)
        slots = board.backplane.slots.items()
        try:
            record = PointRecord(
                machine_id=self._folder.machine_id,
                point_id=point_id,
                boot_id=self._boot_id,
                machine=describe(board, [], name_disk),
                owed={
                    number: [disk.pending for disk in slot.disks]
                    for number, slot in slots
                    if slot.disks
                },
            )
            with open(self._folder.file("r1.partial"), "wb", opener=for_owner) as file:
                file.write(encode(record))
            self._journal = InputJournal(self._folder.file("inputs"), point_id)
        except OSError as error:
            self._drop()
            raise unusable(self._folder.path, error) from error
        except (HotswapError, TypeError, ValueError, OverflowError) as error:
            self._drop()
            raise DurabilityError(f"R1 cannot be written down: {error}") from error

    def seal(self) -> None:
        """RAM is committed: R1 counts from here on. Raises `DurabilityError`."""
        assert self._journal is not None
        try:
            self._folder.file("r1.partial").replace(self._folder.file("r1"))
        except OSError as error:
            raise unusable(self._folder.path, error) from error
        self._journal.listen(self._board.backplane)

    def forget(self) -> None:
        """R1 does not count any more; then everything may leave."""
        for slot in self._board.backplane.slots.values():
            slot.input.on_feed = None
        self._drop()

    def adopt(self, point_id: bytes) -> None:
        """R1 is there and was put back: what comes in goes on being written down.

        Raises `DurabilityError`.
        """
        try:
            self._journal = InputJournal(self._folder.file("inputs"), point_id, append=True)
        except OSError as error:
            raise unusable(self._folder.path, error) from error
        self._journal.listen(self._board.backplane)

    def _drop(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        for name in ("r1", "r1.partial"):
            _remove(self._folder.file(name))


def _written(disk: Disk) -> ImageFile | None:
    """The file that what is written to the disk goes to, if there is one."""
    match disk.medium:
        case RawImage(read_only=False, file=file) | Overlay(layers=(_, file, _), read_only=False):
            return file
        case _:
            return None


def _remove(path: Path) -> None:
    """Or make sure that nobody takes it for R1: a file of no bytes is none."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        try:
            os.truncate(path, 0)
        except OSError:
            structlog.get_logger().critical(
                "R1 is over and its file stays: remove it before anybody resumes from it",
                file=str(path), why=error.strerror,
            )  # fmt: skip
