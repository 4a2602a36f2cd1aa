"""Real mode: interrupts through the table at 0, words on the stack, 16-bit addresses, A20."""

from __future__ import annotations

import struct

import pytest

from hotswap.bus import CpuShutdown
from hotswap.cpu import Model, power_on

from .conftest import BarePc, OpenPc

CS, CODE, STACK, CAUGHT = 0x200, 0x2000, 0x8000, 0x6000
TF, IF, NT, IOPL_3 = 1 << 8, 1 << 9, 1 << 14, 3 << 12


def start(pc: BarePc, code: str, **registers: int) -> None:
    """Stand at `code` at 0200:0000; a program at 0040:10h*n notes vector n and stops."""
    power_on.reset(pc.processor.engine.core)
    pc.put(CODE, code)
    pc.put(CAUGHT, b"\xff")
    for vector in range(32):
        # mov byte cs:[5C00h],vector (0040:5C00h is 6000h) ; cli ; hlt
        pc.put(0x400 + 16 * vector, f"2ec606005c{vector:02x} fa f4")
        pc.put(4 * vector, struct.pack("<HH", 16 * vector, 0x40))
    env = pc.processor.engine.env
    env.segs[1].selector, env.segs[1].base = CS, CODE
    env.eip, env.regs[4] = 0, STACK
    for name, value in registers.items():
        env.regs[("eax", "ecx", "edx", "ebx").index(name)] = value


async def caught(pc: BarePc) -> tuple[int, int, int, int] | None:
    """Vector, IP, CS and FLAGS on the stack; None when the program came to its own HLT."""
    await pc.run_to_halt()
    vector = pc.processor.read_memory(CAUGHT, 1)[0]
    if vector == 0xFF:
        return None
    frame = struct.unpack("<3H", pc.processor.read_memory(pc.register("esp") & 0xFFFF, 6))
    return (vector, *frame)


EXCEPTIONS = {
    # int 5 ; nop ; int3 ; into with OF ; xor cx,cx: div cx ; bound ; ud2 ; fld1 with TS
    "int 5": ("cd05", 5, 2),
    "int3": ("90 cc", 3, 2),
    "into": ("b07f fec0 ce", 4, 5),
    "div": ("31c9 f7f1", 0, 2),
    "idiv": ("b80080 99 b9ffff f7f9", 0, 7),
    "bound": ("b80100 62060060", 5, 3),
    "ud2": ("90 0f0b", 6, 1),
    "instructions of protected mode": ("0f00c0", 6, 0),
    "lldt": ("0f00d0", 6, 0),
    "arpl": ("63c0", 6, 0),
    "lar": ("0f02c0", 6, 0),
    "fld1 with TS": ("0f20c0 0c08 0f22c0 d9e8", 7, 8),
    "tf": ("9c 58 80cc01 50 9d 90 90", 1, 8),
}


@pytest.mark.parametrize("name", EXCEPTIONS)
@pytest.mark.parametrize("model", ["386", "586"])
async def test_it_pushes_three_words_and_no_error_code(
    open_pc: OpenPc, name: str, model: Model
) -> None:
    async with open_pc(model=model) as pc:
        code, vector, ip = EXCEPTIONS[name]
        start(pc, code + "fa f4")
        found = await caught(pc)
        assert found is not None
        assert found[:3] == (vector, ip, CS)
        assert pc.register("esp") & 0xFFFF == STACK - 6


async def test_it_clears_if_and_tf_and_iret_restores_the_flags(pc: BarePc) -> None:
    # sti ; int 30h ; pushf ; pop dx ; cli ; hlt
    start(pc, "fb cd30 9c 5a fa f4")
    # pushf ; pop bx ; iret
    pc.put(0x5000, "9c 5b cf")
    pc.put(4 * 0x30, struct.pack("<HH", 0, 0x500))
    assert await caught(pc) is None
    assert (pc.register("ebx") & (IF | TF), pc.register("edx") & (IF | TF)) == (0, IF)


async def test_popf_sets_iopl_and_nt_from_the_286_on(pc: BarePc) -> None:
    # push 7000h ; popf ; pushf ; pop bx ; cli ; hlt
    start(pc, "680070 9d 9c 5b fa f4")
    assert await caught(pc) is None
    assert pc.register("ebx") & (NT | IOPL_3) == NT | IOPL_3


