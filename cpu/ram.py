"""Guest RAM: a private mapping over a file, so that a rollback point costs only what changed.

The file (a memfd) is the rollback point. Pages written since are private copies, which the kernel's
page map tells apart; `commit` writes them to the file, `roll_back` forgets them. After a
commit the same pages are dropped, or they would count as written for ever.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable

from .errors import CommitError, MemoryBoundsError
from .host_memory import PAGE, drop_pages, map_pages, unmap_pages
from .pagemap import Pagemap, Run, runs_of

HOLE = range(0xA0000, 0xC0000)
"""Adapter memory: belongs to the bus, not to RAM."""
MIN_SIZE = 1 << 20
MAX_SIZE = 0xE000_0000
_EVERYTHING = 1000
"""From so many runs on, dropping the whole mapping is quicker than dropping each run."""


class Ram:
    """`size` bytes of RAM from physical address 0, with the adapter hole left out.

    `file` is an open file of that size to start from (it becomes the rollback point and is written
    by `commit`); by default the RAM is new and zero. Raises `OSError` where it cannot be mapped.
    """

    def __init__(self, size: int, file: int | None = None) -> None:
        if size % PAGE or not MIN_SIZE <= size <= MAX_SIZE:
            raise MemoryBoundsError(
                f"RAM of {size} bytes: give a multiple of {PAGE} between {MIN_SIZE} and {MAX_SIZE}"
            )
        self.size = size
        self.on_commit: Callable[[int, memoryview], None] | None = None
        """Called with address and content of whole pages once they are in the file."""
        self._fails = file is not None  # a file system may be full
        self._overwritten: dict[int, bytes] = {}  # pages of the point that a failed commit spoilt
        if file is None:
            self._file = os.memfd_create("guest-ram", os.MFD_CLOEXEC)
            os.ftruncate(self._file, size)
        else:
            if (length := os.fstat(file).st_size) != size:
                raise MemoryBoundsError(f"the file holds {length} bytes, the RAM {size}")
            self._file = os.dup(file)
        self.address = map_pages(size, self._file)
        self._pagemap = Pagemap()
        self._bytes = memoryview((ctypes.c_char * size).from_address(self.address)).cast("B")
        self._closed = False

    def close(self) -> None:
        """Unmap; collecting it does so too. No engine may still run on it."""
        if not self._closed:
            self._closed = True
            self._bytes.release()
            self._pagemap.close()
            os.close(self._file)
            self._file = -1  # nothing is committed or dropped any more
            unmap_pages(self.address, self.size)

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self.close()

    # -- bytes --------------------------------------------------------------------------------

    def check(self, start: int, size: int) -> None:
        """Raise `MemoryBoundsError` unless all of `start` to `start + size` is RAM."""
        end = start + size
        if start < 0 or size < 0 or end > self.size:
            raise MemoryBoundsError(
                f"physical {start:#x}+{size:#x} is beyond the {self.size:#x} bytes of RAM"
            )
        if start < HOLE.stop and end > HOLE.start and size:
            raise MemoryBoundsError(
                f"physical {start:#x}+{size:#x} touches the adapter hole "
                f"{HOLE.start:#x}-{HOLE.stop - 1:#x}, which is not RAM"
            )

    def read(self, start: int, size: int) -> bytes:
        """A copy of `size` bytes. Raises `MemoryBoundsError`."""
        self.check(start, size)
        return bytes(self._bytes[start : start + size])

    def store(self, start: int, content: bytes | bytearray | memoryview) -> None:
        """Write, and nothing else: translations of old code stay. See `Processor.write_memory`."""
        self.check(start, len(content))
        self._bytes[start : start + len(content)] = content

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Start and size of what is RAM: below the adapter hole, and above it."""
        low = min(HOLE.start, self.size)
        return [(0, low), (HOLE.stop, self.size - HOLE.stop)]

    def used_runs(self) -> list[Run]:
        """The pages that were ever written, the adapter hole left out; all others are zeros."""
        used = bytearray(self.size // PAGE)
        for first, pages in (*self.dirty_runs(), *self._file_runs()):
            used[first : first + pages] = b"\1" * pages
        used[HOLE.start // PAGE : HOLE.stop // PAGE] = bytes(len(HOLE) // PAGE)
        return runs_of(used)

    def _file_runs(self) -> list[Run]:
        """Where the file has no holes."""
        runs, end = [], 0
        while end < self.size:
            try:
                start = os.lseek(self._file, end, os.SEEK_DATA)
            except OSError:  # ENXIO: only a hole is left
                break
            end = os.lseek(self._file, start, os.SEEK_HOLE)
            runs.append(Run(start // PAGE, -(-end // PAGE) - start // PAGE))
        return runs

    # -- rollback point -----------------------------------------------------------------------

    def dirty_runs(self) -> list[Run]:
        """The pages written since the last commit."""
        return self._pagemap.written(self.address, self.size)

    def commit(self) -> int:
        """Make the present contents the rollback point; returns how many pages that took.

        Much is quicker in rounds: commit while the guest runs, until a round has become short,
        then once more with the processor paused. Only that last one is a point in time.

        Raises `CommitError` when the file cannot be written; then the rollback point is still the
        one before.
        """
        runs = self.dirty_runs()
        before: list[tuple[int, bytes]] = []
        try:
            for page, count in runs:
                if self._fails:
                    before.append((page, os.pread(self._file, count * PAGE, page * PAGE)))
                self._write(page * PAGE, (page + count) * PAGE)
        except OSError as error:
            for page, content in before:
                for n in range(len(content) // PAGE):
                    piece = content[n * PAGE : (n + 1) * PAGE]
                    self._overwritten.setdefault(page + n, piece)
            raise CommitError(f"RAM cannot be written to its file: {error.strerror}") from error
        self._overwritten.clear()
        self._drop(runs)
        return sum(run.pages for run in runs)

    def _write(self, start: int, end: int) -> None:
        begin = start
        while start < end:
            start += os.pwrite(self._file, self._bytes[start:end], start)
        if self.on_commit is not None:
            self.on_commit(begin, self._bytes[begin:end])

    def roll_back(self) -> list[Run]:
        """Put the last commit's contents back; returns the pages that had been written."""
        runs = self.dirty_runs()
        self._drop(runs)
        for page, content in self._overwritten.items():
            self._bytes[page * PAGE : (page + 1) * PAGE] = content
        return runs

    # -- copies -------------------------------------------------------------------------------

    def copy_base(self) -> int:
        """A new file (memfd) with the last commit's contents, which the caller closes.

        May run in another thread, as long as nobody commits. Raises `OSError`.
        """
        copy = os.memfd_create("guest-ram-copy", os.MFD_CLOEXEC)
        try:
            os.ftruncate(copy, self.size)
            for page, count in self._file_runs():
                at, end = page * PAGE, (page + count) * PAGE
                os.lseek(copy, at, os.SEEK_SET)
                while at < end:
                    at += os.sendfile(copy, self._file, at, end - at)
        except BaseException:
            os.close(copy)
            raise
        return copy

    def copy_written(self, copy: int) -> int:
        """Bring such a copy up to date; the processor stands. Returns the pages. Raises `OSError`.

        The pages stay written: there is no new rollback point.
        """
        runs = self.dirty_runs()
        for page, count in runs:
            at, end = page * PAGE, (page + count) * PAGE
            while at < end:
                at += os.pwrite(copy, self._bytes[at:end], at)
        return sum(run.pages for run in runs)

    def _drop(self, runs: Iterable[Run]) -> None:
        runs = list(runs)
        if len(runs) >= _EVERYTHING:
            drop_pages(self.address, self.size)
        else:
            for page, count in runs:
                drop_pages(self.address + page * PAGE, count * PAGE)


class RamWindow:
    """A part of RAM lent to a card, for DMA; useless once revoked."""

    def __init__(
        self, ram: Ram, start: int, size: int, write: Callable[[int, bytes], None]
    ) -> None:
        ram.check(start, size)
        self.start = start
        self.size = size
        self._ram: Ram | None = ram
        self._write = write

    def _locate(self, offset: int, size: int) -> Ram:
        if self._ram is None:
            raise MemoryBoundsError(f"the window at {self.start:#x} was revoked; ask for a new one")
        if offset < 0 or size < 0 or offset + size > self.size:
            raise MemoryBoundsError(
                f"{offset:#x}+{size:#x} is outside the window of {self.size:#x} bytes at "
                f"{self.start:#x}"
            )
        return self._ram

    def read(self, offset: int, size: int) -> bytes:
        """A copy of `size` bytes from `offset` in the window. Raises `MemoryBoundsError`."""
        return self._locate(offset, size).read(self.start + offset, size)

    def write(self, offset: int, content: bytes) -> None:
        """Store at `offset`, as a host write. Raises `MemoryBoundsError`."""
        self._locate(offset, len(content))
        self._write(self.start + offset, content)

    def revoke(self) -> None:
        """End the loan: every later access raises."""
        self._ram = None
