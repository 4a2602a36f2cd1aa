"""#DB: single steps, breakpoints of code, data and ports, guarded registers, INT1, RF.

Intel SDM 3B, chapter 17. A breakpoint of code and a guarded register are faults, all else traps.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import pytest

from hotswap.cpu import Model

from .conftest import IDT, BarePc, OpenPc
from .rings import CODE_0, CODE_3, INTERRUPT_GATE, PROGRAM, RF, TRAP_GATE, Rings, gate

TF = 1 << 8
B0, B1, BD, BS = 1, 2, 1 << 13, 1 << 14
EXECUTE, WRITE, PORT, ACCESS = 0, 1, 2, 3
BYTE, WORD, DWORD = 0, 1, 3
TRACE = 0x7000
# Notes EIP and DR6 of every #DB at [7000h], clears DR6, goes on.
NOTE = (
    # push eax ; push ecx ; inc dword ss:[6FFCh] ; mov ecx,ss:[6FFCh] ; mov eax,[esp+8] ;
    # mov ss:[ecx*8+6FF8h],eax ; mov eax,dr6 ; mov ss:[ecx*8+6FFCh],eax ; xor eax,eax ;
    # mov dr6,eax ; or dword [esp+16],10000h ; pop ecx ; pop eax ; iret
    "50 51 36ff05fc6f0000 368b0dfc6f0000 8b442408 368904cdf86f0000 0f21f0 368904cdfc6f0000 31c0 "
    "0f23f0 814c241000000100 59 58 cf"
)
SET_TF = "9c 810c2400010000 9d"  # pushf ; or dword [esp],100h ; popf
STEP = len(bytes.fromhex(SET_TF))


def dr7(number: int, kind: int, length: int) -> int:
    return 0x400 | 2 << 2 * number | kind << 16 + 4 * number | length << 18 + 4 * number


def arm(pc: BarePc, number: int, address: int, kind: int, length: int = BYTE) -> None:
    """Set a debug register as MOV does."""
    core = pc.processor.engine.core
    core.env.dr[number] = address
    wanted = core.env.dr[7] | dr7(number, kind, length)
    core.symbols.cpu_x86_update_dr7(core.env_address, wanted)
    pc.processor.engine.flush_tlb()


def note(pc: BarePc) -> Rings:
    rings = Rings(pc)
    pc.put(0x4000, NOTE)
    pc.put(TRACE - 4, bytes(256))
    pc.put(IDT + 8, gate(CODE_0, 0x4000, INTERRUPT_GATE))
    return rings


def noted(pc: BarePc) -> list[tuple[int, int]]:
    """EIP from the program, and the bits of DR6, of every #DB."""
    words = pc.dwords(TRACE, 2 * pc.dword(TRACE - 4))
    return [(words[i] - PROGRAM, words[i + 1] & 0xE00F) for i in range(0, len(words), 2)]


# -- single steps ---------------------------------------------------------------------------------


CLEAR = "9c 812424fffeffff 9d"  # pushf ; and dword [esp],~100h ; popf, which traps the last time
STEPS = {  # code, and where the traps behind its instructions find EIP
    "one by one": ("40 41", [1, 2]),
    "jumps and calls": ("eb00 e800000000 58", [2, 7, 8]),
    # mov ecx,3 ; rep stosb: a step is an iteration
    "rep": ("b903000000 f3aa", [5, 5, 5, 7]),
    # mov eax,ss ; mov ss,eax: no trap before the next instruction has been executed
    "mov ss": ("8cd0 8ed0 40 41", [2, 5, 6]),
    "pop ss": ("16 17 40 41", [1, 3, 4]),
    # STI has no such effect on traps
    "sti": ("fb 40 fa", [1, 2, 3]),
    # INT clears TF, its IRET sets it again: the trap comes behind the instruction after that
    "int": ("cd30 40", [3]),
    # #UD's program steps over the UD2
    "fault": ("40 0f0b 40", [1, 4]),
}


@pytest.mark.parametrize("model", ["386", "486", "586", "686"])
async def test_tf_traps_behind_every_instruction(open_pc: OpenPc, model: Model) -> None:
    async with open_pc(model=model) as pc:
        pc.put(0x4100, "cf")  # iret
        pc.put(0x4110, "83042402 cf")  # add dword [esp],2 ; iret
        for name, (code, at) in STEPS.items():
            rings = note(pc)
            pc.put(IDT + 8 * 0x30, gate(CODE_0, 0x4100, TRAP_GATE))
            pc.put(IDT + 8 * 6, gate(CODE_0, 0x4110, INTERRUPT_GATE))
            rings.start(SET_TF + code + CLEAR + "fa f4", edi=0x6200)
            assert await rings.caught() is None
            end = len(bytes.fromhex(code))
            expected = [(STEP + eip, BS) for eip in (*at, end + 1, end + 8, end + 9)]
            assert noted(pc) == expected, name


