"""What the process of a machine is, in a file it keeps locked as long as it lives.

Whoever finds the lock taken has a living machine, whose process number is in the file; whoever gets
the lock has what a crash or a reboot has left. So the daemon that comes after one that was killed
knows its machines, and a number that is another process's by now is never believed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from .errors import DaemonError
from .lock import take, taken

FORMAT = 1


class MachineRecord(msgspec.Struct, frozen=True):
    """A machine that runs. `since` is seconds of CLOCK_BOOTTIME; `digest` that of its file."""

    name: str
    file: str
    pid: int
    since: float
    digest: str = ""
    restarts: int = 0
    format: int = FORMAT

    @property
    def uptime(self) -> float:
        """Seconds."""
        return now() - self.since


def now() -> float:
    """Seconds since the host booted; nobody sets that clock, and it goes on while it sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@contextmanager
def hold_record(path: Path, record: MachineRecord) -> Iterator[None]:
    """Be the machine at `path` while the block runs. Raises `DaemonError` when another one is."""
    try:
        lock = _lock(path)
    except OSError as error:
        raise DaemonError(f"{path}: {error.strerror}; make it writable") from error
    if lock is None:
        holder = running_record(path)
        raise DaemonError(
            f"machine {record.name} runs already, in process "
            f"{holder.pid if holder else 'unknown'}; `hotswap-host stop --machine "
            f"{record.name}` ends it"
        )
    try:
        with suppress(OSError):  # no room: it runs, but no other daemon can take it over
            os.ftruncate(lock, 0)
            os.pwrite(lock, msgspec.json.encode(record), 0)
        yield
    finally:
        os.close(lock)


def running_record(path: Path) -> MachineRecord | None:
    """The machine that lives at `path`, or None.

    Raises `DaemonError` when one lives there of which nothing can be said.
    """
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DaemonError(f"{path}: {error.strerror}; remove it") from error
    try:
        if not taken(lock):
            return None
        record = msgspec.json.decode(os.pread(lock, 65536, 0), type=MachineRecord)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DaemonError(
            f"{path}: a machine holds it, but it does not say which ({error}); try again, or find "
            f"the process with `fuser {path}` and end it"
        ) from error
    finally:
        os.close(lock)
    if record.format != FORMAT:
        raise DaemonError(
            f"{path}: machine {record.name} was started by another version of hotswap-host; "
            f"end it with `hotswap-host stop --machine {record.name}`"
        )
    return record


def _lock(path: Path) -> int | None:
    """An open, locked file at `path`, or None when somebody else has it."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not take(lock):
            os.close(lock)
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), path.stat()):
                return lock
        os.close(lock)  # removed meanwhile, by who took it for an old one
