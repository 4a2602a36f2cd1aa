"""VGA: ports 0x3B4-0x3B5, 0x3BA, 0x3C0-0x3CF, 0x3D4-0x3D5 and 0x3DA, memory 0xA0000-0xBFFFF.

IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem". Registers and power-on state are
in `vga_registers`, the memory's data path in `vga_memory`, what the monitor shows in `vga_screen`,
the retraces in `vga_timing`. Machine time moves the beam; nothing has to be drawn while nobody
looks. The vertical retrace interrupt is not wired, as on most cards.
"""

from __future__ import annotations

from typing import Any, TypeVar

from hotswap.bus import (
    FLOATING,
    Card,
    MemoryRange,
    Policy,
    PortRange,
    Resources,
    SavedState,
    Screen,
    hookimpl,
)

from .vga_memory import WINDOW, WINDOW_SIZE, PlaneMemory
from .vga_registers import PALETTE_SOURCE, Crtc, Misc, Port, Status0, VgaState
from .vga_screen import screen
from .vga_timing import status_1

PORTS = (
    PortRange(0x3B4, 2),
    PortRange(0x3BA, 1),
    PortRange(0x3C0, 16),
    PortRange(0x3D4, 2),
    PortRange(0x3DA, 1),
)
_EMULATED = {0x3B4: Port.CRTC_INDEX, 0x3B5: Port.CRTC, 0x3BA: Port.INPUT_STATUS_1}
_PROTECT = 0x80  # Crtc.VERTICAL_RETRACE_END
_LINE_COMPARE_8 = 0x10  # Crtc.OVERFLOW


V = TypeVar("V", bound=VgaState)


