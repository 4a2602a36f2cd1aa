"""Cold boot of Linux by its 32-bit boot protocol: bzImage, zImage, and vmlinux entered directly.

Linux, Documentation/arch/x86/boot.rst ("The Real-Mode Kernel Header", "32-bit Boot Protocol") and
zero-page.rst. The kernel starts in flat protected mode with ESI at `boot_params`, the zero page.
"""

from __future__ import annotations

import os
import struct
from enum import IntEnum, IntFlag

import msgspec

from hotswap.switchover.image import KernelImage
from hotswap.switchover.memory import MIB

from .loader import PAGE, Loaded, LoadError, bios_areas, memory_areas

MAGIC = b"HdrS"
HEADER_AT, MAGIC_AT = 0x1F1, 0x202  # of the setup header, in the file as in the zero page
HEADER_END = 0x290
SECTOR = 512
OLDEST = 0x202  # the first with a command line anywhere in memory; Linux 2.4.0
NEWEST_WITHOUT_LIMIT = 0x203  # before, an initrd had to end below 0x38000000

GDT_PA, STACK_PA, ZERO_PAGE_PA, LINE_PA = 0x8000, 0x8F000, 0x90000, 0x99000
LINE_MAX = 0x9F000 - LINE_PA
GDT = struct.pack("<4Q", 0, 0, 0x00CF9B00_0000FFFF, 0x00CF9300_0000FFFF)  # __BOOT_CS, __BOOT_DS
OTHER_LOADER = 0xFF  # type_of_loader: no number assigned
NORMAL_VGA = 0xFFFF  # vid_mode


class Param(IntEnum):
    """Offsets in `boot_params`: the screen, the memory, and the setup header."""

    EXT_MEM_K = 0x002
    ORIG_VIDEO_MODE = 0x006
    ORIG_VIDEO_COLS = 0x007
    ORIG_VIDEO_LINES = 0x00E
    ORIG_VIDEO_ISVGA = 0x00F
    ORIG_VIDEO_POINTS = 0x010
    ALT_MEM_K = 0x1E0
    E820_ENTRIES = 0x1E8
    SETUP_SECTS = 0x1F1
    SYSSIZE = 0x1F4  # protected-mode code, in paragraphs of 16 bytes
    VID_MODE = 0x1FA
    BOOT_FLAG = 0x1FE
    JUMP = 0x200  # its second byte says where the header ends
    VERSION = 0x206
    TYPE_OF_LOADER = 0x210
    LOADFLAGS = 0x211
    CODE32_START = 0x214
    RAMDISK_IMAGE = 0x218
    RAMDISK_SIZE = 0x21C
    CMD_LINE_PTR = 0x228
    INITRD_ADDR_MAX = 0x22C
    CMDLINE_SIZE = 0x238
    PREF_ADDRESS = 0x258
    INIT_SIZE = 0x260
    E820_TABLE = 0x2D0


class LoadFlags(IntFlag):
    """Bits of `loadflags`."""

    LOADED_HIGH = 0x01  # the protected-mode code goes to 0x100000, else to 0x10000


class LinuxImage(msgspec.Struct, frozen=True):
    """A Linux kernel taken apart: `header` is its setup header, `content` the code for `load_pa`.

    `room` is the first byte after all the kernel uses before it looks at the memory map.
    """

    name: str
    header: bytes
    content: bytes
    load_pa: int
    entry: int
    room: int
    initrd_max: int
    line_max: int


def is_linux(content: bytes) -> bool:
    """Whether it is a bzImage or zImage."""
    return content[MAGIC_AT : MAGIC_AT + 4] == MAGIC and content[0x1FE:0x200] == b"\x55\xaa"


def is_vmlinux(content: bytes) -> bool:
    """Whether an ELF file is a Linux kernel: it has Linux's banner in it."""
    return b"Linux version " in content


