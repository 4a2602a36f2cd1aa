"""Engines of cards' code come and go, and nothing of them stays."""

from __future__ import annotations

import gc
import struct
from pathlib import Path

import pytest

from hotswap.bus import HotswapError
from hotswap.bus.code_engine import CodeResult
from hotswap.cpu import CodePool

PAGE = 4096
WARM, ROUNDS = 300, 1200


def resident() -> int:
    """Bytes of this process that are in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def come_and_go(pool: CodePool, number: int, window: memoryview) -> None:
    """A card's whole life: memory of all kinds, host calls, a call, a fault."""
    engine = pool.take()
    engine.map(0x100000, 4 * PAGE, writable=False, executable=True)
    engine.map(0x200000, 8 * PAGE, writable=True, executable=False)
    engine.map(0x300000, PAGE, writable=True, executable=False, shared=window)
    stub = [engine.host_call(lambda: number, 0) for _ in range(20)][-1]
    # call stub ; mov [300000h],eax ; ret ... ud2
    code = f"b8 {struct.pack('<I', stub).hex()} ffd0 a300003000 c3 0f0b"
    engine.write(0x100000, bytes.fromhex(code))
    assert engine.call(0x100000, (1, 2, 3), 100) == CodeResult(number, 6)
    assert engine.call(0x10000D, (), 100).fault is not None
    assert struct.unpack_from("<I", window) == (number,)
    engine.close()


def test_a_thousand_cards_grow_by_less_than_a_hundred_bytes_each() -> None:
    window = memoryview(bytearray(PAGE))
    with CodePool() as pool:
        for number in range(WARM):
            come_and_go(pool, number, window)
        before = resident()
        for number in range(ROUNDS):
            come_and_go(pool, number, window)
        assert (resident() - before) / ROUNDS < 100
        assert (pool.made, pool.taken) == (1, 0)


def test_a_pool_that_is_closed_gives_everything_back() -> None:
    def open_and_close(times: int) -> int:
        for number in range(times):
            with CodePool() as pool:
                come_and_go(pool, number, memoryview(bytearray(PAGE)))
        return resident()

    before = open_and_close(20)
    assert (open_and_close(60) - before) / 60 < 2048


def test_as_many_engines_are_made_as_are_used_at_once() -> None:
    with CodePool() as pool:
        for _ in range(3):
            engines = [pool.take() for _ in range(4)]
            assert pool.taken == 4
            for engine in engines:
                engine.close()
                engine.close()
            assert pool.taken == 0
        assert pool.made == 4


def test_what_is_lent_when_the_pool_is_closed_is_good_until_it_is_closed() -> None:
    pool = CodePool()
    engine = pool.take()
    engine.map(0x100000, PAGE, writable=False, executable=True)
    engine.write(0x100000, b"\xb8\x07\0\0\0\xc3")
    pool.close()
    assert engine.call(0x100000, (), 10).value == 7
    engine.close()
    with pytest.raises(HotswapError, match="its board is gone"):
        pool.take()


def test_memory_that_is_no_whole_pages_is_refused() -> None:
    with CodePool(PAGE + 1) as pool, pytest.raises(HotswapError, match="whole pages"):
        pool.take()
