"""QEMU's TCG as a measure: the same guests, the CPU time of all its threads.

Its options make the board of this project: an ISA PC with a 486, an ATA drive and an NE2000 whose
cable leads nowhere.
"""

from __future__ import annotations

import resource
import shutil
from collections.abc import Sequence
from pathlib import Path
from subprocess import DEVNULL, PIPE

import trio

from .bench_marks import BenchError, Marks

QEMU = "qemu-system-i386"
BOARD = (
    "-M", "isapc", "-cpu", "486", "-accel", "tcg", "-m", "64", "-nodefaults", "-display", "none",
    "-serial", "stdio", "-no-reboot",
)  # fmt: skip
CARDS = (
    "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
    "-device", "ne2k_isa,iobase=0x300,irq=9,netdev=nobody",
    "-netdev", "hubport,id=nobody,hubid=0",
)  # fmt: skip


def find_qemu() -> str:
    """Its path. Raises BenchError when there is none."""
    program = shutil.which(QEMU)
    if program is None:
        raise BenchError(f"{QEMU} is not here: apt install qemu-system-x86")
    return program


async def marks_on_qemu(image: Path, disk: Path, limit: float) -> Marks:
    """Run the benchmark guest until it has said that it is done.

    Raises BenchError when there is no QEMU, or it ends before that.
    """
    drive = ("-drive", f"file={disk},if=ide,index=0,format=raw")
    command = [find_qemu(), *BOARD, *CARDS, *drive, "-kernel", str(image)]
    process = await trio.lowlevel.open_process(command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    marks = Marks(lambda: _cpu_seconds(process.pid))
    try:
        with trio.move_on_after(limit):
            async for data in process.stdout:
                marks.feed(data)
                if marks.done:
                    return marks
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
    said = (await process.stderr.receive_some()).decode(errors="replace").strip()
    raise BenchError(f"{QEMU} did not run the benchmark guest to its end. {said}")


async def seconds_on_qemu(options: Sequence[str], limit: float) -> float:
    """CPU seconds of a whole QEMU, from its start until its guest resets the machine.

    Raises BenchError when there is no QEMU or the guest does not.
    """
    command = [find_qemu(), *BOARD, *options]
    before = _of_children()
    with trio.move_on_after(limit):
        done = await trio.run_process(
            command, stdin=b"", capture_stdout=True, capture_stderr=True, check=False
        )
        if done.returncode == 0:
            return _of_children() - before
        raise BenchError(f"{QEMU}: {done.stderr.decode(errors='replace').strip()}")
    raise BenchError(f"{QEMU} did not come to a reboot within {limit:g} s")


def _of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _cpu_seconds(pid: int) -> float:
    """CPU time of all threads of a process so far, from the kernel's scheduler."""
    tasks = Path("/proc", str(pid), "task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9
