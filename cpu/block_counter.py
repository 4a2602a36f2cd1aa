"""Third cure: exact instruction counts, exact stops, and no interrupt missed.

See thunks/block_counter.c. A REP string instruction counts once per iteration, and once more for
finding that it is done.
"""

from __future__ import annotations

import ctypes

from unicorn import UC_HOOK_BLOCK, UC_PROT_ALL

from .core import Core
from .errors import UnsupportedEngine
from .host_memory import PAGE, map_pages, unmap_pages
from .native import NO_LIMIT
from .registers import TranslationBlock

_BLOCK_SIZE = 160  # sizeof(TranslationBlock)


class BlockCounter:
    """Counts every instruction; stops the engine at a count, or when `stop` is called."""

    def __init__(self, core: Core) -> None:
        self._parameters = parameters = core.parameters
        parameters.header, parameters.align = _measure_header(core)
        parameters.uc = core.handle
        parameters.check_exit = core.symbols.address_of("helper_check_exit_request")
        parameters.icount_offset = (core.common.icount_decr_ptr - core.env_address) & 0xFF
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
        self._parameters.limit = self._parameters.fence = count

    def stop(self) -> None:
        """Stop at the next block. The only thing another thread may ask of a running engine."""
        self._parameters.limit = self._parameters.fence = 0


def _measure_header(core: Core) -> tuple[int, int]:
    """How far a TranslationBlock stands before its code, and its alignment.

    Both follow from the host's instruction cache; one translated block shows them.
    """
    page = map_pages(PAGE)
    ctypes.memset(page, 0xF4, 1)  # hlt
    symbols = core.symbols
    symbols.uc_mem_map_ptr(core.handle, 0, PAGE, UC_PROT_ALL, page)
    try:
        symbols.uc_emu_start(core.handle, 0, (1 << 64) - 1, 0, 0)
        blocks = [block for block in core.common.tb_jmp_cache if block]
        if len(blocks) != 1:
            raise UnsupportedEngine(f"the engine keeps {len(blocks)} blocks where 1 was run")
        block = TranslationBlock.from_address(blocks[0])
        header = block.code - blocks[0]
        if (block.pc, block.size, block.icount) != (0, 1, 1) or header % 16:
            raise UnsupportedEngine("the engine's TranslationBlock is laid out differently")
    finally:
        core.common.halted = 0
        core.uc.mem_unmap(0, PAGE)
        unmap_pages(page, PAGE)
    align = 64 if header % 64 == 0 else 16
    if not _BLOCK_SIZE <= header <= _BLOCK_SIZE + 63:
        raise UnsupportedEngine(f"a TranslationBlock of {header} bytes is unknown")
    return header, align
