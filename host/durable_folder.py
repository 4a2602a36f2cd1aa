"""A durable folder: the files that let a machine outlive its process, for one process at a time.

| file | |
|-|-|
| `lock` | locked by the process whose machine it is; its number |
| `machine` | what runs here, since when, and whether it has ended |
| `snapshot` | where the newest snapshot of it is |
| `ram`, `sums` | RAM as of the last commit, CRC-32 of each page of it: see `durable_ram` |
| `r1` | the rollback point; there from R1 until all is let out, and at no other time |
| `r1.partial` | an `r1` that does not count yet |
| `inputs` | what has come in since R1: see `durable_inputs` |

`r1` comes by rename(2) and goes by unlink(2), each of which happens as a whole or not at all.
"""

from __future__ import annotations

import errno
import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hotswap.switchover.errors import DamagedError, DurabilityError

from . import wall_clock
from .durable_records import MachineRecord, PointRecord, SnapshotRecord, read_record, write_record

FILES = ("machine", "snapshot", "ram", "sums", "r1", "r1.partial", "inputs")
"""All but the lock."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class DurableFolder:
    """The folder at `path`, locked by this process. Use `open_folder`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.machine_id = ""
        """Empty until a machine was begun here or read."""

    def file(self, name: str) -> Path:
        """One of `FILES`."""
        return self.path / name

    @property
    def has_r1(self) -> bool:
        """Whether a switchover was cut short here after R1, be it usable or not."""
        return self.file("r1").exists()

    def begin(self, name: str, written_by: str, command: list[str]) -> None:
        """A new machine takes the place of one that is no more. Raises `DurabilityError`."""
        if self._can_go_on():
            raise DurabilityError(
                f"{self.path}: a machine stands here in the middle of a switchover and has lost "
                f"nothing; `hotswap-host resume {self.path}` lets it go on, removing "
                f"{self.file('r1')} gives it up"
            )
        self.clear()
        self.machine_id = uuid.uuid4().hex
        record = MachineRecord(
            machine_id=self.machine_id,
            name=name,
            written_by=written_by,
            started_at=wall_clock.iso(),
            command=command,
        )
        write_record(self.file("machine"), record)

    def _can_go_on(self) -> bool:
        try:
            point = read_record(self.file("r1"), PointRecord)
        except DamagedError:
            return False
        except DurabilityError as error:  # another version or user may be able to go on from it
            raise DurabilityError(f"{error}; removing {self.file('r1')} gives it up") from error
        return point is not None and point.boot_id == boot_id()

    def machine(self) -> MachineRecord:
        """What ran here last. Raises `DurabilityError` when nothing did, or it cannot be read."""
        found = read_record(self.file("machine"), MachineRecord)
        if found is None:
            raise DurabilityError(
                f"{self.path}: no machine has run here; start one with "
                f"`hotswap-host run IMAGE --durable {self.path}`"
            )
        self.machine_id = found.machine_id
        return found

    def snapshot(self) -> SnapshotRecord | None:
        """The newest snapshot of the machine, if there is one. Raises `DurabilityError`."""
        found = read_record(self.file("snapshot"), SnapshotRecord)
        return found if found is not None and found.machine_id == self.machine_id else None

    def note_snapshot(self, file: Path, taken_at: str, time_ns: int) -> None:
        """The machine was saved. Raises `DurabilityError`."""
        record = SnapshotRecord(
            machine_id=self.machine_id,
            file=str(file.absolute()),
            taken_at=taken_at,
            time_ns=time_ns,
        )
        write_record(self.file("snapshot"), record)

    def end(self, record: MachineRecord) -> None:
        """The machine has ended by itself or was stopped: there is nothing to resume."""
        write_record(self.file("machine"), record)
        for name in ("ram", "sums", "inputs"):
            self.file(name).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove every file but the lock. Raises `DurabilityError`."""
        try:
            for name in FILES:
                self.file(name).unlink(missing_ok=True)
        except OSError as error:
            raise unusable(self.path, error) from error


@contextmanager
def open_folder(path: Path, *, make: bool = False) -> Iterator[DurableFolder]:
    """The folder for this process alone while the block runs; `make` it when it is not there.

    Raises `DurabilityError`: cannot be made or written, or in use, and by whom.
    """
    try:
        if make and not path.exists():
            path.mkdir(mode=0o700)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unusable(path, error) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(lock, 0)
            os.pwrite(lock, b"%d\n" % os.getpid(), 0)
        except BlockingIOError as error:
            holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
            raise DurabilityError(
                f"{path}: in use by process {holder or 'unknown'}, whose machine it is; stop that "
                "or give another folder"
            ) from error
        except OSError as error:
            raise unusable(path, error) from error
        yield DurableFolder(path)
    finally:
        os.close(lock)


def for_owner(path: str, flags: int) -> int:
    """An opener: what is in a machine's memory is for nobody else."""
    return os.open(path, flags, 0o600)


def unusable(path: Path, error: OSError) -> DurabilityError:
    """The error for a folder that cannot be had."""
    advice = {
        errno.ENOSPC: "make room there or give another folder",
        errno.EDQUOT: "make room there or give another folder",
        errno.EFBIG: "allow larger files (`ulimit -f`) or give another folder",
        errno.ENODEV: "the file system there maps no files; give a folder on ext4, xfs or tmpfs",
        errno.ENOLCK: "the file system there locks no files; give a folder on ext4, xfs or tmpfs",
    }.get(error.errno or 0, "give a folder that can be written")
    return DurabilityError(f"{path}: cannot be used: {error.strerror}; {advice}")


def boot_id() -> str:
    """Of the host's kernel, new each time it boots (random(4))."""
    return BOOT_ID.read_text().strip()
