"""Physical memory as the engine sees it: RAM, the adapter hole, and the rest of the 4 GiB.

The one way for the host to write RAM without leaving stale translations behind. Cards may have RAM
and ROM of their own mapped outside guest RAM; everything else belongs to the bus.
"""

from __future__ import annotations

import ctypes
import mmap
from bisect import insort
from collections.abc import Sequence
from ctypes import c_int, c_int64, c_size_t, c_uint64
from typing import NamedTuple

from unicorn import UC_HOOK_MEM_WRITE_PROT, UC_PROT_ALL, UC_PROT_EXEC, UC_PROT_READ

from .bus_unit import BusUnit
from .engine import Engine
from .errors import MemoryBoundsError, UnsupportedEngine
from .host_memory import PAGE
from .pagemap import Run
from .ram import HOLE, Ram

_TOP = 1 << 32
_ROM = UC_PROT_READ | UC_PROT_EXEC
_DISCARD = ctypes.CFUNCTYPE(c_int, c_size_t, c_int, c_uint64, c_int, c_int64, c_size_t)


class _Bank(NamedTuple):
    """Memory of the engine: physical `start` up to `end`, and how its RAM addresses differ."""

    start: int
    end: int
    base: int


class MemoryMap:
    """Maps `ram` into `engine`, and everything else to the bus."""

    def __init__(self, engine: Engine, ram: Ram, bus_unit: BusUnit) -> None:
        self._engine = engine
        self._ram = ram
        self._bus_unit = bus_unit
        self._banks: list[_Bank] = []
        self._cards: dict[int, mmap.mmap] = {}  # memory of cards, by its start
        self._bus: list[tuple[int, int]] = []  # what is mapped to the bus, ascending
        self._discard = _DISCARD(lambda *_cycle: 1)  # the engine holds a bare pointer to it
        for start, end in ((0, min(HOLE.start, ram.size)), (HOLE.stop, ram.size)):
            self._map(start, end, UC_PROT_ALL, ram.address + start)
        self._map_bus(HOLE.start, HOLE.stop)
        self._map_bus(ram.size, _TOP)

    # -- memory of cards ----------------------------------------------------------------------

    def map_ram(self, start: int, size: int) -> memoryview:
        """New, zeroed RAM at `start`, at full speed. Between slices only.

        The view outlives the mapping. Raises `MemoryBoundsError` when it is not whole pages that
        belong to the bus.
        """
        return memoryview(self._map_card(start, size, UC_PROT_ALL, b""))

    def map_rom(self, start: int, content: bytes) -> None:
        """Memory with `content` at `start`; stores are discarded. Otherwise as `map_ram`."""
        self._map_card(start, len(content), _ROM, content)
        self._let_stores_pass(start, start + len(content))

    def unmap(self, start: int) -> None:
        """Give the memory of a card at `start` back to the bus. Between slices only."""
        if start not in self._cards:
            raise MemoryBoundsError(f"no card has memory at {start:#x}: nothing to unmap")
        size = len(self._cards[start])
        self.forget_code(start, size)
        self._unmap(start, start + size)
        self._banks = [bank for bank in self._banks if bank.start != start]
        self._map_bus(start, start + size)
        del self._cards[start]

    def _map_card(self, start: int, size: int, access: int, content: bytes) -> mmap.mmap:
        end = start + size
        around = next((span for span in self._bus if span[0] <= start and end <= span[1]), None)
        if start % PAGE or size % PAGE or not size or around is None:
            raise MemoryBoundsError(
                f"memory of a card at {start:#x}+{size:#x}: give whole pages of {PAGE} bytes, "
                "outside RAM and the memory of other cards"
            )
        pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        pages[: len(content)] = content
        self._unmap(*around)
        self._bus.remove(around)
        self._map_bus(around[0], start)
        self._map(start, end, access, ctypes.addressof(ctypes.c_char.from_buffer(pages)))
        self._map_bus(end, around[1])
        self._cards[start] = pages
        return pages

    def _map(self, start: int, end: int, access: int, address: int) -> None:
        core = self._engine.core
        span = core.handle, start, end - start
        error = core.symbols.uc_mem_map_ptr(*span, UC_PROT_ALL, address)
        if not error and access != UC_PROT_ALL:  # only this makes the engine discard stores
            error = core.symbols.uc_mem_protect(*span, access)
        if error:
            raise UnsupportedEngine(f"the engine cannot map memory at {start:#x}: error {error}")
        self._banks.append(_Bank(start, end, self._engine.ram_address(start) - start))

    def _map_bus(self, start: int, end: int) -> None:
        if start < end:
            self._bus_unit.map(start, end)
            insort(self._bus, (start, end))

    def _unmap(self, start: int, end: int) -> None:
        core = self._engine.core
        if error := core.symbols.uc_mem_unmap(core.handle, start, end - start):
            raise UnsupportedEngine(f"the engine cannot unmap {start:#x}: error {error}")
        self._engine.flush_tlb()

    def _let_stores_pass(self, start: int, end: int) -> None:
        """The engine discards a store to ROM, but it goes on only when a hook says so.

        Bounded, or every access of the guest would take the engine's slow path.
        """
        address = ctypes.cast(self._discard, ctypes.c_void_p).value
        assert address is not None
        self._engine.core.hook(UC_HOOK_MEM_WRITE_PROT, address, span=(start, end - 1))

    # -- translations -------------------------------------------------------------------------

    def write(self, start: int, content: bytes | bytearray | memoryview) -> None:
        """Store into RAM and drop what was translated from there. Safe inside a bus cycle."""
        self._ram.store(start, content)
        self.drop_translations(start, len(content))

    def drop_translations(self, start: int, size: int) -> None:
        """Forget what was translated from physical `start`, under every linear address."""
        if not size:
            return
        stores = self._engine.stores
        first, last = start // PAGE, (start + size - 1) // PAGE
        if stores is not None and not stores.code_pages(first, last - first + 1):
            return
        for bank in self._banks:
            if bank.start <= start < bank.end:
                self._engine.drop_blocks(bank.base + start, size)
                return

    def forget_code(self, start: int, size: int) -> None:
        """Drop translations of whole pages, and store to them fast until they are code again."""
        self.drop_translations(start, size)
        if self._engine.stores is not None:
            self._engine.stores.forget(start // PAGE, size // PAGE)

    def age(self) -> None:
        """Let pages that stopped being code become fast again."""
        if self._engine.stores is None:
            return
        for bank in self._banks:
            for page in self._engine.stores.age(*_pages(bank.start, bank.end)):
                self._drop_page(page)

    def roll_back(self) -> list[Run]:
        """RAM as it was at its last commit, and nothing translated from what came after it.

        The memory of a card is put back by the card, with its state.
        """
        runs = self._ram.roll_back()
        cards = [Run(*_pages(at, at + len(pages))) for at, pages in self._cards.items()]
        for page in self._pages_with_code([*runs, *cards]):
            self._drop_page(page)
        return runs

    def _pages_with_code(self, runs: Sequence[Run]) -> list[int]:
        stores = self._engine.stores
        if stores is None:
            return [page for run in runs for page in range(run.first, run.first + run.pages)]
        return [page for run in runs for page in stores.code_pages(run.first, run.pages)]

    def _drop_page(self, page: int) -> None:
        start = page * PAGE
        for bank in self._banks:
            if bank.start <= start < bank.end:
                self._engine.drop_blocks(bank.base + start, PAGE)


def _pages(start: int, end: int) -> tuple[int, int]:
    """First page and number of pages."""
    return start // PAGE, (end - start) // PAGE
