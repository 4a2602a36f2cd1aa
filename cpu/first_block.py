"""One block translated and run on an engine that has nothing yet: where and how it keeps them."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

from unicorn import UC_PROT_ALL

from .errors import UnsupportedEngine
from .host_memory import PAGE, map_pages, unmap_pages
from .registers import Common, TranslationBlock
from .symbols import Symbols

_BLOCK_SIZE = 160  # sizeof(TranslationBlock)


class FirstBlock(NamedTuple):
    """`address` of a TranslationBlock in the engine's buffer for code; `header` bytes from it to
    its code; its `align`. The latter two follow from the host's instruction cache."""

    address: int
    header: int
    align: int


def run_first_block(symbols: Symbols, uc: Any, common: Common) -> FirstBlock:
    """Run HLT. Raises `UnsupportedEngine` when its TranslationBlock looks different."""
    handle: int = uc._uch.value
    page = map_pages(PAGE)
    ctypes.memset(page, 0xF4, 1)  # hlt
    symbols.uc_mem_map_ptr(handle, 0, PAGE, UC_PROT_ALL, page)
    try:
        symbols.uc_emu_start(handle, 0, (1 << 64) - 1, 0, 0)
        blocks = [block for block in common.tb_jmp_cache if block]
        if len(blocks) != 1:
            raise UnsupportedEngine(f"the engine keeps {len(blocks)} blocks where 1 was run")
        block = TranslationBlock.from_address(blocks[0])
        header = block.code - blocks[0]
        if (block.pc, block.size, block.icount) != (0, 1, 1) or header % 16:
            raise UnsupportedEngine("the engine's TranslationBlock is laid out differently")
    finally:
        common.halted = 0
        uc.mem_unmap(0, PAGE)
        unmap_pages(page, PAGE)
    if not _BLOCK_SIZE <= header <= _BLOCK_SIZE + 63:
        raise UnsupportedEngine(f"a TranslationBlock of {header} bytes is unknown")
    return FirstBlock(blocks[0], header, 64 if header % 64 == 0 else 16)
