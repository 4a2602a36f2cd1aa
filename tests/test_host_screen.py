"""A screen as text, as a description and as a picture, against one drawn dot by dot."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from hotswap.bus import Backplane, Cursor, PixelScreen, TextScreen
from hotswap.cards.vga import Vga
from hotswap.cards.vga_registers import VgaState
from hotswap.host.pytest_plugin import Ports
from hotswap.host.screen import ScreenError, description, lines, picture, save_png

from .screenful import CRTC, DATA, SEQUENCER, WRITE_INDEX, Screenful

TEXT, PLANE = 0xB8000, 0xA0000
TOP_LEFT = Cursor(0, 0, 0, 0)


@pytest.fixture
async def vga(backplane: Backplane, ports: Ports) -> Screenful:
    card = Vga[VgaState]()
    await backplane.insert(card)
    return Screenful(backplane, ports, card)


def put(vga: Screenful, column: int, row: int, text: bytes, attribute: int = 0x07) -> None:
    for at, char in enumerate(text, 80 * row + column):
        vga.store(TEXT + 2 * at, attribute << 8 | char, 2)


def dot(screen: TextScreen, x: int, y: int) -> bytes:
    """R, G, B of one dot, by what `TextScreen` says of its fields."""
    column, row = x // screen.glyph_width, y // screen.glyph_height
    x, y = x % screen.glyph_width, y % screen.glyph_height
    at = 2 * (row * screen.columns + column)
    code, attribute = screen.cells[at], screen.cells[at + 1]
    glyph = code + 256 if attribute & 8 else code
    bits = screen.font[glyph * screen.glyph_height + y]
    if x < 8:
        lit = bool(bits & 0x80 >> x)
    else:
        lit = screen.line_graphics and 0xC0 <= code <= 0xDF and bool(bits & 1)
    here = screen.cursor or TOP_LEFT
    if screen.cursor and (here.column, here.row) == (column, row) and here.top <= y <= here.bottom:
        lit = True
    background = attribute >> 4 & 7 if screen.blinks else attribute >> 4
    number = attribute & 15 if lit else background
    return screen.palette[3 * number : 3 * number + 3]


def assert_drawn(screen: TextScreen) -> None:
    """The first four rows and the last one: the tests write to no others."""
    shown = picture(screen)
    assert shown.width == screen.columns * screen.glyph_width
    assert shown.height == screen.rows * screen.glyph_height
    for row in (0, 1, 2, 3, screen.rows - 1):
        for y in range(row * screen.glyph_height, (row + 1) * screen.glyph_height):
            line = shown.rgb[3 * shown.width * y : 3 * shown.width * (y + 1)]
            assert line == b"".join(dot(screen, x, y) for x in range(shown.width))


# -- text -----------------------------------------------------------------------------------------


async def test_lines_are_the_characters_of_code_page_437(vga: Screenful) -> None:
    put(vga, 1, 0, b"A\x01\xb0\xff")
    put(vga, 79, 24, b"Z")
    found = lines(vga.text())
    assert found[0] == " A☺░" + " " * 76
    assert found[24] == " " * 79 + "Z"
    assert len(found) == 25


async def test_a_description_has_the_lines_without_trailing_blanks(vga: Screenful) -> None:
    put(vga, 2, 3, b"C:\\>")
    vga.indexed(CRTC, 0x0F, 3 * 80 + 6)
    found = description(vga.text())
    assert found == {
        "mode": "text", "columns": 80, "rows": 25, "lines": ["", "", "", "  C:\\>", *[""] * 21],
        "cursor": {"column": 6, "row": 3, "top": 13, "bottom": 14},
    }  # fmt: skip


async def test_a_cursor_that_is_off_is_null(vga: Screenful) -> None:
    vga.indexed(CRTC, 0x0A, 0x20)
    assert description(vga.text())["cursor"] is None


async def test_a_description_of_graphics_has_the_size(vga: Screenful) -> None:
    vga.mode("13")
    assert description(vga.pixels()) == {"mode": "graphics", "width": 320, "height": 200}


# -- pictures -------------------------------------------------------------------------------------


async def test_text_is_drawn_with_the_cards_font_and_palette(vga: Screenful) -> None:
    for code in range(256):
        put(vga, code % 64, code // 64, bytes([code]), attribute=code)
    assert_drawn(vga.text())


async def test_the_cursor_is_drawn_where_and_as_high_as_it_is(vga: Screenful) -> None:
    put(vga, 79, 24, b"x", 0x2E)
    vga.indexed(CRTC, 0x0E, 1999 >> 8)
    vga.indexed(CRTC, 0x0F, 1999 & 0xFF)
    vga.indexed(CRTC, 0x0A, 3)
    vga.indexed(CRTC, 0x0B, 9)
    screen = vga.text()
    assert screen.cursor == Cursor(79, 24, 3, 9)
    assert_drawn(screen)
    shown = picture(screen)
    corner = 3 * (720 * (24 * 16 + 3) + 719)
    assert shown.rgb[corner : corner + 3] == bytes([0xFF, 0xFF, 0x55])


async def test_cells_of_eight_dots_have_no_ninth(vga: Screenful) -> None:
    vga.indexed(SEQUENCER, 1, 1)
    put(vga, 0, 0, bytes(range(0xB0, 0xE0)))
    assert vga.text().glyph_width == 8
    assert_drawn(vga.text())


async def test_bright_backgrounds_where_nothing_blinks(vga: Screenful) -> None:
    vga.attribute(0x10, 0x04)
    vga.ports.write(0x3C0, 0x20)
    put(vga, 0, 0, b"blink", 0xF1)
    assert not vga.text().blinks
    assert_drawn(vga.text())
    assert picture(vga.text()).rgb[:3] == b"\xff\xff\xff"


async def test_what_blinks_is_visible_on_a_dark_background(vga: Screenful) -> None:
    put(vga, 0, 0, b"\xdb", 0xF1)
    assert vga.text().blinks
    assert picture(vga.text()).rgb[:3] == b"\x00\x00\xaa"
    put(vga, 0, 0, b" ", 0xF1)
    assert picture(vga.text()).rgb[:3] == b"\xaa\xaa\xaa"


async def test_bit_3_of_an_attribute_selects_the_second_font(vga: Screenful) -> None:
    vga.card.state.memory[2 + 4 * 0x4000 + 4 * 32 * ord("A") :: 4] = b"\xff" * (
        0x10000 - 0x4000 - 32 * ord("A")
    )
    vga.indexed(SEQUENCER, 3, 0x04)
    put(vga, 0, 0, b"A", 0x07)
    put(vga, 1, 0, b"A", 0x0F)
    vga.indexed(CRTC, 0x0A, 0x20)
    screen = vga.text()
    assert screen.font[: 256 * 16] != screen.font[256 * 16 :]
    assert_drawn(screen)
    assert picture(screen).rgb[3 * 9 : 3 * 17] == b"\xff" * 24  # solid


async def test_a_palette_the_guest_has_changed_is_used(vga: Screenful) -> None:
    vga.ports.write(WRITE_INDEX, 7)
    for level in (63, 32, 1):
        vga.ports.write(DATA, level)
    put(vga, 0, 0, b"\xdb")
    assert picture(vga.text()).rgb[:3] == bytes([255, 130, 4])


async def test_a_picture_is_itself(vga: Screenful) -> None:
    vga.mode("12")
    assert picture(vga.pixels()) == vga.pixels()


# -- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["text", "04", "06", "0d", "12", "13", "X"])
async def test_a_file_has_the_picture_in_every_mode(
    vga: Screenful, tmp_path: Path, mode: str
) -> None:
    if mode != "text":
        vga.mode(mode)
    for at in range(512):
        vga.store((TEXT if mode in {"text", "04", "06"} else PLANE) + at, at * 7 & 0xFF)
    screen = vga.text() if mode == "text" else vga.pixels()
    shown = save_png(tmp_path / "screen.png", screen)
    with Image.open(tmp_path / "screen.png") as found:
        assert found.size == (shown.width, shown.height)
        assert found.tobytes() == picture(screen).rgb
        assert len(set(found.get_flattened_data())) > 1


def test_a_file_that_cannot_be_written_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(ScreenError, match=r"no/such/place\.png: No such file.*another --png"):
        save_png(tmp_path / "no" / "such" / "place.png", PixelScreen(1, 1, b"rgb"))
