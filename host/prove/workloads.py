"""What the campaigns run: the 486 Linux with a disk and a network, and the reference kernel."""

from __future__ import annotations

import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hotswap.bus import SECTOR
from hotswap.host.backends import SerialBackEnd
from hotswap.host.board import Board, BoardConfig, open_board
from hotswap.host.images import refkernel, shipped
from hotswap.host.loader_image import read_image, recognise
from hotswap.host.loader_linux import LinuxImage, load_linux
from hotswap.host.media import open_medium
from hotswap.host.network_peer import ECHO, Ping
from hotswap.host.rerun_peer import CARD, Role
from hotswap.switchover.memory import MIB

from .campaign import ProveError
from .restores import Workload

MS = 1_000_000
DISK_SECTORS = 16 * 63 * 4
LINUX = "linux-486"
LINUX_LINE = "console=ttyS0 noapic nolapic acpi=off nokaslr panic=-1"
LINUX_DONE = "@@DONE"
NETWORK_INITRD = "initrd-busybox-i486.gz"
NETWORK_LINE = f"{LINUX_LINE} tcp={ECHO}"
"""With `NETWORK_INITRD`: it pings the station and talks to its echo port."""
GUEST, STATION = "10.0.2.15", "10.0.2.2"
PINGS = [Ping(at * MS, GUEST, bytes(range(256))) for at in range(16, 1000, 16)]
"""Each is tried every second until it is answered: so whenever the guest comes up, there is one
under way every 16 ms of the second after that."""


def linux(
    image: Path, initrd: Path | None, append: str, memory: int, marker: bytes, disk: Path
) -> Workload:
    """A Linux kernel, deterministic, with `memory` MiB and an NE2000 that leads to a station.

    `disk` is an image for its drive, which is only read; it is made when it is not there. Raises
    `ProveError`, `LoadError`.
    """
    kernel = recognise(image, ram=memory * MIB)
    if not isinstance(kernel, LinuxImage):
        raise ProveError(f"{image} is no Linux kernel; give a bzImage or a vmlinux")
    files = read_image(initrd, "initrd") if initrd else b""
    loaded = load_linux(kernel, files, append, memory * MIB)
    config = BoardConfig(memory=memory, deterministic=True, switchover=False)
    if not disk.exists():
        disk.write_bytes(partitioned(DISK_SECTORS))

    @asynccontextmanager
    async def opened(serial: SerialBackEnd) -> AsyncIterator[Board]:
        with open_medium(disk, read_only=True) as medium:
            async with open_board(config, serial) as board:
                await board.plug_in(CARD)
                (await board.plug_in("ide")).disks[0].change(medium)
                board.start(loaded)
                yield board

    return Workload(image.name, opened, marker, Role(STATION, PINGS))


def partitioned(sectors: int) -> bytes:
    """A disk image with one partition, which begins at the second track."""
    first = 63
    entry = struct.pack("<8B2I", 0, 1, 1, 0, 0x83, 15, 63, 0, first, sectors - first)
    mbr = (bytes(446) + entry).ljust(SECTOR - 2, b"\0") + b"\x55\xaa"
    return mbr + b"".join(lba.to_bytes(4) * (SECTOR // 4) for lba in range(1, sectors))


def find_linux(files: str = "initrd-klibc.gz") -> tuple[Path, Path]:
    """The 486 Linux and the initrd `files`. Raises `ProveError`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folders = [
        Path(os.environ.get("HOTSWAP_HOST_WORKLOADS") or cache / "hotswap-host" / "workloads"),
        Path(__file__).resolve().parents[3] / "shared" / "workloads",
    ]
    for folder in folders:
        kernel, initrd = folder / LINUX / "bzImage", folder / LINUX / files
        if kernel.exists() and initrd.exists():
            return kernel, initrd
    raise ProveError(
        f"no 486 Linux in {folders[0]}; bring it with `python examples/workloads.py {LINUX}`, give "
        "another Linux as IMAGE, or use --reference-kernel"
    )


def refkernel_programs(*programs: str) -> Workload:
    """The reference kernel with `programs` under its init, until the last one has reported."""

    @asynccontextmanager
    async def opened(serial: SerialBackEnd) -> AsyncIterator[Board]:
        async with open_board(BoardConfig(deterministic=True), serial) as board:
            append = " ".join(["init=/bin/init", *programs])
            board.boot(refkernel(1), initrd=shipped("initrd.cpio"), append=append)
            yield board

    last = programs[-1].split(":")[0]
    return Workload("the reference kernel", opened, f"{last} ok".encode())
