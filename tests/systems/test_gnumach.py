"""GNU Mach comes as far as it does under QEMU: it misses the programs the Hurd would give it.

Its package for "486" has CMOV in it: on a 486 it ends before its first line, here and there.
"""

from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio

from hotswap.bus import SECTOR

from .conftest import Workload as FindWorkload
from .console import running

SECTORS = 8 * 16 * 63
MILESTONES = (
    "^GNU Mach 1.8",
    "^biosmem: 000000000000100000:000000000002000000, available",
    r"^vm_page: page table size: 8176 entries \(448k\)",
    r"^ide0 at 0x1f0-0x1f7,0x3f6 on irq 14",
    r"^FDC 0 is a ",
    "^scsi : 0 hosts.",
    "^ hd0: hd0s1",
    "^RTC time is ",
    r"^panic .*bootstrap_create: No bootstrap code loaded with the kernel!",
)
QEMU = "qemu-system-i386"
QEMU_OPTIONS = (
    "-M", "isapc", "-accel", "tcg", "-cpu", "pentium2", "-m", "32", "-nodefaults",
    "-display", "none", "-serial", "stdio", "-append", "console=com0",
)  # fmt: skip


def partitioned(path: Path) -> Path:
    """A disk with one partition, of type Linux."""
    table = struct.pack("<8B2I", 0, 0, 0, 0, 0x83, 0, 0, 0, 63, SECTORS - 63)
    sector = bytes(446) + table.ljust(64, b"\0") + b"\x55\xaa"
    path.write_bytes(sector.ljust(SECTORS * SECTOR, b"\0"))
    return path


async def _start(
    command: Sequence[str], task_status: trio.TaskStatus[trio.Process] = trio.TASK_STATUS_IGNORED
) -> None:
    await trio.run_process(command, stdin=b"", stdout=-1, check=False, task_status=task_status)


async def test_gnu_mach_finds_its_devices_and_asks_for_its_first_program(
    workload: FindWorkload, tmp_path: Path
) -> None:
    machine = {
        "machine": {"clock": "instructions", "memory": 32, "cpu": "686"},
        "boot": {"kernel": str(workload("gnumach", "gnumach-1.8-486")), "append": "console=com0"},
        "disk": [{"image": str(partitioned(tmp_path / "disk"))}],
        "floppy": [{}],
    }
    async with running(machine) as console:
        for milestone in MILESTONES:
            await console.expect(milestone, 10)


async def test_qemu_gets_gnu_mach_no_further(workload: FindWorkload, tmp_path: Path) -> None:
    if shutil.which(QEMU) is None:
        pytest.skip(f"NOT TESTED: {QEMU} is missing: apt install qemu-system-x86")
    disk = f"file={partitioned(tmp_path / 'disk')},format=raw,if=ide"
    drives = ("-drive", disk, "-drive", "if=floppy")
    said = b""
    async with trio.open_nursery() as nursery:
        command = [
            QEMU,
            *QEMU_OPTIONS,
            *drives,
            "-kernel",
            str(workload("gnumach", "gnumach-1.8-486")),
        ]
        process: trio.Process = await nursery.start(_start, command)
        assert process.stdout is not None
        with trio.move_on_after(60):
            async for data in process.stdout:
                said += data
                if b"panic" in said.rpartition(b"\n")[0]:
                    break
        nursery.cancel_scope.cancel()
    text = said.decode("latin-1").replace("\r", "")
    at = 0
    for milestone in MILESTONES:
        found = re.compile(milestone, re.MULTILINE).search(text, at)
        assert found is not None, f"no {milestone!r} in:\n{text}"
        at = found.end()
    assert not text[at:].strip()
