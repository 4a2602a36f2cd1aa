"""The write guard: names the first instruction that stores where it must not.

See thunks/fast_stores.c. An armed guard costs the guest nothing but for stores to pages with
guarded bytes. It does not see the processor itself set A and D in page tables.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

from hotswap.bus import StrayWrite

from .core import Core
from .errors import UnsupportedEngine
from .host_memory import PAGE, map_pages
from .ram import Ram

_WIDTH = ctypes.sizeof(ctypes.c_uint16)


class WriteGuard:
    """Guards spans of `ram` against stores of the guest and of cards. One for each processor."""

    def __init__(self, core: Core, ram: Ram, *, missing: str = "") -> None:
        self._core, self._ram = core, ram
        self.missing = missing
        """Why there is none; empty when there is one."""
        self._pages = ram.size // PAGE
        self._bytes: memoryview | None = None
        self._by_card: StrayWrite | None = None
        self._reported = True

    def arm(self, spans: Iterable[tuple[int, int]]) -> None:
        """Guard these spans, each from a page boundary up to its end, bytes. Between slices only.

        Raises `UnsupportedEngine` where fast stores are missing, whose machine code it is.
        """
        if self.missing:
            raise UnsupportedEngine(f"no write guard without fast stores: {self.missing}")
        if self._bytes is None:
            size = -(-self._pages * _WIDTH // PAGE) * PAGE
            address = map_pages(size)  # never freed, as the thunks
            counts = (ctypes.c_uint16 * self._pages).from_address(address)
            self._bytes = memoryview(counts).cast("B").cast("H")
            self._address = address
        self.disarm()
        marks = bytearray(self._pages * _WIDTH)
        for start, end in spans:
            if start % PAGE:
                raise ValueError(f"guarded span {start:#x}-{end:#x} begins within a page")
            whole, rest = divmod(end - start, PAGE)
            first = start // PAGE * _WIDTH
            last = first + whole * _WIDTH
            marks[first:last] = PAGE.to_bytes(_WIDTH, "little") * whole
            if rest:
                marks[last : last + _WIDTH] = rest.to_bytes(_WIDTH, "little")
        self._bytes[:] = memoryview(marks).cast("H")
        parameters = self._core.parameters
        parameters.guarded, parameters.guarded_pages = self._address, self._pages
        self._reported = False
        self._core.symbols.tlb_flush(self._core.cs)

    def disarm(self) -> None:
        """Guard nothing; what was found and not yet taken is forgotten. Between slices only."""
        parameters = self._core.parameters
        if parameters.guarded:
            self._core.symbols.tlb_flush(self._core.cs)
        parameters.guarded = parameters.stray = 0
        self._by_card, self._reported = None, True

    def see_host_write(self, start: int, size: int, by: str) -> None:
        """A card or the host has stored there."""
        if self._reported or self._bytes is None or not size:
            return
        for page in range(start // PAGE, (start + size - 1) // PAGE + 1):
            offset = max(start - page * PAGE, 0)
            if offset < self._bytes[page]:
                at = page * PAGE + offset
                count = min(start + size, (page + 1) * PAGE) - at
                value = self._ram.read(at, min(count, PAGE))
                eip = int(self._core.env.eip)
                self._by_card = self._by_card or StrayWrite(eip, at, at, value, by)
                return

    def take(self) -> StrayWrite | None:
        """What was `seen`, once."""
        write = None if self._reported else self.seen()
        self._reported = self._reported or write is not None
        return write

    def seen(self) -> StrayWrite | None:
        """The first store to a guarded byte since `arm`, by card rather than by guest."""
        parameters = self._core.parameters
        if self._by_card is not None or not parameters.stray:
            return self._by_card
        at, size = parameters.stray_physical, parameters.stray_size
        value = self._ram.read(at, size)
        return StrayWrite(parameters.stray_eip, parameters.stray_address, at, value)
