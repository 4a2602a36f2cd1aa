"""Linux for a 486 from power-on to its reboot: CPU time here and under QEMU.

The machine is that of `hotswap-host run`, in both of its times. A deterministic one passes over
what Linux sleeps, a real-time one sleeps as QEMU does. QEMU's time has in it how long the program
takes to start, 0.05 s; ours does not, for it starts in this process.
"""

from __future__ import annotations

import time
from pathlib import Path

import trio

from .bench_marks import BenchError
from .cables import open_cables
from .machine import open_machine
from .prove.workloads import LINUX_DONE, LINUX_LINE
from .run import assembly_of
from .run_options import RunOptions

LIMIT = 120


async def linux_on_board(kernel: Path, initrd: Path, *, deterministic: bool) -> float:
    """CPU seconds of this process. Raises BenchError when it does not come to the reboot."""
    options = RunOptions(
        kernel, initrd, LINUX_LINE, serial="memory", deterministic=deterministic, no_reboot=True
    )
    began = time.process_time()
    assembly = assembly_of(options)
    with trio.move_on_after(LIMIT):
        async with open_machine(assembly, await open_cables(assembly.cables)) as board:
            await board.ended()
            took = time.process_time() - began
            said = board.serial.output.take()
            if LINUX_DONE.encode() not in said:
                raise BenchError(f"Linux ended before its reboot: {said[-200:]!r}")
            return took
    raise BenchError(f"Linux did not come to its reboot within {LIMIT} s")


def qemu_options(kernel: Path, initrd: Path) -> list[str]:
    """The same for QEMU."""
    return ["-kernel", str(kernel), "-initrd", str(initrd), "-append", LINUX_LINE]
