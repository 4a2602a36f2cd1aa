"""Task switches: by JMP, CALL, interrupt and IRET, through selectors and gates."""

from __future__ import annotations

import struct

import pytest

from .conftest import GDT, IDT, STACK, BarePc
from .rings import (
    CODE_0,
    CODE_3,
    DATA_0,
    DATA_3,
    LOCAL,
    NT,
    OTHER_TASK,
    OTHER_TSS,
    PROGRAM,
    SPARE,
    TASK,
    TASK_GATE,
    TSS,
    TSS_32,
    Rings,
    descriptor,
    gate,
)

OTHER, OTHER_STACK = 0x4000, 0x7400
TS = 8
_LINK, _EIP, _EFLAGS, _EAX, _ESP, _EDI, _ES, _LDTR = 0, 32, 36, 40, 56, 68, 72, 96
# mov eax,30h ; ltr ax
LTR = "b830000000 0f00d8"


def other_task(rings: Rings, code: str, *, eflags: int = 2, ring: int = 0, **fields: int) -> None:
    """Fill the second TSS: `code` at `OTHER`, its own stack, EAX to EDI 1 to 8, the LDT."""
    cs, data = (CODE_0, DATA_0) if ring == 0 else (CODE_3, DATA_3)
    words = [0, STACK - 0x200, DATA_0, 0, 0, 0, 0, 0, OTHER, eflags]
    words += [1, 2, 3, 4, OTHER_STACK, 6, 7, 8, data, cs, data, data, data, data]
    words += [fields.get("ldtr", LOCAL), 0x68 << 16]
    rings.pc.put(OTHER_TSS, struct.pack("<26I", *words))
    rings.pc.put(OTHER, code)


def tss(pc: BarePc, at: int, field: int) -> int:
    return pc.dword(at + field)


def busy(pc: BarePc, selector: int) -> bool:
    return bool(pc.processor.read_memory(GDT + selector + 5, 1)[0] & 2)


THERE = (
    # mov [6100h],eax ; mov [6104h],edi ; mov [6108h],esp ; str [610Ch] ; sldt [6110h] ; mov
    # eax,cr0 ; mov [6114h],eax ; pushf ; pop dword [6118h] ; cli ; hlt
    "a300610000 893d04610000 892508610000 0f000d0c610000 0f000510610000 0f20c0 "
    "a314610000 9c 8f0518610000 fa f4 "
)
"""Notes what the task was given."""


@pytest.mark.parametrize(
    ("how", "nested"),
    [
        # to the TSS itself, then through a task gate
        # jmp 38h:0
        ("ea000000003800", False),
        # call 38h:0
        ("9a000000003800", True),
        # jmp 48h:0
        ("ea000000004800", False),
        # call 48h:0
        ("9a000000004800", True),
        # int 30h
        ("cd30", True),
    ],
)
async def test_a_switch_saves_one_task_and_loads_the_other(
    pc: BarePc, how: str, nested: bool
) -> None:
    rings = Rings(pc)
    rings.define(SPARE, gate(OTHER_TASK, 0, TASK_GATE))
    pc.put(IDT + 8 * 0x30, gate(OTHER_TASK, 0, TASK_GATE))
    other_task(rings, THERE)
    rings.start(LTR + how, ebx=0x55, edi=0x77)
    assert await rings.caught() is None
    length = len(bytes.fromhex(LTR + how))
    assert tss(pc, TSS, _EIP) == PROGRAM + length
    assert (tss(pc, TSS, _EAX), tss(pc, TSS, _EDI)) == (TASK, 0x77)
    assert tss(pc, TSS, _ES) & 0xFFFF == DATA_0
    eax, edi, esp, tr, ldtr, cr0, eflags = pc.dwords(0x6100, 7)
    assert (eax, edi, esp) == (1, 8, OTHER_STACK)
    assert (tr & 0xFFFF, ldtr & 0xFFFF) == (OTHER_TASK, LOCAL)
    assert cr0 & TS
    assert bool(eflags & NT) is nested
    assert busy(pc, OTHER_TASK)
    assert busy(pc, TASK) is nested
    if nested:
        assert tss(pc, OTHER_TSS, _LINK) & 0xFFFF == TASK


# call 38h:0
# int 30h
@pytest.mark.parametrize("how", ["9a000000003800", "cd30"])
async def test_iret_with_nt_goes_back_to_the_task_that_called(pc: BarePc, how: str) -> None:
    rings = Rings(pc)
    pc.put(IDT + 8 * 0x30, gate(OTHER_TASK, 0, TASK_GATE))
    # L: inc eax ; iret ; jmp L: the second time it goes on behind its IRET
    # L: inc eax ; iret ; jmp L
    other_task(rings, "40 cf e9f9ffffff")
    # both calls, then what the task counted
    rings.start(LTR + how + how + "fa f4")
    assert await rings.caught() is None
    assert tss(pc, OTHER_TSS, _EAX) == 3
    assert not tss(pc, OTHER_TSS, _EFLAGS) & NT
    assert (busy(pc, TASK), busy(pc, OTHER_TASK)) == (True, False)


async def test_a_switch_to_ring_3_and_back_by_an_interrupt(pc: BarePc) -> None:
    rings = Rings(pc)
    # mov ebx,cs ; ud2
    other_task(rings, "8ccb 0f0b", ring=3)
    # jmp 38h:0
    rings.start(LTR + "ea000000003800")
    fault = await rings.caught()
    assert fault is not None
    assert fault[:4] == (6, None, OTHER + 2, CODE_3)
    assert rings.esp == STACK - 0x200 - 20  # ESP0 of the new task
    assert pc.dwords(rings.esp + 12, 2) == (OTHER_STACK, DATA_3)


