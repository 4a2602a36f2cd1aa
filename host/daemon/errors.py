"""What goes wrong with a daemon."""

from __future__ import annotations

from hotswap.bus import HotswapError


class DaemonError(HotswapError):
    """A daemon cannot start, or not do what it was asked for: what, where, and what to do."""