async def test_lidt_moves_the_table_and_its_limit_is_obeyed(pc: BarePc) -> None:
    # lidt [6010h] ; int 20h, with room for vectors 0 to 13
    start(pc, "0f011e1060 cd20")
    pc.put(0x6010, struct.pack("<HI", 4 * 14 - 1, 0x7000))
    pc.put(0x7000, pc.processor.read_memory(0, 4 * 14))
    pc.put(0, bytes(4 * 14))
    found = await caught(pc)
    assert found is not None
    assert found[:3] == (13, 5, CS)


async def test_nothing_within_the_tables_limit_is_a_shutdown(pc: BarePc) -> None:
    # lidt [6010h] ; ud2, with a limit of 0
    start(pc, "0f011e1060 0f0b")
    pc.put(0x6010, struct.pack("<HI", 0, 0))
    assert await pc.run() == CpuShutdown("triple fault", CS, 5)


async def test_an_interrupt_request_and_an_nmi_are_taken(pc: BarePc) -> None:
    # sti ; out 0E0h,al ; jmp N ; N: out 0E1h,al ; jmp M ; M: cli ; hlt
    start(pc, "fb e6e0 eb00 e6e1 eb00 fa f4")
    pc.put(0x5000, "43 cf")  # inc bx ; iret
    pc.put(0x5010, "81c30001 cf")  # add bx,100h ; iret
    pc.put(4 * 0x20, struct.pack("<HH", 0, 0x500))
    pc.put(4 * 2, struct.pack("<HH", 0x10, 0x500))

    def on_out(port: int, _width: int, _value: int) -> None:
        if port == 0xE0:
            pc.controller.ask(0x20)
        else:
            pc.processor.nmi()

    pc.probe.on_out = on_out
    assert await caught(pc) is None
    assert pc.register("ebx") == 0x101


@pytest.mark.parametrize(("a20", "value"), [(True, 0x22), (False, 0x11)])
async def test_addresses_wrap_at_1_mib_without_a20_and_do_not_with_it(
    pc: BarePc, a20: bool, value: int
) -> None:
    # mov ax,0FFFFh ; mov ds,ax ; mov bl,[6110h] (106100h or 6100h) ; call 0FFFFh:7010h
    start(pc, "b8ffff 8ed8 8a1e1061 9a1070ffff fa f4")
    pc.put(0x6100, b"\x11")
    pc.put(0x106100, b"\x22")
    pc.put(0x7000, "b111 cb")  # mov cl,11h ; retf
    pc.put(0x107000, "b122 cb")
    pc.processor.set_a20(a20)
    assert await caught(pc) is None
    assert (pc.register("ebx"), pc.register("ecx")) == (value, value)


async def test_ip_wraps_at_64_kib_and_so_do_the_stack_and_strings(pc: BarePc) -> None:
    # push ax with SP 0 goes to FFFEh ; es:di wraps: mov di,0FFFFh ; cld ; stosb ; stosb
    start(pc, "89e3 31e4 50 89e2 89dc bfffff fc aa aa fa f4", eax=0x5577)
    assert await caught(pc) is None
    assert pc.register("edx") & 0xFFFF == 0xFFFE
    assert pc.processor.read_memory(0xFFFE, 2) == b"\x77\x77"  # the push, then the first stosb
    assert pc.processor.read_memory(0, 1) == b"\x77"
    assert pc.register("edi") & 0xFFFF == 1


async def test_protected_mode_and_back_with_big_segments(pc: BarePc) -> None:
    """What BIOSes do to reach all memory: the limit of 4 GiB stays in FS."""
    # lgdt [6010h] ; mov eax,cr0 ; inc ax ; mov cr0,eax ; mov bx,8 ; mov fs,bx ; dec ax ;
    # mov cr0,eax ; xor bx,bx ; mov fs,bx ; mov edi,200000h ; mov fs:[edi],eax
    start(
        pc,
        "0f01161060 0f20c0 40 0f22c0 bb0800 8ee3 48 0f22c0 66bf00002000 6766648907 fa f4",
    )
    pc.put(0x6010, struct.pack("<HI", 15, 0x6020))
    pc.put(0x6020, struct.pack("<2Q", 0, 0x00CF93000000FFFF))
    assert await caught(pc) is None
    assert pc.dword(0x200000) == 0x60000010
