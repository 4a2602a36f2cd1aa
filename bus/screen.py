"""What a monitor shows: a text screen as the characters it is made of, or a picture."""

from __future__ import annotations

from typing import Protocol, TypeAlias, runtime_checkable

import msgspec


class Cursor(msgspec.Struct, frozen=True):
    """The hardware's cursor: scan lines `top` to `bottom` of the cell at `column`, `row`."""

    column: int
    row: int
    top: int
    bottom: int


class TextScreen(msgspec.Struct, frozen=True):
    """A text mode.

    `cells` holds two bytes per cell, row by row: the character, and its attribute: foreground in
    bits 0-3, background in bits 4-7 (bit 7 is blinking instead when `blinks`). `palette` is 16
    times R, G, B. `font` holds `glyph_height` bytes per character, most significant bit leftmost,
    for 512 characters: those whose attribute has bit 3 set are from the second half (the same
    as the first where the guest has loaded but one). Cells are `glyph_width` 8 or 9 pixels wide;
    the ninth continues characters C0h to DFh when `line_graphics`, else it is background.
    """

    columns: int
    rows: int
    cells: bytes
    cursor: Cursor | None
    palette: bytes
    font: bytes
    glyph_width: int
    glyph_height: int
    blinks: bool
    line_graphics: bool


class PixelScreen(msgspec.Struct, frozen=True):
    """A graphics mode: `rgb` holds R, G, B of each pixel, row by row."""

    width: int
    height: int
    rgb: bytes


Screen: TypeAlias = TextScreen | PixelScreen
"""What a card's connector gives the monitor."""


@runtime_checkable
class HasScreen(Protocol):
    """A card a monitor is plugged into."""

    def screen(self) -> Screen:
        """What the monitor shows now. Between two slices; may take tens of milliseconds."""
        ...