async def test_a_double_fault_may_have_a_task_of_its_own(pc: BarePc) -> None:
    rings = Rings(pc)
    # pop eax ; mov [6100h],eax ; mov [6104h],esp ; cli ; hlt
    other_task(rings, "58 a300610000 892504610000 fa f4")
    pc.put(IDT, bytes(8))
    pc.put(IDT + 8 * 8, gate(OTHER_TASK, 0, TASK_GATE))
    # xor ecx,ecx ; div ecx, on a stack that is not there
    # mov esp,40000000h ; xor ecx,ecx ; div ecx
    rings.start(LTR + "bc00000040 31c9 f7f1")
    assert await rings.caught() is None
    assert pc.dwords(0x6100, 2) == (0, OTHER_STACK)  # the error code, on the task's stack
    assert tss(pc, TSS, _EIP) == PROGRAM + 15
    assert tss(pc, TSS, _ESP) == 0x40000000


async def test_a_task_gate_pushes_an_error_code_on_the_new_stack(pc: BarePc) -> None:
    rings = Rings(pc)
    # pop eax ; mov [6100h],eax ; cli ; hlt
    other_task(rings, "58 a300610000 fa f4")
    pc.put(IDT + 8 * 13, gate(OTHER_TASK, 0, TASK_GATE))
    # mov ebx,1238h ; mov ds,ebx
    rings.start(LTR + "bb38120000 8edb")
    assert await rings.caught() is None
    assert pc.dword(0x6100) == 0x1238
    assert tss(pc, TSS, _EIP) == PROGRAM + 13


async def test_an_interrupt_through_a_task_gate_comes_back(pc: BarePc) -> None:
    rings = Rings(pc)
    # inc dword [6100h] ; iret
    other_task(rings, "ff0500610000 cf")
    pc.put(IDT + 8 * 0x20, gate(OTHER_TASK, 0, TASK_GATE))
    pc.probe.on_out = lambda _port, _width, _value: pc.controller.ask(0x20)
    # mov ecx,1234h ; sti ; out 0E0h,al ; nop ; jmp N ; N: cli ; hlt
    rings.start(LTR + "b934120000 fb e6e0 90 e900000000 fa f4")
    assert await rings.caught() is None
    assert pc.dword(0x6100) == 1
    assert pc.register("ecx") == 0x1234
    assert pc.controller.acknowledged == [0x20]


SMALL, ABSENT = descriptor(OTHER_TSS, 0x66, TSS_32), descriptor(OTHER_TSS, 0x67, 0x09)
BAD = [  # the second TSS's descriptor, the LDT it names, and the fault of the switch
    (descriptor(OTHER_TSS, 0x67, TSS_32 + 2), LOCAL, (13, OTHER_TASK)),  # busy
    (ABSENT, LOCAL, (11, OTHER_TASK)),
    (SMALL, LOCAL, (10, OTHER_TASK)),
    (descriptor(OTHER_TSS, 0x67, TSS_32), DATA_0, (10, DATA_0)),  # the LDT is data
]


@pytest.mark.parametrize(("content", "ldtr", "expected"), BAD)
async def test_a_bad_tss_faults_the_switch(
    pc: BarePc, content: bytes, ldtr: int, expected: tuple[int, int]
) -> None:
    rings = Rings(pc)
    other_task(rings, THERE, ldtr=ldtr)
    rings.define(OTHER_TASK, content)
    # jmp 38h:0
    rings.start(LTR + "ea000000003800")
    fault = await rings.caught()
    assert fault is not None
    assert fault[:2] == expected


async def test_ring_3_may_not_switch_to_a_task_of_ring_0(pc: BarePc) -> None:
    rings = Rings(pc)
    other_task(rings, THERE)
    # jmp 38h:0
    rings.start_ring_3("ea000000003800")
    fault = await rings.caught()
    assert fault is not None
    assert fault[:4] == (13, OTHER_TASK, PROGRAM, CODE_3)


async def test_a_switch_loads_cr3_from_the_new_task(pc: BarePc) -> None:
    pc.map_aliases()
    rings = Rings(pc)
    # a second directory, without the aliases at C0000000h
    pc.put(0x30000, pc.processor.read_memory(0x10000, 64) + bytes(4096 - 64))
    # mov eax,[0C0006100h]
    other_task(rings, "a1006100c0")
    pc.put(OTHER_TSS + 28, struct.pack("<I", 0x30000))
    rings.start(
        # mov eax,30h ; ltr ax ; mov eax,10000h ; mov cr3,eax ; mov eax,cr0 ; or eax,80000000h ;
        # mov cr0,eax ; mov ebx,[0C0006100h] ; jmp 38h:0
        "b830000000 0f00d8 b800000100 0f22d8 0f20c0 0d00000080 0f22c0 8b1d006100c0 ea000000003800"
    )
    fault = await rings.caught()
    assert fault is not None
    assert fault[:3] == (14, 0, OTHER)
    state = pc.processor.take_state()
    assert (state.cr3, state.cr2) == (0x30000, 0xC0006100)


async def test_a_stack_of_a_16_bit_tss_is_words(pc: BarePc) -> None:
    rings = Rings(pc)
    rings.define(TASK, descriptor(TSS, 0x2B, 0x81))
    pc.put(TSS, struct.pack("<3H", 0, STACK - 0x100, DATA_0))
    rings.start_ring_3("0f0b")  # ud2
    fault = await rings.caught()
    assert fault is not None
    assert fault[:2] == (6, None)
    assert rings.esp == STACK - 0x100 - 20
