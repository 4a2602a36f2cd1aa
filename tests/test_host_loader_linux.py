"""Linux's 32-bit boot protocol: every field of the zero page is where a kernel looks for it.

Offsets: Linux, Documentation/arch/x86/boot.rst and zero-page.rst.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
import trio

from hotswap.host.board import BoardConfig, open_board
from hotswap.host.loader import Loaded, LoadError
from hotswap.host.loader_image import recognise
from hotswap.host.loader_linux import LinuxImage, load_linux, parse_linux
from hotswap.switchover.errors import Refused
from hotswap.switchover.image import KernelImage
from hotswap.switchover.memory import MIB

RAM = 16 * MIB
AVAILABLE, RESERVED = 1, 2
SETUP_SECTS = 4

# say the command line on the serial port, then end the run with status 10 + 'K'
CODE = bytes.fromhex(
    "8bb628020000"  # mov 0x228(%esi),%esi
    "66baf803"  # mov $0x3f8,%dx
    "ac"  # 1: lods (%esi),%al
    "84c0"  # test %al,%al
    "7403"  # jz 2f
    "ee"  # out %al,(%dx)
    "ebf8"  # jmp 1b
    "b84b000000"  # 2: mov $'K',%eax
    "0f20c1"  # mov %cr0,%ecx: any 32-bit instruction
    "e6f4"  # out %al,$0xf4
    "ebfe"  # jmp .
)


def bzimage(
    code: bytes = CODE,
    *,
    version: int = 0x20F,
    loadflags: int = 1,
    pref_address: int = MIB,
    init_size: int = 0x10000,
    initrd_max: int = 0x7FFFFFFF,
    line_max: int = 2047,
) -> bytes:
    code += bytes(-len(code) % 16)
    setup = bytearray((SETUP_SECTS + 1) * 512)
    setup[0x1F1] = SETUP_SECTS
    setup[0x1FE:0x202] = b"\x55\xaa\xeb\x6a"
    struct.pack_into("<I", setup, 0x1F4, len(code) // 16)
    struct.pack_into("<4sH", setup, 0x202, b"HdrS", version)
    setup[0x211] = loadflags
    struct.pack_into("<I", setup, 0x22C, initrd_max)
    struct.pack_into("<I", setup, 0x238, line_max)
    struct.pack_into("<QI", setup, 0x258, pref_address, init_size)
    return bytes(setup) + code


class Zero:
    """The zero page a kernel finds at ESI, and all of RAM."""

    def __init__(self, loaded: Loaded, size: int = RAM) -> None:
        self.ram = bytearray(size)
        for address, content in loaded.stores:
            self.ram[address : address + len(content)] = content
        self.at = loaded.registers["esi"]

    def field(self, offset: int, code: str = "<I") -> int:
        return int(struct.unpack_from(code, self.ram, self.at + offset)[0])


def load(image: bytes, *, initrd: bytes = b"", append: str = "", ram: int = RAM) -> Zero:
    return Zero(load_linux(parse_linux(image, "linux"), initrd, append, ram), ram)


def test_the_code_is_at_1_mib_and_entered_in_flat_protected_mode() -> None:
    loaded = load_linux(parse_linux(bzimage(), "linux"), b"", "", RAM)
    assert loaded.entry == MIB
    assert Zero(loaded).ram[MIB : MIB + len(CODE)] == CODE
    base, limit = loaded.gdt or (0, 0)
    gdt = Zero(loaded).ram[base : base + limit + 1]
    assert gdt[0x10:0x18] == bytes.fromhex("ffff0000009bcf00")  # __BOOT_CS
    assert gdt[0x18:0x20] == bytes.fromhex("ffff00000093cf00")  # __BOOT_DS


def test_a_kernel_that_is_not_loaded_high_goes_to_64_kib() -> None:
    loaded = load_linux(parse_linux(bzimage(loadflags=0, version=0x202), "zImage"), b"", "", RAM)
    assert loaded.entry == 0x10000
    assert Zero(loaded).ram[0x10000 : 0x10000 + len(CODE)] == CODE


def test_the_zero_page_is_the_setup_header_with_the_loaders_fields() -> None:
    zero = load(bzimage())
    assert zero.field(0x202) == 0x53726448  # HdrS
    assert zero.field(0x206, "<H") == 0x20F
    assert zero.field(0x210, "<B") == 0xFF  # type_of_loader: none assigned
    assert zero.field(0x214) == MIB  # code32_start
    assert zero.field(0x1FA, "<H") == 0xFFFF  # vid_mode: normal
    assert zero.field(0x258, "<Q") == MIB
    assert (zero.field(0x218), zero.field(0x21C)) == (0, 0)


def test_what_the_file_holds_outside_the_header_is_not_in_the_zero_page() -> None:
    image = bytearray(bzimage())
    image[0x100:0x1F1] = b"\xff" * 0xF1
    image[0x26C:0x400] = b"\xff" * (0x400 - 0x26C)  # the header ends at 0x202 + 0x6a
    zero = load(bytes(image))
    assert zero.field(0x1EF, "<H") == 0
    assert zero.field(0x26C) == 0


def test_the_memory_map_is_e820_and_in_kib() -> None:
    zero = load(bzimage())
    count = zero.field(0x1E8, "<B")
    entries = [struct.unpack_from("<QQI", zero.ram, zero.at + 0x2D0 + 20 * n) for n in range(count)]
    assert entries == [
        (0, 0x9FC00, AVAILABLE),
        (0x9FC00, 0x400, RESERVED),
        (0xF0000, 0x10000, RESERVED),
        (MIB, RAM - MIB, AVAILABLE),
    ]
    assert zero.field(0x1E0) == 15 * 1024
    assert zero.field(0x002, "<H") == 15 * 1024
    assert zero.ram[0x40E:0x410] == b"\xc0\x9f"
    assert zero.ram[0x413:0x415] == (639).to_bytes(2, "little")


def test_the_initrd_is_page_aligned_at_the_top_and_below_what_the_kernel_reaches() -> None:
    initrd = bytes(range(256)) * 21
    for limit, top in ((0x7FFFFFFF, RAM), (0x9FFFFF, 0xA00000)):
        zero = load(bzimage(initrd_max=limit), initrd=initrd)
        at, size = zero.field(0x218), zero.field(0x21C)
        assert zero.ram[at : at + size] == initrd
        assert at % 4096 == 0
        assert top - 4096 < at + size <= top


def test_the_command_line_is_the_bytes_the_user_gave() -> None:
    zero = load(bzimage(), append=os.fsdecode(b"root=/dev/ram latin=\xe9"))
    at = zero.field(0x228)
    assert zero.ram[at:].startswith(b"root=/dev/ram latin=\xe9\0")


@pytest.mark.parametrize(
    ("image", "initrd", "append", "message"),
    [
        (bzimage(version=0x201), b"", "", r"protocol 2\.01 is older than 2\.02"),
        (bzimage(CODE * 50)[:-100], b"", "", r"cut off: \d+ bytes of \d+"),
        (bzimage(line_max=100), b"", "x" * 101, r"has 101 bytes, linux takes 100"),
        (bzimage(version=0x205), b"", "x" * 256, r"has 256 bytes, linux takes 255"),
        (bzimage(), bytes(RAM), "", r"do not fit below 0x1000000; .*--memory"),
        (bzimage(pref_address=RAM), b"", "", r"needs memory up to 0x1010000"),
        (bzimage(initrd_max=0x1FFFFF), bytes(MIB), "", r"do not fit below 0x200000"),
    ],
    ids=["old", "cut", "line", "old line", "initrd", "kernel", "initrd limit"],
)
def test_what_cannot_be_booted_is_refused_with_the_reason(
    image: bytes, initrd: bytes, append: str, message: str
) -> None:
    with pytest.raises(LoadError, match=message):
        load(image, initrd=initrd, append=append)


def test_a_line_that_just_fits_is_taken() -> None:
    assert b"x" * 2047 + b"\0" in load(bzimage(), append="x" * 2047).ram


def vmlinux(code: bytes = CODE) -> bytes:
    """An ELF at 1 MiB with Linux's banner in it."""
    content = code + b"Linux version 2.4.0\0"
    header = b"\x7fELF\x01\x01\x01" + bytes(9)
    header += struct.pack("<2H5I6H", 2, 3, 1, MIB, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    program = struct.pack("<8I", 1, 84, 0xC0100000, MIB, len(content), 0x8000, 7, 1)
    return header + program + content


def test_images_are_recognised_by_content(tmp_path: Path) -> None:
    names = {"a": bzimage(), "b": vmlinux(), "c": vmlinux().replace(b"Linux v", b"Other v")}
    for name, content in names.items():
        (tmp_path / name).write_bytes(content)
    kinds = [type(recognise(tmp_path / name, ram=RAM)) for name in names]
    assert kinds == [LinuxImage, LinuxImage, KernelImage]


@pytest.mark.parametrize("kernel", [bzimage(), vmlinux()], ids=["bzImage", "vmlinux"])
async def test_a_kernel_reads_its_command_line_on_a_real_board(
    kernel: bytes, tmp_path: Path
) -> None:
    (tmp_path / "kernel").write_bytes(kernel)
    image = recognise(tmp_path / "kernel", ram=RAM)
    assert isinstance(image, LinuxImage)
    config = BoardConfig(memory=16, deterministic=True, switchover=False)
    async with open_board(config) as board:
        board.start(load_linux(image, b"", "console=ttyS0", RAM))
        with trio.fail_after(20):
            assert (await board.ended()).status == 10 + ord("K")
        assert board.serial.output.take() == b"console=ttyS0"


def test_vmlinux_keeps_room_for_what_follows_its_bss(tmp_path: Path) -> None:
    (tmp_path / "vmlinux").write_bytes(vmlinux())
    image = recognise(tmp_path / "vmlinux", ram=RAM)
    assert isinstance(image, LinuxImage)
    assert image.room == MIB + 0x8000 + MIB
    assert image.load_pa == image.entry == MIB


async def test_a_machine_that_boots_linux_refuses_a_switchover() -> None:
    config = BoardConfig(memory=16, deterministic=True, switchover=False)
    async with open_board(config) as board:
        with pytest.raises(Refused, match="takes no part in switchovers"):
            _ = board.machine
