"""Which pages of this process are its own and no longer those of the file they were mapped from.

By PAGEMAP_SCAN (Linux 6.7), which tells where such pages are in microseconds; before, by reading an
entry for every page. Source: Documentation/admin-guide/mm/pagemap.rst, include/uapi/linux/fs.h.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

from .host_memory import PAGE

_PAGEMAP_SCAN = 0xC0606610  # _IOWR('f', 16, struct pm_scan_arg)
_SCAN_ARG = struct.Struct("<12Q")
_WALK_END = 4 * 8
_IS_FILE, _IS_PRESENT, _IS_SWAPPED = 1 << 2, 1 << 3, 1 << 4
_REGIONS = 512
_REGION = 3 * 8  # struct page_region: start, end, categories

# Top byte of an entry: 0x80 present, 0x40 swapped, 0x20 still the file's page.
_WRITTEN = bytes(1 if byte & 0xC0 and not byte & 0x20 else 0 for byte in range(256))


class Run(NamedTuple):
    """`pages` consecutive pages of 4 KiB from page number `first`."""

    first: int
    pages: int


class Pagemap:
    """/proc/self/pagemap of the process it was made in. Raises `OSError` without /proc."""

    def __init__(self) -> None:
        self._file = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        self._regions = (ctypes.c_uint64 * (3 * _REGIONS))()
        self._can_scan = True

    def close(self) -> None:
        """Once; nothing is found out any more."""
        os.close(self._file)
        self._file = -1

    def written(self, address: int, size: int) -> list[Run]:
        """The pages of a private mapping that were written to, counted from `address`."""
        if self._can_scan:
            try:
                return list(self._scan(address, address + size))
            except OSError:  # an older kernel
                self._can_scan = False
        return self._read(address, size)

    def _scan(self, start: int, end: int) -> Iterator[Run]:
        at = start
        while at < end:
            argument = bytearray(
                _SCAN_ARG.pack(
                    _SCAN_ARG.size, 0, at, end, 0, ctypes.addressof(self._regions), _REGIONS, 0,
                    _IS_FILE, _IS_FILE, _IS_PRESENT | _IS_SWAPPED, _IS_FILE,
                )
            )  # fmt: skip
            count = fcntl.ioctl(self._file, _PAGEMAP_SCAN, argument)
            for first, last, _ in struct.iter_unpack(
                "<3Q", bytes(self._regions)[: count * _REGION]
            ):
                yield Run((first - start) // PAGE, (last - first) // PAGE)
            (at,) = struct.unpack_from("<Q", argument, _WALK_END)

    def _read(self, address: int, size: int) -> list[Run]:
        entries = os.pread(self._file, size // PAGE * 8, address // PAGE * 8)
        return runs_of(entries[7::8].translate(_WRITTEN))


def runs_of(marked: bytes | bytearray) -> list[Run]:
    """Where the page by page ones of `marked` are."""
    found, start = [], marked.find(1)
    while start >= 0:
        end = marked.find(0, start)
        if end < 0:
            end = len(marked)
        found.append(Run(start, end - start))
        start = marked.find(1, end)
    return found
