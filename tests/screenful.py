"""A VGA on a backplane, programmed as a BIOS does."""

from __future__ import annotations

from typing import Any

from hotswap.bus import Backplane, PixelScreen, TextScreen
from hotswap.cards.vga import Vga
from hotswap.host.pytest_plugin import Ports

SEQUENCER, GRAPHICS, CRTC, ATTRIBUTE, STATUS = 0x3C4, 0x3CE, 0x3D4, 0x3C0, 0x3DA
MASK, READ_INDEX, WRITE_INDEX, DATA = 0x3C6, 0x3C7, 0x3C8, 0x3C9
MISC = 0x3C2
PALETTE = bytes(range(16))

# misc output, sequencer 1-4, CRTC, graphics 0-8, attribute 10h-14h: IBM's parameter tables
MODES = {
    "04": ("63", "09 03 00 02", "2d 27 28 90 2b 80 bf 1f 00 c1 00 00 00 00 00 00 9c 8e 8f 14 00 96"
           "b9 a2 ff", "00 00 00 00 00 30 0f 00 ff", "01 00 03 00 00"),
    "06": ("63", "01 01 00 06", "5f 4f 50 82 54 80 bf 1f 00 c1 00 00 00 00 00 00 9c 8e 8f 28 00 96"
           "b9 c2 ff", "00 00 00 00 00 00 0d 00 ff", "01 00 01 00 00"),
    "0d": ("63", "09 0f 00 06", "2d 27 28 90 2b 80 bf 1f 00 c0 00 00 00 00 00 00 9c 8e 8f 14 00 96"
           "b9 e3 ff", "00 00 00 00 00 00 05 0f ff", "01 00 0f 00 00"),
    "12": ("e3", "01 0f 00 06", "5f 4f 50 82 54 80 0b 3e 00 40 00 00 00 00 00 00 ea 8c df 28 00 e7"
           "04 e3 ff", "00 00 00 00 00 00 05 0f ff", "01 00 0f 00 00"),
    "13": ("63", "01 0f 00 0e", "5f 4f 50 82 54 80 bf 1f 00 41 00 00 00 00 00 00 9c 8e 8f 28 40 96"
           "b9 a3 ff", "00 00 00 00 00 40 05 0f ff", "41 00 0f 00 00"),
    "X": ("63", "01 0f 00 06", "5f 4f 50 82 54 80 bf 1f 00 41 00 00 00 00 00 00 9c 8e 8f 28 00 96"
          "b9 e3 ff", "00 00 00 00 00 40 05 0f ff", "41 00 0f 00 00"),
}  # fmt: skip


class Screenful:
    """Ports and memory of a VGA, as a guest uses them."""

    def __init__(self, backplane: Backplane, ports: Ports, card: Vga[Any]) -> None:
        self.ports, self.card = ports, card
        self._backplane = backplane

    def indexed(self, port: int, index: int, value: int) -> None:
        """OUT of an index and its data, as a word."""
        self.ports.write(port, value << 8 | index, 2)

    def get(self, port: int, index: int) -> int:
        self.ports.write(port, index)
        return self.ports.read(port + 1)

    def attribute(self, index: int, value: int) -> None:
        self.ports.read(STATUS)
        self.ports.write(ATTRIBUTE, index)
        self.ports.write(ATTRIBUTE, value)

    def dac(self, index: int, *rgb: int) -> None:
        self.ports.write(WRITE_INDEX, index)
        for component in rgb:
            self.ports.write(DATA, component)

    def mode(self, name: str) -> None:
        """Set a mode, with a DAC of greys, the palette straight through and memory cleared."""
        self.card.state.memory[:] = bytes(len(self.card.state.memory))
        misc, sequencer, crtc, graphics, attribute = map(bytes.fromhex, MODES[name])
        self.ports.write(MISC, misc[0])
        for index, value in enumerate(sequencer, 1):
            self.indexed(SEQUENCER, index, value)
        self.indexed(CRTC, 0x11, 0)  # unprotected
        for index, value in enumerate(crtc):
            self.indexed(CRTC, index, value)
        for index, value in enumerate(graphics):
            self.indexed(GRAPHICS, index, value)
        for index, value in enumerate(PALETTE + attribute):
            self.attribute(index, value)
        self.ports.read(STATUS)
        self.ports.write(ATTRIBUTE, 0x20)
        for index in range(64):
            self.dac(index, index, index, index)

    def store(self, address: int, value: int, width: int = 1) -> None:
        self._backplane.memory_write(address, width, value)

    def load(self, address: int, width: int = 1) -> int:
        return self._backplane.memory_read(address, width)

    def pixels(self) -> PixelScreen:
        shown = self._backplane.screen()
        assert isinstance(shown, PixelScreen)
        return shown

    def text(self) -> TextScreen:
        shown = self._backplane.screen()
        assert isinstance(shown, TextScreen)
        return shown

    def greys(self) -> list[bytes]:
        """The lines of a picture, a byte a pixel: the 6-bit level of its red."""
        shown = self.pixels()
        levels = bytes(value >> 2 for value in shown.rgb[::3])
        return [levels[at : at + shown.width] for at in range(0, len(levels), shown.width)]
