"""The runtime folder of a daemon: its owner's alone, and one daemon's at a time.

| file | |
|-|-|
| `lock` | locked by the daemon; its process number, for people |
| `daemon` | the daemon's control socket |
| `logs` | a link to the folder with the logs |
| `NAME.sock` | the control socket of machine NAME |
| `NAME.json` | locked by the process of machine NAME; what it is: see `record` |

A lock is gone with the process that held it, however that ended; a number in a file is not, and
may be another process's by now.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import DaemonError
from .lock import take, taken

PATH_MAX = 107
"""Bytes of the path of a UNIX socket (unix(7), `sun_path`, without its NUL)."""


class Runtime:
    """The files of the folder at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @property
    def socket(self) -> Path:
        """The daemon's."""
        return self.path / "daemon"

    @property
    def logs(self) -> Path:
        """The link to the folder with the logs."""
        return self.path / "logs"

    def control(self, name: str) -> Path:
        """The control socket of a machine."""
        return self.path / f"{name}.sock"

    def record(self, name: str) -> Path:
        """What the process of a machine is."""
        return self.path / f"{name}.json"

    def names(self) -> list[str]:
        """Of all machines that have a record, be it old."""
        return sorted(path.stem for path in self.path.glob("*.json"))

    def holder(self) -> int | None:
        """The process number of the daemon, 0 when it is not known; None when none runs."""
        try:
            lock = os.open(self.path / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return _number(lock) if taken(lock) else None
        finally:
            os.close(lock)


def default_runtime() -> Path:
    """HOTSWAP_HOST_RUNTIME, else hotswap-host in the XDG runtime folder, or one in /tmp."""
    if named := os.environ.get("HOTSWAP_HOST_RUNTIME"):
        return Path(named)
    if xdg := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(xdg) / "hotswap-host"
    return Path("/tmp") / f"hotswap-host-{os.geteuid()}"


@contextmanager
def hold_runtime(path: Path) -> Iterator[Runtime]:
    """The folder for this daemon alone while the block runs; made when it is not there.

    Raises `DaemonError`: not ours, open to others, cannot be written, or another daemon's.
    """
    runtime = Runtime(path)
    _make(runtime.path)
    try:
        if len(os.fsencode(runtime.socket)) > PATH_MAX:
            raise DaemonError(
                f"runtime folder {path}: its path is too long for a socket in it, which has "
                f"{PATH_MAX} bytes; give a shorter --runtime"
            )
        lock = os.open(runtime.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        if not take(lock):
            raise DaemonError(
                f"a daemon runs here already: process {_number(lock) or 'unknown'} holds "
                f"{runtime.path / 'lock'}; `hotswap-host stop --daemon` ends it, or give another "
                "--runtime"
            )
        os.ftruncate(lock, 0)
        with suppress(OSError):  # no room: nobody will read the number, but the lock holds
            os.pwrite(lock, b"%d\n" % os.getpid(), 0)
        yield runtime
    finally:
        os.close(lock)


def check_socket(path: Path) -> None:
    """Raises `DaemonError` when a socket cannot have this path."""
    if (size := len(os.fsencode(path))) > PATH_MAX:
        raise DaemonError(
            f"control socket {path}: the path has {size} bytes, {PATH_MAX} is the most; "
            "give a shorter --runtime, or the machine a shorter name"
        )


def _make(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise _unusable(path, error) from error
    if not stat.S_ISDIR(found.st_mode):  # in /tmp a link may be anybody's
        raise DaemonError(f"runtime folder {path}: is a link; give the folder itself by --runtime")
    if found.st_uid != os.geteuid():
        raise DaemonError(
            f"runtime folder {path}: belongs to user {found.st_uid}, this is user "
            f"{os.geteuid()}; give another --runtime"
        )
    if (mode := stat.S_IMODE(found.st_mode)) & 0o077:
        raise DaemonError(
            f"runtime folder {path}: is open to others (mode {mode:04o}), who could command the "
            "machines; give a folder of mode 0700, or one that is yet to be made, with --runtime"
        )


def _unusable(path: Path, error: OSError) -> DaemonError:
    return DaemonError(
        f"runtime folder {path}: {error.strerror}; give a --runtime that can be written"
    )


def _number(lock: int) -> int:
    text = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdecimal() else 0
