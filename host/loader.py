"""Cold boot of a kernel ELF as a Multiboot 1 loader does it.

Multiboot Specification 0.6.96, sections 3.2 (machine state) and 3.3 (boot information). GRUB and
`qemu-system-i386 -kernel` boot the same images.
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Callable, Sequence

import msgspec

from hotswap.bus import HotswapError
from hotswap.switchover.image import KernelImage
from hotswap.switchover.memory import MIB, MemoryPlan

BOOTLOADER_MAGIC = 0x2BADB002
HEADER_MAGIC, HEADER_SEARCH = 0x1BADB002, 8192
INFO_PA, INFO_END = 0x10000, 0x20000
_AVAILABLE, _RESERVED = 1, 2
_FLAGS = 1 << 0 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9  # mem, cmdline, mods, mmap, loader name
_GZIP = b"\x1f\x8b"
PAGE = 4096
MODULES_MAX = 128
LINES_MAX = INFO_END - INFO_PA - 0x2000

EBDA = 0x9FC00  # the extended BIOS data area: the last KiB of base memory
BASE_KIB = 640 - 1

BOOT_STACK = 0x7000

Store = Callable[[int, bytes], None]


class LoadError(HotswapError):
    """An image cannot be started: which, why, and what to do about it."""


class Module(msgspec.Struct, frozen=True):
    """A file for a Multiboot kernel, and its command line."""

    content: bytes
    line: str = ""


class Loaded(msgspec.Struct, frozen=True):
    """Images ready to start: what goes where in RAM, and how the processor finds itself there.

    Flat protected mode at `entry`; `gdt` is base and limit, None for selectors that must not be
    loaded again. `registers` by name, others are 0.
    """

    stores: tuple[tuple[int, bytes], ...]
    entry: int
    stack: int
    registers: dict[str, int]
    gdt: tuple[int, int] | None = None


def load_kernel(
    image: KernelImage,
    initrd: bytes,
    append: str,
    plan: MemoryPlan | None,
    ram: int,
    store: Store,
    modules: Sequence[Module] = (),
) -> int:
    """Put kernel, initrd, modules and boot information into RAM; returns the address for EBX.

    `plan` is what the memory map withholds for switchovers, None for a machine too small for one.
    The initrd is the first module; one packed by gzip is unpacked, as GRUB does. Raises `LoadError`
    before anything is stored.
    """
    if initrd.startswith(_GZIP):
        try:
            initrd = gzip.decompress(initrd)
        except (OSError, EOFError, zlib.error) as error:
            raise LoadError(f"the initrd begins as gzip's but is damaged: {error}") from error
    top = plan.reserve.lo if plan is not None else ram
    if initrd:
        modules = (Module(initrd), *modules)
    places: list[tuple[int, int]] = []
    lowest = top
    for module in modules:
        lowest = (lowest - len(module.content)) // PAGE * PAGE
        places.append((lowest, lowest + len(module.content)))
    if image.load_hi > lowest:
        sizes = " and ".join(f"{len(module.content)} bytes" for module in modules)
        raise LoadError(
            f"kernel (to {image.load_hi:#x}) and initrd ({sizes or '0 bytes'}) do not fit below "
            f"{top:#x}; give the machine more --memory"
        )
    command_line = os.fsencode(f"{image.name} {append}".strip()) + b"\0"
    if len(command_line) > 4096:
        raise LoadError(f"the command line has {len(command_line)} bytes, at most 4096 fit")
    if len(modules) > MODULES_MAX:
        raise LoadError(f"{len(modules)} modules are more than {MODULES_MAX}; join some of them")
    lines = [os.fsencode(module.line) + b"\0" if module.line else b"" for module in modules]
    if sum(map(len, lines)) > LINES_MAX:
        raise LoadError(f"the modules' command lines are more than {LINES_MAX} bytes; shorten them")
    store(image.load_lo, image.content)
    line_pa = INFO_PA + 0x1000
    store(line_pa, command_line)
    at = line_pa + 0x1000
    table = b""
    for (start, end), module, line in zip(places, modules, lines, strict=True):
        store(start, module.content)
        if line:
            store(at, line)
        table += struct.pack("<IIII", start, end, at if line else 0, 0)
        at += len(line)
    areas = memory_areas(ram, top)
    maps = b"".join(struct.pack("<IQQI", 20, lo, size, kind) for lo, size, kind in areas)
    at = INFO_PA + 0x100
    parts: list[int] = []
    for part in (maps, b"hotswap-host\0", table):
        parts.append(at)
        store(at, part or b"\0")
        at += -(-len(part) // 16) * 16
    info = struct.pack(
        "<IIIIIII16xIIIIII",
        _FLAGS, BASE_KIB, (top - MIB) // 1024, 0, line_pa, len(modules), parts[2],
        len(maps), parts[0], 0, 0, 0, parts[1],
    )  # fmt: skip
    store(INFO_PA, info.ljust(0x80, b"\0"))
    return INFO_PA


def memory_areas(ram: int, top: int) -> list[tuple[int, int, int]]:
    """(start, size, kind) as E820 of a BIOS tells: 1 is free; [top, ram) is reserved."""
    areas = [
        (0, EBDA, _AVAILABLE),
        (EBDA, 0x400, _RESERVED),
        (0xF0000, 0x10000, _RESERVED),
        (MIB, top - MIB, _AVAILABLE),
    ]
    if top < ram:
        areas.append((top, ram - top, _RESERVED))
    return areas


def load_multiboot(
    image: KernelImage, initrd: bytes, append: str, ram: int, modules: Sequence[Module] = ()
) -> Loaded:
    """As `load_kernel`, for a guest that has all of RAM. Raises `LoadError`."""
    stores: list[tuple[int, bytes]] = list(bios_areas())

    def store(address: int, content: bytes) -> None:
        stores.append((address, content))

    info = load_kernel(image, initrd, append, None, ram, store, modules)
    registers = {"eax": BOOTLOADER_MAGIC, "ebx": info}
    return Loaded(tuple(stores), image.entry, BOOT_STACK, registers)


def bios_areas() -> list[tuple[int, bytes]]:
    """What kernels look up in the BIOS data area: where the extended one is, KiB of base memory."""
    return [(0x40E, struct.pack("<H", EBDA >> 4)), (0x413, struct.pack("<H", BASE_KIB))]