async def test_tf_traps_in_ring_3_and_the_gate_clears_it(pc: BarePc) -> None:
    rings = Rings(pc)
    rings.start_ring_3("40 40", TF)
    fault = await rings.caught()
    assert fault is not None
    assert fault[:4] == (1, None, PROGRAM + 1, CODE_3)
    assert fault.eflags & TF
    assert not pc.processor.eflags & TF
    assert pc.processor.take_state().dr[6] == 0xFFFF0FF0 | BS


# -- breakpoints ----------------------------------------------------------------------------------


class Break(NamedTuple):
    """A breakpoint, code, and the #DBs it raises: EIP and DR6."""

    address: int
    kind: int
    length: int
    code: str
    expected: list[tuple[int, int]]


BREAKS = [
    # nop ; inc ecx, broken at the INC, in front of it
    Break(PROGRAM + 1, EXECUTE, BYTE, "90 41 41", [(1, B0)]),
    # mov [6200h],eax ; inc ecx: behind the MOV
    Break(0x6200, WRITE, DWORD, "a300620000 41", [(5, B0)]),
    # of any byte in it, by any width, but not beside it
    Break(0x6200, WRITE, DWORD, "a203620000 41", [(5, B0)]),
    Break(0x6200, WRITE, DWORD, "a3fd610000 41", [(5, B0)]),
    Break(0x6200, WRITE, DWORD, "a304620000 a3fc610000 41", []),
    Break(0x6200, WRITE, BYTE, "a201620000 41", []),
    Break(0x6202, WRITE, WORD, "a202620000 a204620000 41", [(5, B0)]),
    # a read is none of WRITE, but of ACCESS
    Break(0x6200, WRITE, DWORD, "a100620000 41", []),
    Break(0x6200, ACCESS, DWORD, "a100620000 a300620000 41", [(5, B0), (10, B0)]),
    # read and write in one; a push; a string; the fourth of an x87 store
    Break(0x6200, WRITE, DWORD, "ff0500620000 41", [(6, B0)]),
    Break(0x7FFC, WRITE, DWORD, "50 41", [(1, B0)]),
    Break(0x6202, WRITE, BYTE, "bf00620000 b908000000 f3aa 41", [(10, B0)]),
    Break(0x6204, WRITE, BYTE, "d9e8 dd1d00620000 41", [(8, B0)]),
    # the address is rounded down
    Break(0x6203, WRITE, DWORD, "a200620000 41", [(5, B0)]),
    # the code's own page
    Break(PROGRAM + 0x80, WRITE, DWORD, "a380200000 41", [(5, B0)]),
]


@pytest.mark.parametrize("case", BREAKS, ids=lambda case: f"{case.kind}-{case.code}")
@pytest.mark.parametrize("model", ["386", "686"])
async def test_a_breakpoint(open_pc: OpenPc, case: Break, model: Model) -> None:
    async with open_pc(model=model) as pc:
        rings = note(pc)
        rings.start(case.code + "fa f4", eax=0x11)
        arm(pc, 0, case.address, case.kind, case.length)
        assert await rings.caught() is None
        assert noted(pc) == case.expected
        assert pc.register("ecx") <= 2


async def test_mov_to_dr_arms_at_once_and_disarms_at_once(pc: BarePc) -> None:
    rings = note(pc)
    store = "a300620000"  # mov [6200h],eax, to a page that is in the TLB already
    # mov ecx,6200h ; mov dr1,ecx ; mov ecx,dr7 value ; mov dr7,ecx ; store ; mov ecx,400h ; mov
    # dr7,ecx ; store
    on = f"b900620000 0f23c9 b9{struct.pack('<I', dr7(1, WRITE, DWORD)).hex()} 0f23f9"
    rings.start(store + on + store + "b900040000 0f23f9" + store + "fa f4")
    assert await rings.caught() is None
    assert noted(pc) == [(26, B1)]


async def test_the_processor_may_hit_one_as_well(pc: BarePc) -> None:
    """The frame of INT 30h is written to a watched stack; the trap finds its gate's program."""
    rings = note(pc)
    pc.put(0x4100, "43 cf")
    pc.put(IDT + 8 * 0x30, gate(CODE_0, 0x4100, INTERRUPT_GATE))
    rings.start("cd30 fa f4")
    arm(pc, 0, 0x7FFC, WRITE, DWORD)
    assert await rings.caught() is None
    assert noted(pc) == [(0x4100 - PROGRAM, B0)]


