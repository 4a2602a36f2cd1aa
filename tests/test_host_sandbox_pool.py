"""Processes for cards come, go, and are never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from hotswap.bus.code_engine import CodeResult
from hotswap.host.sandbox import SandboxError, SandboxPool

THREE = """
import trio
from hotswap.host.sandbox import SandboxPool

async def main():
    with SandboxPool() as pool:
        await pool.prepare(3)
        print(pool.process, flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


def children_of(process: int) -> list[int]:
    return list(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def all_ended(pidfds: list[int]) -> None:
    """Within 20 s; they are ended in any case."""
    try:
        with trio.fail_after(20):
            for pidfd in pidfds:
                await trio.lowlevel.wait_readable(pidfd)
    finally:
        for pidfd in pidfds:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            os.close(pidfd)


async def test_fifty_cards_come_and_go_and_nothing_is_left() -> None:
    with SandboxPool(deadline=20_000_000_000) as pool:
        await pool.prepare()
        before = open_files()
        pidfds = []
        for number in range(50):
            await pool.prepare()
            engine = pool.take()
            engine.map(0x100000, 0x1000, writable=False, executable=True)
            engine.write(0x100000, bytes([0xB8, number, 0, 0, 0, 0xC3]))  # mov eax,number ; ret
            assert engine.call(0x100000, (), 100) == CodeResult(number, 2)
            pidfds.append(os.dup(engine._child.process))
            engine.close()
        await all_ended(pidfds)
        assert pool.process is not None
        assert children_of(pool.process) == []
        await pool.prepare()
        assert open_files() == before
        last = os.dup(pool._ready[0].process)
        first = os.pidfd_open(pool.process)
    await all_ended([last, first])


async def test_no_process_outlives_a_host_that_is_killed() -> None:
    command = [sys.executable, "-c", THREE]
    host = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
    assert host.stdout is not None
    first = int(await host.stdout.receive_some())
    processes = [first, *children_of(first)]
    assert len(processes) == 4
    pidfds = [os.pidfd_open(process) for process in processes]
    host.send_signal(signal.SIGKILL)
    await host.wait()
    await host.stdout.aclose()
    await all_ended(pidfds)


async def test_a_process_has_to_be_ready_before_it_is_taken() -> None:
    with SandboxPool() as pool, pytest.raises(SandboxError, match="await prepare"):
        pool.take()
    with pytest.raises(SandboxError, match="closed"):
        await pool.prepare()


async def test_a_first_process_that_does_not_start_is_told() -> None:
    pool = SandboxPool(entry="no.such.module:serve")
    with pytest.raises(SandboxError, match="does not start"):
        await pool.prepare()
    pool.close()
