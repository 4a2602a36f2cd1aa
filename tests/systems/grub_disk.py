"""A disk as `grub-install` leaves it: GRUB in front of the only partition, which is ext2.

GNU GRUB Manual 2.06, "BIOS installation"; what grub-bios-setup writes into the images is in
`include/grub/i386/pc/boot.h` and `grub-core/boot/i386/pc/diskboot.S`.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

from hotswap.bus import SECTOR

FIRST_SECTOR = 2048  # of the partition
MODULES = ("biosdisk", "part_msdos", "ext2", "multiboot", "linux", "normal", "serial", "terminal",
           "echo", "reboot")  # fmt: skip
KERNEL_SECTOR, BOOT_DRIVE, DRIVE_CHECK = 0x5C, 0x64, 0x66
PARTITION_TABLE = 0x1BE
BLOCK_LIST = SECTOR - 12
"""In the first sector of the core image: where the rest of it is, and its segment."""
CORE_SEGMENT = 0x820
BOOT_DRIVE_OF_BIOS, NOPS = 0xFF, b"\x90\x90"
ACTIVE, LINUX = 0x80, 0x83


def make_disk(
    disk: Path, images: Path, tools: Path, files: Mapping[str, Path], config: str
) -> None:
    """Write `disk` with `files` (name in /boot to source) and GRUB's configuration.

    `images` is GRUB's folder i386-pc, `tools` the one with grub-mkimage.
    """
    root = disk.with_suffix(".root")
    grub = root / "boot" / "grub"
    grub.mkdir(parents=True)
    (grub / "grub.cfg").write_text(config)
    for name, source in files.items():
        shutil.copyfile(source, root / "boot" / name)
    kibibytes = 1024 + sum(source.stat().st_size for source in files.values()) * 5 // 4096
    partition = disk.with_suffix(".ext2")
    _run("/usr/sbin/mke2fs", "-q", "-t", "ext2", "-d", root, partition, f"{kibibytes}K")
    core = disk.with_suffix(".core")
    _run(tools / "grub-mkimage", "-O", "i386-pc", "-d", images, "-o", core,
         "-p", "(hd0,msdos1)/boot/grub", *MODULES)  # fmt: skip
    with disk.open("wb") as file:
        sectors = partition.stat().st_size // SECTOR
        file.write(_boot_sector((images / "boot.img").read_bytes(), sectors))
        file.write(_core(core.read_bytes()))
        file.seek(FIRST_SECTOR * SECTOR)
        file.write(partition.read_bytes())


def _run(program: str | Path, *arguments: str | Path) -> None:
    """grub-mkimage finds the library that came with it."""
    environment = os.environ | {"LD_LIBRARY_PATH": str(Path(program).parent)}
    done = subprocess.run(
        [program, *arguments], check=False, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"


def _boot_sector(image: bytes, sectors: int) -> bytes:
    sector = bytearray(image)
    struct.pack_into("<Q", sector, KERNEL_SECTOR, 1)
    sector[BOOT_DRIVE] = BOOT_DRIVE_OF_BIOS
    sector[DRIVE_CHECK : DRIVE_CHECK + 2] = NOPS  # the BIOS is trusted to say which drive it is
    sector[PARTITION_TABLE - 6 : SECTOR - 2] = bytes(6 + 64)
    entry = (ACTIVE, 0, 0, 0, LINUX, 0, 0, 0, FIRST_SECTOR, sectors)
    struct.pack_into("<8B2I", sector, PARTITION_TABLE, *entry)
    return bytes(sector)


def _core(image: bytes) -> bytes:
    core = bytearray(image.ljust(-(-len(image) // SECTOR) * SECTOR, b"\0"))
    count = len(core) // SECTOR
    assert count < FIRST_SECTOR, "the core image reaches into the partition"
    struct.pack_into("<QHH", core, BLOCK_LIST, 2, count - 1, CORE_SEGMENT)
    return bytes(core)
