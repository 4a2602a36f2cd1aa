"""What a card author is told when something is not as it should be."""

from __future__ import annotations

from hotswap.bus import HotswapError


class SdkError(HotswapError):
    """A project, a source, a compiler or a card is not what the command needs.

    The message says what and where, and what to do next.
    """
