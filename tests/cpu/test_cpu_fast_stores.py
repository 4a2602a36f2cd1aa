"""Code that is written takes effect, through whatever address; data is stored at full speed."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable
from typing import NamedTuple

import pytest

from .conftest import ALIASES, BarePc, OpenPc, dword

LOG, ROUNDS, SOURCE = 0x700000, 0x6FFFF0, 0x600000
FUNCTIONS, PAGES = 0x200000, 12


def function(result: int) -> bytes:
    return b"\xb8" + dword(result) + b"\xc3"  # mov eax,result ; ret


class Op(NamedTuple):
    """One step of a random program: call a function, patch it, store beside it, flush."""

    kind: str
    at: int
    alias: int
    value: int = 0


class RandomProgram:
    """Functions on a dozen pages, and operations on them; knows what it must log."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(seed)
        self.functions: dict[int, int] = {}
        for page in range(PAGES):
            for _ in range(chance.randrange(4)):
                at = FUNCTIONS + page * 4096 + chance.choice((0, 64, 512, 2048, 4000, 4090, 4093))
                if all(abs(at - other) >= 16 for other in self.functions):
                    self.functions[at] = chance.getrandbits(32)
        self.functions.setdefault(FUNCTIONS + 256, 1)
        self.rounds = chance.choice((1, 2, 5))
        self.ops = [self._op() for _ in range(chance.choice((20, 60, 200)))]

    def _op(self) -> Op:
        chance = self.chance
        at, alias = chance.choice(list(self.functions)), chance.choice(ALIASES)
        kinds = (
            ["call"] * 7 + ["store4"] * 3 + ["store2", "store1", "copy", "copy", "cr3", "invlpg"]
        )
        kind = chance.choice(kinds + ["data"] * 4)
        if kind == "data":
            at = FUNCTIONS + chance.randrange(PAGES) * 4096 + chance.choice((128, 1024, 3000, 3500))
            return Op(kind, at, alias, chance.getrandbits(32))
        offset = {"store4": 1, "store2": 1 + chance.randrange(3), "store1": 1 + chance.randrange(4)}
        return Op(kind, at + offset.get(kind, 0), alias, chance.getrandbits(32))

    def assemble(self) -> tuple[bytes, bytes]:
        """The driver, and the bytes it copies from."""
        code, source = bytearray(b"\xbd" + dword(LOG)), bytearray()  # mov ebp,LOG
        top = len(code)
        for op in self.ops:
            target = dword(op.at + op.alias)
            if op.kind == "call":  # mov eax,target ; call eax ; mov [ebp],eax ; add ebp,4
                code += b"\xb8" + target + b"\xff\xd0\x89\x45\x00\x83\xc5\x04"
            elif op.kind in {"store4", "data"}:
                code += b"\xc7\x05" + target + dword(op.value)
            elif op.kind == "store2":
                code += b"\x66\xc7\x05" + target + dword(op.value)[:2]
            elif op.kind == "store1":
                code += b"\xc6\x05" + target + dword(op.value)[:1]
            elif op.kind == "copy":  # mov esi,source ; mov edi,target ; mov ecx,6 ; rep movsb
                code += b"\xbe" + dword(SOURCE + len(source)) + b"\xbf" + target
                code += b"\xb9" + dword(6) + b"\xf3\xa4"
                source += function(op.value)
            elif op.kind == "cr3":  # mov eax,cr3 ; mov cr3,eax
                code += b"\x0f\x20\xd8\x0f\x22\xd8"
            else:
                code += b"\x0f\x01\x3d" + target
        code += b"\xff\x0d" + dword(ROUNDS)  # dec dword [ROUNDS] ; jnz top ; cli ; hlt
        code += b"\x0f\x85" + dword(top - len(code) - 6) + b"\xfa\xf4"
        return bytes(code), bytes(source)

    def predict(self) -> tuple[list[int], bytes]:
        """What the calls return, and the function pages at the end."""
        memory = bytearray((PAGES + 1) * 4096)
        for at, result in self.functions.items():
            memory[at - FUNCTIONS : at - FUNCTIONS + 6] = function(result)
        log = []
        for op in self.ops * self.rounds:
            at = op.at - FUNCTIONS
            if op.kind == "call":
                log.append(struct.unpack_from("<I", memory, at + 1)[0])
            elif op.kind == "copy":
                memory[at : at + 6] = function(op.value)
            elif op.kind in {"store4", "data", "store2", "store1"}:
                size = {"store2": 2, "store1": 1}.get(op.kind, 4)
                memory[at : at + size] = dword(op.value)[:size]
        return log, bytes(memory)


