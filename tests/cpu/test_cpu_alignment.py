"""#AC: unaligned data of ring 3 while CR0.AM and EFLAGS.AC are set (Intel SDM 3A, 6.15)."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from hotswap.cpu import Model

from .conftest import BarePc, OpenPc
from .rings import AC, CODE_3, PROGRAM, VM, Rings

AM = 1 << 18
SET_AM = "0f20c0 0d00000400 0f22c0"  # mov eax,cr0 ; or eax,40000h ; mov cr0,eax


class Case(NamedTuple):
    """Code of ring 3; `at` is the EIP of what faults from its start, None if nothing does."""

    code: str
    at: int | None


CASES = [
    # mov ax,[6101h]: a word; mov eax,[6102h]: a dword; a byte anywhere, and aligned ones
    Case("66a101610000", 0),
    Case("a102610000", 0),
    Case("90 a303610000", 1),
    Case("a001610000 66a102610000 a104610000", None),
    # over the edge of a page
    Case("a1ff6f0000", 0),
    # push [6102h] ; inc dword [6101h] ; xchg [6103h],eax ; lock inc word [6101h]
    Case("ff3502610000", 0),
    Case("ff0501610000", 0),
    Case("870503610000", 0),
    Case("f066ff0501610000", 0),
    # fld dword, qword and tbyte: 4, 8 and 8
    Case("d90504610000 d90502610000", 6),
    Case("dd0508610000 dd0504610000", 6),
    Case("db2d10610000 db2d14610000", 6),
    # mov esi,6100h ; mov edi,6202h ; movsd ; the same, aligned
    Case("be00610000 bf02620000 a5", 10),
    Case("be00610000 bf04620000 a5", None),
    # lea esp,[6FFEh] ; push eax: a stack
    Case("8d25fe6f0000 50", 6),
    # jmp to an odd address: code is not data
    Case("eb01 90 90", None),
]


def start(pc: BarePc, code: str, flags: int = AC, am: bool = True) -> Rings:
    rings = Rings(pc)
    rings.start_ring_3(code + "0f0b", flags)  # ud2
    if am:
        core = pc.processor.engine.core
        core.symbols.cpu_x86_update_cr0(core.env_address, 0x11 | AM)
    return rings


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
async def test_unaligned_data_of_ring_3_is_a_fault(pc: BarePc, case: Case) -> None:
    rings = start(pc, case.code)
    fault = await rings.caught()
    assert fault is not None
    if case.at is None:
        assert fault[:2] == (6, None)
    else:
        assert fault[:4] == (17, 0, PROGRAM + case.at, CODE_3)
        assert fault.eflags & AC


@pytest.mark.parametrize(("flags", "am"), [(0, True), (AC, False)])
async def test_both_bits_must_be_set(pc: BarePc, flags: int, am: bool) -> None:
    rings = start(pc, "a102610000", flags, am)
    fault = await rings.caught()
    assert fault is not None
    assert fault.vector == 6


async def test_rings_0_to_2_are_not_checked(pc: BarePc) -> None:
    rings = Rings(pc)
    # pushf ; or dword [esp],40000h ; popf ; mov eax,[6102h] ; ud2
    rings.start(SET_AM + "9c 810c2400000400 9d a102610000 0f0b")
    fault = await rings.caught()
    assert fault is not None
    assert fault.vector == 6
    assert fault.eflags & AC


async def test_it_is_checked_as_soon_as_popf_sets_the_flag_and_no_longer(pc: BarePc) -> None:
    """Pages that are in the TLB, to be read and written without a look, are looked at again."""
    # mov ecx,1000 ; L: mov eax,[6102h] ; mov [6102h],eax ; loop L
    warm = "b9e8030000 a102610000 a302610000 e2f4"
    # pushf ; xor dword [esp],40000h ; popf
    toggle = "9c 8134240000040090 9d"
    length = len(bytes.fromhex(warm + toggle))
    rings = start(pc, warm + toggle + "a104610000" + toggle + warm + toggle + "a102610000", flags=0)
    fault = await rings.caught()
    assert fault is not None
    assert fault[:3] == (17, 0, PROGRAM + 2 * length + 5 + len(bytes.fromhex(toggle)))


async def test_the_program_behind_the_gate_is_not_checked_and_iret_goes_on(pc: BarePc) -> None:
    rings = start(pc, "43 a102610000 43")
    # mov eax,[6103h] ; inc dword [6200h] ; and dword [esp+12],~40000h ; add esp,4 ; iret
    pc.put(0x4000, "a103610000 ff0500620000 8164240cfffffbff 83c404 cf")
    pc.gate(17, 0x4000)
    fault = await rings.caught()
    assert fault is not None
    assert (fault.vector, pc.register("ebx"), pc.dword(0x6200)) == (6, 2, 1)


async def test_vm86_is_ring_3_too(pc: BarePc) -> None:
    rings = Rings(pc)
    rings.start_vm86("a10100 0f0b", AC)  # mov ax,[1]
    core = pc.processor.engine.core
    core.symbols.cpu_x86_update_cr0(core.env_address, 0x11 | AM)
    fault = await rings.caught()
    assert fault is not None
    assert fault[:3] == (17, 0, 0)
    assert fault.eflags & VM


async def test_a_page_fault_comes_first(pc: BarePc) -> None:
    pc.map_aliases()
    rings = start(pc, "a102000040")  # mov eax,[40000002h]
    core = pc.processor.engine.core
    core.symbols.cpu_x86_update_cr3(core.env_address, 0x10000)
    core.symbols.cpu_x86_update_cr0(core.env_address, 0x80000011 | AM)
    fault = await rings.caught()
    assert fault is not None
    assert fault[:3] == (14, 4, PROGRAM)


@pytest.mark.parametrize(("model", "vector"), [("386", 6), ("486", 17), ("586", 17), ("686", 17)])
async def test_the_386_has_no_alignment_check(open_pc: OpenPc, model: Model, vector: int) -> None:
    async with open_pc(model=model) as pc:
        rings = Rings(pc)
        rings.start_ring_3("a102610000 0f0b", AC)
        pc.put(0x1000, SET_AM + pc.processor.read_memory(0x1000, 32).hex())
        fault = await rings.caught()
        assert fault is not None
        assert fault.vector == vector
