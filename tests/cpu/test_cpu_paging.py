"""Paging: #PF's error code and CR2, WP, large pages, INVLPG, the bits it sets, faults in REP."""

from __future__ import annotations

import struct
from typing import NamedTuple

import pytest

from hotswap.cpu import Model

from .conftest import DIRECTORY, IDT, BarePc, OpenPc, dword
from .rings import CODE_0, CODE_3, INTERRUPT_GATE, PROGRAM, Rings, gate

# Linear 0 to 4 MiB is physical, but for these pages at 200000h.
TABLE = 0x11000
ABSENT, SUPERVISOR, READ_ONLY, USER, ELSEWHERE = 0x200000, 0x201000, 0x202000, 0x203000, 0x204000
ACCESSED, DIRTY, GLOBAL = 0x20, 0x40, 0x100
# mov eax,10000h ; mov cr3,eax ; mov eax,cr0 ; or eax,80000000h ; mov cr0,eax
PAGING = "b800000100 0f22d8 0f20c0 0d00000080 0f22c0"
# mov eax,10000h ; mov cr3,eax ; mov eax,cr0 ; or eax,80010000h ; mov cr0,eax
PROTECTED = "b800000100 0f22d8 0f20c0 0d00000180 0f22c0"
"""With CR0.WP."""
CODE = len(bytes.fromhex(PAGING))
P, W, U = 1, 2, 4


def build_tables(pc: BarePc) -> None:
    entries = [page << 12 | P | W | U for page in range(1024)]
    entries[ABSENT >> 12] = 0
    entries[SUPERVISOR >> 12] = SUPERVISOR | P | W
    entries[READ_ONLY >> 12] = READ_ONLY | P | U
    entries[ELSEWHERE >> 12] = 0x300000 | P | W | U
    pc.put(TABLE, struct.pack("<1024I", *entries))
    pc.put(DIRECTORY, dword(TABLE | P | W | U) + bytes(4092))


class Case(NamedTuple):
    """What raises #PF: code behind paging, error code, CR2, EIP from that code."""

    code: str
    error: int
    cr2: int
    at: int = 0


RING_0 = [
    # mov eax,[200123h]
    Case("a123012000", 0, 0x200123),
    # mov [200123h],eax
    Case("a323012000", 2, 0x200123),
    # nop ; mov eax,[40000000h]
    Case("90 a100000040", 0, 0x40000000, 1),  # no table
    # jmp 20000Dh
    Case("e9f5df1f00", 0, 0x20000D, 0x20000D - PROGRAM - CODE),
    # mov [202004h],eax
    Case("a304202000", 3, 0x202004),  # with WP
    # mov eax,[1FFFFEh]
    Case("a1feff1f00", 0, 0x200000),  # over the edge of a page
    # mov ebx,[200000h]
    Case("8b1d00002000", 0, 0x200000),
    # lock inc dword [200000h] ; xchg, which look at once whether they may write
    Case("f0ff0500002000", 2, 0x200000),
    Case("870500002000", 2, 0x200000),
    # lgdt [200000h]
    Case("0f011500002000", 0, 0x200000),
    # fld qword [200000h]
    Case("dd0500002000", 0, 0x200000),
]
RING_3 = [
    # mov esp,200004h ; push dword [6100h]
    Case("bc04002000 ff3500610000", 6, 0x200000, 5),
    # mov eax,[200123h]
    Case("a123012000", 4, 0x200123),
    # mov [200123h],eax
    Case("a323012000", 6, 0x200123),
    # mov eax,[201000h]
    Case("a100102000", 5, 0x201000),
    # mov [201000h],eax
    Case("a300102000", 7, 0x201000),
    # mov [202000h],eax
    Case("a300202000", 7, 0x202000),
    # jmp 201000h
    Case("e9fbef1f00", 5, 0x201000, 0x201000 - PROGRAM),
]


@pytest.mark.parametrize("case", RING_0, ids=lambda case: f"{case.error}-{case.code}")
async def test_a_page_fault_in_ring_0(pc: BarePc, case: Case) -> None:
    rings = Rings(pc)
    build_tables(pc)
    rings.start(PROTECTED + case.code)
    fault = await rings.caught()
    assert fault is not None
    assert fault[:4] == (14, case.error, PROGRAM + CODE + case.at, CODE_0)
    assert pc.processor.take_state().cr2 == case.cr2


