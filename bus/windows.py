"""Memory windows: physical addresses outside RAM that cards answer."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from .cycle import FLOATING, MemoryRange, Space
from .errors import BusError
from .faulty_cycles import FaultyCycles
from .ports import PortHolder
from .trace import BusTrace

MemoryRead: TypeAlias = Callable[[int, int], int]
MemoryWrite: TypeAlias = Callable[[int, int, int], None]


def _faulty_read(faults: FaultyCycles, read: MemoryRead, address: int, width: int) -> int:
    return faults.read(address, width, read)


def _faulty_write(
    faults: FaultyCycles, write: MemoryWrite, address: int, width: int, value: int
) -> None:
    faults.write(address, width, value, write)


class _Window:
    __slots__ = ("card_read", "card_write", "end", "holder", "read", "start", "width", "write")

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
        self.card_read, self.card_write = read, write

    def pass_through(self, faults: FaultyCycles | None) -> None:
        """Let the cycles come to the card by way of `faults`, if one of them is for here."""
        if faults is None or not faults.covers(self.start, self.end):
            self.read, self.write = self.card_read, self.card_write
            return
        self.read = partial(_faulty_read, faults, self.card_read)
        self.write = partial(_faulty_write, faults, self.card_write)

    def __lt__(self, other: _Window) -> bool:
        return self.start < other.start


class Windows:
    """The leased memory windows of a backplane, looked up by address."""

    def __init__(self, trace: BusTrace) -> None:
        self._windows: list[_Window] = []
        self._starts: list[int] = []
        self._trace = trace
        self._faults: FaultyCycles | None = None

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
            window = _Window(span, holder, read, write, width)
            window.pass_through(self._faults)
            insort(self._windows, window)
        self._starts = [window.start for window in self._windows]

    def release(self, holder: PortHolder) -> None:
        """End every window of `holder`; the next load floats."""
        self._windows = [w for w in self._windows if w.holder is not holder]
        self._starts = [window.start for window in self._windows]

    def inject(self, faults: FaultyCycles) -> None:
        """From the next cycle on the windows have the `faults` that there are now."""
        self._faults = faults
        for window in self._windows:
            window.pass_through(faults)

    def answered(self, start: int, end: int) -> bool:
        """Whether a card answers anywhere from `start` up to `end`."""
        return any(start < window.end and window.start < end for window in self._windows)

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
