"""Rings: gates between them, stacks, returns outward, conforming code, the LDT."""

from __future__ import annotations

import struct
from typing import NamedTuple

import pytest

from .conftest import IDT, STACK, BarePc
from .rings import (
    CALL_GATE,
    CODE_0,
    CODE_3,
    DATA_0,
    DATA_3,
    IF,
    INTERRUPT_GATE,
    IOPL_3,
    LDT,
    LOCAL,
    PROGRAM,
    SPARE,
    TSS,
    USER_STACK,
    Rings,
    descriptor,
    gate,
)

CONFORMING = descriptor(0, 0xFFFFF, 0x9F, 0xC)


class Case(NamedTuple):
    """Machine code in ring 3 and what it raises; `at` is EIP from `PROGRAM`."""

    code: str
    vector: int
    error: int | None
    at: int
    flags: int = 0


FAULTS = [
    # -- instructions of ring 0: HLT, LGDT, LMSW, CLTS, MOV CR, MOV DR, INVLPG, WBINVD
    # hlt
    Case("f4", 13, 0, 0),
    # nop ; lgdt [6100h]
    Case("90 0f011500610000", 13, 0, 1),
    # lmsw ax
    Case("0f01f0", 13, 0, 0),
    # clts
    Case("0f06", 13, 0, 0),
    # mov eax,cr0
    Case("0f20c0", 13, 0, 0),
    # mov cr3,eax
    Case("0f22d8", 13, 0, 0),
    # mov eax,dr7
    Case("0f21f8", 13, 0, 0),
    # invlpg [6100h]
    Case("0f013d00610000", 13, 0, 0),
    # wbinvd
    Case("0f09", 13, 0, 0),
    # -- of IOPL: CLI, STI, IN, OUT, INS, OUTS; with IOPL 3 they are allowed
    # cli
    Case("fa", 13, 0, 0),
    # sti
    Case("fb", 13, 0, 0),
    # in al,0E0h
    Case("e4e0", 13, 0, 0),
    # nop ; out 0E0h,eax
    Case("90 e7e0", 13, 0, 1),
    # insb
    Case("6c", 13, 0, 0),
    # inc ecx ; rep outsd
    Case("41 f36f", 13, 0, 1),
    # cli ; sti ; in al,0E0h ; hlt
    Case("fa fb e4e0 f4", 13, 0, 4, IOPL_3),
    # -- INT through gates of ring 0: #GP names the INT, in one byte and in two; CPU exceptions pass
    # int3
    Case("cc", 13, 3 * 8 + 2, 0),
    # nop ; db 0CDh,3
    Case("90 cd03", 13, 3 * 8 + 2, 1),
    # mov al,127 ; inc al ; into
    Case("b07f fec0 ce", 13, 4 * 8 + 2, 4),
    # nop ; db 0CDh,4
    Case("90 cd04", 13, 4 * 8 + 2, 1),
    # nop ; db 0CDh,14
    Case("90 cd0e", 13, 14 * 8 + 2, 1),
    # ud2
    Case("0f0b", 6, None, 0),
    # -- segments of ring 0; ring 3's own
    # mov eax,18h ; mov ds,eax
    Case("b818000000 8ed8", 13, DATA_0, 5),
    # mov eax,18h ; mov ss,eax
    Case("b818000000 8ed0", 13, DATA_0, 5),
    # mov eax,28h ; mov ss,eax
    Case("b828000000 8ed0", 13, 0x28, 5),
    # jmp 10h:2000h
    Case("ea002000001000", 13, CODE_0, 0),
    # jmp 13h:2000h
    Case("ea002000001300", 13, CODE_0, 0),
    # call 48h:0
    Case("9a000000004800", 13, SPARE, 0),
    # mov eax,30h ; ltr ax
    Case("b830000000 0f00d8", 13, 0, 5),
    # -- returns inward
    # push dword 10h ; push dword 2000h ; retf
    Case("6a10 6800200000 cb", 13, CODE_0, 7),
    # pushf ; push dword 10h ; push dword 2000h ; iret
    Case("9c 6a10 6800200000 cf", 13, CODE_0, 8),
]


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: f"{case.vector}-{case.code}")
async def test_ring_3_may_not(pc: BarePc, case: Case) -> None:
    rings = Rings(pc)
    rings.define(SPARE, gate(CODE_0, 0x4000, CALL_GATE))  # DPL 0
    rings.start_ring_3(case.code, case.flags)
    fault = await rings.caught()
    assert fault is not None
    assert fault[:4] == (case.vector, case.error, PROGRAM + case.at, CODE_3)
    assert rings.esp == STACK - 20 - 4 * (case.error is not None)
    assert pc.dwords(STACK - 8, 2)[1] == DATA_3


