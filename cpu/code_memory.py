"""What a card's code sees of memory: page tables over one piece of host memory.

The physical memory of a code unit is that piece: page tables, stubs and stack first, then what is
mapped, in order. Linear addresses are the code's own. PAE, for its NX; everything is user memory,
so that ring 3 sees nothing that is not mapped. Intel SDM volume 3A, 4.4 "PAE Paging".
"""

from __future__ import annotations

import ctypes
from array import array
from bisect import bisect_right
from typing import NamedTuple

from unicorn import UC_PROT_ALL

from hotswap.bus import HotswapError

from .core import Core
from .errors import UnsupportedEngine
from .host_memory import PAGE, drop_pages, map_pages, unmap_pages

PRESENT, WRITABLE, USER = 1, 2, 4
NX = 1 << 63
_ENTRIES = 512
_SPAN = PAGE * _ENTRIES
"""Bytes one page table is for."""
_DIRECTORIES = 4
STUBS = 0xF0000000
STACK_TOP = 0xF8000000
STACK_SIZE = 64 << 10
GUARD = 1 << 20
"""Bytes under the stack that nobody can map."""
ROOM = range(PAGE, STUBS - GUARD)
"""Where something can be mapped."""
_SHARED = 0x8000_0000
"""Physical address of memory shared with the host."""
_TABLE = slice(PAGE, PAGE * (1 + _DIRECTORIES))


class _Region(NamedTuple):
    start: int
    end: int
    content: memoryview
    physical: int
    executable: bool