@pytest.mark.parametrize("case", RING_3, ids=lambda case: f"{case.error}-{case.code}")
async def test_a_page_fault_in_ring_3(pc: BarePc, case: Case) -> None:
    rings = Rings(pc)
    build_tables(pc)
    rings.start_ring_3(case.code)
    core = pc.processor.engine.core
    core.symbols.cpu_x86_update_cr3(core.env_address, DIRECTORY)
    core.symbols.cpu_x86_update_cr0(core.env_address, 0x80000011)
    fault = await rings.caught()
    assert fault is not None
    assert fault[:4] == (14, case.error, PROGRAM + case.at, CODE_3)
    assert pc.processor.take_state().cr2 == case.cr2


MODIFY = {  # instructions with the operand [200123h], and whether they write it
    "add": ("000523012000", True),
    "add ecx": ("030d23012000", False),
    "cmp": ("390523012000", False),
    "xor word": ("66310523012000", True),
    "sub imm": ("832d2301200001", True),
    "cmp imm": ("833d2301200001", False),
    "test": ("850523012000", False),
    "not": ("f71523012000", True),
    "mul": ("f72523012000", False),
    "dec": ("fe0d23012000", True),
    "jmp": ("ff2523012000", False),
    "push": ("ff3523012000", False),
    "rol": ("d10523012000", True),
    "shl cl": ("d32523012000", True),
    "sar imm": ("c13d2301200003", True),
    "shld": ("0fa4052301200003", True),
    "bts": ("0fab0523012000", True),
    "bt": ("0fa30523012000", False),
    "btc imm": ("0fba3d2301200003", True),
    "bt imm": ("0fba252301200003", False),
    "lock cmpxchg": ("f00fb10d23012000", True),
    "xadd": ("0fc10523012000", True),
    "bswap": ("0fc8 8b0523012000", False),
    "movzx": ("0fb60523012000", False),
    "arpl": ("630523012000", True),
    "through fs": ("64870523012000", True),
    "pop": ("5a 8f0523012000", True),
}


@pytest.mark.parametrize("name", MODIFY)
async def test_what_modifies_memory_wants_to_write_it(pc: BarePc, name: str) -> None:
    code, writes = MODIFY[name]
    rings = Rings(pc)
    build_tables(pc)
    rings.start(PROTECTED + code, esp=0x7000)
    fault = await rings.caught()
    assert fault is not None
    assert fault[:2] == (14, W if writes else 0)
    rings.start_ring_3(code.split()[-1].replace("23012000", "00102000"))  # [201000h], ring 0's
    core = pc.processor.engine.core
    core.symbols.cpu_x86_update_cr3(core.env_address, DIRECTORY)
    core.symbols.cpu_x86_update_cr0(core.env_address, 0x80000011)
    fault = await rings.caught()
    assert fault is not None
    assert fault[:3] == (14, P | U | (W if writes else 0), PROGRAM)


@pytest.mark.parametrize("model", ["386", "486"])
async def test_without_wp_ring_0_writes_where_it_likes(open_pc: OpenPc, model: Model) -> None:
    async with open_pc(model=model) as pc:
        rings = Rings(pc)
        build_tables(pc)
        code = PROTECTED if model == "386" else PAGING  # the 386 has no WP
        # mov [202004h],eax ; mov ebx,cr0 ; cli ; hlt
        rings.start(code + "a304202000 0f20c3 fa f4")
        assert await rings.caught() is None
        assert pc.dword(0x202004)
        assert not pc.register("ebx") & 1 << 16


async def test_the_instruction_goes_on_when_its_page_has_come(pc: BarePc) -> None:
    rings = Rings(pc)
    build_tables(pc)
    # mov dword [11800h],200007h ; add esp,4 ; iret: no INVLPG, what is absent is not remembered
    # mov dword [11800h],200007h ; inc dword [6100h] ; add esp,4 ; iret
    pc.put(0x4000, "c7050018010007002000 ff0500610000 83c404 cf")
    pc.put(IDT + 8 * 14, gate(CODE_0, 0x4000, INTERRUPT_GATE))
    pc.put(ABSENT + 8, dword(41))
    # inc dword [200008h] ; cli ; hlt
    rings.start(PAGING + "ff0508002000 fa f4")
    assert await rings.caught() is None
    assert (pc.dword(ABSENT + 8), pc.dword(0x6100)) == (42, 1)


