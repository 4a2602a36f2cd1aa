"""A machine's screen as people and programs ask for it: as text, as a picture, as a file.

A text screen is drawn dot by dot as the adapter draws it: IBM PS/2 Hardware Interface Technical
Reference, "Video Subsystem", "Alphanumeric Modes" and "Attribute Controller". What blinks is drawn
in its visible phase, the cursor too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from hotswap.bus import HotswapError, PixelScreen, Screen, TextScreen

from .code_page import CP437
from .durable import write_durably
from .png import png

_LINE_GRAPHICS = range(0xC0, 0xE0)
_SECOND_FONT = 0x08  # of an attribute
_FONT = 256


class ScreenError(HotswapError):
    """The screen cannot be shown or saved: why, and what to do about it."""


def lines(screen: TextScreen) -> list[str]:
    """The rows of a text screen, `columns` long each; the font is taken for code page 437."""
    text = "".join(CP437[code] for code in screen.cells[0::2])
    return [text[at : at + screen.columns] for at in range(0, len(text), screen.columns)]


def description(screen: Screen) -> dict[str, Any]:
    """What a program wants to know: `mode` is `text` or `graphics`; trailing blanks are left out.

    In text mode there are `columns`, `rows`, `lines` and `cursor` (null when it is off), in
    graphics mode `width` and `height` in pixels.
    """
    if isinstance(screen, PixelScreen):
        return {"mode": "graphics", "width": screen.width, "height": screen.height}
    return {
        "mode": "text",
        "columns": screen.columns,
        "rows": screen.rows,
        "lines": [line.rstrip() for line in lines(screen)],
        "cursor": msgspec.to_builtins(screen.cursor),
    }


def save_png(path: Path, screen: Screen) -> PixelScreen:
    """Write a PNG file of the screen to `path`; the picture. Raises `ScreenError`."""
    shown = picture(screen)
    try:
        write_durably(path, [png(shown)])
    except OSError as error:
        raise ScreenError(
            f"picture {path}: {error.strerror or error}; give another --png"
        ) from error
    return shown


def picture(screen: Screen) -> PixelScreen:
    """Every pixel of the screen."""
    if isinstance(screen, PixelScreen):
        return screen
    glyphs: dict[tuple[int, int], list[bytes]] = {}
    dots = bytearray()
    cursor = screen.cursor
    for row in range(screen.rows):
        cells: list[list[bytes]] = []
        for column in range(screen.columns):
            at = 2 * (row * screen.columns + column)
            cell = screen.cells[at], screen.cells[at + 1]
            if cell not in glyphs:
                glyphs[cell] = _glyph(screen, *cell)
            drawn = glyphs[cell]
            if cursor is not None and (cursor.column, cursor.row) == (column, row):
                bar = bytes([cell[1] & 0x0F]) * screen.glyph_width
                drawn = [
                    bar if cursor.top <= y <= cursor.bottom else line
                    for y, line in enumerate(drawn)
                ]
            cells.append(drawn)
        for y in range(screen.glyph_height):
            dots += b"".join(cell[y] for cell in cells)
    rgb = bytearray(3 * len(dots))
    for component in range(3):
        rgb[component::3] = dots.translate(screen.palette[component::3].ljust(256, b"\0"))
    width = screen.columns * screen.glyph_width
    return PixelScreen(width, screen.rows * screen.glyph_height, bytes(rgb))


def _glyph(screen: TextScreen, code: int, attribute: int) -> list[bytes]:
    """The scan lines of a cell, a byte a dot: its colour's number."""
    foreground, background = attribute & 0x0F, attribute >> 4 & (0x07 if screen.blinks else 0x0F)
    colours = bytes((background, foreground))
    number = code + (_FONT if attribute & _SECOND_FONT else 0)
    font = screen.font[number * screen.glyph_height : (number + 1) * screen.glyph_height]
    continued = screen.line_graphics and code in _LINE_GRAPHICS
    drawn: list[bytes] = []
    for bits in font:
        dots = bytes(colours[bits >> bit & 1] for bit in range(7, -1, -1))
        ninth = dots[7:] if continued else colours[:1]
        drawn.append(dots if screen.glyph_width == 8 else dots + ninth)
    return drawn