def parse_linux(content: bytes, name: str) -> LinuxImage:
    """Take a bzImage or zImage apart. Raises `LoadError` when it is too old or cut off."""

    def field(at: int, code: str) -> int:
        return int(struct.unpack_from(code, content.ljust(HEADER_END, b"\0"), at)[0])

    version = field(Param.VERSION, "<H")
    if version < OLDEST:
        raise LoadError(
            f"{name}: boot protocol {version >> 8}.{version & 0xFF:02} is older than 2.02; "
            "give a kernel of Linux 2.4 or later"
        )
    code = (field(Param.SETUP_SECTS, "<B") or 4) * SECTOR + SECTOR
    wanted = code + field(Param.SYSSIZE, "<I" if version >= 0x204 else "<H") * 16
    if len(content) + 15 < wanted:
        raise LoadError(
            f"{name}: the kernel is cut off: {len(content)} bytes of {wanted}; copy it again"
        )
    high = field(Param.LOADFLAGS, "<B") & LoadFlags.LOADED_HIGH
    load = MIB if high else 0x10000
    room = load + len(content) - code
    if version >= 0x20A:
        room = max(room, field(Param.PREF_ADDRESS, "<Q") + field(Param.INIT_SIZE, "<I"))
    header_end = min(Param.JUMP + 2 + content[Param.JUMP + 1], HEADER_END)
    return LinuxImage(
        name,
        content[HEADER_AT:header_end],
        content[code:],
        load,
        load,
        room,
        field(Param.INITRD_ADDR_MAX, "<I") if version >= NEWEST_WITHOUT_LIMIT else 0x37FFFFFF,
        field(Param.CMDLINE_SIZE, "<I") if version >= 0x206 else 255,
    )


def from_vmlinux(image: KernelImage) -> LinuxImage:
    """The ELF kernel itself, which starts as its own decompressor would start it."""
    header = bytearray(Param.INIT_SIZE - HEADER_AT)
    struct.pack_into("<H", header, Param.BOOT_FLAG - HEADER_AT, 0xAA55)
    struct.pack_into("<4sH", header, MAGIC_AT - HEADER_AT, MAGIC, 0x20A)
    header[Param.LOADFLAGS - HEADER_AT] = LoadFlags.LOADED_HIGH
    room = image.load_hi + MIB  # page tables and other early allocations follow the bss
    return LinuxImage(
        image.name, bytes(header), image.content, image.load_lo, image.entry, room, 0x37FFFFFF, 2047
    )


def load_linux(image: LinuxImage, initrd: bytes, append: str, ram: int) -> Loaded:
    """Place kernel, initrd, command line and zero page. Raises `LoadError`."""
    line = os.fsencode(append)
    longest = min(image.line_max, LINE_MAX - 1)
    if len(line) > longest:
        raise LoadError(f"the command line has {len(line)} bytes, {image.name} takes {longest}")
    top = min(ram, image.initrd_max + 1)
    initrd_pa = (top - len(initrd)) // PAGE * PAGE
    if image.room > initrd_pa or image.room > ram:
        raise LoadError(
            f"{image.name} (which needs memory up to {image.room:#x}) and initrd "
            f"({len(initrd)} bytes) do not fit below {top:#x}; give the machine more --memory"
        )
    stores = [
        (image.load_pa, image.content),
        (GDT_PA, GDT),
        (LINE_PA, line + b"\0"),
        (ZERO_PAGE_PA, _zero_page(image, initrd_pa if initrd else 0, len(initrd), ram)),
        *bios_areas(),
    ]
    if initrd:
        stores.append((initrd_pa, initrd))
    gdt = (GDT_PA, len(GDT) - 1)
    return Loaded(tuple(stores), image.entry, STACK_PA, {"esi": ZERO_PAGE_PA}, gdt)


def _zero_page(image: LinuxImage, initrd: int, size: int, ram: int) -> bytes:
    page = bytearray(PAGE)
    page[HEADER_AT : HEADER_AT + len(image.header)] = image.header
    areas = memory_areas(ram, ram)
    high_kib = (ram - MIB) // 1024

    def put(at: int, code: str, value: int) -> None:
        struct.pack_into(code, page, at, value)

    put(Param.ORIG_VIDEO_MODE, "<B", 3)  # 80x25 text, as a PC comes up
    put(Param.ORIG_VIDEO_COLS, "<B", 80)
    put(Param.ORIG_VIDEO_LINES, "<B", 25)
    put(Param.ORIG_VIDEO_ISVGA, "<B", 1)
    put(Param.ORIG_VIDEO_POINTS, "<H", 16)
    put(Param.EXT_MEM_K, "<H", min(high_kib, 0xFFFF))
    put(Param.ALT_MEM_K, "<I", high_kib)
    put(Param.VID_MODE, "<H", NORMAL_VGA)
    put(Param.TYPE_OF_LOADER, "<B", OTHER_LOADER)
    put(Param.CODE32_START, "<I", image.entry)
    put(Param.RAMDISK_IMAGE, "<I", initrd)
    put(Param.RAMDISK_SIZE, "<I", size)
    put(Param.CMD_LINE_PTR, "<I", LINE_PA)
    put(Param.E820_ENTRIES, "<B", len(areas))
    for number, area in enumerate(areas):
        struct.pack_into("<QQI", page, Param.E820_TABLE + 20 * number, *area)
    return bytes(page)
