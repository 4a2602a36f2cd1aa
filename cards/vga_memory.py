"""The VGA's memory as the CPU sees it: four planes behind sequencer and graphics controller.

A word of `words` is a byte of each plane, plane 0 lowest: the width of the data path and of the
latches. IBM PS/2 Hardware Interface Technical Reference, "Video Memory Organization" and "Graphics
Controller Registers".

    memory mode   A0 and A1                  mask
    planar        address                    MAP_MASK
    odd/even      A0 selects even/odd planes MAP_MASK, write mode as planar
    chain 4       A1:A0 select the plane     MAP_MASK
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from .vga_registers import Gfx, Misc, Seq, VgaState

WINDOW = 0xA0000
WINDOW_SIZE = 0x20000
_MAPS = ((0xA0000, 0x20000), (0xA0000, 0x10000), (0xB0000, 0x8000), (0xB8000, 0x8000))
_NO_ODD_EVEN, _CHAIN_4 = 0x04, 0x08  # Seq.MEMORY_MODE
_READ_MODE, _READ_ODD_EVEN = 0x08, 0x10  # Gfx.MODE
_BYTES = 0x01010101
PLANES = tuple(sum(0xFF << 8 * p for p in range(4) if mask >> p & 1) for mask in range(16))
"""All bits of the planes in a mask of four bits."""

Store: TypeAlias = Callable[[int, int, int], None]


class PlaneMemory:
    """The data path between the bus and `state.memory`.

    `load(address, width)` and `store(address, width, value)` are what the registers ask for;
    `decode` after each change of a register of sequencer, graphics controller or MISC_OUTPUT.
    """

    store: Store

    def __init__(self, state: VgaState) -> None:
        self._state = state
        self._bytes = memoryview(state.memory)
        self.words = self._bytes.cast("I")
        self.decode()

    def decode(self) -> None:
        """Choose the paths."""
        state, graphics = self._state, self._state.graphics
        self._base, self._size = _MAPS[graphics[Gfx.MISCELLANEOUS] >> 2 & 3]
        if not state.enabled or not state.misc_output & Misc.ENABLE_RAM:
            self._size = 0
        memory_mode = state.sequencer[Seq.MEMORY_MODE]
        mode = graphics[Gfx.MODE]
        mask = state.sequencer[Seq.MAP_MASK]
        self._mask = PLANES[mask & 15]
        self._set = PLANES[graphics[Gfx.SET_RESET] & 15]
        self._set_enabled = PLANES[graphics[Gfx.ENABLE_SET_RESET] & 15]
        self._bit_mask = graphics[Gfx.BIT_MASK] * _BYTES
        self._rotate = graphics[Gfx.DATA_ROTATE] & 7
        self._function = graphics[Gfx.DATA_ROTATE] >> 3 & 3
        self._write_mode = mode & 3
        self._read_map = graphics[Gfx.READ_MAP_SELECT] & 3
        self._read_mode = mode & _READ_MODE
        self._read_odd_even = mode & _READ_ODD_EVEN
        self._compare = PLANES[graphics[Gfx.COLOUR_COMPARE] & 15]
        self._care = PLANES[graphics[Gfx.COLOUR_DONT_CARE] & 15]
        self._chain_4 = bool(memory_mode & _CHAIN_4)
        self._odd_even = not memory_mode & _NO_ODD_EVEN
        # the write path changes nothing: what is stored are the CPU's bytes
        straight = graphics[Gfx.BIT_MASK] == 0xFF and not (
            self._write_mode or self._set_enabled or graphics[Gfx.DATA_ROTATE]
        )
        self.store = self._store
        if straight and self._chain_4 and mask & 15 == 15:
            self.store = self._store_packed
        elif straight and not self._chain_4 and self._odd_even and mask & 15 == 3:
            self.store = self._store_text

    # -- stores -------------------------------------------------------------------------------

    def _store(self, address: int, width: int, value: int) -> None:
        for byte in range(width):
            self._store_byte(address - self._base + byte, value >> 8 * byte & 0xFF)

    def _store_byte(self, offset: int, value: int) -> None:
        if not 0 <= offset < self._size:
            return
        if self._chain_4:
            mask = self._mask & PLANES[1 << (offset & 3)]
            offset = offset & 0xFFFC | offset >> 14 & 3
        elif self._odd_even:
            mask = self._mask & PLANES[0xA if offset & 1 else 0x5]
            offset &= 0xFFFE
        else:
            mask = self._mask
            offset &= 0xFFFF
        written = self._written(value)
        self.words[offset] = self.words[offset] & ~mask | written & mask

    def _written(self, value: int) -> int:
        """What goes to the four planes for a byte from the CPU."""
        latch = self._state.latch
        if self._write_mode == 1:
            return latch
        bit_mask = self._bit_mask
        if self._write_mode == 2:
            data = PLANES[value & 15]
        else:
            rotated = (value >> self._rotate | value << 8 - self._rotate) & 0xFF
            if self._write_mode == 3:
                bit_mask &= rotated * _BYTES
                data = self._set
            else:
                data = rotated * _BYTES & ~self._set_enabled | self._set & self._set_enabled
        if self._function == 1:
            data &= latch
        elif self._function == 2:
            data |= latch
        elif self._function == 3:
            data ^= latch
        return data & bit_mask | latch & ~bit_mask

    def _store_text(self, address: int, width: int, value: int) -> None:
        """Characters and attributes: even bytes to plane 0, odd ones to plane 1."""
        memory, offset = self._bytes, address - self._base
        for at in range(offset, offset + width):
            if 0 <= at < self._size:
                memory[4 * (at & 0xFFFE) + (at & 1)] = value & 0xFF
            value >>= 8

    def _store_packed(self, address: int, width: int, value: int) -> None:
        """A byte a pixel."""
        memory, offset = self._bytes, address - self._base
        for at in range(offset, offset + width):
            if 0 <= at < self._size:
                memory[4 * (at & 0xFFFC | at >> 14 & 3) + (at & 3)] = value & 0xFF
            value >>= 8

    # -- loads --------------------------------------------------------------------------------

    def load(self, address: int, width: int) -> int:
        """A plane, or where it has the colour to compare with; fills the latches."""
        value, offset = 0, address - self._base
        for byte in range(width):
            value |= self._load_byte(offset + byte) << 8 * byte
        return value

    def _load_byte(self, offset: int) -> int:
        if not 0 <= offset < self._size:
            return 0xFF
        plane = self._read_map
        if self._chain_4:
            plane = offset & 3
            offset = offset & 0xFFFC | offset >> 14 & 3
        elif self._read_odd_even:
            plane = plane & 2 | offset & 1
            offset &= 0xFFFE
        latch = self._state.latch = self.words[offset & 0xFFFF]
        if self._read_mode:
            differs = (latch ^ self._compare) & self._care
            return ~(differs | differs >> 8 | differs >> 16 | differs >> 24) & 0xFF
        return latch >> 8 * plane & 0xFF
