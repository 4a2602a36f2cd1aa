"""Instruction counts are exact, whatever faults, stops and rewrites itself."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from hotswap.cpu.ticker import Ticker

from .conftest import BarePc, OpenPc

# Faults, traps, stores into the block itself, REP and calls, ECX times:
# T: inc dword [6000h] ; push ecx ; xor ecx,ecx ; mov eax,7 ; xor edx,edx ; div ecx ; pop ecx
#   int 80h ; mov [P+1],cl ; add eax,ecx
# P: mov bl,0 ; add esi,1 ; push ecx ; mov ecx,5 ; mov edi,7000h ; rep stosd ; pop ecx ; ud2
#   call F ; dec ecx ; jnz T ; cli ; hlt
# F: cmp byte [6004h],1 ; adc edx,0 ; ret
MIX = (
    "ff0500600000 51 31c9 b807000000 31d2 f7f1 59 cd80 880d1e200000 01c8 b300 83c601 51 b905000000"
    "bf00700000 f3ab 59 0f0b e805000000 49 75c6 fa f4 803d0460000001 83d200 c3"
)
SKIP = "83042402 cf"  # add dword [esp],2 ; iret
ROUND = 32
"""Instructions in a round: 22 of its own, REP's 6, and 4 of the two SKIPs; no div and no ud2."""


def load_mix(pc: BarePc, rounds: int = 300) -> None:
    pc.put(0x2000, MIX)
    pc.put(0x4000, SKIP)
    pc.put(0x4100, "cf")
    pc.gate(0, 0x4000)
    pc.gate(6, 0x4000)
    pc.gate(0x80, 0x4100)
    pc.start(0x2000, ecx=rounds)


def outcome(pc: BarePc) -> tuple[object, ...]:
    env = pc.processor.engine.env
    registers = tuple(int(value) for value in env.regs[:8])
    return (*registers, env.eip, pc.dword(0x6000), pc.processor.instructions)


@pytest.mark.parametrize("fast_stores", [True, False])
async def test_only_what_has_retired_is_counted(open_pc: OpenPc, fast_stores: bool) -> None:
    async with open_pc(fast_stores=fast_stores) as pc:
        load_mix(pc)
        await pc.run_to_halt()
        assert pc.processor.instructions == 300 * ROUND + 2
        assert pc.dword(0x6000) == 300


async def test_the_count_of_single_steps_is_that_of_a_run(open_pc: OpenPc) -> None:
    async with open_pc() as run:
        load_mix(run)
        await run.run_to_halt()
        wanted = outcome(run)
    for size in (1, 7, 600):
        async with open_pc() as pc:
            load_mix(pc)
            steps = 0
            async with pc.processor.paused():
                while not pc.processor.halted:
                    done = await pc.processor.step(size)
                    assert done == size or pc.processor.halted
                    steps += done
            assert outcome(pc) == wanted
            assert steps == 300 * ROUND + 2


async def test_thousands_of_stops_change_neither_count_nor_result(open_pc: OpenPc) -> None:
    rounds, stops = 8000, 0
    async with open_pc() as run:
        load_mix(run, rounds)
        run.processor.engine.run()
        wanted = outcome(run)
    while stops < 2500:
        async with open_pc() as pc:
            load_mix(pc, rounds)
            engine = pc.processor.engine
            with Ticker(engine.core) as ticker:
                ticker.start(1)
                while not engine.halted:
                    engine.counter.stop_at()
                    engine.run()
                    stops += 1
            assert outcome(pc) == wanted


async def test_a_run_stops_at_the_first_block_that_reaches_the_count(pc: BarePc) -> None:
    # L: inc ecx ; inc ecx ; inc ecx ; jmp L
    pc.put(0x2000, "41 41 41 ebfb")
    pc.start(0x2000)
    engine = pc.processor.engine
    for wanted in (4, 8, 1000, 1004, 1004, 123456):
        engine.counter.stop_at(wanted)
        engine.run()
        assert engine.counter.instructions == wanted
        assert pc.register("eip") == 0x2000
    engine.counter.stop_at(123457)
    engine.run()
    assert engine.counter.instructions == 123460


async def test_a_stop_before_the_run_is_not_lost(pc: BarePc) -> None:
    pc.put(0x2000, "ebfe")  # jmp $
    pc.start(0x2000)
    pc.processor.engine.counter.stop()
    pc.processor.engine.run()
    assert pc.processor.instructions == 0


@pytest.mark.parametrize("size", [1, 2, 3, 511, 512, 513, 5000])
async def test_steps_of_any_length_are_exact(pc: BarePc, size: int) -> None:
    pc.put(0x2000, b"\x90" * 0x8000)
    pc.start(0x2000, esp=0x20000)
    async with pc.processor.paused():
        assert await pc.processor.step(size) == size
        assert await pc.processor.step(size) == size
    assert pc.register("eip") == 0x2000 + 2 * size
    assert pc.processor.instructions == 2 * size


async def test_a_rep_counts_its_iterations(pc: BarePc) -> None:
    # mov ecx,1000 ; mov edi,7000h ; rep stosb ; cli ; hlt
    pc.put(0x2000, "b9e8030000 bf00700000 f3aa fa f4")
    pc.start(0x2000)
    async with pc.processor.paused():
        assert await pc.processor.step(12) == 12
        assert pc.register("ecx") == 990
    await pc.run_to_halt()
    assert pc.processor.instructions == 2 + 1001 + 2  # and once to find that ECX is 0


async def test_an_int_whose_gate_faults_has_not_retired(pc: BarePc) -> None:
    pc.put(0x2000, "90 cd81")  # nop ; int 81h
    pc.put(0x4000, "fa f4")
    pc.gate(13, 0x4000)
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.processor.instructions == 1 + 2


async def test_a_translated_block_counts_for_itself_in_every_engine(open_pc: OpenPc) -> None:
    async with AsyncExitStack() as engines:
        for _ in range(4):  # the buffers for code of the last ones are far from the library
            pc = await engines.enter_async_context(open_pc())
            pc.put(0x2000, "41 83f964 75fa fa f4")  # L: inc ecx ; cmp ecx,100 ; jne L ; cli ; hlt
            pc.start(0x2000)
            parameters = pc.processor.engine.core.parameters
            before = parameters.rewritten
            await pc.run_to_halt()
            assert pc.processor.instructions == 300 + 2
            assert parameters.rewritten == before + 2
