"""Every exception of ring 0: vector, error code, EIP; and what faults in the delivery become."""

from __future__ import annotations

import struct
from typing import NamedTuple

import pytest

from .conftest import IDT, BarePc
from .rings import (
    CODE_0,
    DATA_0,
    INTERRUPT_GATE,
    LDT,
    PROGRAM,
    SPARE,
    TRAP_GATE,
    TSS,
    TSS_32,
    Rings,
    descriptor,
    gate,
)


class Case(NamedTuple):
    """Machine code at `PROGRAM` and what it raises; `at` is EIP from there. SPARE is `spare`."""

    code: str
    vector: int
    error: int | None
    at: int
    spare: bytes = b""


IDT_BIT, EXT = 2, 1
ABSENT_CODE = descriptor(0, 0xFFFFF, 0x1B, 0xC)
ABSENT_DATA = descriptor(0, 0xFFFFF, 0x13, 0xC)
READ_ONLY = descriptor(0, 0xFFFFF, 0x91, 0xC)
EXECUTE_ONLY = descriptor(0, 0xFFFFF, 0x99, 0xC)
SMALL_CODE = descriptor(0, 0xFF, 0x9B, 4)
EXCEPTIONS = [
    # -- #DE
    # xor ecx,ecx ; div ecx
    Case("31c9 f7f1", 0, None, 2),
    # mov eax,80000000h ; cdq ; mov ecx,-1 ; idiv ecx
    Case("b800000080 99 b9ffffffff f7f9", 0, None, 11),
    # db 0D4h,0
    Case("d400", 0, None, 0),  # aam 0
    # -- #DB: TF, a trap behind the instruction after POPF
    # pushf ; or dword [esp],100h ; popf ; inc eax ; inc eax
    Case("9c 810c2400010000 9d 40 40", 1, None, 10),
    # -- #BP and #OF, traps; CD 03 and CD 04 are two bytes
    # nop ; int3
    Case("90 cc", 3, None, 2),
    # nop ; db 0CDh,3
    Case("90 cd03", 3, None, 3),
    # mov al,127 ; inc al ; into
    Case("b07f fec0 ce", 4, None, 5),
    # nop ; db 0CDh,4
    Case("90 cd04", 4, None, 3),
    # -- #BR: outside 0 to 0 at 6100h
    # mov eax,1 ; bound eax,[6100h]
    Case("b801000000 620500610000", 5, None, 5),
    # -- #UD: UD2; LOCK with what cannot be locked; MOV to CS; LES and LEA from a register; no CR1
    # ud2
    Case("0f0b", 6, None, 0),
    # db 0F0h ; cmp [6100h],eax
    Case("f0 390500610000", 6, None, 0),
    # nop ; db 8Eh,0C8h
    Case("90 8ec8", 6, None, 1),
    # db 0C4h,0C0h
    Case("c4c0", 6, None, 0),
    # db 8Dh,0C0h
    Case("8dc0", 6, None, 0),
    # db 0Fh,22h,0C8h
    Case("0f22c8", 6, None, 0),
    # -- #NM: CR0.EM, CR0.TS, FWAIT with MP and TS
    # mov eax,cr0 ; or al,4 ; mov cr0,eax ; fld1
    Case("0f20c0 0c04 0f22c0 d9e8", 7, None, 8),
    # mov eax,cr0 ; or al,8 ; mov cr0,eax ; fld1
    Case("0f20c0 0c08 0f22c0 d9e8", 7, None, 8),
    # mov eax,cr0 ; or al,10 ; mov cr0,eax ; fwait
    Case("0f20c0 0c0a 0f22c0 9b", 7, None, 8),
    # -- #TS: IRET with NT, and no task to go back to
    # pushf ; or dword [esp],4000h ; popf ; iret
    Case("9c 810c2400400000 9d cf", 10, 0, 9),
    # -- #NP: a segment, a segment to jump to, an LDT, a TSS
    # mov eax,48h ; mov ds,eax
    Case("b848000000 8ed8", 11, SPARE, 5, ABSENT_DATA),
    # jmp 48h:2000h
    Case("ea002000004800", 11, SPARE, 0, ABSENT_CODE),
    # pushf ; push dword 48h ; push dword 2000h ; iret
    Case("9c 6a48 6800200000 cf", 11, SPARE, 8, ABSENT_CODE),
    # mov eax,48h ; lldt ax
    Case("b848000000 0f00d0", 11, SPARE, 5, descriptor(LDT, 0x3F, 0x02)),
    # mov eax,48h ; ltr ax
    Case("b848000000 0f00d8", 11, SPARE, 5, descriptor(TSS, 0x67, 0x09)),
    # -- #SS
    # mov eax,48h ; mov ss,eax
    Case("b848000000 8ed0", 12, SPARE, 5, ABSENT_DATA),
    # mov dword [6104h],48h ; lss esp,[6100h]
    Case("c7050461000048000000 0fb22500610000", 12, SPARE, 10, ABSENT_DATA),
    # -- #GP: SS null, read-only, of another RPL, of another DPL, code
    # xor eax,eax ; mov ss,eax
    Case("31c0 8ed0", 13, 0, 2),
    # mov eax,48h ; mov ss,eax
    Case("b848000000 8ed0", 13, SPARE, 5, READ_ONLY),
    # mov eax,1Bh ; mov ss,eax
    Case("b81b000000 8ed0", 13, DATA_0, 5),
    # mov eax,28h ; mov ss,eax
    Case("b828000000 8ed0", 13, 0x28, 5),
    # mov eax,10h ; mov ss,eax
    Case("b810000000 8ed0", 13, CODE_0, 5),
    # DS: beyond the GDT, in an LDT that is not there, execute-only, a TSS
    # mov eax,1238h ; mov ds,eax
    Case("b838120000 8ed8", 13, 0x1238, 5),
    # mov eax,0Ch ; mov ds,eax
    Case("b80c000000 8ed8", 13, 0xC, 5),
    # mov eax,48h ; mov ds,eax
    Case("b848000000 8ed8", 13, SPARE, 5, EXECUTE_ONLY),
    # mov eax,30h ; mov ds,eax
    Case("b830000000 8ed8", 13, 0x30, 5),
    # CS: null, data, of ring 3, of another RPL, shorter than EIP
    # jmp 0:2000h
    Case("ea002000000000", 13, 0, 0),
    # jmp 18h:2000h
    Case("ea002000001800", 13, DATA_0, 0),
    # jmp 20h:2000h
    Case("ea002000002000", 13, 0x20, 0),
    # jmp 13h:2000h
    Case("ea002000001300", 13, CODE_0, 0),
    # jmp 48h:2000h
    Case("ea002000004800", 13, 0, 0, SMALL_CODE),
    # call 18h:2000h
    Case("9a002000001800", 13, DATA_0, 0),
    # push dword 18h ; push dword 2000h ; retf
    Case("6a18 6800200000 cb", 13, DATA_0, 7),
    # pushf ; push dword 0 ; push dword 2000h ; iret
    Case("9c 6a00 6800200000 cf", 13, 0, 8),
    # LLDT of data and of the LDT itself; LTR of nothing and of a busy task
    # mov eax,18h ; lldt ax
    Case("b818000000 0f00d0", 13, DATA_0, 5),
    # mov eax,44h ; lldt ax
    Case("b844000000 0f00d0", 13, 0x44, 5),
    # xor eax,eax ; ltr ax
    Case("31c0 0f00d8", 13, 0, 2),
    # mov eax,48h ; ltr ax
    Case("b848000000 0f00d8", 13, SPARE, 5, descriptor(TSS, 0x67, TSS_32 + 2)),
    # an instruction of 16 bytes; CR0.PG without PE, NW without CD
    # db 66h,66h,66h,66h,66h,66h,66h,66h,66h,66h,66h,66h,66h,66h,66h,90h
    Case("66666666666666666666666666666690", 13, 0, 0),
    # mov eax,80000010h ; mov cr0,eax
    Case("b810000080 0f22c0", 13, 0, 5),
    # mov eax,20000011h ; mov cr0,eax
    Case("b811000020 0f22c0", 13, 0, 5),
    # -- #MF: an unmasked division by zero, found by FWAIT
    Case(
        # mov eax,cr0 ; or al,20h ; mov cr0,eax ; fninit ; push dword 37Bh ; fldcw [esp] ; fld1 ;
        # fldz ; fdivp st1 ; fwait
        "0f20c0 0c20 0f22c0 dbe3 687b030000 d92c24 d9e8 d9ee def9 9b",
        16,
        None,
        24,
    ),
]


