"""What a terminal of a given size is to show of a machine's screen.

Text is shown cell by cell. A picture is made smaller until it fits: a cell is two pixels, its upper
half in the foreground colour and its lower one in the background's; the last line says what the
picture is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from hotswap.bus import Cursor, PixelScreen, Screen, TextScreen

from .code_page import CP437
from .terminal_colours import Depth, attributes, for_depth

Cell: TypeAlias = tuple[str, str]
"""SGR parameters and the character."""
BLANK: Cell = ("", " ")
_UPPER_HALF = "▀"


class Frame(msgspec.Struct, frozen=True):
    """The cells of the terminal, row by row; the cursor by column and row, None when it is off.

    `block` is whether the cursor fills more than half of a cell.
    """

    rows: Sequence[Sequence[Cell]]
    cursor: tuple[int, int] | None = None
    block: bool = False


def frame(screen: Screen, columns: int, rows: int, colours: Depth) -> Frame:
    """What a terminal of `columns` by `rows` cells shows of a screen."""
    if isinstance(screen, PixelScreen):
        return _picture(screen, columns, rows, colours)
    return _text(screen, columns, rows, colours)


def notice(lines: Sequence[str], columns: int, rows: int) -> Frame:
    """A text of the host's own."""
    cells = [[("", char) for char in line] for line in lines]
    return Frame(_fitted(cells, columns, rows))


def _fitted(cells: list[list[Cell]], columns: int, rows: int) -> list[list[Cell]]:
    """Cut off or filled up to the terminal's size."""
    wide = [(row + [BLANK] * (columns - len(row)))[:columns] for row in cells[:rows]]
    return wide + [[BLANK] * columns for _ in range(rows - len(wide))]


# -- text -----------------------------------------------------------------------------------------


def _text(screen: TextScreen, columns: int, rows: int, colours: Depth) -> Frame:
    """When the terminal is smaller, the part that has the cursor in it."""
    styles = attributes(screen.palette, screen.blinks, colours)
    cursor = screen.cursor or Cursor(0, 0, 0, 0)
    left = _scrolled(cursor.column, columns, screen.columns)
    top = _scrolled(cursor.row, rows, screen.rows)
    cells: list[list[Cell]] = []
    for row in range(top, min(top + rows, screen.rows)):
        start = 2 * (row * screen.columns + left)
        end = 2 * (row * screen.columns + min(left + columns, screen.columns))
        characters, styled = screen.cells[start:end:2], screen.cells[start + 1 : end : 2]
        cells.append([(styles[a], CP437[c]) for c, a in zip(characters, styled, strict=True)])
    shown = _fitted(cells, columns, rows)
    if screen.cursor is None:
        return Frame(shown)
    block = 2 * (cursor.bottom - cursor.top + 1) > screen.glyph_height
    return Frame(shown, (cursor.column - left, cursor.row - top), block)


def _scrolled(cursor: int, room: int, whole: int) -> int:
    """The first row, or column, that is shown: the cursor's is."""
    return max(0, min(cursor - room + 1, whole - room))


# -- pictures -------------------------------------------------------------------------------------


def _picture(screen: PixelScreen, columns: int, rows: int, colours: Depth) -> Frame:
    """As large as fits with the proportions of a monitor, 4 by 3."""
    height = max(1, min(rows - 1, columns * 3 // 8))
    width = max(1, min(columns, height * 8 // 3))
    sgr = for_depth(colours)
    xs = [3 * (x * screen.width // width) for x in range(width)]

    def line(y: int) -> list[bytes]:
        """Half the height of a cell."""
        at = 3 * screen.width * (y * screen.height // (2 * height))
        return [screen.rgb[at + x : at + x + 3] for x in xs]

    cells = [
        [
            (f"{sgr(upper, True)};{sgr(lower, False)}", _UPPER_HALF)
            for upper, lower in zip(line(2 * y), line(2 * y + 1), strict=True)
        ]
        for y in range(height)
    ]
    label = (
        f"picture of {screen.width} by {screen.height}; "
        "`hotswap-host screen --png FILE` saves every pixel"
    )
    rest: list[list[Cell]] = [[] for _ in range(rows - 1 - height)]
    cells += [*rest, [("", char) for char in label]]
    return Frame(_fitted(cells, columns, rows))
