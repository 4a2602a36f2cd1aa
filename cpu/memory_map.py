"""Physical memory as the engine sees it: RAM, the adapter hole, and the rest of the 4 GiB.

The one way for the host to write RAM without leaving stale translations behind.
"""

from __future__ import annotations

from collections.abc import Sequence

from unicorn import UC_PROT_ALL

from .bus_unit import BusUnit
from .engine import Engine
from .errors import UnsupportedEngine
from .host_memory import PAGE
from .ram import HOLE, Ram, Run

_TOP = 1 << 32


class MemoryMap:
    """Maps `ram` into `engine`, and everything else to the bus."""

    def __init__(self, engine: Engine, ram: Ram, bus_unit: BusUnit) -> None:
        self._engine = engine
        self._ram = ram
        spans = [(0, min(HOLE.start, ram.size)), (HOLE.stop, ram.size)]
        self._bases: list[tuple[int, int, int]] = []
        for start, end in spans:
            error = engine.core.symbols.uc_mem_map_ptr(
                engine.core.handle, start, end - start, UC_PROT_ALL, ram.address + start
            )
            if error:
                raise UnsupportedEngine(f"the engine cannot map RAM at {start:#x}: error {error}")
            self._bases.append((start, end, engine.ram_address(start) - start))
        bus_unit.map(HOLE.start, HOLE.stop)
        bus_unit.map(ram.size, _TOP)

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
        for low, high, base in self._bases:
            if low <= start < high:
                self._engine.drop_blocks(base + start, size)
                return

    def forget_code(self, start: int, size: int) -> None:
        """Drop translations of whole pages, and store to them fast until they are code again."""
        self.drop_translations(start, size)
        if self._engine.stores is not None:
            self._engine.stores.forget(start // PAGE, size // PAGE)

    def age(self) -> None:
        """Let pages that stopped being code become fast again."""
        if self._engine.stores is not None:
            for page in self._engine.stores.age():
                self._drop_page(page)

    def roll_back(self) -> list[Run]:
        """RAM as it was at its last commit, and nothing translated from what came after it."""
        runs = self._ram.roll_back()
        for page in self._pages_with_code(runs):
            self._drop_page(page)
        return runs

    def _pages_with_code(self, runs: Sequence[Run]) -> list[int]:
        stores = self._engine.stores
        if stores is None:
            return [page for run in runs for page in range(run.first, run.first + run.pages)]
        return [page for run in runs for page in stores.code_pages(run.first, run.pages)]

    def _drop_page(self, page: int) -> None:
        start = page * PAGE
        for low, high, base in self._bases:
            if low <= start < high:
                self._engine.drop_blocks(base + start, PAGE)
