"""VLB graphics card: a VGA with a linear frame buffer at 0xE0000000 and ports 0x1CE-0x1D0 (DISPI).

It takes the VGA's place: plug in `vga` or `framebuffer`, not both. The VGA part is `vga`, the
registers of the display interface are in `dispi`. Loads and stores to the frame buffer are no bus
cycles: they run at the speed of RAM. While a DISPI mode of 8 bits a pixel or more is on, the 64 KiB
at 0xA0000 are a bank of it.

The data port is at an odd address, so a word for it comes as two bytes: the second one counts.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec

from hotswap.bus import (
    FLOATING,
    Card,
    MemoryRange,
    PixelScreen,
    PortRange,
    Resources,
    SavedState,
    Screen,
    Settings,
    Slot,
    hookimpl,
)

from .dispi import Dispi, Enable, to_rgb
from .vga import PORTS, Vga
from .vga_memory import WINDOW, WINDOW_SIZE
from .vga_registers import VgaState
from .vga_screen import colours, paint

MIB = 1 << 20
PAGE = 4096
BANK = 0x10000
_BLANK = bytes(PAGE)


class DispiPort(IntEnum):
    INDEX = 0x1CE
    DATA_LOW = 0x1CF
    DATA_HIGH = 0x1D0


class FrameBufferSettings(Settings, frozen=True):
    """The frame buffer's base address, and its size in MiB."""

    base: int = 0xE000_0000
    memory: int = 8


class FrameBufferState(VgaState):
    dispi: Dispi = msgspec.field(default_factory=lambda: Dispi(0))
    data_low: int = 0
    """The low byte of a word being written to the data port."""
    pages: dict[int, bytes] = msgspec.field(default_factory=dict)
    """In a saved state: the frame buffer's pages of 4 KiB that are not blank."""


class FrameBuffer(Vga[FrameBufferState]):
    """A VGA that has modes beyond it, in memory the guest writes at full speed."""

    name = "framebuffer"
    state_type = FrameBufferState
    settings_type = FrameBufferSettings
    settings: FrameBufferSettings
    video: memoryview = memoryview(b"")
    """The frame buffer; empty until the card is plugged in."""

    def resources(self) -> Resources:
        """The VGA's, the display interface and the frame buffer."""
        linear = MemoryRange(self.settings.base, self.settings.memory * MIB)
        windows = (MemoryRange(WINDOW, WINDOW_SIZE), linear)
        ports = (*PORTS, PortRange(DispiPort.INDEX, len(DispiPort)))
        return Resources(ports, windows=windows, cycle_width=4)

    def plugged(self, slot: Slot) -> None:
        """Map the frame buffer."""
        self.video = slot.map_ram(self.settings.base, self.settings.memory * MIB)

    def power_on(self) -> None:
        """The VGA's text mode; the frame buffer keeps what it holds."""
        super().power_on()
        self.state.dispi = Dispi(self.settings.memory * MIB)

    # -- state --------------------------------------------------------------------------------

    def save(self) -> SavedState:
        """Registers, planes, and the frame buffer's pages that are not blank."""
        pages = ((at, bytes(self.video[at : at + PAGE])) for at in range(0, len(self.video), PAGE))
        self.state.pages = {at // PAGE: page for at, page in pages if page != _BLANK}
        try:
            return super().save()
        finally:
            self.state.pages = {}

    def load(self, saved: SavedState) -> None:
        """Put a saved state back. Raises `StateError`."""
        super().load(saved)
        self._clear()
        for number, page in self.state.pages.items():
            self.video[number * PAGE : (number + 1) * PAGE] = page
        self.state.pages = {}

    def _clear(self) -> None:
        for at in range(0, len(self.video), PAGE):  # do not touch pages nobody has written to
            if bytes(self.video[at : at + PAGE]) != _BLANK:
                self.video[at : at + PAGE] = _BLANK

    # -- what is shown ------------------------------------------------------------------------

    @property
    def _linear(self) -> bool:
        """A mode is on that shows the frame buffer."""
        return self.state.dispi.enabled and self.state.dispi.bpp > 4

    def screen(self) -> Screen:
        """The frame buffer in its modes, else the VGA's screen."""
        if not self._linear:
            return super().screen()
        state, dispi = self.state, self.state.dispi
        line = dispi.xres * (dispi.pitch // dispi.virt_width)
        starts = range(dispi.start, dispi.start + dispi.yres * dispi.pitch, dispi.pitch)
        pixels = b"".join(self.video[at : at + line] for at in starts)
        if dispi.bpp > 8:
            return PixelScreen(dispi.xres, dispi.yres, to_rgb(pixels, dispi.bpp))
        shown = pixels.translate(bytes(index & state.pel_mask for index in range(256)))
        bits = 8 if dispi.enable & Enable.DAC_8_BIT else 6
        rgb = paint(shown, colours(state.dac, bits=bits))
        return PixelScreen(dispi.xres, dispi.yres, rgb)

    def _pel(self, value: int) -> int:
        return value if self.state.dispi.enable & Enable.DAC_8_BIT else super()._pel(value)

    # -- bus cycles ---------------------------------------------------------------------------

    def read(self, port: int, width: int) -> int:
        """The display interface, or the VGA."""
        match port:
            case DispiPort.INDEX:
                return self.state.dispi.index
            case DispiPort.DATA_LOW:
                return self.state.dispi.read() & 0xFF
            case DispiPort.DATA_HIGH:
                return self.state.dispi.read() >> 8
            case _:
                return super().read(port, width)

    def write(self, port: int, width: int, value: int) -> None:
        """The display interface, or the VGA."""
        match port:
            case DispiPort.INDEX:
                self.state.dispi.index = value
            case DispiPort.DATA_LOW:
                self.state.data_low = value
            case DispiPort.DATA_HIGH:
                if self.state.dispi.write(value << 8 | self.state.data_low):
                    self._clear()
            case _:
                super().write(port, width, value)

    def memory_read(self, address: int, width: int) -> int:
        """The bank at A0000h, or the VGA."""
        if not self._linear:
            return super().memory_read(address, width)
        if (at := address - WINDOW) >= BANK:
            return FLOATING[width]
        at += self.state.dispi.bank * BANK
        return int.from_bytes(self.video[at : at + width], "little")

    def memory_write(self, address: int, width: int, value: int) -> None:
        """The bank at A0000h, or the VGA."""
        if not self._linear:
            super().memory_write(address, width, value)
        elif (at := address - WINDOW) < BANK:
            at += self.state.dispi.bank * BANK
            self.video[at : at + width] = value.to_bytes(width, "little")


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return FrameBuffer if name == FrameBuffer.name else None
