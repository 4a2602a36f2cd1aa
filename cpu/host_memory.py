"""Pages of this process, by mmap(2) itself: private to it, at an address C code can be given.

Python's `mmap.mmap(-1, n)` is shared memory and unmaps when it is collected; guest RAM needs a
private mapping whose pages /proc/self/pagemap can tell apart, and machine code must never go away.
"""

from __future__ import annotations

import ctypes
import mmap
import os

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

PAGE = 4096
_STEP = 64 << 20
_REACH = (1 << 31) - _STEP  # of a relative call
_MAP_FAILED = ctypes.c_void_p(-1).value


def _check(result: int, call: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{call}: {os.strerror(error)}")


def map_pages(size: int, file: int | None = None, *, wanted: int | None = None) -> int:
    """Map `size` bytes readable and writable, zeroed or a private copy of `file`; the address.

    It is the one `wanted` when that is free. Raises `OSError`.
    """
    flags = mmap.MAP_PRIVATE | (mmap.MAP_ANONYMOUS if file is None else 0)
    access = mmap.PROT_READ | mmap.PROT_WRITE
    address: int | None = _libc.mmap(wanted, size, access, flags, -1 if file is None else file, 0)
    if address is None or address == _MAP_FAILED:
        error = ctypes.get_errno()
        raise OSError(error, f"mmap of {size} bytes: {os.strerror(error)}")
    return address


def map_pages_near(place: int, size: int) -> int:
    """As `map_pages`, within 2 GiB of `place` if there is room. Raises `OSError`."""
    for distance in range(_STEP, _REACH, _STEP):
        address = map_pages(size, wanted=(place - distance) & -PAGE)
        if abs(address - place) < _REACH:
            return address
        unmap_pages(address, size)
    return map_pages(size)


def unmap_pages(address: int, size: int) -> None:
    """Give the mapping up."""
    _check(_libc.munmap(address, size), "munmap")


def drop_pages(address: int, size: int) -> None:
    """Forget what was written to private pages: the next access sees the file (or zeroes) again."""
    _check(_libc.madvise(address, size, mmap.MADV_DONTNEED), "madvise")


def rewrite_sealed(address: int, content: bytes) -> None:
    """Write to a page the dynamic linker made read-only, and seal it again. Raises `OSError`."""
    start = address & -PAGE
    size = (address + len(content) - start + PAGE - 1) & -PAGE
    _check(_libc.mprotect(start, size, mmap.PROT_READ | mmap.PROT_WRITE), "mprotect")
    ctypes.memmove(address, content, len(content))
    _check(_libc.mprotect(start, size, mmap.PROT_READ), "mprotect")


def make_executable(address: int, size: int) -> None:
    """Turn writable pages into executable ones. Raises `OSError` where the host forbids it."""
    _check(_libc.mprotect(address, size, mmap.PROT_READ | mmap.PROT_EXEC), "mprotect")
