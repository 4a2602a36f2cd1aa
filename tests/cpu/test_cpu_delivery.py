"""Exceptions and interrupts arrive as on the chip: vector, error code, EIP, CR2, stack."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from .conftest import IDT, STACK, BarePc, OpenPc

FAULTS = Path(__file__).parents[1] / "guests" / "faults.bin"
R0, R3, VM = 0x10, 0x23, 0x500
IF, VM86 = 0x200, 0x20200


class Fault(NamedTuple):
    """A record of guests/faults.S; `pushed` is how many bytes the CPU pushed,"""

    case: int
    vector: int
    error: int
    eip: int
    cs: int
    flags: int
    cr2: int
    pushed: int


RIGHT = [
    Fault(1, 0, 0, 0, R0, 0, 0, 12),  # div
    Fault(2, 3, 0, 1, R0, 0, 0, 12),  # int3, a trap
    Fault(3, 4, 0, 1, R0, 0, 0, 12),  # into, a trap
    Fault(4, 5, 0, 0, R0, 0, 0, 12),  # bound
    Fault(5, 6, 0, 0, R0, 0, 0, 12),  # ud2
    Fault(6, 7, 0, 0, R0, 0, 0, 12),  # x87 with CR0.TS
    Fault(7, 13, 0x1238, 0, R0, 0, 0, 12),  # a selector beyond the GDT
    Fault(8, 11, 0x38, 0, R0, 0, 0, 12),  # a segment that is not present
    Fault(9, 12, 0x38, 0, R0, 0, 0, 12),  # the same for SS
    Fault(10, 14, 0, 0, R0, 0, 0x202123, 12),  # read of an absent page
    Fault(11, 14, 3, 0, R0, 0, 0x200124, 12),  # write to a read-only page, CR0.WP
    Fault(12, 13, 0x81 * 8 + 2, 0, R0, 0, 0x200124, 12),  # int 81h: #GP names the INT itself
    Fault(13, 3, 0, 2, R0, 0, 0x200124, 12),  # int 3 in two bytes
    Fault(14, 16, 0, 0, R0, 0, 0x200124, 12),  # unmasked x87 error, at the next fwait
    Fault(15, 13, 0x18, 0, R0, 0, 0x200124, 16),  # ljmp to a data segment (one dword on the stack)
    Fault(16, 1, 0, 2, R0, 0, 0x200124, 16),  # TF: after the instruction behind popf
    Fault(17, 14, 0, 0x202000, R0, 0, 0x202000, 16),  # fetch from an absent page
    Fault(20, 14, 4, 0, R3, IF, 0x202000, 20),  # ring 3: read of an absent page
    Fault(21, 14, 7, 0, R3, IF, 0x200000, 20),  # write to a read-only one
    Fault(22, 14, 5, 0, R3, IF, 0x201000, 20),  # read of a supervisor's
    Fault(23, 13, 0, 0, R3, IF, 0x201000, 20),  # cli
    Fault(24, 13, 0, 0, R3, IF, 0x201000, 20),  # hlt
    Fault(25, 13, 0x21 * 8 + 2, 0, R3, IF, 0x201000, 20),  # int 21h through a gate of ring 0
    Fault(26, 0x80, 0, 2, R3, IF, 0x201000, 20),  # int 80h
    Fault(27, 13, 0, 0, R3, IF, 0x201000, 20),  # in, with IOPL 0 and no bit map
    Fault(28, 0x20, 0, 2, R3, IF, 0x201000, 20),  # an interrupt, with a change of stacks
    Fault(30, 0x80, 0, 23, R3, IF, 0x201000, 20),  # int 80h again, to leave ring 3
    Fault(31, 13, 0, 0, VM, VM86, 0x201000, 36),  # VM86: int 21h with IOPL 0
    Fault(31, 13, 0, 2, VM, VM86, 0x201000, 36),  # cli
    Fault(31, 0x20, 0, 3, VM, VM86, 0x201000, 36),  # an interrupt
    Fault(31, 13, 0, 5, VM, VM86, 0x201000, 36),  # int 90h
    Fault(40, 8, 0, 0, R0, 0, 0x202000, 12),  # #PF without a gate: #DF
]


@pytest.mark.parametrize("fast_stores", [True, False])
async def test_every_fault_arrives_as_on_the_chip(open_pc: OpenPc, fast_stores: bool) -> None:
    async with open_pc(fast_stores=fast_stores) as pc:
        pc.put(0x100000, FAULTS.read_bytes())
        pc.probe.on_out = lambda _port, _width, _value: pc.controller.ask(0x20)
        pc.processor.flat32(0x100000, STACK)
        await pc.run_to_halt()
        count, end = pc.dwords(0x100004, 2)
        words = [pc.dwords(at, 8) for at in range(end - 32 * count, end, 32)]
        got = [Fault._make((*record[:7], (1 << 32) - record[7])) for record in words]
        assert got == RIGHT
        assert pc.controller.acknowledged == [0x20, 0x20]


async def test_a_triple_fault_is_reported_with_its_place(pc: BarePc) -> None:
    pc.put(0x1000, "90 0f0b")  # nop ; ud2
    pc.start(0x1000)
    pc.processor.engine.env.idt.limit = 0
    event = await pc.run()
    assert (event.reason, event.cs, event.eip) == ("triple fault", 0x10, 0x1001)
    assert pc.processor.shut_down


# What ends the shadow of STI in ways the engine chains past: [enables interrupts, then goes back
# to the counting loop through a register or the stack].
ENABLERS = {
    "sti; ret": "fb c3",
    "sti; nop; ret": "fb 90 c3",
    "pop eax; sti; jmp eax": "58 fb ffe0",
    "pushf; or dword [esp],200h; popf; ret": "9c 810c2400020000 9d c3",
}


@pytest.mark.parametrize("slice_ends", [False, True])
@pytest.mark.parametrize("name", ENABLERS)
async def test_a_pending_interrupt_is_taken_at_once_after(
    pc: BarePc, name: str, slice_ends: bool
) -> None:
    # mov edi,20 ; R: cli ; xor ecx,ecx ; cmp edi,1 ; jne S ; out 0E0h,al ;
    # S: call 3000h ; L: inc ecx ; cmp ecx,1000 ; jne L ; dec edi ; jnz R ; cli ; hlt
    pc.put(
        0x2000,
        "bf14000000 fa 31c9 83ff01 7502 e6e0 e8ec0f0000 41 81f9e8030000 75f7 4f 75e5 fa f4",
    )
    pc.put(0x3000, ENABLERS[name])
    pc.put(0x4000, "890d00600000 fa f4")  # mov [6000h],ecx ; cli ; hlt
    pc.gate(0x20, 0x4000)

    def ask(_port: int, _width: int, _value: int) -> None:
        pc.controller.ask(0x20)
        if slice_ends:
            pc.processor.kick()

    pc.probe.on_out = ask
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.register("edi") == 1
    assert pc.dword(0x6000) == 0
    assert pc.controller.acknowledged == [0x20]


async def test_an_interrupt_waits_for_the_end_of_the_sti_shadow(pc: BarePc) -> None:
    # out 0E0h,al ; sti ; inc ecx ; inc ecx ; cli ; hlt
    pc.put(0x2000, "e6e0 fb 41 41 fa f4")
    pc.put(0x4000, "890d00600000 cf")  # mov [6000h],ecx ; iret
    pc.gate(0x20, 0x4000)
    pc.probe.on_out = lambda _port, _width, _value: pc.controller.ask(0x20)
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.dword(0x6000) == 1


async def test_an_interrupt_that_is_withdrawn_is_not_taken(pc: BarePc) -> None:
    def toggle(_port: int, _width: int, _value: int) -> None:
        if not pc.controller.pending:
            pc.controller.ask(0x20)
        else:
            pc.controller.pending.clear()
            pc.processor.sync_interrupts()

    # out 0E0h,al ; out 0E0h,al ; sti ; nop ; nop ; cli ; hlt
    pc.put(0x2000, "e6e0 e6e0 fb 90 90 fa f4")
    pc.probe.on_out = toggle
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.controller.acknowledged == []
    assert not pc.processor.engine.delivery.armed


async def test_the_vector_may_change_while_it_waits(pc: BarePc) -> None:
    def better(port: int, _width: int, value: int) -> None:
        if port == 0xE0:
            pc.controller.pending.insert(0, value)
        pc.processor.sync_interrupts()

    # mov al,30h ; out 0E0h,al ; mov al,21h ; out 0E0h,al ; sti ; nop ; nop ; nop ; cli ; hlt
    pc.put(0x2000, "b030 e6e0 b021 e6e0 fb 90 90 90 fa f4")
    # 21h: shl ebx,8 ; or ebx,21h ; out 0E1h,al ; iret. 30h likewise
    pc.put(0x4000, "c1e308 83cb21 e6e1 cf")
    pc.put(0x4100, "c1e308 83cb30 e6e1 cf")
    pc.gate(0x21, 0x4000)
    pc.gate(0x30, 0x4100)
    pc.probe.on_out = better
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.register("ebx") == 0x2130
    assert pc.controller.acknowledged == [0x21, 0x30]


async def test_a_second_nmi_waits_until_the_first_one_returns(pc: BarePc) -> None:
    # NMI handler: inc ecx ; cmp ecx,1 ; jne D ; out 0E0h,al ; mov edx,ecx ; nop ; D: iret
    pc.put(0x4000, "41 83f901 7505 e6e0 89ca 90 cf")
    # out 0E0h,al ; jmp $+2 ; cli ; hlt - NMI does not look at IF
    pc.put(0x2000, "e6e0 eb00 fa f4")
    pc.gate(2, 0x4000)
    pc.probe.on_out = lambda _port, _width, _value: pc.processor.nmi()
    pc.start(0x2000)
    await pc.run_to_halt()
    assert (pc.register("ecx"), pc.register("edx")) == (2, 1)


async def test_an_nmi_goes_before_an_interrupt(pc: BarePc) -> None:
    def both(_port: int, _width: int, _value: int) -> None:
        pc.controller.ask(0x20)
        pc.processor.nmi()

    pc.put(0x2000, "fb e6e0 eb00 fa f4")  # sti ; out 0E0h,al ; jmp $+2 ; cli ; hlt
    pc.put(0x4000, "8b0424 a300600000 cf")  # mov eax,[esp] ; mov [6000h],eax ; iret
    pc.put(0x4100, "43 cf")  # inc ebx ; iret
    pc.gate(2, 0x4000)
    pc.gate(0x20, 0x4100)
    pc.probe.on_out = both
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.register("ebx") == 1
    assert pc.dword(0x6000) == 0x2003  # not the other's handler


async def test_a_fault_while_an_interrupt_is_delivered_uses_it_up(pc: BarePc) -> None:
    # out 0E0h,al ; sti ; nop ; nop ; cli ; hlt; the gate of 20h is empty, #GP's skips nothing
    pc.put(0x2000, "e6e0 fb 90 90 fa f4")
    pc.put(0x4000, "8f0500600000 cf")  # pop dword [6000h] (the error code) ; iret
    pc.gate(13, 0x4000)
    pc.probe.on_out = lambda _port, _width, _value: pc.controller.ask(0x20)
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.dword(0x6000) == 0x20 * 8 + 2 + 1  # IDT, EXT
    assert pc.controller.acknowledged == [0x20]


async def test_ring_3_may_use_ports_its_tss_permits(pc: BarePc) -> None:
    tss, permitted = 0x5000, 0xE3
    pc.put(tss + 4, (STACK).to_bytes(4, "little") + b"\x18\0\0\0")  # ESP0, SS0
    pc.put(tss + 102, (104).to_bytes(2, "little"))
    bits = bytearray(b"\xff" * 33)
    bits[permitted // 8] &= ~(1 << permitted % 8)
    pc.put(tss + 104, bytes(bits))
    # in al,0E3h ; mov ebx,eax ; in al,0E4h
    pc.put(0x2000, "e4e3 89c3 e4e4")
    pc.put(0x4000, "fa f4")
    pc.gate(13, 0x4000)
    pc.start(0x2000)
    env = pc.processor.engine.env
    env.tr.base, env.tr.limit, env.tr.flags = tss, 104 + 32, 0x8900
    for i in range(6):
        env.segs[i].selector |= 3
        env.segs[i].flags |= 0x6000  # DPL 3
    env.hflags |= 3
    await pc.run_to_halt()
    assert pc.register("ebx") & 0xFF == permitted
    assert pc.dwords(STACK - 24, 2) == (0, 0x2004)  # #GP(0) at the second IN


async def test_the_486_has_no_time_stamp_counter(pc: BarePc) -> None:
    pc.put(0x2000, "90 0f31")  # nop ; rdtsc
    pc.put(0x4000, "fa f4")
    pc.gate(6, 0x4000)
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.dword(STACK - 12) == 0x2001


async def test_the_idt_is_where_the_tests_put_it(pc: BarePc) -> None:
    pc.gate(0x55, 0x12345678, dpl=3)
    assert pc.processor.read_memory(IDT + 8 * 0x55, 8) == bytes.fromhex("7856 1000 00ee 3412")
