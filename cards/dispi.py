"""The display interface of the Bochs VBE: modes up to 2560 by 1600 with 4 to 32 bits a pixel.

Bochs, "VBE DISPI interface"; QEMU, "Standard VGA". An index port and a data port of 16 bits. The
resolution is set while the interface is disabled; enabling it starts the mode.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import msgspec

ID_MIN, ID_MAX = 0xB0C0, 0xB0C5
MAX_WIDTH, MAX_HEIGHT = 2560, 1600
PLANAR_MAX = 8 * 0x10000
"""Pixels in the VGA's planes."""
DEPTHS = {4: 0, 8: 1, 15: 2, 16: 2, 24: 3, 32: 4}
"""Bytes of a pixel by bits; 0: the VGA's planes."""


class Index(IntEnum):
    ID = 0
    XRES = 1
    YRES = 2
    BPP = 3
    ENABLE = 4
    BANK = 5  # of 64 KiB, at A0000h
    VIRT_WIDTH = 6
    VIRT_HEIGHT = 7  # r
    X_OFFSET = 8
    Y_OFFSET = 9
    VIDEO_MEMORY_64K = 10  # r


class Enable(IntEnum):
    ENABLED = 0x01
    GETCAPS = 0x02  # XRES, YRES and BPP read as the highest there are
    DAC_8_BIT = 0x20
    LFB = 0x40
    NOCLEARMEM = 0x80


class Dispi(msgspec.Struct):
    """The registers; `memory` is the frame buffer's size in bytes."""

    memory: int
    index: int = 0
    id: int = ID_MAX
    xres: int = 640
    yres: int = 480
    bpp: int = 8
    enable: int = 0
    bank: int = 0
    virt_width: int = 640
    x_offset: int = 0
    y_offset: int = 0

    @property
    def enabled(self) -> bool:
        """A DISPI mode is on."""
        return bool(self.enable & Enable.ENABLED)

    @property
    def pitch(self) -> int:
        """Bytes from a line to the next."""
        return self.virt_width * DEPTHS[self.bpp]

    @property
    def start(self) -> int:
        """The first pixel shown, in bytes from the start of the memory."""
        return self.y_offset * self.pitch + self.x_offset * DEPTHS[self.bpp]

    def read(self) -> int:
        """The register INDEX selects."""
        caps = self.enable & Enable.GETCAPS
        match self.index:
            case Index.ID:
                return self.id
            case Index.XRES:
                return MAX_WIDTH if caps else self.xres
            case Index.YRES:
                return MAX_HEIGHT if caps else self.yres
            case Index.BPP:
                return max(DEPTHS) if caps else self.bpp
            case Index.ENABLE:
                return self.enable
            case Index.BANK:
                return self.bank
            case Index.VIRT_WIDTH:
                return self.virt_width
            case Index.VIRT_HEIGHT:
                if self.bpp == 4:
                    return PLANAR_MAX // self.virt_width
                return min(self.memory // self.pitch, 0xFFFF)
            case Index.X_OFFSET:
                return self.x_offset
            case Index.Y_OFFSET:
                return self.y_offset
            case Index.VIDEO_MEMORY_64K:
                return self.memory >> 16
            case _:
                return 0

    def write(self, value: int) -> bool:
        """Set the register INDEX selects; what does not fit is ignored.

        True when a mode begins that wants its memory cleared.
        """
        match self.index:
            case Index.ID if ID_MIN <= value <= ID_MAX:
                self.id = value
            case Index.XRES if not self.enabled and 0 < value <= MAX_WIDTH:
                self.xres = value
            case Index.YRES if not self.enabled and 0 < value <= MAX_HEIGHT:
                self.yres = value
            case Index.BPP if not self.enabled and (value in DEPTHS or not value):
                self.bpp = value or 8
            case Index.ENABLE:
                return self._write_enable(value)
            case Index.BANK if value < self.memory >> 16:
                self.bank = value
            case Index.VIRT_WIDTH if self._fits(value, self.x_offset, self.y_offset):
                self.virt_width = value
            case Index.X_OFFSET if self._fits(self.virt_width, value, self.y_offset):
                self.x_offset = value
            case Index.Y_OFFSET if self._fits(self.virt_width, self.x_offset, value):
                self.y_offset = value
            case _:
                pass
        return False

    def _write_enable(self, value: int) -> bool:
        begins = bool(value & Enable.ENABLED) and not self.enabled
        self.bank = 0
        if begins and not self._fits(self.xres, 0, 0):
            return False
        self.enable = value & 0xE3
        if begins:
            self.virt_width, self.x_offset, self.y_offset = self.xres, 0, 0
        return begins and not value & Enable.NOCLEARMEM

    def _fits(self, width: int, x: int, y: int) -> bool:
        """Whether all that would be shown is in a line and in memory."""
        if width < self.xres + x:
            return False
        pixels = width * (self.yres + y)
        if self.bpp == 4:
            return pixels <= PLANAR_MAX
        return pixels * DEPTHS[self.bpp] <= self.memory


# -- pixel formats ----------------------------------------------------------------------------


def _table(component: Callable[[int], int]) -> bytes:
    return bytes(component(byte) & 0xFF for byte in range(256))


def _wide(five: int) -> int:
    """8 bits from 5."""
    return five << 3 | five >> 2


# Red from the high byte, blue from the low one, green from parts of both.
_FORMATS = {
    15: (
        _table(lambda high: _wide(high >> 2 & 31)),
        _table(lambda high: (high & 3) << 6 | (high & 3) << 1),
        _table(lambda low: low >> 5 << 3 | low >> 7),
        _table(lambda low: _wide(low & 31)),
    ),
    16: (
        _table(lambda high: _wide(high >> 3)),
        _table(lambda high: (high & 7) << 5 | (high & 7) >> 1),
        _table(lambda low: low >> 5 << 2),
        _table(lambda low: _wide(low & 31)),
    ),
}


def to_rgb(pixels: bytes, bpp: int) -> bytes:
    """R, G, B of 8 bits from little-endian pixels of 15, 16, 24 or 32 bits."""
    size = DEPTHS[bpp]
    rgb = bytearray(len(pixels) // size * 3)
    if size > 2:
        for component in range(3):
            rgb[component::3] = pixels[2 - component :: size]
        return bytes(rgb)
    low, high = pixels[0::2], pixels[1::2]
    red, green_high, green_low, blue = _FORMATS[bpp]
    greens = (int.from_bytes(high.translate(green_high)), int.from_bytes(low.translate(green_low)))
    rgb[0::3] = high.translate(red)
    rgb[1::3] = (greens[0] | greens[1]).to_bytes(len(low))
    rgb[2::3] = low.translate(blue)
    return bytes(rgb)
