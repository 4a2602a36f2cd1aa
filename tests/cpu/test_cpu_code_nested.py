"""The board's engine stands in a bus cycle while a card's engine runs: neither notices."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator

import pytest

from hotswap.bus import HotswapError
from hotswap.bus.code_engine import CodeEngine
from hotswap.cpu import CodePool

from .conftest import BarePc, OpenPc

ROUNDS = 5000
TEXT, BAD, DATA = 0x100000, 0x101000, 0x102000
SEED = 0x2545F491
# sti ; mov ecx,ROUNDS ; L: in eax,0E0h ; lock bts eax,eax ; add ebx,eax ; rol ebx,3
# lock inc dword [6000h] ; fld1 ; fstp st ; dec ecx ; jnz L ; cli ; hlt
# The engine gives up LOCK BTS while it translates, and has to know then which engine it is.
POLL = f"fb b9 {struct.pack('<I', ROUNDS).hex()}"
POLL += "e5e0 f00fabc0 01c3 c1c303 f0ff0500600000 d9e8 ddd8 49 75e7 fa f4"
INTERRUPTED = "ff0510600000 cf"  # inc dword [6010h] ; iret
INVALID = "83042404 cf"  # add dword [esp],4 ; iret
VECTOR = 0x40
TROUBLE = [
    "31c9 f7f1",  # divide error
    "0f0b",  # bad opcode
    "f00fabc0",  # lock bts eax,eax: the engine has to give up
    "a100000000",  # a null pointer
    "ebfe",  # for ever
    "cd80",
    "e8fbffffff",  # call itself: the stack overflows
]


def xorshift(value: int) -> int:
    """Marsaglia's xorshift32."""
    value ^= value << 13 & 0xFFFFFFFF
    value ^= value >> 17
    return value ^ (value << 5 & 0xFFFFFFFF)


# The same: mov eax,[DATA] ; ... ; mov [DATA],eax ; push eax ; call FUNCTION ; pop ecx
# mov eax,[DATA] ; ret
def in_machine_code(stub: int) -> bytes:
    shifts = "89c2 c1e20d 31d0 89c2 c1ea11 31d0 89c2 c1e205 31d0"
    call = f"b8 {struct.pack('<I', stub).hex()} ffd0"
    return bytes.fromhex(f"a100201000 {shifts} a300201000 50 {call} 59 a100201000 c3")


@pytest.fixture
def engine() -> Iterator[CodeEngine]:
    with CodePool() as pool:
        engine = pool.take()
        engine.map(TEXT, 0x1000, writable=False, executable=True)
        engine.map(BAD, 0x1000, writable=False, executable=True)
        engine.map(DATA, 0x1000, writable=True, executable=False)
        engine.write(DATA, struct.pack("<I", SEED))
        yield engine
        engine.close()


def ask_now_and_then(pc: BarePc) -> Callable[[int], int]:
    def ask(value: int) -> int:
        if value % 7 == 0:
            pc.controller.ask(VECTOR)
        return 0

    return ask


async def outcome(pc: BarePc, answer: Callable[[int, int], int]) -> tuple[object, ...]:
    pc.probe.on_in = answer
    pc.put(0x2000, POLL)
    pc.put(0x3000, INTERRUPTED)
    pc.put(0x4000, INVALID)
    pc.gate(VECTOR, 0x3000)
    pc.gate(6, 0x4000)
    pc.start(0x2000)
    await pc.run_to_halt()
    state = pc.processor.take_state()
    asked = len(pc.controller.acknowledged)
    assert pc.dword(0x6000) == ROUNDS
    assert pc.dword(0x6010) == asked > ROUNDS // 10
    return state, asked


async def test_a_guest_that_polls_code_and_is_interrupted_sees_what_python_would_show_it(
    open_pc: OpenPc, engine: CodeEngine
) -> None:
    async with open_pc(rate=100_000_000) as pc:
        ask, value = ask_now_and_then(pc), SEED

        def in_python(_port: int, _width: int) -> int:
            nonlocal value
            value = xorshift(value)
            ask(value)
            return value

        wanted = await outcome(pc, in_python)
    async with open_pc(rate=100_000_000) as pc:
        stub = engine.host_call(ask_now_and_then(pc), 1)
        engine.write(TEXT, in_machine_code(stub))
        trouble = itertools.cycle(TROUBLE)
        calls = itertools.count()

        def in_code(port: int, width: int) -> int:
            if next(calls) % 10 == 0:
                engine.write(BAD, bytes.fromhex(next(trouble)).ljust(16, b"\xf4"))
                assert engine.call(BAD, (), 20_000).fault is not None
            result = engine.call(TEXT, (port, width), 1000)
            assert result.fault is None
            return result.value & 0xFFFFFFFF

        assert await outcome(pc, in_code) == wanted


async def test_what_a_host_call_raises_inside_a_cycle_ends_both(
    pc: BarePc, engine: CodeEngine
) -> None:
    def refuse(_value: int) -> int:
        raise HotswapError("not now")

    engine.write(TEXT, in_machine_code(engine.host_call(refuse, 1)))

    def in_code(_port: int, _width: int) -> int:
        result = engine.call(TEXT, (), 1000)
        assert result.fault is not None
        raise HotswapError(result.fault.reason)

    pc.probe.on_in = in_code
    pc.put(0x2000, "e5e0 fa f4")  # in eax,0E0h ; cli ; hlt
    pc.start(0x2000)
    async with pc.running():
        await pc.ended.wait()
    assert "not now" in str(pc.events[0])
