"""Machines from machine files, run: what the guests say they were given, and where it goes."""

from __future__ import annotations

import re
import struct
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import MediaError
from hotswap.host.assembly import assemble
from hotswap.host.board import Board
from hotswap.host.cables import open_cables
from hotswap.host.exits import Exit
from hotswap.host.machine import open_machine
from hotswap.host.machine_file import check

ROOT = Path(__file__).parents[1]
GUESTS = ROOT / "tests" / "guests"
DOCUMENT = ROOT / "docs" / "machine-files.md"
MIB = 1 << 20
MAGIC, ADDRESSES = 0x1BADB002, 1 << 16

# mov dx, 3F8h; mov al, 'R'; out dx, al; mov al, 0; out F4h, al; hlt
REAL = bytes.fromhex("baf803 b052 ee b000 e6f4 f4")
# the same in 32-bit code, with 'P'; where these are 16-bit instructions they print nothing
PROTECTED = bytes.fromhex("baf8030000 b050 ee b000 e6f4 f4")
# 'P' to the printer, whose BUSY is waited for; 'S' to COM2, 'R' to COM1
EVERYWHERE = (
    bytes.fromhex("ba7803 b050 ee 4242 b005 ee b004 ee 4a ec a880 74fb baf802 b053 ee") + REAL
)
HALT = bytes.fromhex("f4")


@asynccontextmanager
async def machine(text: str, folder: Path) -> AsyncIterator[Board]:
    """The machine a file in `folder` describes, deterministic."""
    (folder / "m.toml").write_text(text)
    document = tomllib.loads(text)
    document["machine"] = {"clock": "instructions"} | document.get("machine", {})
    assembly = assemble(check(document, folder))
    async with open_machine(assembly, await open_cables(assembly.cables)) as board:
        yield board


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def play(text: str, folder: Path) -> tuple[int, str]:
    """Exit status, and what is in the file `out` then."""
    async with machine(text, folder) as board:
        with trio.fail_after(100):
            ended = await board.ended()
            await board.drain(seconds=5)
    return ended.status, (folder / "out").read_text()


OUT = '[[serial]]\nto = "out"\n'


@pytest.mark.parametrize(
    ("content", "address", "printed"),
    [(REAL, 0x7C00, "R"), (REAL, 0x9F000, "R"), (PROTECTED, MIB, "P"), (PROTECTED, 31 * MIB, "P")],
    ids=["at 7C00", "up to the EBDA", "at 1 MiB", "at 31 MiB"],
)
async def test_a_flat_binary_runs_at_its_address(
    content: bytes, address: int, printed: str, tmp_path: Path
) -> None:
    (tmp_path / "flat").write_bytes(content)
    text = f'machine.memory = 32\n[boot]\nflat = "flat"\naddress = {address}\n{OUT}'
    assert await play(text, tmp_path) == (Exit.OK, printed)


async def test_a_flat_binary_below_1_mib_can_be_entered_in_protected_mode(tmp_path: Path) -> None:
    (tmp_path / "flat").write_bytes(PROTECTED)
    text = f'[boot]\nflat = "flat"\nmode = "protected"\n{OUT}'
    assert await play(text, tmp_path) == (Exit.OK, "P")


async def test_every_port_has_its_own_connector(tmp_path: Path) -> None:
    (tmp_path / "flat").write_bytes(EVERYWHERE)
    text = (
        f"""[boot]\nflat = "flat"\n{OUT}[[serial]]\nto = "com2"\n[[parallel]]\nto = "printed"\n"""
    )
    assert await play(text, tmp_path) == (Exit.OK, "R")
    assert (tmp_path / "com2").read_bytes() == b"S"
    assert (tmp_path / "printed").read_bytes() == b"P"


# -- Multiboot ------------------------------------------------------------------------------------


def kludge() -> bytes:
    """The kernel with the address fields, as it was built."""
    return (GUESTS / "multiboot.bin").read_bytes()


def elf() -> bytes:
    """The same kernel in an ELF file, without the address fields."""
    content = bytearray(kludge())
    flags, *fields = struct.unpack_from("<I4xIIIII", content, 12)
    _, lo, end, top, entry = fields
    flags &= ~ADDRESSES
    struct.pack_into("<II20x", content, 12, flags, -(MAGIC + flags) & 0xFFFFFFFF)
    size = end - lo
    identity = b"\x7fELF\1\1\1".ljust(16, b"\0")
    header = struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, entry, 52, 0, 0, 52, 32, 1, 40, 0, 0)
    segment = struct.pack("<8I", 1, 96, lo, lo, size, top - lo, 7, 4)
    return (identity + header + segment).ljust(96, b"\0") + content[:size]


@pytest.mark.parametrize("kernel", [kludge, elf])
async def test_a_multiboot_kernel_finds_modules_command_line_and_memory(
    kernel: Callable[[], bytes], tmp_path: Path
) -> None:
    (tmp_path / "kernel").write_bytes(kernel())
    (tmp_path / "one").write_bytes(b"first module")
    (tmp_path / "two").write_bytes(b"second")
    text = f"""
        machine.memory = 20
        [boot]
        kernel = "kernel"
        append = "its line"
        modules = [{{path = "one", text = "a b"}}, {{path = "two"}}]
        {OUT}
    """
    status, said = await play(text, tmp_path)
    assert status == Exit.OK
    assert [line.rstrip() for line in said.splitlines()] == [
        "2BADB002",
        "kernel its line",
        f"{639:08X} {19 * 1024:08X}",
        f"{1:08X} {0x9FC00:08X} {0:08X}",
        f"{2:08X} {0x400:08X} {0x9FC00:08X}",
        f"{2:08X} {0x10000:08X} {0xF0000:08X}",
        f"{1:08X} {19 * MIB:08X} {MIB:08X}",
        "one a b:first module",
        "two:second",
        "bss 00000000",
    ]


