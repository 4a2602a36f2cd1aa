"""The VGA's registers: ports, indices and bits, and what the video BIOS leaves in them.

Names follow IBM's "Personal System/2 and Personal Computer BIOS Interface / Hardware Interface
Technical Reference", Video Subsystem (1992).
"""

from __future__ import annotations

from enum import IntEnum
from importlib.resources import files

import msgspec

from hotswap.bus import State

PLANE = 0x10000
"""Bytes of one of the four planes."""


class Port(IntEnum):
    """Ports 3B4h, 3B5h and 3BAh stand in for 3Dxh while the card emulates a monochrome one."""

    ATTRIBUTE = 0x3C0  # index, then data; the flip-flop is reset by reading INPUT_STATUS_1
    ATTRIBUTE_READ = 0x3C1
    MISC_OUTPUT = 0x3C2  # w
    INPUT_STATUS_0 = 0x3C2  # r
    SUBSYSTEM_ENABLE = 0x3C3
    SEQUENCER_INDEX = 0x3C4
    SEQUENCER = 0x3C5
    PEL_MASK = 0x3C6
    DAC_STATE = 0x3C7  # r
    PEL_READ_INDEX = 0x3C7  # w
    PEL_WRITE_INDEX = 0x3C8
    PEL_DATA = 0x3C9
    FEATURE_CONTROL_READ = 0x3CA
    MISC_OUTPUT_READ = 0x3CC
    GRAPHICS_INDEX = 0x3CE
    GRAPHICS = 0x3CF
    CRTC_INDEX = 0x3D4
    CRTC = 0x3D5
    INPUT_STATUS_1 = 0x3DA  # r
    FEATURE_CONTROL = 0x3DA  # w


class Misc(IntEnum):
    """Miscellaneous output."""

    COLOUR = 0x01  # the CRTC answers at 3Dxh
    ENABLE_RAM = 0x02
    CLOCK_28_MHZ = 0x04


class Status0(IntEnum):
    SWITCH_SENSE = 0x10  # a colour monitor is there


class Status1(IntEnum):
    DISPLAY_DISABLED = 0x01  # in either blanking
    VERTICAL_RETRACE = 0x08


class Seq(IntEnum):
    RESET = 0
    CLOCKING_MODE = 1  # 01 8 dots a character, 08 dot clock halved, 20 screen off
    MAP_MASK = 2
    CHARACTER_MAP_SELECT = 3
    MEMORY_MODE = 4  # 04 no odd/even, 08 chain 4


class Gfx(IntEnum):
    SET_RESET = 0
    ENABLE_SET_RESET = 1
    COLOUR_COMPARE = 2
    DATA_ROTATE = 3  # 07 count, 18 function
    READ_MAP_SELECT = 4
    MODE = 5  # 03 write mode, 08 read mode, 10 odd/even, 20 shift interleaved, 40 256 colours
    MISCELLANEOUS = 6  # 01 graphics, 0C memory map
    COLOUR_DONT_CARE = 7
    BIT_MASK = 8


class Crtc(IntEnum):
    HORIZONTAL_TOTAL = 0x00
    HORIZONTAL_DISPLAY_END = 0x01
    VERTICAL_TOTAL = 0x06
    OVERFLOW = 0x07
    PRESET_ROW_SCAN = 0x08
    MAXIMUM_SCAN_LINE = 0x09  # 80 scan lines doubled, 40 bit 9 of line compare
    CURSOR_START = 0x0A  # 20 cursor off
    CURSOR_END = 0x0B
    START_ADDRESS = 0x0C  # high, low
    CURSOR_LOCATION = 0x0E  # high, low
    VERTICAL_RETRACE_START = 0x10
    VERTICAL_RETRACE_END = 0x11  # 80 protects registers 0-7
    VERTICAL_DISPLAY_END = 0x12
    OFFSET = 0x13
    UNDERLINE_LOCATION = 0x14  # 40 doublewords
    MODE_CONTROL = 0x17  # 01 and 02 no row scan in the address, 20 wrap, 40 bytes
    LINE_COMPARE = 0x18


