"""`hotswap-host bench systems`: whole guests on the board beside QEMU, in one run.

The guest of examples/bench says on its serial line where each row begins and ends; the host takes
the CPU time of the machine in between, so that what else the host does hardly matters.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from importlib import resources
from math import prod
from pathlib import Path
from statistics import median

import trio

from hotswap.bus import HotswapError
from hotswap.switchover.image import load_image

from .bench_result import Row
from .board import open_board

QEMU = "qemu-system-i386"
QEMU_OPTIONS = (
    "-M", "isapc", "-cpu", "486", "-accel", "tcg", "-m", "64", "-nodefaults", "-display", "none",
    "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
)  # fmt: skip
COMPUTE = ("sieve", "qsort", "memset", "memcpy", "dhrystone", "x87", "switch")
BOARD = ("in", "out", "timer")
ROUNDS = 5
LIMIT = 120
_MARK = re.compile(rb"@@(begin|end) (\w+) (\d+)")


class BenchError(HotswapError):
    """A comparison cannot be made: what is missing, and where to get it."""


class Marks:
    """Reads a guest's serial line: CPU seconds between the marks of each row, and its rounds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.seconds: dict[str, float] = {}
        self.rounds: dict[str, int] = {}
        self.done = False
        self._clock = clock
        self._began = 0.0
        self._line = b""

    def feed(self, data: bytes | bytearray) -> None:
        """Serial output, as it comes."""
        now = self._clock()
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            if (mark := _MARK.match(line)) is None:
                self.done = self.done or line.startswith(b"@@done")
                if line.startswith(b"@@wrong"):
                    raise BenchError(
                        "the benchmark guest computed a wrong sum; the CPU is at fault"
                    )
                continue
            name = mark[2].decode()
            if mark[1] == b"begin":
                self._began, self.rounds[name] = now, int(mark[3])
            else:
                self.seconds[name] = now - self._began


def bench_guest() -> Path:
    """The guest of examples/bench, as shipped."""
    return Path(str(resources.files("hotswap.host").joinpath("guests", "bench.elf")))


async def on_board(image: Path) -> Marks:
    """Run it on a board of this process."""
    marks = Marks(time.process_time)
    async with open_board() as board:
        output = board.serial.output
        board.boot(load_image(image))
        with trio.fail_after(LIMIT):
            while not marks.done:
                await output.ready()
                marks.feed(output.take())
    return marks


async def on_qemu(image: Path) -> Marks:
    """Run it under QEMU's TCG. Raises BenchError when there is no QEMU."""
    program = shutil.which(QEMU)
    if program is None:
        raise BenchError(f"{QEMU} is not here: apt install qemu-system-x86")
    async with trio.open_nursery() as nursery:
        with trio.fail_after(LIMIT):
            process: trio.Process = await nursery.start(_start, program, image)
            marks = Marks(lambda: _cpu_seconds(process.pid))
            assert process.stdout is not None
            async for data in process.stdout:
                marks.feed(data)
                if marks.done:
                    break
        nursery.cancel_scope.cancel()
    return marks


async def _start(program: str, image: Path, task_status: trio.TaskStatus[trio.Process]) -> None:
    await trio.run_process(
        [program, *QEMU_OPTIONS, "-kernel", str(image)],
        stdin=b"",
        stdout=-1,
        check=False,
        task_status=task_status,
    )


def _cpu_seconds(pid: int) -> float:
    """CPU time of all threads of a process so far, from the kernel's scheduler."""
    tasks = Path("/proc", str(pid), "task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


async def bench_systems() -> list[Row]:
    """The guest on the board and under QEMU, in turn; ratios are ours of QEMU's speed."""
    image = bench_guest()
    runs = [(await on_board(image), await on_qemu(image)) for _ in range(ROUNDS)]
    return list(_rows(runs))


def _rows(runs: list[tuple[Marks, Marks]]) -> Iterator[Row]:
    ratios = {}
    for name in (*COMPUTE, *BOARD):
        rounds = runs[0][0].rounds[name]
        ours = min(run.seconds[name] for run, _ in runs)
        theirs = min(run.seconds[name] for _, run in runs)
        ratios[name] = median(b.seconds[name] / a.seconds[name] for a, b in runs)
        yield Row(
            f"systems.{name}", rounds / ours / 1e3, "1000/s", rounds / theirs / 1e3, ratios[name]
        )
    mean = prod(ratios[name] for name in COMPUTE) ** (1 / len(COMPUTE))
    yield Row("systems.compute", mean * 100, "%", 100, mean)
