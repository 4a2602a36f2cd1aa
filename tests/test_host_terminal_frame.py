"""What of a machine's screen is to be seen on a terminal of a given size."""

from __future__ import annotations

import msgspec
import pytest

from hotswap.bus import Cursor, PixelScreen, TextScreen
from hotswap.cards.vga_registers import VgaState
from hotswap.cards.vga_screen import screen
from hotswap.host.terminal_colours import Depth
from hotswap.host.terminal_frame import Frame, frame, notice

TRUE: Depth = 16_777_216


def text_screen(cursor: Cursor | None = None) -> TextScreen:
    """Every cell has row and column in it, as far as a byte goes; 80 by 25."""
    found = screen(VgaState())
    assert isinstance(found, TextScreen)
    cells = b"".join(bytes([65 + column % 26, row]) for row in range(25) for column in range(80))
    return msgspec.structs.replace(found, cells=cells, cursor=cursor)


def characters(found: Frame) -> list[str]:
    return ["".join(char for _, char in row) for row in found.rows]


def assert_full(found: Frame, columns: int, rows: int) -> None:
    assert [len(row) for row in found.rows] == [columns] * rows


ALPHABET = "".join(map(chr, range(65, 91)))
LINE = (ALPHABET * 4)[:80]


def test_a_larger_terminal_has_the_screen_in_its_corner() -> None:
    found = frame(text_screen(Cursor(3, 24, 13, 14)), 100, 30, 16)
    assert_full(found, 100, 30)
    assert characters(found) == [LINE.ljust(100)] * 25 + [" " * 100] * 5
    assert found.cursor == (3, 24)
    assert found.rows[1][0] == ("34;40", "A")


@pytest.mark.parametrize(
    ("cursor", "left", "top"),
    [((0, 0), 0, 0), ((39, 9), 0, 0), ((40, 10), 1, 1), ((79, 24), 40, 15), (None, 0, 0)],
)
def test_a_smaller_terminal_has_the_part_with_the_cursor(
    cursor: tuple[int, int] | None, left: int, top: int
) -> None:
    here = cursor and Cursor(*cursor, 13, 14)
    found = frame(text_screen(here), 40, 10, 16)
    assert_full(found, 40, 10)
    assert characters(found) == [LINE[left : left + 40]] * 10
    assert found.rows[0][0][0] == frame(text_screen(), 80, 25, 16).rows[top][0][0]
    assert found.cursor == (cursor and (cursor[0] - left, cursor[1] - top))


@pytest.mark.parametrize(("top", "bottom", "block"), [(0, 15, True), (13, 14, False)])
def test_a_high_cursor_is_a_block(top: int, bottom: int, block: bool) -> None:
    assert frame(text_screen(Cursor(0, 0, top, bottom)), 80, 25, 16).block == block


def quarters(width: int, height: int) -> PixelScreen:
    """Red and green above, blue and white below."""
    red, green, blue, white = b"\xff\0\0", b"\0\xff\0", b"\0\0\xff", b"\xff" * 3
    upper = (red * (width // 2) + green * (width // 2)) * (height // 2)
    lower = (blue * (width // 2) + white * (width // 2)) * (height // 2)
    return PixelScreen(width, height, upper + lower)


@pytest.mark.parametrize("size", [(320, 200), (640, 480), (1280, 1024), (4, 4)])
def test_a_picture_is_scaled_to_two_pixels_a_cell(size: tuple[int, int]) -> None:
    found = frame(quarters(*size), 80, 31, TRUE)
    assert_full(found, 80, 31)
    red, green, blue, white = "2;255;0;0", "2;0;255;0", "2;0;0;255", "2;255;255;255"
    upper = [f"38;{colour};48;{colour}" for colour in [red] * 40 + [green] * 40]
    lower = [f"38;{colour};48;{colour}" for colour in [blue] * 40 + [white] * 40]
    for y in range(30):
        assert found.rows[y] == [(sgr, "▀") for sgr in (upper if y < 15 else lower)], y
    assert characters(found)[30].startswith(f"picture of {size[0]} by {size[1]}; ")
    assert found.cursor is None


def test_the_halves_of_a_cell_are_two_lines_of_the_picture() -> None:
    lines = [bytes([y, 0, 0]) * 8 for y in range(6)]
    found = frame(PixelScreen(8, 6, b"".join(lines)), 8, 4, TRUE)
    assert [row[0][0] for row in found.rows[:3]] == [
        "38;2;0;0;0;48;2;1;0;0", "38;2;2;0;0;48;2;3;0;0", "38;2;4;0;0;48;2;5;0;0"
    ]  # fmt: skip


def test_a_picture_keeps_its_proportions_in_a_wide_terminal_and_in_a_high_one() -> None:
    wide, high = frame(quarters(4, 4), 200, 31, TRUE), frame(quarters(4, 4), 40, 60, TRUE)
    assert sum(char == "▀" for _, char in wide.rows[0]) == 80
    assert [row[0][1] for row in high.rows].count("▀") == 15
    assert characters(high)[59].startswith("picture of 4 by 4")


@pytest.mark.parametrize("size", [(1, 1), (3, 1), (1, 3), (2, 2)])
def test_the_tiniest_terminal_shows_something(size: tuple[int, int]) -> None:
    for shown in (text_screen(Cursor(79, 24, 0, 1)), quarters(4, 4)):
        assert_full(frame(shown, *size, TRUE), *size)


def test_a_notice_is_cut_off_and_filled_up() -> None:
    assert characters(notice(["abcdef", "x"], 4, 3)) == ["abcd", "x   ", "    "]
    assert characters(notice(["abcdef", "x"], 4, 1)) == ["abcd"]