# -- BIOS -----------------------------------------------------------------------------------------


def boot_disk(folder: Path, name: str, size: int) -> None:
    content = (GUESTS / "bootsector.bin").read_bytes()
    (folder / name).write_bytes(content.ljust(size, b"\0"))


async def test_a_bios_boots_the_first_disk_and_knows_memory_and_geometry(
    seabios: Path, tmp_path: Path
) -> None:
    boot_disk(tmp_path, "disk", 40 * 16 * 63 * 512)
    text = f"""
        machine.memory = 100
        [[disk]]
        image = "disk"
        geometry = [40, 16, 63]
        {OUT}[boot]\nbios = "{seabios}"
    """
    status, said = await play(text, tmp_path)
    lines = said.split()
    assert status == Exit.OK
    assert lines[0] == "80"
    ranges = [struct.unpack(">IQQ", bytes.fromhex(line)) for line in lines[1:-1]]
    free = sum(length for kind, length, _ in ranges if kind == 1)
    assert 0 <= 100 * MIB - 0x60000 - free < 0x41000  # SeaBIOS keeps some 256 KiB at the top
    assert all(start < 100 * MIB or kind == 2 for kind, _, start in ranges)
    cylinder, sector, head = bytes.fromhex(lines[-1])
    assert (cylinder, sector & 0x3F, head) == (40 - 2, 63, 15)  # the last one is the BIOS's own


@pytest.mark.parametrize(
    ("order", "drive"), [("floppy", "00"), ("disk", "80"), ('disk", "floppy', "80")]
)
async def test_a_bios_boots_in_the_order_given(
    order: str, drive: str, seabios: Path, tmp_path: Path
) -> None:
    boot_disk(tmp_path, "diskette", 1440 * 1024)
    boot_disk(tmp_path, "disk", 1008 * 512)
    text = f"""
        [[floppy]]
        image = "diskette"
        [[disk]]
        image = "disk"
        {OUT}[boot]
        bios = "{seabios}"
        order = ["{order}"]
    """
    status, said = await play(text, tmp_path)
    assert (status, said.split()[0]) == (Exit.OK, drive)


async def test_the_complete_example_of_the_documents_runs(seabios: Path, tmp_path: Path) -> None:
    pattern = r"<!-- example: machine\.toml -->\n```toml\n(.*?)```"
    found = re.search(pattern, DOCUMENT.read_text(), re.DOTALL)
    assert found is not None
    boot_disk(tmp_path, "disk.img", 8 * MIB)
    (tmp_path / "scratch.img").write_bytes(bytes(10 * 16 * 63 * 512))
    (tmp_path / "diskette.img").write_bytes(bytes(1440 * 1024))
    built = (ROOT / "examples" / "uart16550" / "uart16550.o").read_bytes()
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "uart16550.o").write_bytes(built)
    async with machine(found[1], tmp_path) as board:
        with trio.fail_after(100):
            ended = await board.ended()
            await board.drain(seconds=5)
        assert board.info()["machine"] == "example"
        assert board.backplane.find(40).title == "framebuffer"
    assert ended.status == Exit.OK
    assert (tmp_path / "com1.log").read_text().startswith("80\n")
    assert names(tmp_path) == {
        *("m.toml", "disk.img", "scratch.img", "diskette.img"),
        *("com1.log", "printed", "disk.overlay", "lab.pcapng", "build", "uart.log"),
    }


# -- disks and networks ---------------------------------------------------------------------------


async def test_a_disk_with_an_overlay_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "flat").write_bytes(HALT)
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(name.encode() * (1008 * 512))
    text = """
        [boot]
        flat = "flat"
        [[serial]]
        to = "none"
        [[disk]]
        image = "a"
        overlay = "a.overlay"
        [[disk]]
        image = "b"
        [[disk]]
        image = "c"
        read_only = true
    """
    for expected in (b"a", b"x"):
        async with machine(text, tmp_path) as board:
            ide = [s for _, s in sorted(board.backplane.slots.items()) if s.title == "ide"]
            disks = [disk for slot in ide for disk in slot.disks]
            assert [disk.sectors for disk in disks] == [1008, 1008, 1008, 0]
            assert disks[0].read(3, 1) == expected * 512
            disks[0].write(3, b"x" * 512)
            disks[1].write(3, b"y" * 512)
            with pytest.raises(MediaError, match="write-protected"):
                disks[2].write(3, b"z" * 512)
    assert (tmp_path / "a").read_bytes() == b"a" * (1008 * 512)
    assert (tmp_path / "b").read_bytes()[3 * 512 : 4 * 512] == b"y" * 512


async def test_cards_on_one_hub_hear_each_other_and_what_they_say_is_captured(
    tmp_path: Path,
) -> None:
    (tmp_path / "flat").write_bytes(HALT)
    text = '[boot]\nflat = "flat"\n[[serial]]\nto = "none"\n[[network]]\nto = "hub:a"\n'
    text += (
        '[[network]]\nto = "hub:a"\ncapture = "heard"\n[[network]]\nto = "hub:b"\ncapture = "not"\n'
    )
    frame = bytes(range(64))
    async with machine(text, tmp_path) as board:
        await board.ended()
        first = board.slot("ne2000")
        first.frames_out.write(frame)
        await wait_all_tasks_blocked()
    assert frame in (tmp_path / "heard").read_bytes()
    assert frame not in (tmp_path / "not").read_bytes()
