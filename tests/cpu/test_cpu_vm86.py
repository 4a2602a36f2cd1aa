"""VM86: what is trapped by IOPL and by the TSS, interrupts out of it, and the way back."""

from __future__ import annotations

import struct
from typing import NamedTuple

import pytest

from .conftest import IDT, STACK, BarePc
from .rings import CODE_0, CODE_3, IF, INTERRUPT_GATE, IOPL_3, PROGRAM, TSS, VM, Rings, gate

CS, DATA = PROGRAM >> 4, 0x600


class Case(NamedTuple):
    """16-bit machine code at CS:0 and what it raises at `at`."""

    code: str
    flags: int
    vector: int
    error: int | None
    at: int


CASES = [
    # -- IOPL 0: CLI, STI, PUSHF, POPF, INT n and IRET are #GP(0); INT3 and INTO are not
    # cli
    Case("fa", 0, 13, 0, 0),
    # nop ; sti
    Case("90 fb", 0, 13, 0, 1),
    # pushf
    Case("9c", 0, 13, 0, 0),
    # popf
    Case("9d", 0, 13, 0, 0),
    # int 21h
    Case("cd21", 0, 13, 0, 0),
    # nop ; iret
    Case("90 cf", 0, 13, 0, 1),
    # db 0CDh,3
    Case("cd03", 0, 13, 0, 0),
    # -- IOPL 3: all of them go on, to the HLT
    # cli ; sti ; pushf ; popf ; hlt
    Case("fa fb 9c 9d f4", IOPL_3, 13, 0, 4),
    # pushf ; push cs ; push word 6 ; iret ; hlt ; hlt
    Case("9c 0e 6a06 cf f4 f4", IOPL_3, 13, 0, 6),
    # INT n through a gate of ring 0 is #GP with its number; of ring 3 it is delivered
    # int 21h
    Case("cd21", IOPL_3, 13, 0x21 * 8 + 2, 0),
    # nop ; db 0CDh,3
    Case("90 cd03", IOPL_3, 13, 3 * 8 + 2, 1),
    # -- whatever IOPL is: instructions of ring 0; what does not exist in VM86; ports
    # hlt
    Case("f4", IOPL_3, 13, 0, 0),
    # mov eax,cr0
    Case("0f20c0", IOPL_3, 13, 0, 0),
    # lgdt [0]
    Case("0f01160000", IOPL_3, 13, 0, 0),
    # sldt ax
    Case("0f00c0", IOPL_3, 6, None, 0),
    # lar ax,ax
    Case("0f02c0", IOPL_3, 6, None, 0),
    # arpl ax,ax
    Case("63c0", IOPL_3, 6, None, 0),
    # in al,0E5h
    Case("e4e5", IOPL_3, 13, 0, 0),
    # nop ; out 0E5h,al
    Case("90 e6e5", IOPL_3, 13, 0, 1),
    # in ax,0E4h
    Case("e5e4", IOPL_3, 13, 0, 0),
    # -- faults of its own
    # xor cx,cx ; div cx
    Case("31c9 f7f1", 0, 0, None, 2),
    # ud2
    Case("0f0b", 0, 6, None, 0),
]


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case.vector}-{case.code}-{case.flags:x}"
)
async def test_it_leaves_vm86_by_its_gate(pc: BarePc, case: Case) -> None:
    rings = Rings(pc)
    permit(pc, 0xE4)
    pc.put(IDT + 8 * 0x21, gate(CODE_0, 0x4000, INTERRUPT_GATE))
    rings.start_vm86(case.code, case.flags)
    fault = await rings.caught()
    assert fault is not None
    assert fault[:4] == (case.vector, case.error, case.at, CS)
    assert fault.eflags & (VM | IOPL_3) == VM | case.flags
    frame = pc.dwords(STACK - 24, 6)  # SS, ES, DS, FS, GS and ESP before them
    assert [word & 0xFFFF for word in frame[1:]] == [DATA] * 5
    registers = pc.processor.take_state()
    assert [s.selector for s in (registers.ds, registers.es, registers.fs, registers.gs)] == [0] * 4


