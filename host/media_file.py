"""A file that holds a disk image: locked against other machines, read and written by position."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from pathlib import Path
from typing import Self

from hotswap.bus import MediaError

DIGEST_CHUNK = 1 << 20


class ImageFile:
    """An open image. Raises `MediaError` with the path and the reason, whatever fails.

    With `shared`, a descriptor another machine has opened it by, it is only read, and not locked.
    """

    def __init__(self, path: Path, *, read_only: bool = False, shared: int | None = None) -> None:
        self.path = path
        self.read_only = read_only or shared is not None
        if shared is not None:
            self._fd = shared
            return
        flags = (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO
        try:
            self._fd = os.open(path, flags)
        except OSError as error:
            hint = {
                errno.EACCES: "; make it writable or open it read-only",
                errno.EROFS: "; open it read-only, or with an overlay elsewhere",
                errno.EISDIR: "; give an image file",
            }.get(error.errno or 0, "")
            raise MediaError(f"{path}: cannot be opened: {error.strerror}{hint}") from error
        try:
            self._check_and_lock()
        except BaseException:
            self.close()
            raise

    def _check_and_lock(self) -> None:
        mode = os.fstat(self._fd).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
            raise MediaError(f"{self.path}: is no file and no block device; give an image file")
        try:
            fcntl.flock(
                self._fd, fcntl.LOCK_NB | (fcntl.LOCK_SH if self.read_only else fcntl.LOCK_EX)
            )
        except BlockingIOError as error:
            raise MediaError(
                f"{self.path}: is in use by another machine; stop it, or give each an overlay"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Unlock and close; closing twice is fine."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def share(self) -> int:
        """A new descriptor, to read by; the caller closes it."""
        return os.dup(self._fd)

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self._fd < 0

    @property
    def size(self) -> int:
        """Bytes, also of a block device."""
        return os.lseek(self._fd, 0, os.SEEK_END)

    @property
    def changed_at(self) -> int:
        """When the content was last changed, in ns since 1970."""
        return os.fstat(self._fd).st_mtime_ns

    def read(self, at: int, size: int) -> bytes:
        """Exactly `size` bytes."""
        try:
            content = os.pread(self._fd, size, at)
        except OSError as error:
            raise MediaError(f"{self.path}: byte {at} cannot be read: {error.strerror}") from error
        if len(content) != size:
            raise MediaError(f"{self.path}: ends before byte {at + size}; was it cut meanwhile?")
        return content

    def write(self, at: int, content: bytes) -> None:
        """All of `content`."""
        rest = memoryview(content)
        try:
            while rest:
                done = os.pwrite(self._fd, rest, at)
                at, rest = at + done, rest[done:]
        except OSError as error:
            raise MediaError(
                f"{self.path}: byte {at} cannot be written: {error.strerror}"
            ) from error

    def sync(self) -> None:
        """Return when all that was written survives a power failure."""
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            raise MediaError(
                f"{self.path}: what was written may be lost: {error.strerror}"
            ) from error

    def digest(self) -> bytes:
        """BLAKE2b (32 bytes) of the size and of every MiB that is not all zero, with its place.

        Holes of a sparse file cost nothing.
        """
        size = self.size
        summary = hashlib.blake2b(size.to_bytes(8, "little"), digest_size=32)
        at = 0
        while at < size:
            try:
                at = os.lseek(self._fd, at, os.SEEK_DATA) // DIGEST_CHUNK * DIGEST_CHUNK
            except OSError as error:
                if error.errno == errno.ENXIO:
                    break  # nothing but a hole is left
            chunk = self.read(at, min(DIGEST_CHUNK, size - at))
            if chunk.count(0) != len(chunk):
                summary.update(at.to_bytes(8, "little") + chunk)
            at += DIGEST_CHUNK
        return summary.digest()
