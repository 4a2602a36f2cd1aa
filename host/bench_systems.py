"""`hotswap-host bench systems`: whole guests on the board beside QEMU, in one run.

The guest of examples/bench says on its serial line where each row begins and ends; the host takes
the CPU time of the machine in between, so that what else the host does hardly matters. Linux is
taken as a whole, see `bench_linux`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from math import prod
from pathlib import Path
from statistics import median
from typing import NamedTuple

import trio

from hotswap.cpu.bare import run_image
from hotswap.switchover.image import KernelImage, load_image
from hotswap.switchover.memory import MIB

from .bench_linux import linux_on_board, qemu_options
from .bench_marks import Marks
from .bench_qemu import find_qemu, marks_on_qemu, seconds_on_qemu
from .bench_result import Row
from .board import BoardConfig, PlugIn, open_board, usual_cards
from .media import open_medium
from .network import open_network
from .prove.campaign import ProveError
from .prove.workloads import find_linux

COMPUTE = ("sieve", "qsort", "memset", "memcpy", "dhrystone", "x87", "switch")
BOARD = ("in", "out", "in_card", "out_card", "timer", "sectors", "packets")
ROUNDS = 5
LIMIT = 120
"""Seconds a guest may take."""
SECTORS = 2048
COM1, LINE_STATUS, THR_EMPTY = 0x3F8, 0x3FD, 0x20

Tell = Callable[[str], None]


class Round(NamedTuple):
    """One round: the guest on the board, under QEMU, and on the engine without a board."""

    ours: Marks
    qemu: Marks
    bare: Marks


def bench_guest() -> Path:
    """The guest of examples/bench, as shipped."""
    return Path(str(resources.files("hotswap.host").joinpath("guests", "bench.elf")))


def make_disk(path: Path) -> None:
    """A disk image whose sectors begin with their numbers."""
    path.write_bytes(b"".join(n.to_bytes(4, "little").ljust(512, b"\0") for n in range(SECTORS)))


async def on_board(image: KernelImage, disk: Path, append: str = "") -> Marks:
    """Run it on a board of this process, with a drive and an NE2000 without a cable.

    `append` may be `quick`: everything is done, but not for long enough to be measured.
    """
    marks = Marks(time.process_time)
    config = BoardConfig(switchover=False)
    cards = [
        *usual_cards(config, None),
        PlugIn(20, "ide", {}),
        PlugIn(21, "ne2000", {}),
    ]
    async with open_board(config, cards=cards, frozen=False) as board:
        network = board.slot("ne2000")
        board.nursery.start_soon(open_network("none").serve, network.frames_in, network.frames_out)
        medium = open_medium(disk, read_only=True)
        try:
            board.slot("ide").disks[0].change(medium)
            output = board.serial.output
            board.boot(image, append=append)
            with trio.fail_after(LIMIT):
                while not marks.done:
                    await output.ready()
                    marks.feed(output.take())
        finally:
            medium.close()
    return marks


def on_bare_engine(image: KernelImage) -> Marks:
    """Run what needs no board on the engine alone; it ends where that ends."""
    marks = Marks(time.process_time)

    def write(port: int, value: int) -> bool:
        if port == COM1:
            marks.feed(bytes((value,)))
        return marks.begun == BOARD[0]

    def read(port: int) -> int:
        return THR_EMPTY if port == LINE_STATUS else 0

    run_image(image.content, image.load_lo, image.entry, 64 * MIB, read, write)
    return marks


async def bench_systems(rounds: int, tell: Tell) -> list[Row]:
    """Every system on the board and under QEMU, in turn, `rounds` times; `tell` hears of progress.

    Raises BenchError when there is no QEMU; without a Linux its rows are left out.
    """
    find_qemu()
    guest = load_image(bench_guest())
    runs = []
    with tempfile.TemporaryDirectory(prefix="hotswap-host-bench-") as folder:
        disk = Path(folder, "disk.img")
        make_disk(disk)
        for number in range(1, rounds + 1):
            tell(f"round {number} of {rounds}: benchmark guest")
            ours = await on_board(guest, disk)
            qemu = await marks_on_qemu(bench_guest(), disk, LIMIT)
            runs.append(Round(ours, qemu, on_bare_engine(guest)))
    return [*await _linux_rows(rounds, tell), *rows(runs)]


def rows(runs: Sequence[Round]) -> Iterator[Row]:
    """What the rounds say: values are the best, ratios the median, of QEMU's speed."""
    ratios = {}
    for name in (*COMPUTE, *BOARD):
        count = runs[0].ours.rounds[name] / 1e3
        ours = min(run.ours.seconds[name] for run in runs)
        theirs = min(run.qemu.seconds[name] for run in runs)
        bare = [run.bare.seconds[name] for run in runs if name in run.bare.seconds]
        ratios[name] = median(run.qemu.seconds[name] / run.ours.seconds[name] for run in runs)
        yield Row(
            f"systems.{name}",
            count / ours,
            "1000/s",
            count / theirs,
            ratios[name],
            bare=count / min(bare) if bare else None,
        )
    mean = prod(ratios[name] for name in COMPUTE) ** (1 / len(COMPUTE))
    yield Row("systems.compute", mean * 100, "%", 100, mean)


async def _linux_rows(rounds: int, tell: Tell) -> list[Row]:
    """Linux in deterministic mode and in real time; ratios are ours of QEMU's CPU time."""
    try:
        kernel, initrd = find_linux()
    except ProveError:
        tell(
            "systems.linux is left out, there is no 486 Linux here: "
            "bring it with `python examples/workloads.py linux-486`"
        )
        return []
    counted, real, qemu = [], [], []
    for number in range(1, rounds + 1):
        tell(f"round {number} of {rounds}: Linux")
        counted.append(await linux_on_board(kernel, initrd, deterministic=True))
        qemu.append(await seconds_on_qemu(qemu_options(kernel, initrd), LIMIT))
        real.append(await linux_on_board(kernel, initrd, deterministic=False))
    return [
        Row(
            name,
            min(ours),
            "s",
            min(qemu),
            median(one / other for one, other in zip(ours, qemu, strict=True)),
        )
        for name, ours in (("systems.linux", counted), ("systems.linux_real_time", real))
    ]
