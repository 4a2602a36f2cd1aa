"""Files that only grow to a size, on a disk that may be full: nobody is stopped by one of these.

What has no room is lost, and counted; the file is tried again with the next.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

LOG_MAX = 4 << 20
"""Bytes of a file of a log."""
LOG_KEPT = 4
"""Older files of a log: NAME.log.1 is the newest of them."""
SERIAL_MAX = 4 << 20
SERIAL_KEPT = 1


class BoundedFile:
    """A file that is written on at its end; full, it becomes `PATH.1`, that `PATH.2`, and so on."""

    def __init__(self, path: Path, size_max: int, kept: int) -> None:
        self.path = path
        self._size_max, self._kept = size_max, kept
        self._file = -1

    def append(self, content: bytes) -> int:
        """Write `content`; how many bytes of it there was room for."""
        try:
            self._open(len(content))
            return os.write(self._file, content)
        except OSError:
            return 0

    def close(self) -> None:
        """Close the file; `append` opens it again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self, more: int) -> None:
        """The file is open and has room for `more`, or is as empty as it can be."""
        if self._file >= 0:
            found = os.fstat(self._file)
            if found.st_nlink and found.st_size + more <= self._size_max:
                return
            self.close()  # full, or removed by somebody
        self._file = self._opened()
        size = os.fstat(self._file).st_size
        if size and size + more > self._size_max:
            self.close()
            self._rotate()
            self._file = self._opened()

    def _opened(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.open(self.path, flags, 0o600)

    def _rotate(self) -> None:
        for number in range(self._kept - 1, 0, -1):
            with suppress(FileNotFoundError):
                numbered(self.path, number).rename(numbered(self.path, number + 1))
        self.path.rename(numbered(self.path, 1))


def numbered(path: Path, number: int) -> Path:
    """An older file of the same."""
    return path.with_name(f"{path.name}.{number}")


def files_of(path: Path) -> list[Path]:
    """All there are, oldest first."""
    older: list[Path] = []
    while (file := numbered(path, len(older) + 1)).exists():
        older.append(file)
    return [*reversed(older), path]
