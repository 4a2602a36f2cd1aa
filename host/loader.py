"""Cold boot of a kernel ELF as a Multiboot 1 loader does it.

Multiboot Specification 0.6.96, sections 3.2 (machine state) and 3.3 (boot information). GRUB and
`qemu-system-i386 -kernel` boot the same images.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

from hotswap.bus import HotswapError
from hotswap.switchover.image import KernelImage
from hotswap.switchover.memory import MIB, MemoryPlan

BOOTLOADER_MAGIC = 0x2BADB002
HEADER_MAGIC, HEADER_SEARCH = 0x1BADB002, 8192
INFO_PA, INFO_END = 0x10000, 0x20000
_AVAILABLE, _RESERVED = 1, 2
_FLAGS = 1 << 0 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9  # mem, cmdline, mods, mmap, loader name
PAGE = 4096

Store = Callable[[int, bytes], None]


class LoadError(HotswapError):
    """The images do not fit into the machine's memory."""


def load_kernel(
    image: KernelImage, initrd: bytes, append: str, plan: MemoryPlan | None, ram: int, store: Store
) -> int:
    """Put kernel, initrd and boot information into RAM; returns the address for EBX.

    `plan` is what the memory map withholds for switchovers, None for a machine too small for one.
    Raises `LoadError` before anything is stored.
    """
    top = plan.reserve.lo if plan is not None else ram
    initrd_lo = (top - len(initrd)) // PAGE * PAGE
    if image.load_hi > initrd_lo:
        raise LoadError(
            f"kernel (to {image.load_hi:#x}) and initrd ({len(initrd)} bytes) do not fit below "
            f"{top:#x}; give the machine more --memory"
        )
    command_line = os.fsencode(f"{image.name} {append}".strip()) + b"\0"
    if len(command_line) > 4096:
        raise LoadError(f"the command line has {len(command_line)} bytes, at most 4096 fit")
    store(image.load_lo, image.content)
    if initrd:
        store(initrd_lo, initrd)
    areas = _areas(ram, top)
    maps = b"".join(struct.pack("<IQQI", 20, lo, size, kind) for lo, size, kind in areas)
    modules = struct.pack("<IIII", initrd_lo, initrd_lo + len(initrd), 0, 0) if initrd else b""
    at = INFO_PA + 0x100
    places: list[int] = []
    for part in (maps, modules, b"hotswap-host\0"):
        places.append(at)
        store(at, part or b"\0")
        at += -(-len(part) // 16) * 16
    line_pa = INFO_PA + 0x1000
    store(line_pa, command_line)
    info = struct.pack(
        "<IIIIIII16xIIIIII",
        _FLAGS, 640 - 1, (top - MIB) // 1024, 0, line_pa, len(modules) // 16, places[1],
        len(maps), places[0], 0, 0, 0, places[2],
    )  # fmt: skip
    store(INFO_PA, info.ljust(0x80, b"\0"))
    return INFO_PA


def _areas(ram: int, top: int) -> list[tuple[int, int, int]]:
    areas = [
        (0, 0x9FC00, _AVAILABLE),
        (0x9FC00, 0x400, _RESERVED),
        (0xF0000, 0x10000, _RESERVED),
        (MIB, top - MIB, _AVAILABLE),
    ]
    if top < ram:
        areas.append((top, ram - top, _RESERVED))
    return areas