class Attr(IntEnum):
    """0 to 0Fh are the palette."""

    MODE_CONTROL = 0x10  # 04 line graphics, 08 blink, 20 split not panned, 40 256, 80 colour select
    OVERSCAN = 0x11
    PLANE_ENABLE = 0x12
    PEL_PANNING = 0x13
    COLOUR_SELECT = 0x14


PALETTE_SOURCE = 0x20
"""In the attribute index: the palette is the display's, not the CPU's."""

# What `INT 10h` with AX = 3 leaves: 80 by 25 cells of 9 by 16, cursor in lines 13 and 14.
_SEQUENCER = "03 00 03 00 02"
_CRTC = "5f 4f 50 82 55 81 bf 1f 00 4f 0d 0e 00 00 00 00 9c 8e 8f 28 1f 96 b9 a3 ff"  # fmt: skip
_GRAPHICS = "00 00 00 00 00 10 0e 00 ff"
_ATTRIBUTE = "00 01 02 03 04 05 14 07 38 39 3a 3b 3c 3d 3e 3f 0c 00 0f 08 00"


def _registers(text: str) -> bytearray:
    return msgspec.field(default_factory=lambda: bytearray.fromhex(text))


def _text_dac() -> bytearray:
    """The 64 colours of the EGA, bits rgbRGB, in 6 bits a component; black above."""
    dac = bytearray(768)
    for colour in range(64):
        for component, (strong, weak) in enumerate(((4, 32), (2, 16), (1, 8))):
            level = 0x2A * bool(colour & strong) + 0x15 * bool(colour & weak)
            dac[3 * colour + component] = level
    return dac


def _text_memory() -> bytearray:
    """Blanks in planes 0 and 1, code page 437 in plane 2 (GNU Unifont's glyphs)."""
    font = (files("hotswap.cards") / "cp437-8x16.bin").read_bytes()
    memory = bytearray(4 * PLANE)
    memory[0 : 4 * 0x8000 : 8] = b" " * 0x4000
    memory[1 : 4 * 0x8000 : 8] = b"\x07" * 0x4000
    for character in range(256):
        start = 4 * 32 * character + 2
        memory[start : start + 4 * 16 : 4] = font[16 * character : 16 * character + 16]
    return memory


class VgaState(State):
    """Registers and memory. At power-on, text mode 3, so that a board without a BIOS shows text."""

    misc_output: int = 0x67
    feature_control: int = 0
    enabled: bool = True
    sequencer_index: int = 0
    sequencer: bytearray = _registers(_SEQUENCER)
    crtc_index: int = 0
    crtc: bytearray = _registers(_CRTC)
    graphics_index: int = 0
    graphics: bytearray = _registers(_GRAPHICS)
    attribute_index: int = PALETTE_SOURCE
    attribute_data: bool = False
    """The flip-flop: the next write to port 3C0h is data."""
    attribute: bytearray = _registers(_ATTRIBUTE)
    pel_mask: int = 0xFF
    pel_index: int = 0
    pel_component: int = 0
    """0 to 2: which of R, G, B the next access to PEL_DATA is for."""
    pel_reading: bool = False
    pel_written: bytearray = msgspec.field(default_factory=lambda: bytearray(3))
    """R, G, B on their way to the DAC, which takes all three with the last."""
    dac: bytearray = msgspec.field(default_factory=_text_dac)
    """256 times R, G, B, of 6 bits."""
    latch: int = 0
    """A byte of each plane, plane 0 lowest."""
    memory: bytearray = msgspec.field(default_factory=_text_memory)
    """Byte n of plane p is at 4 n + p."""


def vertical(crtc: bytearray, register: int, bit_8: int, bit_9: int) -> int:
    """A vertical count of 10 bits, the upper two of which stand in OVERFLOW."""
    overflow = crtc[Crtc.OVERFLOW]
    return crtc[register] | (overflow >> bit_8 & 1) << 8 | (overflow >> bit_9 & 1) << 9


def address(crtc: bytearray, high: int) -> int:
    """An address of 16 bits in registers `high` and the next."""
    return crtc[high] << 8 | crtc[high + 1]
