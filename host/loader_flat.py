"""Flat binaries: bytes for an address, entered there in real or in protected mode.

For real mode the board gets a ROM that only jumps there from the reset vector, so that every RESET
starts the binary as a BIOS would.
"""

from __future__ import annotations

import struct
from typing import Literal

from .loader import BOOT_STACK, PAGE, Loaded, LoadError
from .rom import PoweredOn

HOLE_PA, HOLE_END = 0xA0000, 0x100000
RESET_OFFSET = PAGE - 16
_JMP_FAR = 0xEA

Mode = Literal["real", "protected"]


def flat_mode(address: int, mode: Mode | None) -> Mode:
    """`mode`, or by default what the address asks for."""
    return mode or ("real" if address < HOLE_PA else "protected")


def load_flat(content: bytes, name: str, address: int, mode: Mode, ram: int) -> Loaded | PoweredOn:
    """Place a flat binary. Raises `LoadError` when it does not fit."""
    end = address + len(content)
    limit = HOLE_PA if address < HOLE_PA else ram
    if HOLE_PA <= address < HOLE_END:
        raise LoadError(
            f"{name}: at {address:#x} is no RAM, but video memory and the BIOS; choose an address "
            f"below {HOLE_PA:#x} or from {HOLE_END:#x} on"
        )
    if not content or end > limit:
        raise LoadError(
            f"{name}: {len(content)} bytes at {address:#x} do not fit into RAM below {limit:#x}; "
            "choose another address, or give the machine more --memory"
        )
    if mode == "protected":
        return Loaded(((address, content),), address, BOOT_STACK, {})
    if address >= HOLE_PA:
        raise LoadError(f"{name}: real mode ends below {address:#x}; enter it in protected mode")
    return PoweredOn(((address, content),))


def jump_rom(address: int) -> bytes:
    """A ROM whose reset vector jumps to `address`, below 640 KiB, with the smallest segment."""
    segment = 0 if address < 0x10000 else address >> 4
    rom = bytearray(b"\xff" * PAGE)
    struct.pack_into("<BHH", rom, RESET_OFFSET, _JMP_FAR, address - (segment << 4), segment)
    return bytes(rom)
