"""The VGA's registers, memory and timing, against IBM's technical reference."""

from __future__ import annotations

import pytest

from hotswap.bus import Backplane
from hotswap.cards.vga import Vga
from hotswap.cards.vga_registers import VgaState
from hotswap.host.pytest_plugin import Ports, VirtualClock

from .screenful import ATTRIBUTE, CRTC, GRAPHICS, MASK, SEQUENCER, STATUS, Screenful

MAP_MASK, MEMORY_MODE = 2, 4
SET_RESET, ENABLE, COMPARE, ROTATE, READ_MAP, MODE, MISC, CARE, BIT_MASK = range(9)
VIDEO = 0xA0000


@pytest.fixture
async def vga(backplane: Backplane, ports: Ports) -> Screenful:
    card = Vga[VgaState]()
    await backplane.insert(card)
    return Screenful(backplane, ports, card)


@pytest.fixture
async def planar(vga: Screenful) -> Screenful:
    vga.mode("12")
    return vga


# -- ports ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("port", "count"), [(SEQUENCER, 5), (CRTC, 25), (GRAPHICS, 9)], ids=["seq", "crtc", "gfx"]
)
async def test_indexed_registers_read_back(vga: Screenful, port: int, count: int) -> None:
    vga.indexed(CRTC, 0x11, 0)
    for index in range(count):
        vga.indexed(port, index, 0x5A ^ index)
    assert [vga.get(port, index) for index in range(count)] == [0x5A ^ i for i in range(count)]
    vga.indexed(port, count, 0xFF)  # there is none
    assert vga.get(port, count) == 0


async def test_crtc_registers_0_to_7_can_be_protected_but_for_line_compare(vga: Screenful) -> None:
    vga.indexed(CRTC, 0x11, 0x80)
    before = [vga.get(CRTC, index) for index in range(8)]
    for index in range(8):
        vga.indexed(CRTC, index, ~before[index] & 0xFF)
    assert [vga.get(CRTC, index) for index in range(7)] == before[:7]
    assert vga.get(CRTC, 7) == before[7] ^ 0x10


async def test_the_attribute_port_takes_index_and_data_in_turn(vga: Screenful) -> None:
    vga.ports.read(STATUS)
    vga.ports.write(ATTRIBUTE, 0x31)  # overscan
    vga.ports.write(ATTRIBUTE, 0x2A)
    vga.ports.write(ATTRIBUTE, 0x33)
    assert vga.ports.read(ATTRIBUTE) == 0x33
    vga.ports.read(STATUS)  # index is next again
    vga.ports.write(ATTRIBUTE, 0x31)
    assert vga.ports.read(ATTRIBUTE + 1) == 0x2A


async def test_the_palette_is_written_only_while_the_display_does_not_use_it(
    vga: Screenful,
) -> None:
    vga.attribute(0x21, 0x2A)
    assert vga.card.state.attribute[1] == 1
    vga.attribute(0x01, 0x2A)
    assert vga.card.state.attribute[1] == 0x2A


async def test_the_dac_takes_three_writes_and_counts_on(vga: Screenful) -> None:
    vga.dac(0xFF, 1, 2, 3, 0xFF, 5, 6)
    assert vga.ports.read(0x3C7) == 0
    vga.ports.write(0x3C7, 0xFF)
    assert [vga.ports.read(0x3C9) for _ in range(6)] == [1, 2, 3, 0x3F, 5, 6]
    assert vga.ports.read(0x3C7) == 3
    assert vga.ports.read(0x3C8) == 1


async def test_the_dac_takes_a_colour_with_its_third_component(vga: Screenful) -> None:
    before = bytes(vga.card.state.dac)
    vga.dac(7, 0x3F, 0x3F)
    assert vga.card.state.dac == before
    vga.dac(7, 1, 2, 3)  # begins again with red
    assert vga.card.state.dac[21:24] == b"\1\2\3"


async def test_the_crtc_moves_to_3b4_for_monochrome(vga: Screenful) -> None:
    vga.ports.write(0x3C2, 0x66)
    assert vga.ports.read(0x3CC) == 0x66
    vga.indexed(0x3B4, 0x0C, 0x12)
    assert vga.get(0x3B4, 0x0C) == 0x12
    assert vga.ports.read(CRTC + 1) == 0xFF
    vga.ports.write(0x3C2, 0x67)
    assert vga.get(CRTC, 0x0C) == 0x12
    assert vga.ports.read(0x3B5) == 0xFF


