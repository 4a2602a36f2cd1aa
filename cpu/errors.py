"""What can go wrong in the CPU socket, by whose fault it is."""

from __future__ import annotations

from hotswap.bus import HotswapError


class UnsupportedEngine(HotswapError):
    """This host, or the installed Unicorn, cannot run a whole PC. Nothing was changed.

    The message names what did not fit and which versions do.
    """


class CpuStateError(HotswapError):
    """A CPU state cannot be taken or put back: another model, or registers beyond the model."""


class MemoryBoundsError(HotswapError):
    """The host asked for physical memory that is not RAM, or through a revoked window."""


class CommitError(HotswapError):
    """RAM cannot be written to the file under it; the rollback point is the one before."""


class WildFetch(HotswapError):
    """The guest jumped to an address outside RAM; the engine fetches code from RAM only.

    A real bus would have read floating bytes there, which is a crash in the end as well.
    """


class GaveUp(HotswapError):
    """The guest is in a state the engine has no way out of; a chip would shut down or hang."""
