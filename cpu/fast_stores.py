"""Second cure: stores at full speed. See thunks/fast_stores.c.

Speed only: without it everything is right, but each store to a page costs 33 ns.
"""

from __future__ import annotations

import ctypes

from .core import Core
from .errors import UnsupportedEngine
from .host_memory import PAGE, map_pages

_MMU_MODES = 3
_TLB_SIZE = ctypes.sizeof(ctypes.c_uint64) * 2
_AGED = bytes([0, 2, 0, *[0] * 253])


class FastStores:
    """Keeps one mark per physical page: 0 data, 1 code, 2 code not fetched from lately."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._pages = (1 << 32) // PAGE  # RAM, and what cards have mapped anywhere
        self._parameters = core.parameters
        table = core.common.icount_decr_ptr - _MMU_MODES * _TLB_SIZE
        _check_tlb(table)
        slots = core.class_slots(core.parameters.tlb_fill)
        if len(slots) != 2:  # tlb_fill and tlb_fill_cpu
            raise UnsupportedEngine(f"CPUClass.tlb_fill stands in {len(slots)} places, not 2")
        address = map_pages(self._pages)  # never freed, as the thunks
        self._marks = (ctypes.c_uint8 * self._pages).from_address(address)
        self._view = memoryview(self._marks).cast("B")
        self._parameters.code_pages = address
        self._parameters.pages = self._pages
        self._parameters.tlb = table
        core.symbols.tb_flush(core.cs)  # nothing may be translated that is not marked
        core.symbols.tlb_flush(core.cs)
        for slot in slots:
            ctypes.c_uint64.from_address(slot).value = core.thunks.entry("fill")

    @property
    def new_code_pages(self) -> int:
        """How often a page was fetched from for the first time."""
        return self._parameters.new_code_pages

    def is_code(self, page: int) -> bool:
        """True when translations of physical `page` may exist."""
        return self._view[page] != 0

    def code_pages(self, first: int, count: int) -> list[int]:
        """The pages among `count` from `first` that may have translations."""
        marks = bytes(self._view[first : first + count])
        if not any(marks):
            return []
        return [first + i for i, mark in enumerate(marks) if mark]

    def age(self, first: int, count: int) -> list[int]:
        """Of `count` pages from `first`, those not fetched from since the last call: data again.

        The caller drops their translations. Call it between slices.
        """
        marks = bytes(self._view[first : first + count])
        stale, at = [], marks.find(2)
        while at >= 0:
            stale.append(first + at)
            at = marks.find(2, at + 1)
        if stale or 1 in marks:
            self._view[first : first + count] = marks.translate(_AGED)
            self._core.symbols.tlb_flush(self._core.cs)
        return stale

    def forget(self, first: int, count: int) -> None:
        """Take `count` pages from `first` for data until they are fetched from.

        The caller has dropped their translations. Call it between slices.
        """
        self._view[first : first + count] = bytes(count)
        self._core.symbols.tlb_flush(self._core.cs)


def _check_tlb(table: int) -> None:
    """CPUTLBDescFast[3] stands right before the icount word: three masks of sane sizes."""
    for mode in range(_MMU_MODES):
        mask = ctypes.c_uint64.from_address(table + _TLB_SIZE * mode).value
        entries = (mask >> 6) + 1
        if mask & 63 or entries & (entries - 1) or not 64 <= entries <= 1 << 22:
            raise UnsupportedEngine(f"the engine's TLB is laid out differently: mask {mask:#x}")