async def test_counts_are_those_of_a_run_without_breakpoints(pc: BarePc) -> None:
    counts = []
    for armed in (False, True):
        rings = note(pc)
        rings.start("40 a300620000 41 a300620000 42 fa f4")
        if armed:
            arm(pc, 0, 0x6200, WRITE, DWORD)
        before = pc.processor.instructions
        assert await rings.caught() is None
        counts.append(pc.processor.instructions - before)
    handler = 14
    assert counts[1] - counts[0] == 2 * handler


async def test_a_breakpoint_of_a_port(open_pc: OpenPc) -> None:
    async with open_pc(model="586") as pc:
        rings = note(pc)
        # in al,0E0h ; in al,0E1h ; mov edx,0E0h ; out dx,al ; inc ecx ; cli ; hlt
        rings.start("e4e0 e4e1 bae0000000 ee 41 fa f4")
        core = pc.processor.engine.core
        core.symbols.cpu_x86_update_cr4(core.env_address, 8)  # DE
        arm(pc, 0, 0xE0, PORT)
        assert await rings.caught() is None
        assert noted(pc) == [(2, B0), (10, B0)]


# -- RF, GD, INT1, aliases ------------------------------------------------------------------------


async def test_rf_lets_one_instruction_pass_and_is_gone(pc: BarePc) -> None:
    rings = Rings(pc)
    # L: inc ecx ; ret, to L, which IRET goes to with RF
    pc.put(0x4200, "41 c3")
    # push L ; pushf ; or dword [esp],10000h ; push cs ; push L ; iret
    rings.start("6800420000 9c 810c2400000100 0e 6800420000 cf")
    arm(pc, 0, 0x4200, EXECUTE)
    fault = await rings.caught()
    assert fault is not None
    assert fault[:3] == (1, None, 0x4200)
    assert pc.register("ecx") == 1


async def test_a_fault_pushes_rf_and_a_trap_does_not(pc: BarePc) -> None:
    for code, expected in (("0f0b", RF), ("cc", 0)):
        rings = Rings(pc)
        rings.start(code)
        arm(pc, 3, 0x9999, EXECUTE)  # RF matters where a breakpoint is armed
        fault = await rings.caught()
        assert fault is not None
        assert fault.eflags & RF == expected


@pytest.mark.parametrize(
    "code",
    [
        "0f21f0",  # mov eax,dr6
        "0f23c0",  # mov dr0,eax
        "0f23f8",  # mov dr7,eax
    ],
)
async def test_guarded_registers_fault_and_the_guard_is_gone(pc: BarePc, code: str) -> None:
    rings = Rings(pc)
    # mov eax,2400h ; mov dr7,eax ; inc ebx ; ...
    rings.start("b800240000 0f23f8 43" + code)
    before = pc.processor.instructions
    fault = await rings.caught()
    assert fault is not None
    assert fault[:3] == (1, None, PROGRAM + 9)
    assert pc.processor.instructions - before == 3 + 4
    state = pc.processor.take_state()
    assert (state.dr[6] & 0xE00F, state.dr[7], state.dr[0]) == (BD, 0x400, 0)


async def test_int1_is_a_trap_that_no_gate_forbids(pc: BarePc) -> None:
    rings = Rings(pc)
    rings.start_ring_3("41 f1")
    fault = await rings.caught()
    assert fault is not None
    assert fault[:4] == (1, None, PROGRAM + 2, CODE_3)
    assert pc.processor.take_state().dr[6] == 0xFFFF0FF0
    rings = Rings(pc)
    rings.start_ring_3("41 cd01")  # int 1 in two bytes is an INT n
    fault = await rings.caught()
    assert fault is not None
    assert fault[:3] == (13, 1 * 8 + 2, PROGRAM + 1)


@pytest.mark.parametrize(("de", "vector"), [(0, None), (8, 6)])
async def test_dr4_and_dr5_are_dr6_and_dr7_unless_de_is_set(
    open_pc: OpenPc, de: int, vector: int | None
) -> None:
    async with open_pc(model="586") as pc:
        rings = Rings(pc)
        # mov eax,cr4 ; or al,de ; mov cr4,eax ; mov ebx,dr4 ; mov ecx,dr5 ; cli ; hlt
        rings.start(f"0f20e0 0c{de:02x} 0f22e0 0f21e3 0f21e9 fa f4")
        fault = await rings.caught()
        assert (fault.vector if fault else None) == vector
        if fault is None:
            assert (pc.register("ebx"), pc.register("ecx")) == (0xFFFF0FF0, 0x400)


async def test_armed_data_breakpoints_belong_to_the_state(open_pc: OpenPc) -> None:
    async with open_pc() as first, open_pc() as second:
        note(first).start("40 a300620000 41 fa f4")
        arm(first, 0, 0x6200, WRITE, DWORD)
        note(second).start("fa f4")
        second.put(PROGRAM, "40 a300620000 41 fa f4")
        second.processor.put_state(first.processor.take_state())
        await second.run_to_halt()
        assert noted(second) == [(6, B0)]
