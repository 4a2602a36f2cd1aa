"""The symbols of a kernel image: functions by address, for messages, and variables by name."""

from __future__ import annotations

import io
from typing import Any

from elftools.elf.elffile import ELFFile

from .image import MALFORMED, KernelImage


def address_of(image: KernelImage, name: str) -> int | None:
    """Where the symbol `name` is, linear; None when the image does not say, as `function_at`."""
    return next((at for at, _, called, _ in _symbols(image) if called == name), None)


def function_at(image: KernelImage, address: int) -> str:
    """`name+0xoffset` of the function whose code is at `address`, linear; empty when unknown.

    A kernel without a symbol table has no names, nor one from a snapshot.
    """
    begun = [
        (at, size, name)
        for at, size, name, kind in _symbols(image)
        if kind == "STT_FUNC" and at <= address
    ]
    start, size, name = max(begun, default=(0, 0, ""))
    return f"{name}+{address - start:#x}" if address < start + max(size, 1) else ""


def _symbols(image: KernelImage) -> list[tuple[int, int, str, str]]:
    """Address, size, name and type of each."""
    if not image.elf:
        return []
    try:
        table: Any = ELFFile(io.BytesIO(image.elf)).get_section_by_name(".symtab")
        return [
            (symbol["st_value"], symbol["st_size"], symbol.name, symbol["st_info"]["type"])
            for symbol in (table.iter_symbols() if table is not None else ())
        ]
    except MALFORMED:  # it boots all the same
        return []
