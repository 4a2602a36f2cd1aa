"""GRUB, started by SeaBIOS from a disk, loads kernels from an ext2 partition."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hotswap.host.exits import Exit

from .conftest import Workload as FindWorkload
from .console import running
from .grub_disk import make_disk
from .test_linux import LINE

SHIPPED = Path(__file__).parents[2] / "switchover" / "guest"
SERIAL = (
    "serial --unit=0 --speed=115200\nterminal_output serial\necho GRUB reads its configuration\n"
)


def machine(
    workload: FindWorkload, folder: Path, files: Mapping[str, Path], config: str
) -> dict[str, Any]:
    disk = folder / "disk.img"
    tools = workload("grub-tools", "grub-mkimage").parent
    make_disk(disk, workload("grub", "i386-pc"), tools, files, SERIAL + config)
    return {
        "machine": {"clock": "instructions", "rate": 20_000_000, "memory": 32},
        "boot": {
            "bios": str(workload("seabios", "bios.bin")),
            "roms": [str(workload("seabios", "vgabios-isavga.bin"))],
        },
        "disk": [{"image": str(disk)}],
    }


async def test_grub_loads_a_multiboot_kernel_and_its_module(
    workload: FindWorkload, tmp_path: Path
) -> None:
    files = {"kernel": SHIPPED / "refkernel-v1.elf", "initrd": SHIPPED / "initrd.cpio"}
    config = "multiboot /boot/kernel init=/bin/init pipes:4 sorter:2\nmodule /boot/initrd\nboot\n"
    async with running(machine(workload, tmp_path, files, config)) as console:
        await console.see("GRUB loading", 5)
        await console.expect("GRUB reads its configuration", 10)
        await console.expect("no switchover card", 5)
        await console.expect("^init: all ok 2 programs", 10)
        ended = await console.ended(1)
    assert ended.status == Exit.OK


async def test_linux_from_grub_reboots_into_the_bios(
    workload: FindWorkload, tmp_path: Path
) -> None:
    """The 8042 resets the processor; SeaBIOS comes up again and so does what it boots."""
    files = {
        "linux": workload("linux-486", "bzImage"),
        "initrd": workload("linux-486", "initrd-klibc.gz"),
    }
    config = f"linux /boot/linux {LINE} quiet\ninitrd /boot/initrd\nboot\n"
    async with running(machine(workload, tmp_path, files, config)) as console:
        await console.expect("GRUB reads its configuration", 10)
        await console.expect("^@@DONE uptime", 20)
        await console.expect("GRUB reads its configuration", 20)
