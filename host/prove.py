"""`hotswap-host prove snapshots`: restore a run at many instants and see that it ends the same."""

from __future__ import annotations

import os
import random
import struct
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click
import msgspec
import trio
from rich.console import Console
from rich.progress import Progress, TextColumn

from hotswap.bus import SECTOR, HotswapError
from hotswap.switchover.memory import MIB

from .backends import SerialBackEnd
from .board import Board, BoardConfig, open_board
from .exits import Exit
from .images import refkernel, shipped
from .loader_image import read_image, recognise
from .loader_linux import LinuxImage, load_linux
from .media import open_medium
from .network_peer import ECHO, Ping
from .prove_snapshots import Moment, Proof, Workload, prove
from .rerun_peer import CARD, Role

MS = 1_000_000
DISK_SECTORS = 16 * 63 * 4
PROGRAMS = ("pipes:10", "sorter:4")
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


class ProveError(HotswapError):
    """What is to be proved cannot be run: what is missing, and what to give."""


@click.group("prove")
def prove_command() -> None:
    """Put what is promised to the test, for as long as you like."""


@prove_command.command("snapshots")
@click.argument("image", type=click.Path(path_type=Path), required=False)
@click.option("--initrd", type=click.Path(path_type=Path), help="File system for the kernel.")
@click.option("--append", default=NETWORK_LINE, metavar="TEXT", help="Kernel command line.")
@click.option("--memory", default=32, type=click.IntRange(1, 3072), metavar="MIB",
              show_default=True, help="RAM.")  # fmt: skip
@click.option("--until", default=LINUX_DONE, metavar="TEXT", show_default=True,
              help="The run is over when the first serial port has sent this.")  # fmt: skip
@click.option("--reference-kernel", is_flag=True, help="The kernel that ships with hotswap-host.")
@click.option("--count", default=200, type=click.IntRange(min=1), show_default=True,
              help="Instants to restore at.")  # fmt: skip
@click.option("--seed", type=int, help="Chooses the instants; random by default, and reported.")
@click.option("--jobs", default=os.cpu_count(), type=click.IntRange(min=1),
              help="Restored runs at a time.")  # fmt: skip
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
              help="Where snapshots that show a difference stay.")  # fmt: skip
@click.option("--json", "in_json", is_flag=True, help="The proof as JSON.")
def snapshots(
    image: Path | None,
    initrd: Path | None,
    append: str,
    memory: int,
    until: str,
    reference_kernel: bool,
    count: int,
    seed: int | None,
    jobs: int,
    keep: Path | None,
    in_json: bool,
) -> int:
    """Boot Linux deterministically and save it at random instants; restore each in a new process.

    Every run must end with the same memory, processor, cards, output and bus trace. IMAGE is a
    Linux kernel; without it, the 486 Linux that `examples/workloads.py` brings is used.
    """
    if image is None and not reference_kernel:
        image, initrd = find_linux(NETWORK_INITRD)
    if seed is None:
        seed = random.SystemRandom().randrange(1 << 32)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            folder = keep
        if image is None:
            workload = refkernel_programs(*PROGRAMS)
        else:
            disk = folder / "disk"
            workload = linux(image, initrd, append, memory, until.encode(), disk)
        proof = _with_progress(workload, count, seed, folder, jobs)
    if in_json:
        click.echo(msgspec.json.format(msgspec.json.encode(_facts(proof)), indent=2).decode())
    else:
        _print(proof, keep)
    return Exit.OK if proof.holds else Exit.FAILED


def _with_progress(workload: Workload, count: int, seed: int, folder: Path, jobs: int) -> Proof:
    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[last]}"))
    console = Console(stderr=True)
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(workload.name, total=count, last="control run")

        def tell(moment: Moment) -> None:
            last = f"at {moment.time_ns / 1e9:.3f} s: {', '.join(moment.different) or 'equal'}"
            progress.update(task, advance=1, last=last)
            if not console.is_terminal:
                click.echo(last, err=True)

        async def session() -> Proof:
            return await prove(workload, count, seed, folder, jobs=jobs, tell=tell)

        return trio.run(session)


def _facts(proof: Proof) -> dict[str, Any]:
    """The JSON form: what all campaigns have, then all that is known of this one."""
    failures = [
        {
            "case": f"restored at instruction {moment.instructions}",
            "different": moment.different,
            "error": moment.error,
        }
        for moment in proof.moments
        if moment.different
    ]
    if not proof.undisturbed:
        failures.append({"case": "saved", "different": ["end"], "error": ""})
    return {
        "campaign": "snapshots",
        "cases": len(proof.moments) + 1,
        "failed": len(failures),
        "seed": proof.seed,
        "failures": failures,
        "workload": proof.workload,
        "control": msgspec.to_builtins(proof.control),
        "moments": msgspec.to_builtins(proof.moments),
    }


def _print(proof: Proof, keep: Path | None) -> None:
    wrong = [moment for moment in proof.moments if moment.different]
    control, count = proof.control, len(proof.moments)
    click.echo(
        f"{proof.workload}: {control.instructions:,} instructions, {control.time_ns / 1e9:.3f} s; "
        f"seed {proof.seed}"
    )
    if not proof.undisturbed:
        click.echo("the run that was saved did not end as the one that was not")
    for moment in wrong:
        what = moment.error or f"different {', '.join(moment.different)}"
        click.echo(f"restored at instruction {moment.instructions:,}: {what}")
    if wrong and keep is not None:
        click.echo(f"their snapshots are in {keep}")
    click.echo(f"{count - len(wrong)} of {count} restored runs ended as the control run did")


# -- workloads ----------------------------------------------------------------------------------


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
        Path(__file__).resolve().parents[2] / "shared" / "workloads",
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