@pytest.mark.parametrize("case", EXCEPTIONS, ids=lambda case: f"{case.vector}-{case.code}")
async def test_it_arrives_at_its_gate(pc: BarePc, case: Case) -> None:
    rings = Rings(pc)
    if case.spare:
        rings.define(SPARE, case.spare)
    rings.start(case.code)
    fault = await rings.caught()
    assert fault is not None
    assert fault[:4] == (case.vector, case.error, PROGRAM + case.at, CODE_0)


NO_FAULT = {
    # mov eax,cr0 ; or al,8 ; mov cr0,eax ; fwait ; cli ; hlt
    "fwait with TS alone": "0f20c0 0c08 0f22c0 9b fa f4",
    # mov eax,cr0 ; or al,4 ; mov cr0,eax ; fwait ; cli ; hlt
    "fwait with EM": "0f20c0 0c04 0f22c0 9b fa f4",
    # xor eax,eax ; into ; cli ; hlt
    "into without OF": "31c0 ce fa f4",
    # xor eax,eax ; bound eax,[6100h] ; cli ; hlt
    "bound at its bounds": "31c0 620500610000 fa f4",
    # xor eax,eax ; mov ds,eax ; cli ; hlt
    "a null DS that is not used": "31c0 8ed8 fa f4",
    # xor eax,eax ; lldt ax ; cli ; hlt
    "a null LDT": "31c0 0f00d0 fa f4",
    # fninit ; push dword 37Bh ; fldcw [esp] ; fld1 ; fldz ; fdivp st1 ; fnstsw ax ; fnclex ;
    # fwait ; cli ; hlt
    "fnclex and fninit with an error": "dbe3 687b030000 d92c24 d9e8 d9ee def9 dfe0 dbe2 9b fa f4",
}


