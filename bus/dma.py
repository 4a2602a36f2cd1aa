"""DMA: what the backplane needs of the controller, and what that sees of the cards.

A card that wants a transfer raises its DRQ wire. The controller answers between two slices of the
CPU, or in a cycle of its own ports, with calls to the card: `dma_read` for bytes on their way to
memory, `dma_write` for bytes from memory, `dma_end` for TC. A card lowers the wire in such a call
when it has no more to give or take. While the lines are held (a switchover, frozen cards) no
transfer is made for them: the edges wait in the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .errors import CARD_RAISES, CardError

if TYPE_CHECKING:
    from .slot import Slot


class DmaController(Protocol):
    """The 8237A pair as the backplane sees it."""

    def serve(self) -> None:
        """Apply every logged DRQ edge and make the transfers that are asked for; bounded work."""


class FaultyTc(Protocol):
    """TC of a line while it is injected that some are lost, see `injections`."""

    def is_lost(self) -> bool:
        """Whether the next one will be; asked as often as it is on its way."""
        ...

    def lost(self) -> bool:
        """Whether this one is: it is there now."""
        ...


class DmaAcknowledge:
    """DACK of one line: the bus between the controller and the card on it, or nobody.

    A card that raises here is off the bus, and the transfer with it. Sizes are in bytes.
    """

    def __init__(self, line: int, slot: Slot | None, tc: FaultyTc | None = None) -> None:
        self.line = line
        self._slot = slot
        self._tc = tc

    def read(self, size: int) -> bytes:
        """What the card puts on the bus, at most `size`; the pull-ups where there is no card."""
        if self._slot is None:
            return b"\xff" * size
        try:
            content = self._slot.card.dma_read(self.line, size)
            _check(self._slot, self.line, len(content), size)
        except CARD_RAISES as error:  # the card's fault, not the board's
            self._slot.set_fault(error)
            return b""
        return content

    def write(self, content: bytes, terminal: bool) -> int:
        """How much of `content` the card takes; all of it where there is none."""
        if self._slot is None:
            return len(content)
        if terminal and self._tc is not None:
            terminal = not self._tc.is_lost()
        try:
            taken = self._slot.card.dma_write(self.line, content, terminal)
            _check(self._slot, self.line, taken, len(content))
        except CARD_RAISES as error:
            self._slot.set_fault(error)
            return 0
        return taken

    def end(self) -> None:
        """TC."""
        if self._slot is None or (self._tc is not None and self._tc.lost()):
            return
        try:
            self._slot.card.dma_end(self.line)
        except CARD_RAISES as error:
            self._slot.set_fault(error)


def _check(slot: Slot, line: int, moved: int, size: int) -> None:
    if not 0 <= moved <= size:
        raise CardError(slot.title, f"a transfer on DRQ {line} moved {moved} bytes of {size}")
