"""Latches: registers that an OUT only stores and an IN only reads, kept where the processor's
native code finds them, so that such a cycle calls no card.

`cells[port]` is the port's byte with the bits below; behind the ports stand an era and the ports
stored to. A byte is good while it is younger than any other cycle: cards and the board change their
state in many ways, but never within an era. What was stored goes into the card's state before
anything else there may look at it. A wide latch takes cycles of 32 bits: its number stands where
the era of a byte does, and it is read from its cell only while one is stored there.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any

from .card import Card
from .cycle import PORTS, Width
from .errors import CARD_RAISES

LATCH = 0x100
"""An OUT may be stored here."""
STORED = 0x200
"""One was, and the card's state does not have it yet."""
ERA_SHIFT = 16
"""Above: the era in which the byte was read from the card, or the number of a wide latch."""
WIDE = 1 << 63
"""The latch is 32 bits wide."""
ERA = PORTS
"""The cell with the era."""
STORES = PORTS + 1
"""The cell with the number of ports stored to; the ports are in those behind it."""
MOST_STORES = 16
PENDING = STORES + 1 + MOST_STORES
"""The cell that is not 0 while the native code has done what a state does not have yet."""
CELLS = PENDING + 5 + 512
"""With those of a burst and its 4 KiB, see `burst`."""


def is_latch(card: Card[Any], field: str) -> bool:
    """Whether `field` of the card's state is a number that can be set."""
    state = card.state
    settable = field in state.__struct_fields__ and not state.__struct_config__.frozen
    return settable and isinstance(getattr(state, field, None), int)


def _none(_port: int) -> bool:
    return False


class Latches:
    """The latches of every card on the bus."""

    def __init__(self) -> None:
        self.cells = memoryview(bytearray(8 * CELLS)).cast("Q")
        self.cells[ERA] = 1
        self._fields: dict[int, tuple[Card[Any], str, int]] = {}  # and the cell with nothing stored
        self._on = True
        self.barred: Callable[[int], bool] = _none
        """Of which ports every cycle reaches its card."""

    def add(self, fields: Mapping[int, str], card: Card[Any], width: Width) -> None:
        """Let each port of `fields` be the latch of that field, a number, of `card.state`.

        `width` is that of the card's data path: latches of a VLB card have 32 bits, all others 8.
        """
        for port, field in fields.items():
            cell = LATCH | WIDE if width == 4 else LATCH
            self._fields[port] = card, field, cell
            self.cells[port] = cell if self._on and not self.barred(port) else 0

    def remove(self, card: Card[Any], among: Container[int] = range(PORTS)) -> None:
        """Forget the latches of `card`, those `among` some ports; what they hold first."""
        self.settle()
        fields = self._fields.items()
        for port in [p for p, (holder, *_) in fields if holder is card and p in among]:
            del self._fields[port]
            self.cells[port] = 0

    def enable(self, on: bool) -> None:
        """While off, every cycle reaches its card."""
        self.settle()
        self._on = on
        for port, (_, _, cell) in self._fields.items():
            self.cells[port] = cell if on and not self.barred(port) else 0

    def settle(self) -> None:
        """Put what was stored into the states, and begin an era.

        A card whose state does not take it is faulted.
        """
        cells = self.cells
        cells[ERA] += 1
        last, cells[STORES] = STORES + 1 + cells[STORES], 0
        raised = list[tuple[Card[Any], BaseException]]()
        for at in range(STORES + 1, last):
            port = cells[at]
            card, field, empty = self._fields[port]
            stored = cells[port] >> ERA_SHIFT & 0xFFFFFFFF if empty & WIDE else cells[port] & 0xFF
            cells[port] = empty
            try:
                setattr(card.state, field, stored)
            except CARD_RAISES as error:
                raised.append((card, error))
        for card, what in raised:  # which takes it off the bus, and so comes here again
            card.slot.set_fault(what)