@pytest.mark.parametrize("name", NO_FAULT)
async def test_no_exception_is_raised_by(pc: BarePc, name: str) -> None:
    rings = Rings(pc)
    rings.start(NO_FAULT[name])
    assert await rings.caught() is None


async def test_a_trap_gate_leaves_if_and_an_interrupt_gate_clears_it(pc: BarePc) -> None:
    rings = Rings(pc)
    # pushf ; pop eax ; iret
    # pushf ; pop eax ; iret
    pc.put(0x4000, "9c 58 cf")
    pc.put(IDT + 8 * 0x30, gate(CODE_0, 0x4000, INTERRUPT_GATE))
    pc.put(IDT + 8 * 0x31, gate(CODE_0, 0x4000, TRAP_GATE))
    # sti ; int 30h ; mov ebx,eax ; int 31h ; cli ; hlt
    rings.start("fb cd30 89c3 cd31 fa f4")
    assert await rings.caught() is None
    assert (pc.register("ebx") & 0x200, pc.register("eax") & 0x200) == (0, 0x200)


async def test_a_16_bit_gate_pushes_words(pc: BarePc) -> None:
    rings = Rings(pc)
    pc.put(0x4000, "fa f4")
    pc.put(IDT + 8 * 0x30, gate(CODE_0, 0x4000, 0x86))
    # int 30h
    rings.start("cd30", esp=0x8000)
    assert await rings.caught() is None
    assert pc.register("esp") == 0x8000 - 6
    assert struct.unpack("<2H", pc.processor.read_memory(0x8000 - 6, 4)) == (PROGRAM + 2, CODE_0)


# -- a fault in the delivery ----------------------------------------------------------------------

BROKEN = {  # gates, what a benign interrupt becomes by them, and the error code but for EXT
    "empty": (bytes(8), 13, None),
    "absent": (gate(CODE_0, 0x4000, 0x0E), 11, None),
    "to no segment": (gate(0, 0x4000, INTERRUPT_GATE), 13, 0),
    "to data": (gate(DATA_0, 0x4000, INTERRUPT_GATE), 13, DATA_0),
    "to an absent segment": (gate(SPARE, 0x4000, INTERRUPT_GATE), 11, SPARE),
}
# int 30h
# ud2
# xor ecx,ecx ; div ecx
INT_30, UD, DE = "cd30", "0f0b", "31c9 f7f1"


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize(("code", "first", "ext"), [(INT_30, 0x30, 0), (UD, 6, EXT)])
async def test_a_benign_one_becomes_that_of_its_gate(
    pc: BarePc, broken: str, code: str, first: int, ext: int
) -> None:
    rings = Rings(pc)
    content, vector, error = BROKEN[broken]
    rings.define(SPARE, ABSENT_CODE)
    pc.put(IDT + 8 * first, content)
    rings.start(code)
    expected = (8 * first | IDT_BIT if error is None else error) | ext
    fault = await rings.caught()
    assert fault is not None
    assert fault[:3] == (vector, expected, PROGRAM)


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_contributory_one_becomes_a_double_fault(pc: BarePc, broken: str) -> None:
    rings = Rings(pc)
    rings.define(SPARE, ABSENT_CODE)
    pc.put(IDT, BROKEN[broken][0])
    rings.start(DE)
    fault = await rings.caught()
    assert fault is not None
    assert fault[:3] == (8, 0, PROGRAM + 2)


async def test_a_fault_in_the_double_faults_delivery_is_a_shutdown(pc: BarePc) -> None:
    rings = Rings(pc)
    pc.put(IDT, bytes(8))
    pc.put(IDT + 8 * 8, bytes(8))
    rings.start(DE)
    event = await pc.run()
    assert (event.reason, event.eip) == ("triple fault", PROGRAM + 2)


async def test_the_same_exception_again_and_again_is_no_double_fault(pc: BarePc) -> None:
    rings = Rings(pc)
    # add dword [esp],2 ; inc ebx ; iret
    pc.put(0x4000, "83042402 43 cf")
    pc.put(IDT, gate(CODE_0, 0x4000, INTERRUPT_GATE))
    # mov edi,1000 ; L: div ecx ; dec edi ; jnz L ; cli ; hlt
    rings.start("bfe8030000 f7f1 4f 0f85f7ffffff fa f4")
    assert await rings.caught() is None
    assert pc.register("ebx") == 1000
