"""RAM whose base is a file in a durable folder, with a checksum of every page beside it.

`ram` is written by commits alone. `sums` is shared memory: the CRC-32 of each page of `ram`, kept
up to date by each commit, so that nothing is read again in a blackout. Room for both is taken at
power-on, so that a folder that is full later does not stand in the way of a commit. What is in the
page cache survives the process; nothing here is synced.
"""

from __future__ import annotations

import errno
import mmap
import os
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hotswap.cpu import Ram
from hotswap.switchover.errors import DamagedError, DurabilityError

from .durable_folder import DurableFolder, for_owner, unusable

PAGE = 4096
SUM = 4
"""Bytes of a page's checksum."""
_NO_PAGE = zlib.crc32(bytes(PAGE))
_CHUNK = 256 * PAGE
_WITHOUT = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}
"""posix_fallocate(3) where the file system cannot."""


@contextmanager
def new_ram(folder: DurableFolder, size: int) -> Iterator[Ram]:
    """New RAM of `size` bytes over files in the folder. Raises `DurabilityError`."""
    try:
        sums = array("I", [_NO_PAGE]) * (size // PAGE)
        for name, length in (("ram", size), ("sums", len(sums) * SUM)):
            with open(folder.file(name), "xb", opener=for_owner) as file:
                _take_room(file.fileno(), length)
                if name == "sums":
                    file.write(sums)
    except OSError as error:
        folder.clear()  # no machine has run here
        raise unusable(folder.path, error) from error
    with _mapped(folder, size) as ram:
        yield ram


@contextmanager
def kept_ram(folder: DurableFolder, size: int) -> Iterator[Ram]:
    """RAM as of the last commit. Raises `DurabilityError` when a page of it is not as it was."""
    _check(folder, size)
    with _mapped(folder, size) as ram:
        yield ram


def _take_room(fd: int, length: int) -> None:
    try:
        os.posix_fallocate(fd, 0, length)
    except OSError as error:
        if error.errno not in _WITHOUT:
            raise
        os.ftruncate(fd, length)


@contextmanager
def _mapped(folder: DurableFolder, size: int) -> Iterator[Ram]:
    try:
        with folder.file("ram").open("r+b") as file:
            ram = Ram(size, file.fileno())
        with folder.file("sums").open("r+b") as file:
            sums = memoryview(mmap.mmap(file.fileno(), 0)).cast("I")
    except OSError as error:
        raise unusable(folder.path, error) from error
    _try_out(ram, folder.path)

    def note(address: int, content: memoryview) -> None:
        first = address // PAGE
        for n in range(len(content) // PAGE):
            sums[first + n] = zlib.crc32(content[n * PAGE : (n + 1) * PAGE])

    ram.on_commit = note
    yield ram


def _try_out(ram: Ram, path: Path) -> None:
    """The host must tell written pages of this file system's files from others."""
    before = ram.read(0, 1)
    ram.store(0, bytes([before[0] ^ 0xFF]))
    told = [(run.first, run.pages) for run in ram.dirty_runs()]
    ram.roll_back()
    if told != [(0, 1)] or ram.read(0, 1) != before:
        raise DurabilityError(
            f"{path}: on the file system there written pages cannot be told from others; give a "
            "folder on ext4, xfs or tmpfs"
        )


def _check(folder: DurableFolder, size: int) -> None:
    """Every page of `ram` against its checksum."""
    try:
        sums = folder.file("sums").read_bytes()
        length = folder.file("ram").stat().st_size
        if (length, len(sums)) != (size, size // PAGE * SUM):
            raise DamagedError(
                f"{folder.file('ram')}: damaged: holds {length} bytes of {size}, and checksums of "
                f"{len(sums) // SUM * PAGE}"
            )
        expected = memoryview(sums).cast("I")
        with folder.file("ram").open("rb") as file:
            for at in range(0, size, _CHUNK):
                chunk = memoryview(file.read(_CHUNK))
                for n in range(len(chunk) // PAGE):
                    if zlib.crc32(chunk[n * PAGE : (n + 1) * PAGE]) != expected[at // PAGE + n]:
                        raise DamagedError(
                            f"{folder.file('ram')}: damaged: the page at {at + n * PAGE:#x} is not "
                            "what was written there"
                        )
    except OSError as error:
        raise DurabilityError(f"{folder.path}: cannot be read: {error.strerror}") from error
