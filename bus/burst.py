"""A burst: the next words of a card's data port, moved by the processor's native code alone.

In a cycle of such a port its card may offer what the next INs would give, or room for what the next
OUTs bring. The native code moves words of that port and width until they are used up or any other
cycle comes, or the slice ends; the card hears how much was moved before anything else is asked of
it. An offer is good for what follows its own cycle and for nothing else, so that it need never be
taken back: a cycle cut into several, and what is offered outside a cycle, begin no burst.

The cells are those of the latches; `OFFER` and what follows are here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .latches import PENDING

OFFER = PENDING + 1
"""The cell with the cycles the card in the current one offers to do without: port, width above it
(from bit 16), and `WRITE`; 0 for none."""
SIZE = OFFER + 1
"""Bytes offered."""
BURST = OFFER + 2
"""What was offered when the burst under way began; 0 for none."""
MOVED = OFFER + 3
"""Bytes of it that were moved."""
WORDS = OFFER + 4
"""The cells from here on have the bytes, as they are in memory."""
WIDTH_SHIFT = 16
WRITE = 1 << 20
MOST = 4096
"""Bytes of a burst: enough for its two cycles not to matter."""


class BurstHolder(Protocol):
    """What a burst needs of a slot."""

    def burst_read(self, port: int, size: int) -> None:
        """INs have taken `size` bytes."""
        ...

    def burst_written(self, port: int, content: bytes) -> None:
        """OUTs have brought `content`."""
        ...


def _none(_port: int) -> bool:
    return False


class Burst:
    """The one burst there can be on the bus; offers are ignored while it is not `on`."""

    def __init__(self, cells: memoryview) -> None:
        self._cells = cells
        self._words = cells[WORDS:].cast("B")
        self._holder: BurstHolder | None = None
        self.on = True
        self.barred: Callable[[int], bool] = _none
        """Of which ports every cycle reaches its card."""

    def offer_in(self, holder: BurstHolder, port: int, width: int, content: bytes) -> None:
        """After this IN: what the next ones of `port` give."""
        if self.on and not self.barred(port):
            size = min(len(content), MOST)
            self._words[:size] = content[:size]
            self._offer(holder, width << WIDTH_SHIFT | port, size)

    def offer_out(self, holder: BurstHolder, port: int, width: int, size: int) -> None:
        """After this OUT: room for `size` bytes of the next ones to `port`."""
        if self.on and not self.barred(port):
            self._offer(holder, WRITE | width << WIDTH_SHIFT | port, min(size, MOST))

    def _offer(self, holder: BurstHolder, cycles: int, size: int) -> None:
        cells = self._cells
        self._holder = holder
        cells[OFFER], cells[SIZE], cells[MOVED] = cycles, size, 0

    def withdraw(self) -> None:
        """Forget what was offered in this cycle."""
        self._cells[OFFER] = 0

    def settle(self) -> None:
        """End the burst and tell its card what was moved."""
        cells = self._cells
        cycles, moved = cells[BURST], cells[MOVED]
        cells[BURST] = 0
        if cycles and moved:
            assert self._holder is not None
            if cycles & WRITE:
                self._holder.burst_written(cycles & 0xFFFF, bytes(self._words[:moved]))
            else:
                self._holder.burst_read(cycles & 0xFFFF, moved)
            cells[OFFER] = 0
