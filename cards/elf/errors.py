"""What can be wrong with an ELF card, before it is inserted and after."""

from __future__ import annotations

from hotswap.bus import HotswapError


class ElfError(HotswapError):
    """The object file is no card: malformed, of another ABI, or it asks for what is not there.

    The message names the file and the section, symbol, offset or field. No code was run.
    """