@pytest.mark.parametrize("flags", [0, IF])
async def test_popf_in_ring_3_leaves_if_and_iopl(pc: BarePc, flags: int) -> None:
    rings = Rings(pc)
    # push ecx ; popf ; ud2
    rings.start_ring_3("51 9d 0f0b", flags, ecx=IOPL_3 | flags ^ IF)
    fault = await rings.caught()
    assert fault is not None
    assert fault.eflags & (IF | IOPL_3) == flags


async def test_an_interrupt_gate_takes_the_stack_of_the_tss_and_iret_gives_it_back(
    pc: BarePc,
) -> None:
    rings = Rings(pc)
    pc.put(IDT + 8 * 0x30, gate(CODE_0, 0x4000, INTERRUPT_GATE | 3 << 5))
    # mov ebx,esp ; mov esi,ss ; iret
    pc.put(0x4000, "89e3 8cd6 cf")
    # int 30h ; mov ecx,esp ; mov edi,ss ; ud2
    rings.start_ring_3("cd30 89e1 8cd7 0f0b")
    fault = await rings.caught()
    assert fault is not None
    assert (pc.register("ebx"), pc.register("esi")) == (STACK - 20, DATA_0)
    assert (pc.register("ecx"), pc.register("edi")) == (USER_STACK, DATA_3)


async def test_a_return_outward_drops_segments_of_ring_0(pc: BarePc) -> None:
    rings = Rings(pc)
    pc.put(IDT + 8 * 0x30, gate(CODE_0, 0x4000, INTERRUPT_GATE | 3 << 5))
    # DS of ring 0 becomes null, ES of ring 3 stays
    # mov eax,18h ; mov ds,eax ; iret
    pc.put(0x4000, "b818000000 8ed8 cf")
    # int 30h ; mov ebx,ds ; mov ecx,es ; ud2
    rings.start_ring_3("cd30 8cdb 8cc1 0f0b")
    assert await rings.caught() is not None
    assert (pc.register("ebx"), pc.register("ecx")) == (0, DATA_3)


# -- call gates -----------------------------------------------------------------------------------


async def test_a_call_gate_copies_parameters_and_retf_drops_them(pc: BarePc) -> None:
    rings = Rings(pc)
    rings.define(SPARE, gate(CODE_0, 0x4000, CALL_GATE | 3 << 5, parameters=2))
    # mov ebx,[esp+8] ; mov ecx,[esp+12] ; mov edx,cs ; mov edi,esp ; retf 8
    pc.put(0x4000, "8b5c2408 8b4c240c 8cca 89e7 ca0800")
    # push dword 11h ; push dword 22h ; call 4Bh:0 ; mov esi,esp ; ud2
    rings.start_ring_3("6a11 6a22 9a000000004b00 89e6 0f0b")
    fault = await rings.caught()
    assert fault is not None
    assert fault.cs == CODE_3
    assert [pc.register(r) for r in ("ebx", "ecx", "edx")] == [0x22, 0x11, CODE_0]
    assert pc.register("edi") == STACK - 24
    assert pc.register("esi") == USER_STACK


async def test_a_16_bit_call_gate_pushes_words(pc: BarePc) -> None:
    rings = Rings(pc)
    rings.define(SPARE, gate(CODE_0, 0x4000, 0x84 | 3 << 5))
    # mov edi,esp ; cli ; hlt
    pc.put(0x4000, "89e7 fa f4")
    # call 4Bh:0
    rings.start_ring_3("9a000000004b00")
    assert await rings.caught() is None
    assert pc.register("edi") == STACK - 8
    words = struct.unpack("<4H", pc.processor.read_memory(STACK - 8, 8))
    assert words == (PROGRAM + 7, CODE_3, USER_STACK, DATA_3)


async def test_jmp_through_a_call_gate_stays_in_its_ring(pc: BarePc) -> None:
    rings = Rings(pc)
    rings.define(SPARE, gate(CODE_0, 0x4000, CALL_GATE | 3 << 5))
    # jmp 4Bh:0
    rings.start_ring_3("ea000000004b00")
    fault = await rings.caught()
    assert fault is not None
    assert fault[:3] == (13, CODE_0, PROGRAM)