class Vga(Card[V]):
    """The display adapter; `screen()` is what its monitor shows."""

    name = "vga"
    switchover = Policy.CARRY
    state_type = VgaState

    def resources(self) -> Resources:
        """Ports of both emulations and the adapter's 128 KiB; cycles of 32 bits arrive whole."""
        return Resources(PORTS, windows=(MemoryRange(WINDOW, WINDOW_SIZE),), cycle_width=4)

    def power_on(self) -> None:
        """Text mode 3, as the video BIOS leaves it."""
        super().power_on()
        self.planes = PlaneMemory(self.state)

    def load(self, saved: SavedState) -> None:
        """Put a saved state back. Raises `StateError`."""
        super().load(saved)
        self.planes = PlaneMemory(self.state)

    def screen(self) -> Screen:
        """What the monitor shows now."""
        return screen(self.state)

    # -- bus cycles ---------------------------------------------------------------------------

    def memory_read(self, address: int, width: int) -> int:
        """Through the graphics controller; loads the latches."""
        return self.planes.load(address, width)

    def memory_write(self, address: int, width: int, value: int) -> None:
        """Through the graphics controller."""
        self.planes.store(address, width, value)

    def read(self, port: int, width: int) -> int:
        """Registers, a byte each."""
        if width == 1:
            return self._read(port)
        return sum(self._read(port + byte) << 8 * byte for byte in range(width))

    def write(self, port: int, width: int, value: int) -> None:
        """Registers; a word is an index and its data."""
        for byte in range(width):
            self._write(port + byte, value >> 8 * byte & 0xFF)

    def _port(self, port: int) -> int:
        """The register's port in colour; 0 when the other emulation is on."""
        if port & 0x3F0 == 0x3C0:
            return port
        colour = bool(self.state.misc_output & Misc.COLOUR)
        if colour == (port & 0x3F0 == 0x3B0):
            return 0
        return port if colour else _EMULATED[port]

    def _read(self, port: int) -> int:
        state = self.state
        match self._port(port):
            case Port.INPUT_STATUS_1:
                state.attribute_data = False
                return status_1(state, self.slot.clock.now())
            case Port.CRTC_INDEX:
                return state.crtc_index
            case Port.CRTC:
                return _register(state.crtc, state.crtc_index)
            case Port.ATTRIBUTE:
                return state.attribute_index
            case Port.ATTRIBUTE_READ:
                return _register(state.attribute, state.attribute_index & 0x1F)
            case Port.INPUT_STATUS_0:
                return Status0.SWITCH_SENSE
            case Port.SUBSYSTEM_ENABLE:
                return int(state.enabled)
            case Port.SEQUENCER_INDEX:
                return state.sequencer_index
            case Port.SEQUENCER:
                return _register(state.sequencer, state.sequencer_index)
            case Port.PEL_MASK:
                return state.pel_mask
            case Port.DAC_STATE:
                return 3 if state.pel_reading else 0
            case Port.PEL_WRITE_INDEX:
                return state.pel_index
            case Port.PEL_DATA:
                value = state.dac[3 * state.pel_index + state.pel_component]
                self._next_component()
                return value
            case Port.FEATURE_CONTROL_READ:
                return state.feature_control
            case Port.MISC_OUTPUT_READ:
                return state.misc_output
            case Port.GRAPHICS_INDEX:
                return state.graphics_index
            case Port.GRAPHICS:
                return _register(state.graphics, state.graphics_index)
            case _:
                return FLOATING[1]

    def _write(self, port: int, value: int) -> None:
        state = self.state
        match self._port(port):
            case Port.CRTC_INDEX:
                state.crtc_index = value & 0x3F
            case Port.CRTC:
                self._write_crtc(value)
            case Port.FEATURE_CONTROL:
                state.feature_control = value & 0x0F
            case Port.ATTRIBUTE if state.attribute_data:
                state.attribute_data = False
                self._write_attribute(value)
            case Port.ATTRIBUTE:
                state.attribute_data = True
                state.attribute_index = value & 0x3F
            case Port.MISC_OUTPUT:
                state.misc_output = value
                self.planes.decode()
            case Port.SUBSYSTEM_ENABLE:
                state.enabled = bool(value & 1)
                self.planes.decode()
            case Port.SEQUENCER_INDEX:
                state.sequencer_index = value & 0x07
            case Port.SEQUENCER if state.sequencer_index < len(state.sequencer):
                state.sequencer[state.sequencer_index] = value
                self.planes.decode()
            case Port.PEL_MASK:
                state.pel_mask = value
            case Port.PEL_READ_INDEX | Port.PEL_WRITE_INDEX as index:
                state.pel_index, state.pel_component = value, 0
                state.pel_reading = index == Port.PEL_READ_INDEX
            case Port.PEL_DATA:
                state.pel_written[state.pel_component] = self._pel(value)
                if state.pel_component == 2:
                    state.dac[3 * state.pel_index : 3 * state.pel_index + 3] = state.pel_written
                self._next_component()
            case Port.GRAPHICS_INDEX:
                state.graphics_index = value & 0x0F
            case Port.GRAPHICS if state.graphics_index < len(state.graphics):
                state.graphics[state.graphics_index] = value
                self.planes.decode()
            case _:
                pass

    def _write_crtc(self, value: int) -> None:
        crtc, index = self.state.crtc, self.state.crtc_index
        if index >= len(crtc):
            return
        if crtc[Crtc.VERTICAL_RETRACE_END] & _PROTECT and index <= Crtc.OVERFLOW:
            if index == Crtc.OVERFLOW:
                crtc[index] = crtc[index] & ~_LINE_COMPARE_8 | value & _LINE_COMPARE_8
            return
        crtc[index] = value

    def _write_attribute(self, value: int) -> None:
        """The palette can be written only while the display does not use it."""
        state, index = self.state, self.state.attribute_index
        if index & 0x1F < 0x10 and index & PALETTE_SOURCE:
            return
        if index & 0x1F < len(state.attribute):
            state.attribute[index & 0x1F] = value & (0x3F if index < 0x10 else 0xFF)

    def _pel(self, value: int) -> int:
        """A component as the DAC takes it."""
        return value & 0x3F

    def _next_component(self) -> None:
        state = self.state
        state.pel_component += 1
        if state.pel_component == 3:
            state.pel_index, state.pel_component = (state.pel_index + 1) & 0xFF, 0


def _register(registers: bytearray, index: int) -> int:
    return registers[index] if index < len(registers) else 0


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return Vga if name == Vga.name else None
