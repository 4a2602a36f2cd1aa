"""The models: who they say they are, what they have, and #UD for what they have not."""

from __future__ import annotations

import struct

import pytest

from hotswap.cpu import Model

from .conftest import OpenPc
from .rings import AC, CODE_0, CODE_3, ID, PROGRAM, Rings

MODELS: list[Model] = ["386", "486", "586", "686", "686sse"]
SIGNATURE = {"386": 0x308, "486": 0x480, "586": 0x543, "686": 0x652, "686sse": 0x673}
FEATURES = {"486": 0x1, "586": 0x8001BD, "686": 0x182A17D, "686sse": 0x382A17D}
GENUINE_INTEL = (0x756E6547, 0x49656E69, 0x6C65746E)  # EBX, EDX, ECX

# What each instruction needs; without it: #UD, its EIP, no error code.
SINCE = {
    "cpuid": ("31c0 0fa2", "486"),
    "invlpg [6100h]": ("0f013d00610000", "486"),
    "rdtsc": ("0f31", "586"),
    "rdmsr 10h": ("b910000000 0f32", "586"),
    "wrmsr 10h": ("b910000000 31c0 31d2 0f30", "586"),
    "mov eax,cr4": ("0f20e0", "486"),
    "mov cr4,eax": ("31c0 0f22e0", "486"),
    "cmpxchg8b [6100h]": ("0fc70d00610000", "586"),
    "cmovz eax,eax": ("0f44c0", "686"),
    "fcomi st0,st1": ("dbe3 dbf1", "686"),
    "fcmovb st0,st1": ("dbe3 dac1", "686"),
    "fxsave [6100h]": ("0fae0500610000", "686"),
    "movaps xmm0,xmm0": ("0f28c0", None),  # before CR4.OSFXSR is set
    "sysenter": ("0f34", None),
    "syscall": ("0f05", None),
    "rdpmc": ("31c9 0f33", None),
    "rsm": ("0faa", None),
    "vmcall": ("0f01c1", None),
    "monitor": ("0f01c8", None),
    "rdtscp": ("0f01f9", None),
}


@pytest.mark.parametrize("model", MODELS)
async def test_what_a_model_has_not_is_an_invalid_opcode(open_pc: OpenPc, model: Model) -> None:
    async with open_pc(model=model) as pc:
        for name, (code, since) in SINCE.items():
            rings = Rings(pc)
            rings.start(code + "fa f4", esp=0x7F00)
            fault = await rings.caught()
            if since is not None and model >= since:
                assert fault is None, name
            else:
                # the last instruction is the one in question
                opcode = code.split()[-1]
                at = PROGRAM + len(bytes.fromhex(code)) - len(bytes.fromhex(opcode))
                assert fault is not None, name
                assert fault[:4] == (6, None, at, CODE_0), name


@pytest.mark.parametrize("model", MODELS)
async def test_reset_leaves_the_signature_in_edx(open_pc: OpenPc, model: Model) -> None:
    async with open_pc(model=model) as pc:
        pc.processor.reset()
        state = pc.processor.take_state()
        assert (state.edx, state.eip, state.eflags) == (SIGNATURE[model], 0xFFF0, 2)
        assert (state.cs.selector, state.cs.base) == (0xF000, 0xFFFF0000)
        assert {(s.selector, s.base, s.limit) for s in (state.ds, state.es, state.ss)} == {
            (0, 0, 0xFFFF)
        }
        assert (state.idtr.base, state.idtr.limit) == (0, 0x3FF)
        assert (state.dr[6], state.dr[7]) == (0xFFFF0FF0, 0x400)
        assert state.cr0 == 0x60000010


@pytest.mark.parametrize("model", MODELS[1:])
async def test_cpuid_says_who_it_is(open_pc: OpenPc, model: Model) -> None:
    async with open_pc(model=model) as pc:
        rings = Rings(pc)
        # xor eax,eax ; cpuid ; store EAX, EBX, EDX, ECX ; mov eax,1 ; cpuid ; cli ; hlt
        store = "a300610000 891d04610000 891508610000 890d0c610000"
        rings.start(f"31c0 0fa2 {store} b801000000 0fa2 fa f4")
        assert await rings.caught() is None
        highest, *vendor = pc.dwords(0x6100, 4)
        assert highest == {"686": 2, "686sse": 3}.get(model, 1)
        assert tuple(vendor) == GENUINE_INTEL
        assert (pc.register("eax"), pc.register("edx")) == (SIGNATURE[model], FEATURES[model])
        assert pc.register("ecx") == 0


@pytest.mark.parametrize("model", MODELS)
async def test_ac_and_id_can_be_toggled_from_the_486_on(open_pc: OpenPc, model: Model) -> None:
    async with open_pc(model=model) as pc:
        rings = Rings(pc)
        # pushf ; xor dword [esp],240000h ; popf ; pushf ; pop eax, as programs find out what it is
        rings.start("9c 81342400002400 9d 9c 58 fa f4")
        assert await rings.caught() is None
        assert pc.register("eax") & (AC | ID) == (0 if model == "386" else AC | ID)
        # nor by IRET, nor in what an interrupt pushes
        rings.start_ring_3("0f0b", AC | ID)
        fault = await rings.caught()
        assert fault is not None
        assert fault.eflags & (AC | ID) == (0 if model == "386" else AC | ID)


