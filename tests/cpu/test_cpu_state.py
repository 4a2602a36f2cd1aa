"""A state taken is a state put back: the trace afterwards is the same, here and elsewhere."""

from __future__ import annotations

import ctypes
import random
import struct
from typing import Any

import msgspec
import pytest

from hotswap.cpu import CpuState, CpuStateError
from hotswap.cpu.registers import Env

from .conftest import BarePc, OpenPc

# Runs every kind of state along: flags, x87 stack and rounding, string direction, stack, CR2, DR0.
# L: add eax,ecx ; adc ebx,eax ; sbb edx,ebx ; rol ebx,3 ; imul esi,ebx,10001h ; fild dword [6000h]
#   fsqrt ; fadd ; fist dword [6004h] ; std ; cmc ; rcl ebp,1 ; mov [6000h],ebx ; pushf ; pop edi
#   and dword [6000h],7FFFFFFFh ; mov cr2,edi ; inc ecx ; jmp L
TRACED = (
    "01c8 11c3 19da c1c303 69f301000100 db0500600000 d9fa dec1 db1504600000 fd f5 d1d5"
    "891d00600000 9c 5f 812500600000ffffff7f 0f22d7 41 ebc4"
)


def load_traced(pc: BarePc) -> None:
    pc.put(0x2000, TRACED)
    pc.put(0x1FF0, "dbe3 d9e8 d92d08600000")  # fninit ; fld1 ; fldcw [6008h]
    pc.put(0x6000, struct.pack("<IIH", 12345, 0, 0x0E7F))  # round towards zero, 53 bits
    pc.put(0x1FFA, b"\x90" * 6)
    pc.start(0x1FF0, eax=3, ebx=5, edx=7, ecx=11)


def look(pc: BarePc) -> tuple[object, ...]:
    env = pc.processor.engine.env
    x87 = tuple((r.mantissa, r.exponent) for r in env.fpregs)
    flags = (env.cc_op, env.cc_src, env.cc_dst, env.df, env.fpus, env.fpstt)
    general = tuple(int(value) for value in env.regs[:8])
    return (*general, env.eip, env.cr[2], flags, x87, pc.dwords(0x6000, 2))


async def trace(pc: BarePc, steps: int) -> list[tuple[object, ...]]:
    seen = []
    async with pc.processor.paused():
        for size in [1, 2, 3, 5] * steps:
            await pc.processor.step(size)
            seen.append(look(pc))
    return seen