async def test_the_beam_is_where_machine_time_says(
    vga: Screenful, virtual_clock: VirtualClock
) -> None:
    # mode 3: 28.322 MHz, 900 dots a line of which 720 are shown, 449 lines of which 400 are
    def status(line: float) -> int:
        virtual_clock.now = round(line * 900 / 28.322e6 * 1e9)
        return vga.ports.read(STATUS)

    assert [status(line) for line in (0.1, 0.79, 0.81, 399.5, 400.5)] == [0, 0, 1, 0, 1]
    assert [status(line) for line in (411.5, 412.5, 413.5, 414.5)] == [1, 9, 9, 1]
    assert status(449.1) == 0


# -- memory -----------------------------------------------------------------------------------


def planes(vga: Screenful, offset: int) -> bytes:
    return bytes(vga.card.state.memory[4 * offset : 4 * offset + 4])


async def test_write_mode_0_writes_rotated_data_to_the_planes_of_the_mask(
    planar: Screenful,
) -> None:
    planar.indexed(SEQUENCER, MAP_MASK, 0b0101)
    planar.indexed(GRAPHICS, ROTATE, 3)
    planar.store(VIDEO + 100, 0b10110001)
    assert planes(planar, 100) == bytes((0b00110110, 0, 0b00110110, 0))


async def test_set_reset_takes_the_place_of_data_where_enabled(planar: Screenful) -> None:
    planar.indexed(GRAPHICS, SET_RESET, 0b0010)
    planar.indexed(GRAPHICS, ENABLE, 0b0110)
    planar.store(VIDEO, 0x5A)
    assert planes(planar, 0) == b"\x5a\xff\x00\x5a"


@pytest.mark.parametrize(
    ("function", "result"), [(0, 0b0011), (1, 0b0001), (2, 0b0111), (3, 0b0110)]
)
async def test_functions_combine_data_with_the_latches(
    planar: Screenful, function: int, result: int
) -> None:
    planar.store(VIDEO, 0b0101)
    planar.load(VIDEO)
    planar.indexed(GRAPHICS, ROTATE, function << 3)
    planar.store(VIDEO + 1, 0b0011)
    assert planes(planar, 1) == bytes([result] * 4)


async def test_the_bit_mask_keeps_the_latches_bits(planar: Screenful) -> None:
    planar.store(VIDEO, 0xF0)
    planar.load(VIDEO)
    planar.indexed(GRAPHICS, BIT_MASK, 0b00111100)
    planar.store(VIDEO, 0x0F)
    assert planes(planar, 0) == bytes([0b11001100] * 4)


async def test_write_mode_1_copies_the_latches(planar: Screenful) -> None:
    planar.card.state.memory[0:4] = b"abcd"
    planar.indexed(GRAPHICS, MODE, 1)
    planar.load(VIDEO)
    planar.store(VIDEO + 0xFFFF, 0x99)
    assert planes(planar, 0xFFFF) == b"abcd"


async def test_write_mode_2_writes_a_colour(planar: Screenful) -> None:
    planar.indexed(GRAPHICS, MODE, 2)
    planar.indexed(GRAPHICS, BIT_MASK, 0x18)
    planar.store(VIDEO, 0b1010)
    assert planes(planar, 0) == b"\x00\x18\x00\x18"


async def test_write_mode_3_writes_set_reset_where_the_data_says(planar: Screenful) -> None:
    planar.indexed(GRAPHICS, MODE, 3)
    planar.indexed(GRAPHICS, SET_RESET, 0b0011)
    planar.indexed(GRAPHICS, ROTATE, 4)
    planar.indexed(GRAPHICS, BIT_MASK, 0x7E)
    planar.store(VIDEO, 0xF3)
    assert planes(planar, 0) == b"\x3e\x3e\x00\x00"


async def test_read_mode_0_reads_the_plane_that_is_selected(planar: Screenful) -> None:
    planar.card.state.memory[0:8] = b"abcdABCD"
    for plane in range(4):
        planar.indexed(GRAPHICS, READ_MAP, plane)
        assert planar.load(VIDEO, 2) == int.from_bytes(b"aAbBcCdD"[2 * plane :][:2], "little")


