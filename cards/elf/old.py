"""What migrate() gets: `struct hotswap_old` of hotswap_card.h, one after the other.

Numbers have 8 bytes, two's complement; so have truth values and the items of a list. None has no
bytes. Without a field table each variable of the older build is a record, then each block of
hotswap_keep, called "block N".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .image import ElfImage
from .layout import variables
from .memory import ARENA
from .saved import Rest

NAME_SIZE = 64


def old_records(old: ElfImage | None, values: dict[str, Any], rest: Rest) -> Iterator[bytes]:
    """The records of a state; `old` is the build its memory is of, if it has any."""
    for name, value in values.items():
        if (content := _content(value)) is not None:
            yield _record(name, content)
    memory = rest.memory
    start = old.data.address if old is not None and old.data is not None else 0
    if old is not None and memory is not None:
        for variable in variables(old).values():
            at = variable.address - start
            yield _record(variable.name, memory.data[at : at + variable.size])
    for number, (address, size, content) in rest.blocks.items():
        kept = content
        if memory is not None:
            in_arena = address >= ARENA
            whole, at = (
                (memory.arena, address - ARENA) if in_arena else (memory.data, address - start)
            )
            kept = whole[at : at + size] if at >= 0 else b""
        yield _record(f"block {number}", kept)


def _content(value: Any) -> bytes | None:
    match value:
        case None:
            return b""
        case int():
            return (value & (1 << 64) - 1).to_bytes(8, "little")
        case bytes():
            return value
        case str():
            return value.encode()
        case list():
            items = [_content(item) for item in value]
            return b"".join(item or b"" for item in items)
    return None


def _record(name: str, content: bytes) -> bytes:
    title = name.encode()[: NAME_SIZE - 1].ljust(NAME_SIZE, b"\0")
    size = len(content).to_bytes(4, "little")
    return title + size + content + bytes(-len(content) % 4)