TSD, DE, PSE, PAE, MCE, PGE, PCE, OSFXSR, OSXMMEXCPT = (1 << bit for bit in range(2, 11))
_686 = TSD | DE | PSE | PAE | PGE | PCE | OSFXSR
CR4 = {"486": 0, "586": TSD | DE | PSE | MCE, "686": _686, "686sse": _686 | OSXMMEXCPT}


@pytest.mark.parametrize("model", MODELS[1:])
async def test_bits_of_cr4_a_model_has_not_are_reserved(open_pc: OpenPc, model: Model) -> None:
    async with open_pc(model=model) as pc:
        for bit in range(32):
            rings = Rings(pc)
            # mov ecx,bit ; mov cr4,ecx ; mov ebx,cr4 ; cli ; hlt
            rings.start("0f22e1 0f20e3 fa f4", ecx=1 << bit)
            fault = await rings.caught()
            if CR4[model] & 1 << bit:
                assert fault is None, bit
                # the engine keeps OSFXSR for those with SSE only
                kept = 1 << bit if model == "686sse" else (1 << bit) & ~OSFXSR
                assert pc.register("ebx") == kept
            else:
                assert fault is not None, bit
                assert fault[:4] == (13, 0, PROGRAM, CODE_0)


async def test_sse_works_once_osfxsr_is_set_and_fxsave_stores_it(open_pc: OpenPc) -> None:
    async with open_pc(model="686sse") as pc:
        rings = Rings(pc)
        pc.put(0x6100, struct.pack("<4f", 1, 2, 3, -4))
        # mov eax,600h ; mov cr4,eax ; movaps xmm7,[6100h] ; addps xmm7,xmm7 ; fxsave [6200h]
        # xorps xmm7,xmm7 ; fxrstor [6200h] ; movups [6101h],xmm7 ; cli ; hlt
        rings.start(
            "b800060000 0f22e0 0f283d00610000 0f58ff 0fae0500620000"
            "0f57ff 0fae0d00620000 0f113d01610000 fa f4"
        )
        assert await rings.caught() is None
        doubled = struct.pack("<4f", 2, 4, 6, -8)
        assert pc.processor.read_memory(0x6200 + 160 + 7 * 16, 16) == doubled
        assert pc.processor.read_memory(0x6101, 16) == doubled
        assert pc.dwords(0x6200 + 24, 2) == (0x1F80, 0xFFFF)  # MXCSR and its mask


@pytest.mark.parametrize(("tsd", "vector"), [(0, 6), (TSD, 13)])
async def test_tsd_keeps_rdtsc_from_ring_3(open_pc: OpenPc, tsd: int, vector: int) -> None:
    async with open_pc(model="586") as pc:
        rings = Rings(pc)
        rings.start_ring_3("90 0f31 0f0b")
        core = pc.processor.engine.core
        core.symbols.cpu_x86_update_cr4(core.env_address, tsd)
        fault = await rings.caught()
        assert fault is not None
        assert fault[:4] == (vector, 0 if tsd else None, PROGRAM + (1 if tsd else 3), CODE_3)


async def test_the_time_stamp_of_rdmsr_is_that_of_rdtsc(open_pc: OpenPc) -> None:
    async with open_pc(model="586", rate=1_000_000) as pc:
        rings = Rings(pc)
        # mov ecx,1000 ; L: loop L ; rdtsc ; mov ebx,eax ; mov ecx,10h ; rdmsr ; cli ; hlt
        rings.start("b9e8030000 e2fe 0f31 89c3 b910000000 0f32 fa f4")
        assert await rings.caught() is None
        assert pc.register("ebx") >= 100_000
        assert abs(pc.register("eax") - pc.register("ebx")) <= 500


@pytest.mark.parametrize("model", MODELS)
async def test_reserved_bits_of_cr0_and_the_386s(open_pc: OpenPc, model: Model) -> None:
    async with open_pc(model=model) as pc:
        rings = Rings(pc)
        # mov eax,cr0 ; or eax,50020h (AM, WP, NE) ; mov cr0,eax ; mov ebx,cr0 ; smsw ecx
        rings.start("0f20c0 0d20000500 0f22c0 0f20c3 0f01e1 fa f4", ecx=0xAAAA0000)
        assert await rings.caught() is None
        assert pc.register("ebx") == (0x11 if model == "386" else 0x50031)
        assert pc.register("ecx") & 0xFFFF == pc.register("ebx") & 0xFFFF


@pytest.mark.parametrize("model", MODELS)
async def test_lmsw_sets_pe_and_never_clears_it(open_pc: OpenPc, model: Model) -> None:
    async with open_pc(model=model) as pc:
        rings = Rings(pc)
        # xor eax,eax ; lmsw ax ; mov ebx,cr0 ; cli ; hlt
        rings.start("31c0 0f01f0 0f20c3 fa f4")
        assert await rings.caught() is None
        assert pc.register("ebx") & 1
