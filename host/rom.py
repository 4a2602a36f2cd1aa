"""BIOS and option ROMs: found, checked, and where a machine that starts with RESET has them.

Option ROM header: IBM PC/AT Technical Reference, "Adapter ROM": 55h AAh, length in units of 512
bytes, code; all bytes add up to 0.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from .loader import PAGE, LoadError
from .loader_image import read_image

FOLDERS = (Path("/usr/share/seabios"), Path("/usr/share/qemu"), Path("/usr/share/vgabios"))
WORKLOADS = "HOTSWAP_HOST_WORKLOADS"
"""Where examples/workloads.py puts what it brings, by default the user's cache."""
BIOS = "bios.bin"
VGA_BIOS, VBE_BIOS = "vgabios-isavga.bin", "vgabios-stdvga.bin"
"""Of card `vga`, and of card `framebuffer`."""
BIOS_MAX = 1 << 20
OPTIONS_PA, OPTIONS_END = 0xC0000, 0xE0000
OPTION_STEP = 2048
VIDEO_AT = 0x1E
"""Where programs look for "IBM" to know a VGA by its ROM."""
SHADOW_END, SHADOW_MAX = 0x100000, 0x20000
RESET_VECTOR = 16
"""Bytes from the first instruction to the end of the ROM."""


class PoweredOn(msgspec.Struct, frozen=True):
    """What is in RAM when the processor comes out of RESET: shadows of ROMs, or a flat binary."""

    stores: tuple[tuple[int, bytes], ...]


def find_rom(name: str, option: str) -> Path:
    """SeaBIOS's file `name`, of the workloads' or of the distribution's.

    Raises `LoadError`; `option` is what names another.
    """
    folders = (workloads() / "seabios", *FOLDERS)
    for folder in folders:
        if (path := folder / name).is_file():
            return path
    raise LoadError(
        f"no {name} in {', '.join(map(str, folders))}; install SeaBIOS (Debian: seabios) or name "
        f"one with {option}"
    )


def workloads() -> Path:
    """Where examples/workloads.py puts what it brings."""
    if chosen := os.environ.get(WORKLOADS):
        return Path(chosen)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "hotswap-host" / "workloads"


def read_bios(path: Path) -> bytes:
    """A BIOS: whole pages, something to execute at its reset vector. Raises `LoadError`."""
    content = read_image(path, "BIOS", BIOS_MAX)
    if not content or len(content) % PAGE:
        raise LoadError(
            f"BIOS {path}: {len(content)} bytes are no whole pages of {PAGE}; is it complete?"
        )
    if content[-RESET_VECTOR] in {0x00, 0xFF}:
        raise LoadError(
            f"BIOS {path}: nothing to execute at its reset vector, 16 bytes before the end; "
            "is it complete, and a BIOS?"
        )
    return content


def read_option_rom(path: Path) -> bytes:
    """An option ROM. Raises `LoadError` when its header does not hold."""
    content = read_image(path, "option ROM", OPTIONS_END - OPTIONS_PA)
    if content[:2] != b"\x55\xaa":
        raise LoadError(f"option ROM {path}: does not begin with 55 AA; is it an option ROM?")
    size = content[2] * 512 if len(content) > 2 else 0
    if not 0 < size <= len(content):
        raise LoadError(
            f"option ROM {path}: is cut off: {len(content)} bytes of {size}; copy it again"
        )
    if sum(content[:size]) & 0xFF:
        raise LoadError(f"option ROM {path}: its bytes do not add up to 0; copy it again")
    return content


def is_video_rom(content: bytes) -> bool:
    """Whether an option ROM is a VGA's: it has to be started before there is a screen."""
    return content[VIDEO_AT : VIDEO_AT + 3] == b"IBM"


def shadow(bios: bytes, options: list[bytes]) -> PoweredOn:
    """The BIOS's last 128 KiB below 1 MiB, option ROMs from 0xC0000. Raises `LoadError`."""
    copy = bios[-SHADOW_MAX:]
    stores = [(SHADOW_END - len(copy), copy)]
    at = OPTIONS_PA
    for option in options:
        if at + len(option) > OPTIONS_END:
            raise LoadError(f"the option ROMs do not fit below {OPTIONS_END:#x}; leave one out")
        stores.append((at, option))
        at += -(-len(option) // OPTION_STEP) * OPTION_STEP
    return PoweredOn(tuple(stores))
