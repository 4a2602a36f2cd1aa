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
import trio.testing

from hotswap.bus.code_engine import CodeResult
from hotswap.host.sandbox import SandboxError, SandboxPool
from hotswap.host.sandbox import pool as pool_module

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


async def test_a_first_process_that_does_not_start_in_time_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool_module, "_STARTING", 0.001)
    with SandboxPool() as pool:
        with pytest.raises(SandboxError, match=r"does not start within 0\.001 s: the host is too"):
            await pool.prepare()
        assert pool.process is None


async def answer(pool: SandboxPool) -> CodeResult:
    """Of a card's process made now."""
    await pool.prepare()
    engine = pool.take()
    try:
        engine.map(0x100000, 0x1000, writable=False, executable=True)
        engine.write(0x100000, bytes.fromhex("b82a000000c3"))  # mov eax,42 ; ret
        return engine.call(0x100000, (), 100)
    finally:
        engine.close()


async def test_a_process_that_comes_too_late_is_not_taken_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with SandboxPool(deadline=20_000_000_000) as pool:
        await pool.prepare()
        before = open_files()
        assert pool.process is not None
        first = os.pidfd_open(pool.process)
        os.kill(pool.process, signal.SIGSTOP)
        with monkeypatch.context() as patch:
            patch.setattr(pool_module, "_FORKING", 0.05)
            with pytest.raises(SandboxError, match=r"does not start within 0\.05 s: the host is"):
                await pool.start()
        await all_ended([first])
        assert pool.process is None
        assert await answer(pool) == CodeResult(42, 2)
        await pool.prepare()
        assert open_files() == before


async def test_after_the_first_process_is_killed_there_is_another() -> None:
    with SandboxPool(deadline=20_000_000_000) as pool:
        await pool.prepare()
        assert pool.process is not None
        first = os.pidfd_open(pool.process)
        os.kill(pool.process, signal.SIGKILL)
        await trio.lowlevel.wait_readable(first)
        os.close(first)
        assert await answer(pool) == CodeResult(42, 2)


async def test_a_first_process_killed_while_it_forks_is_told_and_replaced() -> None:
    with SandboxPool(deadline=20_000_000_000) as pool:
        await pool.prepare()
        assert pool.process is not None
        os.kill(pool.process, signal.SIGSTOP)

        async def start() -> None:
            with pytest.raises(SandboxError, match=r"the one it is forked from has ended.*again"):
                await pool.start()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(start)
            await trio.testing.wait_all_tasks_blocked()
            os.kill(pool.process, signal.SIGKILL)
        assert await answer(pool) == CodeResult(42, 2)