class CodeMemory:
    """The memory of one code unit, at most `memory_max` bytes with its stack and page tables."""

    def __init__(self, core: Core, memory_max: int) -> None:
        self._core = core
        self.memory_max = memory_max
        fixed = PAGE * (1 + _DIRECTORIES + 1) + STACK_SIZE
        if memory_max % PAGE or memory_max < fixed + 16 * PAGE:
            raise HotswapError(
                f"{memory_max:#x} bytes for a card's code: give whole pages of {PAGE}, "
                f"{fixed + 16 * PAGE:#x} bytes or more"
            )
        self._address = map_pages(memory_max)
        self._view = memoryview((ctypes.c_uint8 * memory_max).from_address(self._address)).cast("B")
        self._words = self._view.cast("Q")
        error = core.symbols.uc_mem_map_ptr(core.handle, 0, memory_max, UC_PROT_ALL, self._address)
        if error:
            raise UnsupportedEngine(f"the engine cannot map a card's memory: error {error}")
        region = core.symbols.find_memory_mapping(core.handle, 0)
        self._ram_address: int = core.symbols.memory_region_get_ram_addr(region)
        self._used = 0
        self._starts: list[int] = []
        self._regions: list[_Region] = []
        self._shared: list[tuple[int, int, memoryview]] = []
        self._next_shared = _SHARED
        self.stack = self._view[:0]
        self.clear()

    @property
    def stack_address(self) -> int:
        """The host's address of the stack's lowest byte."""
        return ctypes.addressof(ctypes.c_uint8.from_buffer(self.stack))

    def clear(self) -> None:
        """Forget everything: nothing is mapped but stubs and stack. Translations stay."""
        for physical, size, _ in self._shared:
            self._core.symbols.uc_mem_unmap(self._core.handle, physical, size)
        self._shared.clear()
        self._next_shared = _SHARED
        self._regions.clear()
        self._starts.clear()
        drop_pages(self._address, self._used)
        for directory in range(_DIRECTORIES):
            self._words[directory] = PAGE * (1 + directory) | PRESENT
        self._used = PAGE * (1 + _DIRECTORIES)
        self._add(STUBS, PAGE, writable=False, executable=True)
        stack = STACK_TOP - STACK_SIZE
        self.stack = self._add(stack, STACK_SIZE, writable=True, executable=False).content

    def map(
        self,
        address: int,
        size: int,
        *,
        writable: bool,
        executable: bool,
        shared: memoryview | None,
    ) -> None:
        """As `CodeEngine.map`."""
        end = address + size
        if address % PAGE or size % PAGE or size <= 0:
            raise HotswapError(
                f"memory of a card's code at {address:#x}+{size:#x}: give whole pages of {PAGE}"
            )
        if address not in ROOM or end - 1 not in ROOM:
            raise HotswapError(
                f"memory of a card's code at {address:#x}+{size:#x}: it goes between "
                f"{ROOM.start:#x} and {ROOM.stop - 1:#x}"
            )
        if writable and executable:
            raise HotswapError(f"memory at {address:#x}: either writable or executable, not both")
        for region in self._regions:
            if region.start < end and address < region.end:
                raise HotswapError(
                    f"memory of a card's code at {address:#x}+{size:#x}: "
                    f"{region.start:#x}-{region.end - 1:#x} is mapped already"
                )
        if shared is None:
            self._add(address, size, writable=writable, executable=executable)
        else:
            self._share(address, size, shared, writable=writable, executable=executable)

    def _add(self, address: int, size: int, *, writable: bool, executable: bool) -> _Region:
        self._check_room(address, size, size)
        physical, self._used = self._used, self._used + size
        content = self._view[physical : physical + size]
        region = _Region(address, address + size, content, physical, executable)
        self._enter(region, writable=writable)
        return region

    def _share(
        self, address: int, size: int, shared: memoryview, *, writable: bool, executable: bool
    ) -> None:
        if executable:
            raise HotswapError(f"memory at {address:#x}: what is shared cannot be executable")
        if shared.readonly or not shared.c_contiguous or shared.nbytes != size:
            raise HotswapError(
                f"memory at {address:#x}: {shared.nbytes} bytes of the host's cannot be shared as "
                f"{size}: give one writable, contiguous piece of that size"
            )
        self._check_room(address, size, 0)
        content = shared.cast("B")
        host = ctypes.addressof(ctypes.c_uint8.from_buffer(content))
        core, physical = self._core, self._next_shared
        error = core.symbols.uc_mem_map_ptr(core.handle, physical, size, UC_PROT_ALL, host)
        if error:
            raise HotswapError(f"the engine cannot share {size} bytes of the host: error {error}")
        self._next_shared += size
        self._shared.append((physical, size, content))
        self._enter(
            _Region(address, address + size, content, physical, executable), writable=writable
        )

    def _check_room(self, address: int, size: int, taken: int) -> None:
        tables = sum(
            not self._words[self._directory_entry(at)]
            for at in range(address - address % _SPAN, address + size, _SPAN)
        )
        if self._used + taken + tables * PAGE > self.memory_max:
            raise HotswapError(
                f"memory of a card's code at {address:#x}+{size:#x}: only "
                f"{self.memory_max - self._used:#x} of its {self.memory_max:#x} bytes are left"
            )

    @staticmethod
    def _directory_entry(linear: int) -> int:
        return (PAGE + 8 * (linear // _SPAN)) // 8

    def _enter(self, region: _Region, *, writable: bool) -> None:
        flags = PRESENT | USER | (WRITABLE if writable else 0) | (0 if region.executable else NX)
        at = region.start
        while at < region.end:
            entry = self._directory_entry(at)
            if not self._words[entry]:
                self._words[entry] = self._used | PRESENT | WRITABLE | USER
                self._used += PAGE
            table = (self._words[entry] & -PAGE) // 8
            end = min(region.end, at - at % _SPAN + _SPAN)
            first, count = at // PAGE % _ENTRIES, (end - at) // PAGE
            physical = region.physical + at - region.start | flags
            entries = array("Q", range(physical, physical + count * PAGE, PAGE))
            self._words[table + first : table + first + count] = memoryview(entries)
            at = end
        index = bisect_right(self._starts, region.start)
        self._starts.insert(index, region.start)
        self._regions.insert(index, region)

    def _pieces(self, address: int, size: int) -> list[tuple[_Region, int, int]]:
        """Region, first and last byte in it, of each part. Raises `HotswapError`."""
        found = []
        at, end = address, address + size
        while at < end:
            index = bisect_right(self._starts, at) - 1
            region = self._regions[index] if index >= 0 else None
            if region is None or at >= region.end:
                raise HotswapError(
                    f"memory of a card's code at {address:#x}+{size:#x}: {at:#x} is not mapped"
                )
            until = min(end, region.end)
            found.append((region, at - region.start, until - region.start))
            at = until
        return found

    def read(self, address: int, size: int) -> bytes:
        """A copy of its bytes. Raises `HotswapError`."""
        pieces = self._pieces(address, size)
        if len(pieces) == 1:
            region, first, last = pieces[0]
            return region.content[first:last].tobytes()
        return b"".join([region.content[first:last] for region, first, last in pieces])

    def write(self, address: int, data: bytes) -> None:
        """Store, whatever the protection, but not in the stubs.

        Raises `HotswapError`, then nothing was stored.
        """
        if address < STUBS + PAGE and address + len(data) > STUBS:
            raise HotswapError(
                f"memory of a card's code at {address:#x}+{len(data):#x}: the stubs of its calls "
                f"at {STUBS:#x} are the engine's"
            )
        self._store(address, data)

    def put_stubs(self, content: bytes) -> None:
        """What is at STUBS: the place a call returns to, and the ways into the host."""
        self._store(STUBS, content)

    def _store(self, address: int, data: bytes) -> None:
        at = 0
        for region, first, last in self._pieces(address, len(data)):
            region.content[first:last] = data[at : at + last - first]
            at += last - first
            if region.executable:
                start = self._ram_address + region.physical
                symbols, handle = self._core.symbols, self._core.handle
                symbols.tb_invalidate_phys_range(handle, start + first, start + last)

    def forget_engine(self) -> None:
        """The engine is to go: nothing here holds it."""
        del self._core

    def close(self) -> None:
        """Give the host's memory back; the engine must be gone."""
        self._regions.clear()
        self.stack.release()
        self._words.release()
        self._view.release()
        unmap_pages(self._address, self.memory_max)