BAD_GATES = [  # what the gate leads to, or the TSS's stack, and the exception
    (gate(CODE_0, 0x4000, 0x6C), (TSS + 8, DATA_0), (11, SPARE)),  # absent
    (gate(0, 0x4000, 0xEC), (TSS + 8, DATA_0), (13, 0)),  # null
    (gate(DATA_0, 0x4000, 0xEC), (TSS + 8, DATA_0), (13, DATA_0)),  # data
    (gate(CODE_0, 0x4000, 0xEC), (TSS + 8, 0), (10, 0)),  # SS0 null
    (gate(CODE_0, 0x4000, 0xEC), (TSS + 8, DATA_3), (10, 0x28)),  # SS0 of ring 3
    (gate(CODE_0, 0x4000, 0xEC), (TSS + 8, CODE_0), (10, CODE_0)),  # SS0 code
    (gate(CODE_0, 0x4000, 0xEC), (TSS + 8, 0x1000), (10, 0x1000)),  # SS0 beyond the GDT
]


@pytest.mark.parametrize(("content", "stack", "expected"), BAD_GATES)
async def test_a_bad_call_gate_or_stack_faults_the_call(
    pc: BarePc, content: bytes, stack: tuple[int, int], expected: tuple[int, int]
) -> None:
    rings = Rings(pc)
    rings.define(SPARE, content)

    # call 4Bh:0
    rings.start_ring_3("9a000000004b00")
    at, selector = stack
    good, bad = struct.pack("<I", DATA_0), struct.pack("<I", selector)
    vector, error = expected
    pc.put(at, bad)
    if bad == good:
        fault = await rings.caught()
        assert fault is not None
        assert fault[:3] == (vector, error, PROGRAM)
    else:  # the stack of #TS is the bad one as well: #TS again, then #DF, then shutdown
        assert (await pc.run()).reason == "triple fault"


# -- conforming code and the LDT ------------------------------------------------------------------


# jmp 48h:4000h
# call 48h:4000h
@pytest.mark.parametrize("how", ["ea004000004800", "9a004000004800"])
async def test_conforming_code_runs_in_the_ring_of_its_caller(pc: BarePc, how: str) -> None:
    rings = Rings(pc)
    rings.define(SPARE, CONFORMING)
    # mov ebx,cs ; hlt
    pc.put(0x4000, "8ccb f4")
    rings.start_ring_3(how)
    fault = await rings.caught()
    assert fault is not None
    assert fault[:4] == (13, 0, 0x4002, SPARE | 3)
    assert pc.register("ebx") == SPARE | 3


async def test_segments_of_the_ldt_are_used_and_checked(pc: BarePc) -> None:
    rings = Rings(pc)
    rings.define(0x0C, descriptor(0x6100, 0xFFF, 0xF3, 4))  # LDT entry 1: data of ring 3 at 6100h
    pc.put(0x6100, struct.pack("<I", 0x12345678))
    # mov eax,40h ; lldt ax ; mov eax,0Fh ; mov ds,eax ; mov ebx,[0] ; sldt ecx ; entry 8: beyond
    # mov eax,40h ; lldt ax ; mov eax,0Fh ; mov ds,eax ; mov ebx,[0] ; sldt cx ; mov eax,44h ; mov
    # es,eax
    rings.start("b840000000 0f00d0 b80f000000 8ed8 8b1d00000000 660f00c1 b844000000 8ec0")
    fault = await rings.caught()
    assert fault is not None
    assert (pc.register("ebx"), pc.register("ecx")) == (0x12345678, LOCAL)
    assert fault[:2] == (13, 0x44)
    assert pc.processor.take_state().ldtr.base == LDT


async def test_lar_lsl_verr_verw_and_arpl_answer_by_zf(pc: BarePc) -> None:
    rings = Rings(pc)
    rings.start(
        # mov eax,18h ; lar ecx,ax ; lsl edx,ax ; verr ax ; setz bl ; mov eax,10h ; verw ax ; setz
        # bh ; mov eax,1000h ; lar eax,ax ; setz ah ; cli ; hlt
        "b818000000 0f02c8 0f03d0 0f00e0 0f94c3 b810000000 0f00e8 0f94c7 b800100000 "
        "0f02c0 0f94c4 fa f4 "
    )
    assert await rings.caught() is None
    assert (pc.register("ecx"), pc.register("edx")) == (0xC09300, 0xFFFFFFFF)
    assert pc.register("ebx") == 0x0001
    assert pc.register("eax") >> 8 & 1 == 0
