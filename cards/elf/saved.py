"""The saved form of a card's state.

With a field table it is a map of the fields, as a card in Python would have it, and what else there
is under HOTSWAP, if there is any. Without one everything is under HOTSWAP: the memory as it is,
with the object it belongs to, so that another build can tell what was where.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hotswap.bus import StateError

from .state import Picture

HOTSWAP = "hotswap"
"""No field has this name."""
PAGE = 4096


class Memory(msgspec.Struct, frozen=True):
    """The memory of one build: its object (zstd) and the object's BLAKE2b, data, arena."""

    digest: bytes
    object: bytes
    data: bytes
    arena: bytes


class Rest(msgspec.Struct, frozen=True, omit_defaults=True):
    """All but the fields. `blocks` is what hotswap_keep named: address, size, content."""

    memory: Memory | None = None
    timers: list[int | None] = []
    blocks: dict[int, tuple[int, int, bytes]] = {}
    picture: Picture | None = None
    busy_until: int = 0
    wants_room: bool = False
    windows: list[dict[int, bytes]] = []
    """Pages of hotswap_map_ram that are not blank, by number."""

    def __bool__(self) -> bool:
        return bool(
            self.memory
            or any(deadline is not None for deadline in self.timers)
            or self.blocks
            or self.picture
            or self.wants_room
            or any(self.windows)
        )


def encode(fields: dict[str, Any], rest: Rest) -> bytes:
    """As bytes."""
    return msgspec.msgpack.encode({**fields, HOTSWAP: rest} if rest else fields)


def decode(content: bytes, card: str) -> tuple[dict[str, Any], Rest]:
    """The fields, and the rest. Raises `StateError`."""
    try:
        fields = msgspec.msgpack.decode(content, type=dict[str, Any])
        rest = msgspec.convert(fields.pop(HOTSWAP, {}), Rest)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise StateError(f"card {card}: the saved state does not fit: {error}") from error
    return fields, rest


def pages(view: memoryview) -> dict[int, bytes]:
    """Those of `view` that are not blank."""
    blank = bytes(PAGE)
    return {
        at // PAGE: page
        for at in range(0, len(view), PAGE)
        if (page := bytes(view[at : at + PAGE])) != blank
    }


def put_pages(view: memoryview, found: dict[int, bytes]) -> None:
    """Make `view` those pages, and blank otherwise."""
    blank = bytes(PAGE)
    for at in range(0, len(view), PAGE):
        page = found.get(at // PAGE, blank)[:PAGE].ljust(PAGE, b"\0")[: len(view) - at]
        if bytes(view[at : at + len(page)]) != page:  # do not touch pages nobody has written to
            view[at : at + len(page)] = page