def permit(pc: BarePc, port: int) -> None:
    """Clear the port's bit in the TSS, which allows no other."""
    bits = bytearray(b"\xff" * 33)
    bits[port // 8] &= ~(1 << port % 8)
    pc.put(TSS + 0x68, bytes(bits))
    pc.put(0x9000 + 0x30, struct.pack("<H", 0x68 + 32))


async def test_the_tss_permits_ports(pc: BarePc) -> None:
    rings = Rings(pc)
    permit(pc, 0xE4)
    # in al,0E4h ; out 0E4h,al ; hlt
    rings.start_vm86("e4e4 e6e4 f4")
    fault = await rings.caught()
    assert fault is not None
    assert (fault.vector, fault.eip) == (13, 4)
    assert pc.probe.outs == [(0xE4, 1, 0xE4)]


async def test_it_addresses_as_an_8086(pc: BarePc) -> None:
    rings = Rings(pc)
    pc.put(0x10FFE0, b"top!")
    # mov ax,0FFFFh ; mov ds,ax ; mov ebx,[0FFF0h] (10FFE0h) ; mov [0],cs ; call far 0210:0
    # mov ecx,11223344h ; mov dx,cs ; retf
    pc.put(0x2100, "66b944332211 8cca cb")
    rings.start_vm86(
        # mov ax,0FFFFh ; mov ds,ax ; mov ebx,[0FFF0h] ; call 210h:0 ; hlt
        "b8ffff 8ed8 668b1ef0ff 9a00001002 f4"
    )
    fault = await rings.caught()
    assert fault is not None
    assert fault.vector == 13
    assert pc.register("ebx") == int.from_bytes(b"top!", "little")
    assert (pc.register("ecx"), pc.register("edx")) == (0x11223344, 0x210)


async def test_a_monitor_emulates_int_and_goes_back(pc: BarePc) -> None:
    rings = Rings(pc)
    # the monitor: step over the INT n of two bytes, count it, return by IRET with VM
    # add esp,4 ; add dword [esp],2 ; inc dword [ss:6100h] ; iret
    pc.put(0x4000, "83c404 83042402 36ff0500610000 cf")
    pc.put(IDT + 8 * 13, gate(CODE_0, 0x4000, INTERRUPT_GATE))
    # mov cx,1000 ; L: int 21h ; loop L ; ud2
    # mov cx,1000 ; L: int 21h ; loop L ; ud2
    rings.start_vm86("b9e803 cd21 e2fc 0f0b")
    fault = await rings.caught()
    assert fault is not None
    assert (fault.vector, fault.cs) == (6, CS)
    assert pc.dword(0x6100) == 1000


async def test_int_n_with_iopl_3_uses_a_gate_of_ring_3(pc: BarePc) -> None:
    rings = Rings(pc)
    # mov eax,[esp+8] ; mov [ss:6100h],eax ; iret
    pc.put(0x4000, "8b442408 36a300610000 cf")
    pc.put(IDT + 8 * 0x21, gate(CODE_0, 0x4000, INTERRUPT_GATE | 3 << 5))
    # int 21h ; ud2
    rings.start_vm86("cd21 0f0b", IOPL_3)
    fault = await rings.caught()
    assert fault is not None
    assert (fault.vector, fault.eip) == (6, 2)
    assert pc.dword(0x6100) & (VM | IOPL_3) == VM | IOPL_3


@pytest.mark.parametrize("iopl", [0, IOPL_3])
async def test_interrupts_are_taken_in_vm86_and_come_back(pc: BarePc, iopl: int) -> None:
    rings = Rings(pc)
    permit(pc, 0xE4)
    # mov eax,[esp] ; mov [ss:6100h],eax ; inc dword [ss:6104h] ; iret
    pc.put(0x4000, "8b0424 36a300610000 36ff0504610000 cf")
    pc.put(IDT + 8 * 0x20, gate(CODE_0, 0x4000, INTERRUPT_GATE))
    pc.probe.on_out = lambda _port, _width, _value: pc.controller.ask(0x20)
    # out 0E4h,al ; jmp N ; N: mov bx,1 ; ud2
    rings.start_vm86("e6e4 e90000 bb0100 0f0b", iopl | IF)
    fault = await rings.caught()
    assert fault is not None
    assert fault.vector == 6
    assert pc.dword(0x6104) == 1
    assert pc.dword(0x6100) in (2, 5)  # behind the OUT or its block
    assert pc.controller.acknowledged == [0x20]


async def test_with_if_clear_an_interrupt_waits(pc: BarePc) -> None:
    rings = Rings(pc)
    permit(pc, 0xE4)
    # mov eax,[esp] ; mov [ss:6100h],eax ; iret
    pc.put(0x4000, "8b0424 36a300610000 cf")
    pc.put(IDT + 8 * 0x20, gate(CODE_0, 0x4000, INTERRUPT_GATE))
    pc.probe.on_out = lambda _port, _width, _value: pc.controller.ask(0x20)
    # IOPL 3: CLI and STI are its own
    # cli ; out 0E4h,al ; jmp N ; N: nop ; sti ; nop ; nop ; ud2
    rings.start_vm86("fa e6e4 e90000 90 fb 90 90 0f0b", IOPL_3 | IF)
    fault = await rings.caught()
    assert fault is not None
    assert pc.dword(0x6100) == 9  # one instruction behind STI


async def test_a_gate_from_vm86_must_lead_to_ring_0(pc: BarePc) -> None:
    rings = Rings(pc)
    pc.put(IDT + 8 * 0x21, gate(CODE_3 & ~3, 0x4000, INTERRUPT_GATE | 3 << 5))
    # int 21h
    rings.start_vm86("cd21", IOPL_3)
    fault = await rings.caught()
    assert fault is not None
    assert fault[:4] == (13, CODE_3 & ~3, 0, CS)
