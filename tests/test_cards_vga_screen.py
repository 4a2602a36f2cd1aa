"""What the VGA's monitor shows, mode by mode."""

from __future__ import annotations

import pytest

from hotswap.bus import Backplane, Cursor
from hotswap.cards.vga import Vga
from hotswap.cards.vga_registers import VgaState
from hotswap.host.pytest_plugin import Ports

from .screenful import CRTC, MASK, SEQUENCER, Screenful

VIDEO = 0xA0000
BLANK = b" \x07"


@pytest.fixture
async def vga(backplane: Backplane, ports: Ports) -> Screenful:
    card = Vga[VgaState]()
    await backplane.insert(card)
    return Screenful(backplane, ports, card)


def put(vga: Screenful, address: int, content: bytes) -> None:
    for at, value in enumerate(content, address):
        vga.store(at, value)


# -- text -------------------------------------------------------------------------------------


async def test_text_is_what_is_stored_at_b8000(vga: Screenful) -> None:
    put(vga, 0xB8000 + 160 * 24 + 158, b"Z\x4e")
    shown = vga.text()
    assert (shown.columns, shown.rows, shown.glyph_width, shown.glyph_height) == (80, 25, 9, 16)
    assert shown.cells == BLANK * 1999 + b"Z\x4e"
    assert (shown.blinks, shown.line_graphics) == (True, True)


async def test_the_start_address_scrolls(vga: Screenful) -> None:
    put(vga, 0xB8000 + 160 + 2, b"A\x1f")
    vga.indexed(CRTC, 0x0D, 80)
    assert vga.text().cells[:4] == BLANK + b"A\x1f"


async def test_beyond_the_last_word_come_the_odd_addresses(vga: Screenful) -> None:
    vga.card.state.memory[4 * 0xFFFE] = ord("Y")
    vga.card.state.memory[4 * 1] = ord("Z")
    vga.indexed(CRTC, 0x0C, 0x7F)
    vga.indexed(CRTC, 0x0D, 0xF0)
    assert vga.text().cells[30:34:2] == b"YZ"


async def test_line_compare_starts_again_from_address_0(vga: Screenful) -> None:
    put(vga, 0xB8000, b"0\x07")
    put(vga, 0xB8000 + 0x1000, b"1\x07")
    vga.indexed(CRTC, 0x0C, 0x08)  # 2048 characters on
    vga.indexed(CRTC, 0x07, 0x0F)
    vga.indexed(CRTC, 0x11, 0x0E)
    vga.indexed(CRTC, 0x07, 0x0F)
    vga.indexed(CRTC, 0x09, 0x0F)
    vga.indexed(CRTC, 0x18, 15 * 16 - 1)
    cells = vga.text().cells
    assert (cells[0:2], cells[160 * 14 : 160 * 14 + 2]) == (b"1\x07", b"  "[:1] + b"\x07")
    assert cells[160 * 15 : 160 * 15 + 2] == b"0\x07"


async def test_scan_lines_can_be_doubled(vga: Screenful) -> None:
    put(vga, 0xB8000, b"0")
    vga.indexed(CRTC, 0x0D, 80)
    vga.indexed(CRTC, 0x11, 0)
    vga.indexed(CRTC, 0x07, 0x0F)
    vga.indexed(CRTC, 0x09, 0x87)  # 8 lines, twice each
    vga.indexed(CRTC, 0x18, 12 * 16 - 1)
    shown = vga.text()
    assert (shown.rows, shown.glyph_height) == (25, 8)
    assert shown.cells[160 * 12 : 160 * 12 + 2] == b"0\x07"


async def test_the_cursor(vga: Screenful) -> None:
    assert vga.text().cursor == Cursor(0, 0, 13, 14)
    vga.indexed(CRTC, 0x0F, 85)
    vga.indexed(CRTC, 0x0A, 0)
    vga.indexed(CRTC, 0x0B, 31)
    assert vga.text().cursor == Cursor(5, 1, 0, 15)
    vga.indexed(CRTC, 0x0E, 0x08)
    assert vga.text().cursor is None  # beyond the screen
    vga.indexed(CRTC, 0x0E, 0)
    vga.indexed(CRTC, 0x0A, 0x20)
    assert vga.text().cursor is None


async def test_the_palette_is_the_egas(vga: Screenful) -> None:
    palette = vga.text().palette
    colours = " ".join(palette[at : at + 3].hex() for at in range(0, 48, 3))
    assert colours == (
        "000000 0000aa 00aa00 00aaaa aa0000 aa00aa aa5500 aaaaaa "
        "555555 5555ff 55ff55 55ffff ff5555 ff55ff ffff55 ffffff"
    )


async def test_two_fonts(vga: Screenful) -> None:
    memory = vga.card.state.memory
    memory[4 * (0x4000 + 32 * 65) + 2] = 0x81  # character 65 in map 1
    memory[4 * (0x2000 + 32 * 65) + 2] = 0x42  # and in map 4
    vga.indexed(SEQUENCER, 3, 0x05)  # both are map 1
    assert [vga.text().font[16 * (65 + 256 * half)] for half in (0, 1)] == [0x81, 0x81]
    vga.indexed(SEQUENCER, 3, 0x21)  # A is map 4, B is map 1
    assert [vga.text().font[16 * (65 + 256 * half)] for half in (0, 1)] == [0x81, 0x42]


async def test_there_is_a_font_at_power_on(vga: Screenful) -> None:
    glyph = vga.text().font[16 * 0xDB : 16 * 0xDC]
    assert glyph == b"\xff" * 16  # the full block
    assert any(vga.text().font[16 * ord("A") : 16 * ord("B")])


