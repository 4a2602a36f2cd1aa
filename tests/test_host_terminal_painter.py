"""From frame to frame: a terminal shows what it should, and is sent no more than has changed."""

from __future__ import annotations

import pyte
from hypothesis import given
from hypothesis import strategies as st

from hotswap.host.terminal_frame import Cell, Frame
from hotswap.host.terminal_painter import Painter

COLUMNS, ROWS = 7, 4
COLOURS = {"30": "black", "31": "red", "97": "brightwhite", "38;2;1;2;3": "010203",
           "40": "black", "44": "blue", "101": "brightred", "48;2;4;5;6": "040506"}  # fmt: skip
FORE, BACK = list(COLOURS)[:4], list(COLOURS)[4:]


def cells() -> st.SearchStrategy[Cell]:
    return st.one_of(
        st.just(("", " ")),
        st.builds(
            lambda fore, back, char: (f"{fore};{back}", char),
            st.sampled_from(FORE), st.sampled_from(BACK), st.sampled_from("aZ▀☺ "),
        ),
    )  # fmt: skip


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    row = st.lists(cells(), min_size=COLUMNS, max_size=COLUMNS)
    rows = draw(st.lists(row, min_size=ROWS, max_size=ROWS))
    places = st.tuples(st.integers(0, COLUMNS - 1), st.integers(0, ROWS - 1))
    return Frame(rows, draw(st.none() | places), draw(st.booleans()))


def seen(screen: pyte.Screen, x: int, y: int) -> tuple[str, str, str]:
    char = screen.buffer[y][x]
    return char.data, char.fg, char.bg


def wanted(cell: Cell) -> tuple[str, str, str]:
    sgr, char = cell
    if not sgr:
        return char, "default", "default"
    fore = next(code for code in FORE if sgr.startswith(code + ";"))
    return char, COLOURS[fore], COLOURS[sgr.removeprefix(fore + ";")]


@given(st.lists(frames(), max_size=5))
def test_the_terminal_shows_the_last_frame(all_frames: list[Frame]) -> None:
    screen, painter = pyte.Screen(COLUMNS, ROWS), Painter()
    screen.reset_mode(7, private=True)  # as on a terminal whose lines do not wrap
    stream = pyte.ByteStream(screen)
    stream.feed(b"rubbish")
    for each in all_frames:
        stream.feed(painter.paint(each))
        for y, row in enumerate(each.rows):
            assert [seen(screen, x, y) for x in range(COLUMNS)] == [wanted(cell) for cell in row]
        assert screen.cursor.hidden == (each.cursor is None)
        if each.cursor is not None:
            assert (screen.cursor.x, screen.cursor.y) == each.cursor


def plain(*lines: str, cursor: tuple[int, int] | None = None, block: bool = False) -> Frame:
    return Frame([[("37;40", char) for char in line] for line in lines], cursor, block)


def test_an_equal_frame_sends_nothing() -> None:
    painter = Painter()
    assert painter.paint(plain("ab", "cd"))
    assert painter.paint(plain("ab", "cd")) == b""


def test_only_the_cells_that_have_changed_are_sent() -> None:
    painter = Painter()
    painter.paint(plain("abcdef", "ghijkl"))
    sent = painter.paint(plain("abcdef", "gHIjkL"))
    assert b"\x1b[2;2H\x1b[0;37;40mHI\x1b[2;6HL" in sent
    assert b"\x1b[2J" not in sent


def test_when_only_the_cursor_has_moved_only_it_is_sent() -> None:
    painter = Painter()
    painter.paint(plain("ab", cursor=(0, 0)))
    assert painter.paint(plain("ab", cursor=(1, 0))) == (
        b"\x1b[?2026h\x1b[1;2H\x1b[3 q\x1b[?25h\x1b[?2026l"
    )
    assert painter.paint(plain("ab")) == b"\x1b[?2026h\x1b[?25l\x1b[?2026l"
    assert b"\x1b[1 q" in painter.paint(plain("ab", cursor=(1, 0), block=True))


def test_after_a_change_of_size_or_when_told_to_forget_all_is_sent() -> None:
    painter = Painter()
    painter.paint(plain("ab", "cd"))
    assert b"\x1b[2J" in (sent := painter.paint(plain("abc", "cde")))
    assert b"abc" in sent
    painter.forget()
    assert painter.paint(plain("abc", "cde")) == sent