REP = {  # from a page that is there into one that is not, and back; upwards and downwards
    "movsd": (
        # mov esi,203000h ; mov edi,1FFFF0h ; mov ecx,8 ; cld ; rep movsd ; cli ; hlt
        "be00302000 bff0ff1f00 b908000000 fc f3a5 fa f4",
        (0x203010, 0x200000, 4),
        2,
    ),
    "lodsd": (
        # mov esi,1FFFF8h ; mov ecx,8 ; cld ; rep lodsd ; cli ; hlt
        "bef8ff1f00 b908000000 fc f3ad fa f4",
        (0x200000, 0, 6),
        0,
    ),
    "stosb down": (
        # mov edi,201001h ; mov ecx,8 ; std ; rep stosb ; cli ; hlt
        "bf01102000 b908000000 fd f3aa fa f4",
        (0, 0x200FFF, 6),
        2,
    ),
    "repe scasb": (
        # xor eax,eax ; mov edi,1FFFF0h ; mov ecx,64 ; cld ; repe scasb ; cli ; hlt
        "31c0 bff0ff1f00 b940000000 fc f3ae fa f4",
        (0, 0x200000, 48),
        0,
    ),
}


@pytest.mark.parametrize("name", REP)
async def test_a_fault_in_rep_leaves_the_registers_in_the_middle(pc: BarePc, name: str) -> None:
    rings = Rings(pc)
    build_tables(pc)
    code, (esi, edi, ecx), error = REP[name]
    rings.start(PAGING + code)
    fault = await rings.caught()
    assert fault is not None
    rep = PROGRAM + CODE + len(bytes.fromhex(code)) - 4
    assert fault[:3] == (14, error, rep)
    assert (pc.register("esi"), pc.register("edi"), pc.register("ecx")) == (esi, edi, ecx)


async def test_rep_goes_on_after_its_fault_and_moves_all_once(pc: BarePc) -> None:
    rings = Rings(pc)
    build_tables(pc)
    # mov dword [11800h],200007h ; inc dword [6100h] ; add esp,4 ; iret
    pc.put(0x4000, "c7050018010007002000 ff0500610000 83c404 cf")
    pc.put(IDT + 8 * 14, gate(CODE_0, 0x4000, INTERRUPT_GATE))
    pc.put(0x203000, bytes(range(64)))
    # mov esi,203000h ; mov edi,1FFFF0h ; mov ecx,16 ; cld ; rep movsd ; cli ; hlt
    rings.start(PAGING + "be00302000 bff0ff1f00 b910000000 fc f3a5 fa f4")
    assert await rings.caught() is None
    assert pc.processor.read_memory(0x1FFFF0, 64) == bytes(range(64))
    assert pc.dword(0x6100) == 1


async def test_rep_insb_reads_the_device_once_for_each_byte(pc: BarePc) -> None:
    rings = Rings(pc)
    build_tables(pc)
    reads: list[int] = []

    def read(port: int, _width: int) -> int:
        reads.append(port)
        return len(reads)

    pc.probe.on_in = read
    # mov dword [11800h],200007h ; add esp,4 ; iret
    pc.put(0x4000, "c7050018010007002000 83c404 cf")
    pc.put(IDT + 8 * 14, gate(CODE_0, 0x4000, INTERRUPT_GATE))
    # mov edx,0E0h ; mov edi,1FFFFCh ; mov ecx,8 ; cld ; rep insb ; cli ; hlt
    rings.start(PAGING + "bae0000000 bffcff1f00 b908000000 fc f36c fa f4")
    assert await rings.caught() is None
    assert pc.processor.read_memory(0x1FFFFC, 8) == bytes(range(1, 9))


async def test_accessed_and_dirty_are_set(pc: BarePc) -> None:
    rings = Rings(pc)
    build_tables(pc)
    # mov eax,[203000h] ; mov [204000h],eax ; cli ; hlt
    rings.start(PAGING + "a100302000 a300402000 fa f4")
    assert await rings.caught() is None
    read, written = pc.dword(TABLE + (USER >> 10)), pc.dword(TABLE + (ELSEWHERE >> 10))
    assert (read & (ACCESSED | DIRTY), written & (ACCESSED | DIRTY)) == (ACCESSED, ACCESSED | DIRTY)
    assert pc.dword(DIRECTORY) & ACCESSED
    assert not pc.dword(TABLE + (SUPERVISOR >> 10)) & ACCESSED


@pytest.mark.parametrize(
    "flush",
    [
        # invlpg [204000h]
        "0f013d00402000",
        # mov ecx,cr3 ; mov cr3,ecx
        "0f20d9 0f22d9",
    ],
)
async def test_a_mapping_changes_with_invlpg_or_cr3(pc: BarePc, flush: str) -> None:
    rings = Rings(pc)
    build_tables(pc)
    pc.put(0x300000, dword(1))
    pc.put(0x301000, dword(2))
    # mov eax,[204000h] ; mov dword [11810h],301007h ; flush ; mov ebx,[204000h]
    rings.start(
        PAGING
        # mov eax,[204000h] ; mov dword [11810h],301007h
        + "a100402000 c7051018010007103000"
        + flush
        # mov ebx,[204000h] ; cli ; hlt
        + "8b1d00402000 fa f4"
    )
    assert await rings.caught() is None
    assert (pc.register("eax"), pc.register("ebx")) == (1, 2)


