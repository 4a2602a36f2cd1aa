"""What a kernel says of itself: the tables behind the LKUS note of its image, and its answer to
QUERY_CAPS.

The note says what a kernel can take over, the answer what it will hand on.
"""

from __future__ import annotations

import msgspec

from .layout import layout_of
from .protocol import CAPS_MAGIC, Caps, DriverCap, Note, SectionCap

CAPS_MAX = 4096
"""Bytes of an answer."""
_SECTION, _DRIVER = layout_of(SectionCap), layout_of(DriverCap)


class Tables(msgspec.Struct, frozen=True):
    """The sections a kernel reads or writes, and the cards it drives."""

    sections: tuple[SectionCap, ...] = ()
    drivers: tuple[DriverCap, ...] = ()

    def section(self, kind: int) -> SectionCap | None:
        """What it says of sections of this type."""
        return next((each for each in self.sections if each.type == kind), None)

    def driver(self, card: str) -> DriverCap | None:
        """What it says of cards called `card`."""
        name = card.encode()[:16]
        return next((each for each in self.drivers if each.name == name), None)


class Capabilities(msgspec.Struct, frozen=True):
    """What the running kernel has answered to QUERY_CAPS."""

    caps: Caps
    tables: Tables


def read_tables(content: bytes, head: Note | Caps) -> Tables:
    """The tables behind `head`, which `content` begins with. Raises ValueError when cut off."""
    size = head.size
    middle = size + head.sections * _SECTION.size
    end = middle + head.drivers * _DRIVER.size
    if size == 0:
        return Tables()
    if size < layout_of(type(head)).size or end > len(content):
        raise ValueError(f"tables of {end} bytes in {len(content)}")
    rest = memoryview(content)
    return Tables(
        tuple(_SECTION.unpack_all(rest[size:middle], _SECTION.size)),
        tuple(_DRIVER.unpack_all(rest[middle:end], _DRIVER.size)),
    )


def read_capabilities(content: bytes) -> Capabilities:
    """What a kernel has put where SSM_PA says. Raises ValueError when that makes no sense."""
    layout = layout_of(Caps)
    if len(content) < layout.size:
        raise ValueError(f"{len(content)} bytes, at least {layout.size} are needed")
    caps = layout.unpack(content[: layout.size])
    if caps.magic != CAPS_MAGIC:
        raise ValueError(f"magic {caps.magic:#x} instead of {CAPS_MAGIC:#x}")
    return Capabilities(caps, read_tables(content, caps))
