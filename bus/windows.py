"""Memory windows: physical addresses outside RAM that cards answer."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Sequence
from typing import TypeAlias

from .cycle import FLOATING, MemoryRange, Space
from .errors import BusError
from .ports import PortHolder
from .trace import BusTrace

MemoryRead: TypeAlias = Callable[[int, int], int]
MemoryWrite: TypeAlias = Callable[[int, int, int], None]


class _Window:
    __slots__ = ("end", "holder", "read", "start", "width", "write")

    def __init__(
        self,
        span: MemoryRange,
        holder: PortHolder,
        read: MemoryRead,
        write: MemoryWrite,
        width: int,
    ) -> None:
        self.start, self.end = span.start, span.start + span.size
        self.holder, self.read, self.write, self.width = holder, read, write, width

    def __lt__(self, other: _Window) -> bool:
        return self.start < other.start


class Windows:
    """The leased memory windows of a backplane, looked up by address."""

    def __init__(self, trace: BusTrace) -> None:
        self._windows: list[_Window] = []
        self._starts: list[int] = []
        self._trace = trace

    def check(self, spans: Sequence[MemoryRange], card: str) -> None:
        """Raise `BusError` when one of `spans` overlaps a leased window."""
        for span in spans:
            for window in self._windows:
                if span.start < window.end and window.start < span.start + span.size:
                    raise BusError(
                        f"card {card}: window {span} overlaps that of card "
                        f"{window.holder.title} in slot {window.holder.number}; move one of them"
                    )

    def lease(
        self,
        spans: Sequence[MemoryRange],
        holder: PortHolder,
        read: MemoryRead,
        write: MemoryWrite,
        width: int,
    ) -> None:
        """Give `spans` to `holder`. Raises `BusError` when one is taken."""
        self.check(spans, holder.title)
        for span in spans:
            insort(self._windows, _Window(span, holder, read, write, width))
        self._starts = [window.start for window in self._windows]

    def release(self, holder: PortHolder) -> None:
        """End every window of `holder`; the next load floats."""
        self._windows = [w for w in self._windows if w.holder is not holder]
        self._starts = [window.start for window in self._windows]

    def _find(self, address: int) -> _Window | None:
        index = bisect_right(self._starts, address) - 1
        if index >= 0 and address < self._windows[index].end:
            return self._windows[index]
        return None

    def holder(self, address: int) -> PortHolder | None:
        """The slot that leases `address`."""
        window = self._find(address)
        return None if window is None else window.holder

    def read(self, address: int, width: int) -> int:
        """A load; cut into aligned pieces of the card's data path, 0xFF.. where nobody answers."""
        window = self._find(address)
        if address % width or (window is not None and width > window.width):
            half = width // 2
            return self.read(address, half) | self.read(address + half, half) << 8 * half
        value = FLOATING[width] if window is None else window.read(address, width)
        if self._trace.on:
            self._trace.cycle(Space.MEMORY, False, address, width, value)
        return value

    def write(self, address: int, width: int, value: int) -> None:
        """A store, cut likewise."""
        window = self._find(address)
        if address % width or (window is not None and width > window.width):
            half = width // 2
            self.write(address, half, value & (1 << 8 * half) - 1)
            self.write(address + half, half, value >> 8 * half)
            return
        if self._trace.on:
            self._trace.cycle(Space.MEMORY, True, address, width, value)
        if window is not None:
            window.write(address, width, value)