def load(pc: BarePc, program: RandomProgram) -> None:
    pc.map_aliases(large_pages=program.chance.random() < 0.3)
    code, source = program.assemble()
    pc.put(SOURCE, source)
    for at, result in program.functions.items():
        pc.put(at, function(result))
    pc.put(ROUNDS, dword(program.rounds))
    pc.start_paged(code)


@pytest.mark.parametrize("seed", range(50))
async def test_random_self_modifying_programs_do_what_a_model_does(pc: BarePc, seed: int) -> None:
    program = RandomProgram(seed)
    load(pc, program)
    await pc.run_to_halt()
    log, memory = program.predict()
    assert list(pc.dwords(LOG, len(log))) == log
    assert pc.processor.read_memory(FUNCTIONS, len(memory)) == memory


def forget(pc: BarePc) -> None:
    for start, end in ((0, 0xA0000), (0xC0000, pc.processor.ram.size)):
        pc.processor.forget_code(start, end - start)


def age(pc: BarePc) -> None:
    pc.processor._memory.age()
    pc.processor._memory.age()


@pytest.mark.parametrize("become_data", [age, forget])
@pytest.mark.parametrize("seed", range(50, 56))
async def test_they_do_so_again_after_their_pages_became_data(
    pc: BarePc, seed: int, become_data: Callable[[BarePc], None]
) -> None:
    program = RandomProgram(seed)
    log, _ = program.predict()
    for _ in range(3):
        load(pc, program)
        pc.put(FUNCTIONS, bytes((PAGES + 1) * 4096))
        for at, result in program.functions.items():
            pc.put(at, function(result))
        await pc.run_to_halt()
        assert list(pc.dwords(LOG, len(log))) == log
        become_data(pc)


async def test_forgotten_code_is_data_and_code_again(pc: BarePc) -> None:
    stores = pc.processor.engine.stores
    assert stores is not None
    pc.put(0x2000, "40 fa f4")  # inc eax ; cli ; hlt
    pc.start(0x2000)
    await pc.run_to_halt()
    pc.processor.forget_code(0x2000, 4096)
    assert not stores.is_code(2)
    pc.processor.ram.store(0x2000, b"\x48")  # dec eax, behind the engine's back
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.register("eax") == 0xFFFFFFFF
    assert stores.is_code(2)


async def test_a_page_is_code_from_its_first_fetch_until_it_has_aged(pc: BarePc) -> None:
    stores = pc.processor.engine.stores
    assert stores is not None
    pc.put(0x2000, "a300600000 e8f60f0000 fa f4")  # mov [6000h],eax ; call 3000h ; cli ; hlt
    pc.put(0x3000, "c3")
    pc.start(0x2000)
    await pc.run_to_halt()
    assert [stores.is_code(page) for page in (2, 3, 6)] == [True, True, False]
    assert stores.age(0, 4096) == []
    assert stores.age(0, 4096) == [2, 3]
    assert [stores.is_code(page) for page in (2, 3, 6)] == [False, False, False]


async def test_stores_are_several_times_faster_than_without(open_pc: OpenPc) -> None:
    # L: mov [6000h],ecx ; mov [6004h],ecx ; mov [6008h],ecx ; mov [600Ch],ecx ; dec ecx ; jnz L
    code = "890d00600000 890d04600000 890d08600000 890d0c600000 49 75e5 f4"
    seconds = {}
    for fast in (True, False):
        async with open_pc(fast_stores=fast) as pc:
            pc.put(0x2000, code)
            pc.start(0x2000, ecx=100)
            engine = pc.processor.engine
            engine.run()  # translate, and make the page fast
            pc.start(0x2000, ecx=400_000)
            began = time.thread_time()
            engine.run()
            seconds[fast] = time.thread_time() - began
            assert pc.dwords(0x6000, 4) == (1, 1, 1, 1)
    assert seconds[False] > 3 * seconds[True]