async def test_a_screen_that_is_off_is_empty(vga: Screenful) -> None:
    vga.indexed(SEQUENCER, 1, 0x20)
    assert vga.text().cells == bytes(4000)
    assert vga.text().cursor is None


# -- graphics ---------------------------------------------------------------------------------


async def test_mode_12_has_a_bit_of_each_plane_a_pixel(vga: Screenful) -> None:
    vga.mode("12")
    for plane, bits in enumerate((0b10101010, 0b11001100, 0b11110000, 0b11111111)):
        vga.indexed(SEQUENCER, 2, 1 << plane)
        vga.store(VIDEO + 80 * 479 + 79, bits)
    lines = vga.greys()
    assert (len(lines), len(lines[0])) == (480, 640)
    assert lines[479][-9:] == bytes((0, 15, 14, 13, 12, 11, 10, 9, 8))
    assert not any(map(any, lines[:479]))


async def test_mode_0d_doubles_its_lines(vga: Screenful) -> None:
    vga.mode("0d")
    vga.store(VIDEO + 40 * 199, 0x80)
    lines = vga.greys()
    assert (len(lines), len(lines[0])) == (200, 320)
    assert lines[199][:2] == bytes((15, 0))


async def test_mode_13_has_a_byte_a_pixel(vga: Screenful) -> None:
    vga.mode("13")
    picture = bytes((x * 7 + y * 3) & 0x3F for y in range(200) for x in range(320))
    put(vga, VIDEO, picture)
    lines = vga.greys()
    assert (len(lines), len(lines[0])) == (200, 320)
    assert b"".join(lines) == picture


async def test_mode_x_has_a_plane_for_every_fourth_pixel(vga: Screenful) -> None:
    vga.mode("X")
    for plane in range(4):
        vga.indexed(SEQUENCER, 2, 1 << plane)
        put(vga, VIDEO + 80, bytes((10 + plane, 20 + plane)))
    lines = vga.greys()
    assert lines[1][:9] == bytes((10, 11, 12, 13, 20, 21, 22, 23, 0))
    vga.indexed(CRTC, 0x0D, 80)  # pages
    assert vga.greys()[0][:8] == bytes((10, 11, 12, 13, 20, 21, 22, 23))


async def test_mode_4_has_two_bits_a_pixel_and_odd_lines_8_kib_on(vga: Screenful) -> None:
    vga.mode("04")
    put(vga, 0xB8000 + 80, b"\x1b\xe4")
    put(vga, 0xB8000 + 0x2000 + 80, b"\xff")
    lines = vga.greys()
    assert (len(lines), len(lines[0])) == (200, 320)
    assert lines[2][:8] == bytes((0, 1, 2, 3, 3, 2, 1, 0))
    assert lines[3][:5] == bytes((3, 3, 3, 3, 0))
    assert not any(lines[1] + lines[4])


async def test_mode_6_has_a_bit_a_pixel(vga: Screenful) -> None:
    vga.mode("06")
    put(vga, 0xB8000 + 79, b"\x05")
    put(vga, 0xB8000 + 0x2000, b"\x80")
    lines = vga.greys()
    assert (len(lines), len(lines[0])) == (200, 640)
    assert (lines[0][-4:], lines[1][:2]) == (bytes((0, 1, 0, 1)), bytes((1, 0)))


async def test_panning_moves_pixels_left(vga: Screenful) -> None:
    vga.mode("12")
    vga.store(VIDEO, 0x08)
    vga.attribute(0x33, 4)
    lines = vga.greys()
    assert lines[0][:2] == bytes((15, 0))
    assert len(lines[0]) == 640


@pytest.mark.parametrize("mode", ["12", "13"])
async def test_a_split_screen_shows_address_0_below(vga: Screenful, mode: str) -> None:
    vga.mode(mode)
    vga.store(VIDEO, 0x0F if mode == "13" else 0xFF)
    vga.indexed(CRTC, 0x0C, 0x10)
    vga.indexed(CRTC, 0x07, vga.get(CRTC, 0x07) & ~0x10)
    vga.indexed(CRTC, 0x09, vga.get(CRTC, 0x09) & ~0x40)
    vga.indexed(CRTC, 0x18, 99)
    lines = vga.greys()
    split = 100 if mode == "12" else 50  # scan lines are doubled in mode 13h
    assert (lines[split - 1][0], lines[split][0], lines[split + 1][0]) == (0, 15, 0)


async def test_the_pel_mask_hides_bits(vga: Screenful) -> None:
    vga.mode("13")
    vga.store(VIDEO, 0x3F)
    vga.ports.write(MASK, 0x15)
    assert vga.greys()[0][0] == 0x15


async def test_colour_select_gives_the_upper_bits(vga: Screenful) -> None:
    vga.mode("12")
    vga.store(VIDEO, 0x80)
    for index in range(256):
        vga.dac(index, index >> 2, 0, 0)
    vga.attribute(0x34, 0x0E)
    assert vga.greys()[0][0] == 0xCF >> 2
    vga.attribute(0x30, 0x81)
    assert vga.greys()[0][0] == 0xEF >> 2


async def test_the_dacs_six_bits_fill_eight(vga: Screenful) -> None:
    vga.mode("13")
    vga.dac(0, 0x3F, 0x20, 0x01)
    assert vga.pixels().rgb[:3] == bytes((0xFF, 0x82, 0x04))
