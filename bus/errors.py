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


class CodeError(CardError):
    """A card in machine code ended a call in a way it should not; the fields say where it was.

    `function` with its offset, `file` and `line` where the card brings its debug information,
    `callers` likewise, innermost first; `during` is what it was asked: a bus cycle, a timer.
    """

    def __init__(
        self,
        card: str,
        what: str,
        *,
        function: str = "",
        file: str = "",
        line: int = 0,
        callers: tuple[str, ...] = (),
        during: str = "",
    ) -> None:
        where = f" in {function}" if function else ""
        where += f" ({file}:{line})" if file else ""
        called = "".join(f", called by {caller}" for caller in callers)
        super().__init__(card, f"{what}{where}{called}{f', during {during}' if during else ''}")
        self.function, self.file, self.line = function, file, line
        self.callers, self.during = callers, during


class StateError(HotswapError):
    """A card's saved state does not fit the card: wrong card, newer version, damaged fields."""


class MediaError(HotswapError):
    """A disk image cannot be opened, read or written; the message names it and the reason."""


class GuestError(HotswapError):
    """The guest ended in a way a real PC would not survive: triple fault, HLT with IF=0."""


CARD_RAISES = (Exception, SystemExit)
"""What a card may raise without harm to anybody but itself; nothing of it ends the host."""