async def test_read_mode_1_compares_colours(planar: Screenful) -> None:
    planar.card.state.memory[0:4] = bytes((0b1100, 0b1010, 0, 0))
    planar.indexed(GRAPHICS, MODE, 8)
    planar.indexed(GRAPHICS, COMPARE, 0b0011)
    planar.indexed(GRAPHICS, CARE, 0b1111)
    assert planar.load(VIDEO) == 0b1000
    planar.indexed(GRAPHICS, CARE, 0b0001)
    assert planar.load(VIDEO) == 0b1100


async def test_read_mode_1_reads_where_the_planes_are_chained(vga: Screenful) -> None:
    vga.store(0xB8002, 0x41)
    vga.indexed(GRAPHICS, MODE, 0x18)
    vga.indexed(GRAPHICS, CARE, 0b0001)
    vga.indexed(GRAPHICS, COMPARE, 0b0001)
    assert [vga.load(0xB8002), vga.load(0xB8003)] == [0x41, 0x41]


async def test_a_wide_cycle_is_a_byte_after_the_other(planar: Screenful) -> None:
    planar.store(VIDEO + 4, 0x44332211, 4)
    assert [planes(planar, 4 + i)[3] for i in range(4)] == [0x11, 0x22, 0x33, 0x44]
    assert planar.load(VIDEO + 4, 4) == 0x44332211


async def test_text_puts_characters_in_plane_0_and_attributes_in_plane_1(vga: Screenful) -> None:
    vga.store(0xB8000, 0x1F42_0741, 4)
    vga.store(0xB8005, 0x2E)
    assert (planes(vga, 0)[:2], planes(vga, 2)[:2]) == (b"A\x07", b"B\x1f")
    assert vga.load(0xB8000, 4) == 0x1F42_0741
    assert vga.load(0xB8005) == 0x2E


async def test_chain_4_puts_a_pixel_a_byte(vga: Screenful) -> None:
    vga.mode("13")
    vga.store(VIDEO + 4, 0x04030201, 4)
    vga.store(VIDEO + 9, 0x77)
    assert (planes(vga, 4), planes(vga, 8)[1]) == (b"\1\2\3\4", 0x77)
    vga.store(VIDEO + 0x4000, 5)  # A15:A14 fill the gaps
    assert planes(vga, 0x4001)[0] == 5
    vga.indexed(SEQUENCER, MAP_MASK, 0b0010)
    vga.store(VIDEO + 4, 0, 4)
    assert planes(vga, 4) == b"\1\0\3\4"


@pytest.mark.parametrize(
    ("memory_map", "first", "last"),
    [(0, 0xA0000, 0xBFFFF), (1, 0xA0000, 0xAFFFF), (2, 0xB0000, 0xB7FFF), (3, 0xB8000, 0xBFFFF)],
)
async def test_the_memory_map_says_what_the_card_answers(
    planar: Screenful, memory_map: int, first: int, last: int
) -> None:
    planar.indexed(GRAPHICS, MISC, memory_map << 2 | 1)
    for address in range(0xA0000, 0xC0000, 0x1000):
        for at in (address, address + 0xFFF):
            planar.store(at, 0x5A)
            assert planar.load(at) == (0x5A if first <= at <= last else 0xFF)


async def test_without_enable_ram_nothing_answers(vga: Screenful) -> None:
    vga.ports.write(0x3C2, 0x65)
    vga.store(0xB8000, 0x41)
    assert vga.load(0xB8000) == 0xFF
    vga.ports.write(0x3C2, 0x67)
    assert vga.load(0xB8000) == 0x20


# -- the card ---------------------------------------------------------------------------------


async def test_it_goes_on_where_a_saved_card_was(vga: Screenful) -> None:
    vga.mode("12")
    vga.store(VIDEO, 0x5A)
    vga.load(VIDEO)
    vga.dac(7, 1, 2, 3)
    saved = vga.card.save()
    picture = vga.pixels()
    vga.mode("13")
    vga.store(VIDEO, 0x99)
    vga.card.load(saved)
    assert vga.pixels() == picture
    vga.indexed(GRAPHICS, MODE, 1)
    vga.store(VIDEO + 1, 0)
    assert planes(vga, 1) == b"\x5a" * 4
    assert vga.card.save() != saved


async def test_reset_shows_an_empty_text_screen(vga: Screenful) -> None:
    vga.mode("13")
    vga.ports.write(MASK, 0)
    vga.card.slot.cold_reset()
    assert vga.text().cells == b" \x07" * 2000
