"""What can go wrong on the board, by whose fault it is."""

from __future__ import annotations


class HotswapError(Exception):
    """Root of everything hotswap raises on purpose. Never raised itself."""


class BusError(HotswapError):
    """The caller asked the backplane for something it cannot give: a taken port, a full slot.

    Nothing was changed. The message names the resource and who holds it.
    """


class CardError(HotswapError):
    """A card broke a rule: its handler or its task raised, or it would not quiesce.

    The card is faulted (its ports float) until it is removed or rolled back. `__cause__` is what
    the card itself raised.
    """

    def __init__(self, card: str, what: str) -> None:
        super().__init__(f"card {card}: {what}")
        self.card = card
        self.what = what


class StateError(HotswapError):
    """A card's saved state does not fit the card: wrong card, newer version, damaged fields."""


class MediaError(HotswapError):
    """A disk image cannot be opened, read or written; the message names it and the reason."""


class GuestError(HotswapError):
    """The guest ended in a way a real PC would not survive: triple fault, HLT with IF=0."""


CARD_RAISES = (Exception, SystemExit)
"""What a card may raise without harm to anybody but itself; nothing of it ends the host."""
