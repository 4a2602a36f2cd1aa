"""Cold boot as Multiboot 1 has it: every field of the information is where a kernel looks for it.

Offsets: Multiboot Specification 0.6.96, section 3.3, "Boot information format".
"""

from __future__ import annotations

import itertools
import os
import struct

import msgspec
import pytest

from hotswap.host.images import refkernel
from hotswap.host.loader import INFO_END, INFO_PA, LoadError, load_kernel
from hotswap.switchover.image import KernelImage
from hotswap.switchover.memory import MIB, MemoryPlan, plan_memory

INITRD = bytes(range(256)) * 21  # no whole number of pages
AVAILABLE, RESERVED = 1, 2


class Ram:
    """Memory that knows what was stored where; unwritten bytes are 0xA5."""

    def __init__(self, size: int = 16 * MIB) -> None:
        self.size = size
        self.content = bytearray(b"\xa5") * size
        self.stores: list[tuple[int, int]] = []

    def store(self, address: int, content: bytes) -> None:
        assert 0 <= address <= self.size - len(content)
        self.stores.append((address, address + len(content)))
        self.content[address : address + len(content)] = content

    def words(self, address: int, count: int = 1) -> tuple[int, ...]:
        return struct.unpack_from(f"<{count}I", self.content, address)

    def text(self, address: int) -> str:
        return self.content[address : self.content.index(0, address)].decode(errors="replace")


class Booted:
    """What a kernel finds at EBX."""

    def __init__(self, ram: Ram, info: int) -> None:
        self.flags, self.mem_lower, self.mem_upper = ram.words(info, 3)
        (cmdline,) = ram.words(info + 16)
        self.cmdline = ram.text(cmdline)
        mods_count, mods_addr = ram.words(info + 20, 2)
        self.modules = [ram.words(mods_addr + 16 * n, 4) for n in range(mods_count)]
        self.areas: list[tuple[int, int, int]] = []
        length, at = ram.words(info + 44, 2)
        end = at + length
        while at < end:
            size, base, span, kind = struct.unpack_from("<IQQI", ram.content, at)
            self.areas.append((base, base + span, kind))
            at += size + 4
        (name,) = ram.words(info + 64)
        self.loader = ram.text(name)


def boot(
    ram: Ram,
    *,
    initrd: bytes = INITRD,
    append: str = "init=/bin/init quiet",
    plan: MemoryPlan | None = None,
    image: KernelImage | None = None,
) -> Booted:
    info = load_kernel(image or refkernel(1), initrd, append, plan, ram.size, ram.store)
    return Booted(ram, info)


@pytest.fixture
def ram() -> Ram:
    return Ram()


def test_the_kernel_is_where_it_was_linked_with_its_bss_zeroed(ram: Ram) -> None:
    boot(ram)
    image = refkernel(1)
    assert ram.content[image.load_lo : image.load_hi] == image.content


def test_the_flags_promise_exactly_what_is_there(ram: Ram) -> None:
    memory, cmdline, modules, memory_map, loader_name = 1 << 0, 1 << 2, 1 << 3, 1 << 6, 1 << 9
    assert boot(ram).flags == memory | cmdline | modules | memory_map | loader_name


def test_the_command_line_begins_with_the_kernels_name(ram: Ram) -> None:
    assert boot(ram).cmdline == "refkernel-v1 init=/bin/init quiet"
    assert boot(ram, append="").cmdline == "refkernel-v1"


def test_the_command_line_is_the_bytes_the_user_gave(ram: Ram) -> None:
    boot(ram, append=os.fsdecode(b"latin=\xe9"))  # as Python gives arguments
    assert b"refkernel-v1 latin=\xe9\0" in ram.content


def test_the_loader_says_its_name(ram: Ram) -> None:
    assert boot(ram).loader == "hotswap-host"


def test_the_initrd_is_the_one_module_page_aligned_below_what_is_reserved(ram: Ram) -> None:
    plan = plan_memory(ram.size)
    (module,) = boot(ram, plan=plan).modules
    start, end, string, reserved = module
    assert ram.content[start:end] == INITRD
    assert start % 4096 == 0
    assert plan.reserve.lo - 4096 < end <= plan.reserve.lo
    assert (string, reserved) == (0, 0)


def test_without_an_initrd_there_is_no_module(ram: Ram) -> None:
    assert boot(ram, initrd=b"").modules == []


def test_memory_below_and_above_1_mib_is_counted_in_kib(ram: Ram) -> None:
    found = boot(ram, plan=plan_memory(16 * MIB))
    assert found.mem_lower == 639  # the last KiB below 640 is the BIOS's
    assert found.mem_upper == (16 - 4 - 1) * 1024
    assert boot(ram).mem_upper == 15 * 1024


@pytest.mark.parametrize(("size", "reserve"), [(16, 4), (32, 8), (64, 8), (256, 32)])
def test_the_memory_map_withholds_the_bios_and_the_top_for_switchovers(
    size: int, reserve: int
) -> None:
    ram = Ram(size * MIB)
    top = (size - reserve) * MIB
    assert boot(ram, plan=plan_memory(ram.size)).areas == [
        (0, 0x9FC00, AVAILABLE),
        (0x9FC00, 0xA0000, RESERVED),
        (0xF0000, 0x100000, RESERVED),
        (0x100000, top, AVAILABLE),
        (top, size * MIB, RESERVED),
    ]


def test_a_machine_too_small_for_switchovers_has_all_of_its_memory() -> None:
    ram = Ram(8 * MIB)
    assert boot(ram).areas[-1] == (0x100000, 8 * MIB, AVAILABLE)


def test_nothing_is_stored_over_anything_else(ram: Ram) -> None:
    boot(ram, append="x" * 4000, plan=plan_memory(ram.size))
    stores = sorted(ram.stores)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(stores))
    low = [(start, end) for start, end in stores if start < 0x100000]
    assert all(start >= INFO_PA and end <= INFO_END for start, end in low)


@pytest.mark.parametrize(
    ("initrd", "append", "message"),
    [
        (bytes(15 * MIB), "", r"kernel .* and initrd \(15728640 bytes\) do not fit .*--memory"),
        (bytes(32 * MIB), "", r"do not fit"),
        (b"", "x" * 4096, r"the command line has 4110 bytes, at most 4096 fit"),
    ],
    ids=["initrd over kernel", "initrd over everything", "command line"],
)
def test_what_does_not_fit_is_refused_before_anything_is_stored(
    ram: Ram, initrd: bytes, append: str, message: str
) -> None:
    with pytest.raises(LoadError, match=message):
        boot(ram, initrd=initrd, append=append)
    assert ram.stores == []


def test_an_initrd_that_just_fits_is_loaded(ram: Ram) -> None:
    image = refkernel(1)
    room = ram.size - -(-image.load_hi // 4096) * 4096
    (module,) = boot(ram, initrd=bytes(room)).modules
    assert module[0] >= image.load_hi
    with pytest.raises(LoadError):
        boot(ram, initrd=bytes(room + 1))


def test_a_name_with_spaces_is_part_of_the_line(ram: Ram) -> None:
    image = msgspec.structs.replace(refkernel(1), name="my kernel")
    assert boot(ram, image=image, append="a").cmdline == "my kernel a"
