"""Third cure: exact instruction counts, exact stops, and no interrupt missed.

See thunks/block_counter.c. A REP string instruction counts once per iteration, and once more for
finding that it is done.
"""

from __future__ import annotations

from unicorn import UC_HOOK_BLOCK

from .core import Core
from .native import NO_LIMIT


class BlockCounter:
    """Counts every instruction; stops the engine at a count, or when `stop` is called."""

    def __init__(self, core: Core) -> None:
        self._parameters = parameters = core.parameters
        parameters.header, parameters.align = core.first_block.header, core.first_block.align
        parameters.uc = core.handle
        parameters.check_exit = core.symbols.address_of("helper_check_exit_request")
        parameters.icount_offset = (core.common.icount_decr_ptr - core.env_address) & 0xFF
        parameters.translated = core.thunks.entry("translated")
        core.hook(UC_HOOK_BLOCK, core.thunks.entry("block"))
        core.symbols.tb_flush(core.cs)

    @property
    def instructions(self) -> int:
        """Instructions retired; inside a bus cycle, up to the end of the block it stands in."""
        return self._parameters.count

    @instructions.setter
    def instructions(self, value: int) -> None:
        self._parameters.count = value

    def stop_at(self, count: int = NO_LIMIT) -> None:
        """Stop at the start of the first block with `instructions` >= `count`."""
        self._parameters.limit = count
        self._parameters.fence = 0  # the next block looks: INTR may be pending from the run before

    def stop(self) -> None:
        """Stop at the next block. The only thing another thread may ask of a running engine."""
        self._parameters.limit = self._parameters.fence = 0
