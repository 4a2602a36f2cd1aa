"""The functions of a kernel image by address, for messages about its instructions."""

from __future__ import annotations

import io
from typing import Any

from elftools.elf.elffile import ELFFile

from .image import MALFORMED, KernelImage


def function_at(image: KernelImage, address: int) -> str:
    """`name+0xoffset` of the function whose code is at `address`, linear; empty when unknown.

    A kernel without a symbol table has no names, nor one from a snapshot.
    """
    if not image.elf:
        return ""
    try:
        table: Any = ELFFile(io.BytesIO(image.elf)).get_section_by_name(".symtab")
        if table is None:
            return ""
        begun = [
            (symbol["st_value"], symbol["st_size"], symbol.name)
            for symbol in table.iter_symbols()
            if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_value"] <= address
        ]
    except MALFORMED:  # it boots all the same
        return ""
    start, size, name = max(begun, default=(0, 0, ""))
    return f"{name}+{address - start:#x}" if address < start + max(size, 1) else ""
