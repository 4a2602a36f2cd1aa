"""The buffer for translations fills up, and all is translated anew: nothing is lost or repeated.

It has `CODE_BUFFER` bytes; here it has 1 MiB, the least the engine takes.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hotswap.cpu import core as core_module

from .conftest import BarePc, OpenPc

SIZE = 1 << 20
CODE, BLOCKS = 0x200000, 3000
# 3000 times inc ecx ; jmp N, then dec ebx ; jnz CODE ; cli ; hlt
PROGRAM = bytes.fromhex("41 eb00") * BLOCKS + bytes.fromhex("4b 0f85")
ROUNDS = 3
PER_ROUND = 2 * BLOCKS + 2


@pytest.fixture(autouse=True)
def _small_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_module, "CODE_BUFFER", SIZE)


def resident() -> int:
    """Bytes of memory this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def load(pc: BarePc) -> None:
    back = -(len(PROGRAM) + 4)
    pc.put(CODE, PROGRAM + back.to_bytes(4, "little", signed=True) + b"\xfa\xf4")
    pc.start(CODE, ebx=ROUNDS)


async def test_it_fills_in_every_round_and_the_count_is_exact(pc: BarePc) -> None:
    load(pc)
    before = pc.processor.instructions
    with pc.processor.translations() as meter:
        await pc.run_to_halt()
        assert meter.blocks > ROUNDS * BLOCKS  # none was found again
    assert pc.register("ecx") == ROUNDS * BLOCKS
    assert pc.processor.instructions - before == ROUNDS * PER_ROUND + 2


async def test_steps_are_exact_when_it_fills(open_pc: OpenPc) -> None:
    async with open_pc(rate=100_000_000) as pc:
        load(pc)
        async with pc.processor.paused():
            for n in range(1, 6001):
                assert await pc.processor.step(1) == 1
                assert pc.register("ecx") == (n + 1) // 2


async def test_it_fills_between_a_patch_and_a_rollback(pc: BarePc) -> None:
    load(pc)
    pc.processor.ram.commit()
    point = pc.processor.checkpoint()
    for n in range(4):
        async with pc.processor.paused():
            await pc.processor.step(1000 * n + 1)
            pc.put(CODE + 3 * 500, "42 eb00")  # inc edx
        await pc.run_to_halt()
        ran = 1 if 1000 * n + 1 > 2 * 500 else 0  # the first round had the INC ECX already
        assert (pc.register("ecx"), pc.register("edx")) == (
            ROUNDS * BLOCKS - ROUNDS + ran,
            ROUNDS - ran,
        )
        pc.processor.rollback(point)


async def test_the_host_gives_it_no_more_than_it_may_have(pc: BarePc) -> None:
    """The engine's default is 1 GiB, which alternating kernels would fill."""
    assert pc.processor.engine.core.uc.ctl_get_tcg_buffer_size() <= SIZE
    load(pc)
    before = resident()
    await pc.run_to_halt()
    assert resident() - before < 2 * SIZE  # 3 rounds of 3,000 blocks are more