def travelled(state: CpuState) -> CpuState:
    """Through a file and back."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=CpuState)


@pytest.mark.parametrize("point", [1, 7, 100, 1003])
async def test_the_trace_after_a_round_trip_is_the_same(pc: BarePc, point: int) -> None:
    load_traced(pc)
    async with pc.processor.paused():
        await pc.processor.step(point)
    state, memory = travelled(pc.processor.take_state()), pc.processor.read_memory(0x6000, 16)
    wanted = await trace(pc, 20)
    pc.processor.put_state(state)
    pc.put(0x6000, memory)
    assert pc.processor.take_state() == state
    assert pc.processor.instructions == point
    assert await trace(pc, 20) == wanted


async def test_a_fresh_processor_goes_on_identically(open_pc: OpenPc) -> None:
    async with open_pc(rate=1_000_000) as old, open_pc(rate=1_000_000) as new:
        load_traced(old)
        async with old.processor.paused():
            await old.processor.step(777)
        new.put(0x1FF0, old.processor.read_memory(0x1FF0, 128))
        new.put(0x6000, old.processor.read_memory(0x6000, 16))
        new.processor.put_state(travelled(old.processor.take_state()))
        assert new.backplane.clock.now() == old.backplane.clock.now() == 777_000
        assert await trace(new, 30) == await trace(old, 30)
        assert new.processor.take_state() == old.processor.take_state()


async def test_every_field_survives(pc: BarePc) -> None:
    """Random values in every field come back from the engine as they were."""
    chance = random.Random(4)
    load_traced(pc)
    original = pc.processor.take_state()
    untouched = {"version", "model", "halted", "shut_down", "nmi_pending", "skipped"}
    bits = {"cc_op": 5, "fpstt": 3, "fpus": 16, "fpuc": 16, "fpcs": 16, "fpds": 16, "fpop": 11}

    def scramble(name: str, value: Any) -> Any:
        if isinstance(value, msgspec.Struct):
            fields = {n: scramble(n, getattr(value, n)) for n in value.__struct_fields__}
            return type(value)(**fields)
        if name == "dr":
            return [0x1111, 0x2222, 0x3333, 0x4444, 0, 0, 0xFFFF0FF1, 0x401]
        if name in {"registers", "xmm"}:
            high = 16 if name == "registers" else 64
            return [(chance.getrandbits(64), chance.getrandbits(high)) for _ in range(8)]
        if isinstance(value, list):
            return [chance.getrandbits(1) for _ in value]
        if name == "armed_vector":
            return 0x42
        return chance.getrandbits(bits.get(name, 31))

    fields = {
        name: getattr(original, name)
        if name in untouched
        else scramble(name, getattr(original, name))
        for name in original.__struct_fields__
    }
    state = CpuState(**fields)
    pc.processor.put_state(state)
    assert pc.processor.take_state() == state
    pc.processor.put_state(original)
    assert pc.processor.take_state() == original


async def test_a_pending_interrupt_belongs_to_the_state(open_pc: OpenPc) -> None:
    async with open_pc() as old, open_pc() as new:
        for pc in (old, new):
            pc.put(0x2000, "e6e0 eb00 90 fb 90 90 fa f4")  # out 0E0h,al ; jmp $+2 ; nop ; sti ; ...
            pc.put(0x4000, "43 cf")  # inc ebx ; iret
            pc.gate(0x20, 0x4000)
            pc.start(0x2000)
        old.probe.on_out = lambda _port, _width, _value: old.controller.pending.append(0x20)
        async with old.processor.paused():
            await old.processor.step(2)
        state = travelled(old.processor.take_state())
        assert state.armed_vector == 0x20
        new.controller.pending.append(0x20)
        new.processor.put_state(state)
        await new.run_to_halt()
        assert new.register("ebx") == 1
        assert new.controller.acknowledged == [0x20]


async def test_a_pending_nmi_and_its_mask_belong_to_the_state(open_pc: OpenPc) -> None:
    async with open_pc() as old, open_pc() as new:
        for pc in (old, new):
            pc.put(0x2000, "90 eb00 fa f4")  # nop ; jmp $+2 ; cli ; hlt
            pc.put(0x4000, "43 cf")  # inc ebx ; iret
            pc.gate(2, 0x4000)
            pc.start(0x2000)
        old.processor.engine.env.hflags2 |= 4  # as if in a handler
        old.processor.nmi()
        state = travelled(old.processor.take_state())
        assert state.nmi_pending
        new.processor.put_state(state)
        await new.run_to_halt()
        assert new.register("ebx") == 0  # still masked
        new.processor.put_state(msgspec.structs.replace(state, hflags2=state.hflags2 & ~4))
        await new.run_to_halt()
        assert new.register("ebx") == 1


async def test_halted_belongs_to_the_state(open_pc: OpenPc) -> None:
    async with open_pc() as old, open_pc() as new:
        for pc in (old, new):
            pc.put(0x2000, "fb f4 43 fa f4")  # sti ; hlt ; inc ebx ; cli ; hlt
            pc.put(0x4000, "41 cf")  # inc ecx ; iret
            pc.gate(0x20, 0x4000)
            pc.start(0x2000)
        async with old.processor.paused():
            assert await old.processor.step(10) == 2
        state = travelled(old.processor.take_state())
        assert state.halted
        new.processor.put_state(state)
        assert new.processor.halted
        async with new.processor.paused():
            assert await new.processor.step(5) == 0
        new.controller.pending.append(0x20)
        await new.run_to_halt()
        assert (new.register("ebx"), new.register("ecx")) == (1, 1)


async def test_the_a20_gate_belongs_to_the_state(pc: BarePc) -> None:
    pc.put(0x2000, "a100001000 fa f4")  # mov eax,[100000h]
    pc.put(0, b"zero")
    pc.put(0x100000, b"high")
    pc.processor.set_a20(False)
    pc.start(0x2000)
    state = pc.processor.take_state()
    pc.processor.set_a20(True)
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.register("eax") == int.from_bytes(b"high", "little")
    pc.processor.put_state(state)
    assert not pc.processor.a20
    await pc.run_to_halt()
    assert pc.register("eax") == int.from_bytes(b"zero", "little")


async def test_the_state_of_another_model_or_version_is_refused(open_pc: OpenPc) -> None:
    async with open_pc(model="486") as old, open_pc(model="586") as new:
        state = old.processor.take_state()
        before = new.processor.take_state()
        with pytest.raises(CpuStateError, match="--cpu 486"):
            new.processor.put_state(state)
        with pytest.raises(CpuStateError, match="version 99"):
            old.processor.put_state(msgspec.structs.replace(state, version=99))
        assert new.processor.take_state() == before


async def test_xmm_registers_belong_to_the_state(open_pc: OpenPc) -> None:
    async with open_pc(model="686sse") as old, open_pc(model="686sse") as new:
        for pc in (old, new):
            pc.put(0x6000, struct.pack("<4f", 1, 2, 3, 4))
            # mov eax,200h ; mov cr4,eax ; movaps xmm7,[6000h] ; addps xmm7,[6000h]
            # movups [6010h],xmm7 ; cli ; hlt
            pc.put(0x2000, "b800020000 0f22e0 0f283d00600000 0f583d00600000 0f113d10600000 fa f4")
            pc.start(0x2000)
        async with old.processor.paused():
            await old.processor.step(4)
        state = travelled(old.processor.take_state())
        low, high = struct.unpack("<2Q", struct.pack("<4f", 2, 4, 6, 8))
        assert state.fpu.xmm == [(0, 0)] * 7 + [(low, high)]
        new.processor.put_state(state)
        async with new.processor.paused():
            await new.processor.step(1)
        assert new.processor.read_memory(0x6010, 16) == struct.pack("<4f", 2, 4, 6, 8)


async def test_an_mmx_operand_in_memory_is_no_register(open_pc: OpenPc) -> None:
    async with open_pc(model="586") as pc:
        pc.put(0x6000, b"12345678")
        pc.put(0x2000, "0f fc 05 00 60 00 00 0f77 fa f4")  # paddb mm0,[6000h] ; emms ; cli ; hlt
        pc.start(0x2000)
        async with pc.processor.paused():
            await pc.processor.step(2)
        assert pc.processor.take_state().eip == 0x2009


VM_HSAVE: int = Env.vm_hsave.offset


@pytest.mark.parametrize(
    ("offset", "message"),
    [(0x18B0, "MTRR"), (VM_HSAVE, "registers a 486 does not have")],
)
async def test_registers_the_model_does_not_have_are_refused(
    pc: BarePc, offset: int, message: str
) -> None:
    ctypes.memset(pc.processor.engine.core.env_address + offset, 1, 1)
    with pytest.raises(CpuStateError, match=message):
        pc.processor.take_state()
