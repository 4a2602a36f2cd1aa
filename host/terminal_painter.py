"""From one frame to the next: the control sequences that change what has changed, and no more.

ECMA-48: CUP, ED, SGR; xterm's private modes 25 (cursor) and 2026 (synchronized output); DECSCUSR.
A terminal that does not know one of these ignores it.
"""

from __future__ import annotations

from .terminal_frame import Frame

_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_BLOCK, _UNDERLINE = "\x1b[1 q", "\x1b[3 q"  # both blink, as a VGA's do
_CLEAR = "\x1b[0m\x1b[2J"


class Painter:
    """Knows what the terminal shows, and how to make it show something else."""

    def __init__(self) -> None:
        self._shown: Frame | None = None

    def forget(self) -> None:
        """The terminal may show anything: the next frame is sent as a whole."""
        self._shown = None

    def paint(self, frame: Frame) -> bytes:
        """What to send to get from the frame before to this one; nothing when they are equal."""
        old, self._shown = self._shown, frame
        if frame == old:
            return b""
        if old is None or _size(old) != _size(frame):
            old = Frame([[("", " ")] * len(row) for row in frame.rows])
            cells = _CLEAR + _cells(frame, old)
        else:
            cells = _cells(frame, old)
        cursor = _HIDE
        if frame.cursor is not None:
            column, row = frame.cursor
            shape = _BLOCK if frame.block else _UNDERLINE
            cursor = f"{_move(column, row)}{shape}{_SHOW}"
        if cells:
            cells = _HIDE + cells  # or it is seen flying about
        return (_BEGIN + cells + cursor + _END).encode()


def _size(frame: Frame) -> tuple[int, int]:
    return len(frame.rows), len(frame.rows[0]) if frame.rows else 0


def _move(column: int, row: int) -> str:
    return f"\x1b[{row + 1};{column + 1}H"


def _cells(new: Frame, old: Frame) -> str:
    sent: list[str] = []
    style: str | None = None
    for y, (row, before) in enumerate(zip(new.rows, old.rows, strict=True)):
        if row == before:
            continue
        pen = -1  # the column where the next character would go
        for x, (cell, was) in enumerate(zip(row, before, strict=True)):
            if cell == was:
                continue
            if pen != x:
                sent.append(_move(x, y))
            if cell[0] != style:
                style = cell[0]
                sent.append(f"\x1b[0;{style}m" if style else "\x1b[0m")
            sent.append(cell[1])
            pen = x + 1
    return "".join(sent)