@pytest.mark.parametrize("model", ["586", "686"])
async def test_pages_of_4_mib(open_pc: OpenPc, model: Model) -> None:
    async with open_pc(model=model) as pc:
        rings = Rings(pc)
        build_tables(pc)
        pc.put(DIRECTORY + 4, dword(0x800000 | 0x83))  # linear 4 MiB is physical 8 MiB, no user
        pc.put(DIRECTORY + 8, dword(0x800000 | 0x81))  # read-only
        pc.put(0x8ABCDC, dword(0x55))
        rings.start(
            "0f20e0 83c810 0f22e0"  # mov eax,cr4 ; or eax,10h (PSE) ; mov cr4,eax
            + PROTECTED
            # mov eax,[4ABCDCh] ; mov [4ABCE0h],eax ; mov [8ABCE4h],eax
            + "a1dcbc4a00 a3e0bc4a00 a3e4bc8a00"
        )
        fault = await rings.caught()
        assert fault is not None
        assert fault[:2] == (14, 3)
        assert pc.processor.take_state().cr2 == 0x8ABCE4
        assert pc.dwords(0x8ABCDC, 3) == (0x55, 0x55, 0)
        assert pc.dword(DIRECTORY + 4) & (ACCESSED | DIRTY) == ACCESSED | DIRTY


async def test_without_pse_the_bit_is_ignored(pc: BarePc) -> None:
    rings = Rings(pc)
    build_tables(pc)
    pc.put(DIRECTORY + 4, dword(TABLE | 0x83))
    # mov eax,[406100h] ; cli ; hlt
    rings.start(PAGING + "a100614000 fa f4")
    pc.put(0x6100, dword(0x66))
    assert await rings.caught() is None
    assert pc.register("eax") == 0x66


async def test_global_pages_stay_over_a_load_of_cr3(open_pc: OpenPc) -> None:
    async with open_pc(model="686") as pc:
        rings = Rings(pc)
        build_tables(pc)
        pc.put(TABLE + (ELSEWHERE >> 10), dword(0x300000 | GLOBAL | P | W))
        pc.put(0x300000, dword(1))
        pc.put(0x301000, dword(2))
        rings.start(
            "0f20e0 0c80 0f22e0"  # mov eax,cr4 ; or al,80h (PGE) ; mov cr4,eax
            + PAGING
            # mov eax,[204000h] ; mov dword [11810h],301103h ; mov ecx,cr3 ; mov cr3,ecx ; invlpg
            # [204000h] ; mov ebx,[204000h] ; cli ; hlt
            + "a100402000 c7051018010003113000 0f20d9 0f22d9 0f013d00402000 8b1d00402000 fa f4"
        )
        assert await rings.caught() is None
        assert (pc.register("eax"), pc.register("ebx")) == (1, 2)


# -- double faults of paging ----------------------------------------------------------------------


async def test_a_page_fault_without_a_gate_is_a_double_fault(pc: BarePc) -> None:
    rings = Rings(pc)
    build_tables(pc)
    pc.put(IDT + 8 * 14, bytes(8))
    # mov eax,[200123h]
    rings.start(PAGING + "a123012000")
    fault = await rings.caught()
    assert fault is not None
    assert fault[:3] == (8, 0, PROGRAM + CODE)


async def test_a_page_fault_while_a_page_fault_is_delivered_is_a_double_fault(pc: BarePc) -> None:
    rings = Rings(pc)
    build_tables(pc)
    # #DF has no stack to be delivered on either: shutdown
    # mov esp,200010h ; mov eax,[200123h]
    rings.start(PAGING + "bc10002000 a123012000")
    event = await pc.run()
    assert (event.reason, event.eip) == ("triple fault", PROGRAM + CODE + 5)


async def test_a_fault_on_the_stack_of_ring_0_is_delivered_there_again(pc: BarePc) -> None:
    rings = Rings(pc)
    build_tables(pc)
    # an interrupt of ring 3 finds no page under ESP0: #PF of the supervisor, then #DF, then the end
    # ud2
    rings.start_ring_3("0f0b")
    pc.put(0x5004, dword(0x200FF0))
    core = pc.processor.engine.core
    core.symbols.cpu_x86_update_cr3(core.env_address, DIRECTORY)
    core.symbols.cpu_x86_update_cr0(core.env_address, 0x80000011)
    event = await pc.run()
    assert (event.reason, event.cs) == ("triple fault", CODE_3)
    assert pc.processor.take_state().cr2 == 0x200FEC
