"""A card's code in a process: as in the engine, and a process that is hostile harms nobody."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import trio

from hotswap.bus import HotswapError
from hotswap.bus.code_engine import CodeFault, CodeResult
from hotswap.host.sandbox import ProcessEngine, SandboxPool

from . import sandbox_hostile as hostile

TEXT, DATA = 0x100000, 0x200000
LONG = 20_000_000_000
"""ns: a deadline no test misses by being slow."""


@pytest.fixture(scope="module")
def pool() -> Iterator[SandboxPool]:
    with SandboxPool(deadline=LONG) as pool:
        yield pool


@pytest.fixture
async def engine(pool: SandboxPool) -> AsyncIterator[ProcessEngine]:
    await pool.prepare()
    engine = pool.take()
    engine.map(TEXT, 0x1000, writable=False, executable=True)
    engine.map(DATA, 0x1000, writable=True, executable=False)
    yield engine
    engine.close()


def run(engine: ProcessEngine, code: str, *arguments: int, budget: int = 10_000) -> CodeResult:
    engine.write(TEXT, bytes.fromhex(code).ljust(64, b"\xf4"))
    return engine.call(TEXT, arguments, budget)


def call_of(stub: int) -> str:
    """mov eax,stub; call eax."""
    return f"b8 {struct.pack('<I', stub).hex()} ffd0"


async def test_a_function_gets_its_arguments_and_returns_edx_eax(engine: ProcessEngine) -> None:
    # mov eax,[esp+4] ; sub eax,[esp+8] ; mov edx,[esp+32] ; ret
    result = run(engine, "8b442404 2b442408 8b542420 c3", 9, 2, 0, 0, 0, 0, 0, 0xFFFFFFFF)
    assert result == CodeResult(0xFFFFFFFF_00000007, 4)


async def test_faults_and_budgets_are_those_of_the_engine(engine: ProcessEngine) -> None:
    assert run(engine, "90 a100000000").fault == CodeFault(
        "read at 0x0: a null pointer", TEXT + 1, 0
    )
    assert run(engine, "ebfe", budget=700) == CodeResult(
        0, 700, CodeFault("budget spent: 700 instructions", TEXT)
    )
    assert run(engine, "31c0 c3") == CodeResult(0, 2)


async def test_a_host_call_runs_in_the_host_and_may_use_the_memory(engine: ProcessEngine) -> None:
    def double(at: int, high: int) -> int:
        (value,) = struct.unpack("<I", engine.read(at, 4))
        engine.write(at, struct.pack("<I", 2 * value))
        return high << 32 | os.getpid()

    call = call_of(engine.host_call(double, 2))
    engine.write(DATA, struct.pack("<I", 21))
    # push 7 ; push DATA ; call ; add esp,8 ; ret
    result = run(engine, f"6a07 6800002000 {call} 83c408 c3")
    assert result.value == 7 << 32 | os.getpid()
    assert engine.read(DATA, 4) == struct.pack("<I", 42)


async def test_a_refused_host_call_ends_the_call(engine: ProcessEngine) -> None:
    def refuse() -> int:
        raise HotswapError("line 7 is not leased")

    call = call_of(engine.host_call(refuse, 0))
    fault = run(engine, f"{call} ff0500002000 c3").fault  # inc dword [DATA]
    assert fault is not None
    assert fault.reason == "line 7 is not leased"
    assert engine.read(DATA, 4) == bytes(4)


async def test_what_a_host_call_raises_is_never_lost(engine: ProcessEngine) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    call = call_of(engine.host_call(interrupted, 0))
    with pytest.raises(KeyboardInterrupt):
        run(engine, f"{call} ff0500002000 c3")
    assert engine.read(DATA, 4) == bytes(4)
    assert run(engine, "31c0 c3") == CodeResult(0, 2)


async def test_an_engine_closed_in_a_host_call_ends_the_call(engine: ProcessEngine) -> None:
    def close() -> int:
        engine.close()
        return 0

    fault = run(engine, f"{call_of(engine.host_call(close, 0))} c3").fault
    assert fault is not None
    with pytest.raises(HotswapError, match="closed"):
        engine.read(DATA, 1)


async def test_more_than_one_payload_is_read_and_written(engine: ProcessEngine) -> None:
    size = 200 << 10
    engine.map(0x400000, size + 0x3000 & -0x1000, writable=True, executable=False)
    content = bytes(range(256)) * (size // 256)
    engine.write(0x400123, content)
    assert engine.read(0x400123, size) == content


async def test_what_cannot_be_is_refused(engine: ProcessEngine) -> None:
    with pytest.raises(HotswapError, match="is mapped already"):
        engine.map(DATA, 0x1000, writable=True, executable=False)
    with pytest.raises(HotswapError, match="is not mapped"):
        engine.read(DATA + 0x1000, 1)
    with pytest.raises(HotswapError, match="is not mapped"):
        engine.read(0xFFFFFFF0, 64)
    window = memoryview(bytearray(0x1000))
    with pytest.raises(HotswapError, match="cannot share"):
        engine.map(0x800000, 0x1000, writable=True, executable=False, shared=window)


# -- hostile processes ----------------------------------------------------------------------------


@asynccontextmanager
async def hostile_engine(
    pool: SandboxPool, action: int, deadline: int = LONG
) -> AsyncIterator[ProcessEngine]:
    await pool.prepare()
    child = pool.take()._child
    child.memory[hostile.ACTION] = action
    engine = ProcessEngine(child, deadline)
    yield engine
    with trio.fail_after(20):  # whatever it did, it has been killed for it
        await trio.lowlevel.wait_readable(child.process)
    engine.close()


@pytest.mark.parametrize("number", range(len(hostile.LIES)))
async def test_an_answer_that_makes_no_sense_ends_the_process(
    number: int, hostile_pool: SandboxPool
) -> None:
    lie, _ = hostile.LIES[number]
    async with hostile_engine(hostile_pool, hostile.FIRST_LIE + number) as engine:
        fault = engine.call(TEXT, (), 100).fault
        assert fault is not None
        assert fault.reason == f"the card's process answers what makes no sense: {lie}"
        again = engine.call(TEXT, (), 100).fault
        assert again is not None
        assert again.reason == fault.reason


async def test_a_process_that_hangs_is_waited_for_no_longer_than_its_deadline(
    hostile_pool: SandboxPool,
) -> None:
    async with hostile_engine(hostile_pool, hostile.HANG, deadline=1_000_000) as engine:
        began = time.monotonic()
        fault = engine.call(TEXT, (), 20_000).fault
        assert time.monotonic() - began < 0.5
        assert fault == CodeFault("no answer within 1 ms", 0)


@pytest.mark.parametrize("action", [hostile.JAM, hostile.STEAL])
async def test_a_process_that_plays_with_the_event_files_is_not_waited_for_longer(
    action: int, hostile_pool: SandboxPool
) -> None:
    async with hostile_engine(hostile_pool, action, deadline=20_000_000) as engine:
        if action == hostile.JAM:
            while engine._child.memory[hostile.PROGRESS] != hostile.TRIED:
                await trio.lowlevel.checkpoint()
        began = time.monotonic()
        fault = engine.call(TEXT, (), 20_000).fault
        assert time.monotonic() - began < 2
        assert fault == CodeFault("no answer within 20 ms", 0)


async def test_a_process_that_asks_for_ever_is_late_too(hostile_pool: SandboxPool) -> None:
    asked = 0

    def function() -> int:
        nonlocal asked
        asked += 1
        return 0

    async with hostile_engine(hostile_pool, hostile.ASK, deadline=100_000_000) as engine:
        engine.host_call(function, 0)
        began = time.monotonic()
        fault = engine.call(TEXT, (), 20_000).fault
        assert time.monotonic() - began < 5
        assert fault == CodeFault("no answer within 100 ms", 0)
        assert asked > 1


async def test_a_process_that_ends_is_noticed_at_once(hostile_pool: SandboxPool) -> None:
    async with hostile_engine(hostile_pool, hostile.DIE) as engine:
        fault = engine.call(TEXT, (), 100).fault
        assert fault == CodeFault("the card's process has ended", 0)


async def test_noise_in_the_shared_memory_harms_nobody(hostile_pool: SandboxPool) -> None:
    async with hostile_engine(hostile_pool, hostile.FLOOD, deadline=50_000_000) as engine:
        for _ in range(20):
            result = engine.call(TEXT, (), 100)
            assert result.fault is not None


async def test_a_report_of_a_hostile_process_is_only_text(hostile_pool: SandboxPool) -> None:
    async with hostile_engine(hostile_pool, hostile.EVIL) as engine:
        fault = engine.call(TEXT, (), 100).fault
        assert fault is not None
        assert fault.reason.isprintable()
        assert len(fault.reason) <= 500
        assert len(fault.callers) <= 32
        assert all(0 <= at < 1 << 32 for at in (fault.eip, *fault.callers))
        engine._talk.kill()
