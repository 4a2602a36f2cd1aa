"""Rolling back undoes everything: memory, registers, and what was translated from either."""

from __future__ import annotations

import pytest

from hotswap.cpu import Checkpoint

from .conftest import TABLES, BarePc, OpenPc, dword

# mov esp,8000h ; xor edi,edi ; xor ecx,ecx
# L: call 3000h ; add edi,eax ; inc ecx ; cmp ecx,200000 ; je D ; test ecx,3FFh ; jnz L
#   mov [3001h],ecx ; jmp L
# D: cli ; hlt - and at 3000h: mov eax,7 ; ret
PATCHING = (
    "bc00800000 31ff 31c9 e8f20f0000 01c7 41 81f9400d0300 7410 f7c1ff030000 75e8 890d01300000 ebe0"
    "fa f4"
)


def expected() -> int:
    total, returned = 0, 7
    for ecx in range(1, 200_001):
        total += returned
        if ecx % 1024 == 0:
            returned = ecx
    return total & 0xFFFFFFFF


async def reach(pc: BarePc, instructions: int) -> None:
    """Step to the count `instructions`."""
    left = instructions - pc.processor.instructions
    assert await pc.processor.step(left) == left


async def begin(pc: BarePc) -> Checkpoint:
    """Load the self-patching program, run a part of it, make that the rollback point."""
    pc.put(0x2000, PATCHING)
    pc.put(0x3000, "b807000000 c3")
    pc.start(0x2000)
    async with pc.processor.paused():
        await reach(pc, 300_000)
    pc.processor.ram.commit()
    return pc.processor.checkpoint()


@pytest.mark.parametrize("fast_stores", [True, False])
async def test_code_the_guest_patched_is_rolled_back(open_pc: OpenPc, fast_stores: bool) -> None:
    async with open_pc(fast_stores=fast_stores) as pc:
        point = await begin(pc)
        for k in range(20):
            async with pc.processor.paused():
                await pc.processor.step(1000 + k * 11_111)
                pc.processor.rollback(point)
            await pc.run_to_halt()
            assert pc.register("edi") == expected()
            pc.processor.rollback(point)


async def test_code_the_host_patched_is_rolled_back(pc: BarePc) -> None:
    point = await begin(pc)
    for k in range(20):
        async with pc.processor.paused():
            pc.processor.write_memory(0x3001, (99_999).to_bytes(4, "little"))
            await pc.processor.step(500 + k)
            pc.processor.rollback(point)
        await pc.run_to_halt()
        assert pc.register("edi") == expected()
        pc.processor.rollback(point)


async def test_a_host_write_to_code_takes_effect(pc: BarePc) -> None:
    # mov ecx,10 ; L: call 3000h ; add edi,eax ; dec ecx ; jnz L ; cli ; hlt
    pc.put(0x2000, "b90a000000 e8f60f0000 01c7 49 75f6 fa f4")
    pc.put(0x3000, "b807000000 c3")
    for result in (7, 99, 5):
        pc.put(0x3001, result.to_bytes(4, "little"))
        pc.start(0x2000)
        await pc.run_to_halt()
        assert pc.register("edi") == 10 * result


async def test_a_host_write_to_code_from_inside_an_out_takes_effect(pc: BarePc) -> None:
    def patch(_port: int, _width: int, value: int) -> None:
        pc.processor.write_memory(0x3001, bytes([value & 0x7F]))

    # mov ecx,1000 ; L: call 3000h ; add edi,eax ; mov al,cl ; out 0E0h,al ; dec ecx ; jnz L ; ...
    pc.put(0x2000, "b9e8030000 e8f60f0000 01c7 88c8 e6e0 49 75f2 fa f4")
    pc.put(0x3000, "b807000000 c3")
    pc.probe.on_out = patch
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.register("edi") == 7 + sum(ecx & 0x7F for ecx in range(1000, 1, -1))


async def test_a_host_write_reaches_code_at_every_address_it_is_mapped_to(pc: BarePc) -> None:
    pc.map_aliases()
    # mov esi,C0200000h ; call esi ; mov edi,eax ; out 0E0h,al ; call esi ; add edi,eax ; cli ; hlt
    code = "be000020c0 ffd6 89c7 e6e0 ffd6 01c7 fa f4"
    pc.put(0x200000, "b807000000 c3")
    pc.probe.on_out = lambda _port, _width, _value: pc.put(0x200001, b"\x20")
    pc.start_paged(code)
    await pc.run_to_halt()
    assert pc.register("edi") == 7 + 0x20


# DR0 breaks at 3000h for 2000 calls, then never again in 200,000:
# xor edi,edi ; mov eax,3000h ; mov dr0,eax ; mov eax,402h ; mov dr7,eax
# L: call 3000h ; inc ecx ; cmp ecx,2000 ; jne L ; xor eax,eax ; mov dr7,eax ; mov ecx,0
# M: call 3000h ; inc ecx ; cmp ecx,200000 ; jne M ; cli ; hlt
BREAKING = (
    "31ff b800300000 0f23c0 b802040000 0f23f8 e8e90f0000 41 81f9d0070000 75f2 31c0 0f23f8"
    "b900000000 e8d10f0000 41 81f9400d0300 75f2 fa f4"
)
# inc edi ; or dword [esp+8],10000h (RF) ; push eax ; mov eax,dr6 ; mov esi,eax ; xor eax,eax ;
# mov dr6,eax ; pop eax ; iret
DEBUG_HANDLER = "47 814c240800000100 50 0f21f0 89c6 31c0 0f23f0 58 cf"


def load_breaking(pc: BarePc) -> None:
    pc.put(0x2000, BREAKING)
    pc.put(0x3000, "c3")
    pc.put(0x4000, DEBUG_HANDLER)
    pc.gate(1, 0x4000)
    pc.start(0x2000)


async def test_debug_registers_break_and_say_so(pc: BarePc) -> None:
    load_breaking(pc)
    await pc.run_to_halt()
    assert pc.register("edi") == 2000
    assert pc.register("esi") & 0xF == 1


@pytest.mark.parametrize("typed", [True, False])
async def test_debug_registers_are_armed_again_by_a_restore(pc: BarePc, typed: bool) -> None:
    load_breaking(pc)
    async with pc.processor.paused():
        await reach(pc, 6000)
    assert 100 < pc.register("edi") < 2000
    pc.processor.ram.commit()
    state, point = pc.processor.take_state(), pc.processor.checkpoint()
    for k in range(3):
        async with pc.processor.paused():
            await pc.processor.step(100_000 + k)  # DR7 is off by now
            pc.processor.rollback(point)
            if typed:
                pc.processor.engine.core.symbols.cpu_x86_update_dr7(
                    pc.processor.engine.core.env_address, 0
                )
                pc.processor.put_state(state)
        await pc.run_to_halt()
        assert pc.register("edi") == 2000
        pc.processor.rollback(point)


async def test_a_breakpoint_is_found_by_its_linear_address(pc: BarePc) -> None:
    """The engine itself compares with EIP; with CS not at 0 it would spin for ever."""
    # at 4000h, with CS base 2000h: nop ; nop ; cli ; hlt, broken at its second nop
    pc.put(0x4000, "90 90 fa f4")
    pc.put(0x5000, "47 fa f4")  # inc edi ; cli ; hlt
    pc.gate(1, 0x5000)
    pc.start(0x2000)
    engine = pc.processor.engine
    engine.env.segs[1].base = 0x2000
    engine.env.dr[0] = 0x4001
    engine.core.symbols.cpu_x86_update_dr7(engine.core.env_address, 0x402)
    await pc.run_to_halt()
    assert pc.register("edi") == 1
    assert engine.env.dr[6] & 0xF == 1


async def test_a_shut_down_machine_goes_on_after_a_rollback(pc: BarePc) -> None:
    pc.put(0x2000, "ff0500600000 0f0b")  # inc dword [6000h] ; ud2
    pc.start(0x2000)
    pc.processor.engine.env.idt.limit = 0
    pc.processor.ram.commit()
    point = pc.processor.checkpoint()
    async with pc.running():
        for _ in range(3):
            await pc.ended.wait()
            assert pc.processor.shut_down
            assert pc.dword(0x6000) == 1
            pc.ended = type(pc.ended)()
            pc.processor.rollback(point)
            assert not pc.processor.shut_down
            assert pc.dword(0x6000) == 0
        await pc.ended.wait()


async def test_rollback_says_which_pages_it_undid(pc: BarePc) -> None:
    pc.put(0x2000, "a300600000 a300900300 fa f4")  # mov [6000h],eax ; mov [39000h],eax
    pc.start(0x2000)
    pc.processor.ram.commit()
    point = pc.processor.checkpoint()
    await pc.run_to_halt()
    assert pc.processor.rollback(point) == [(6, 1), (0x39, 1)]
    assert pc.processor.rollback(point) == []


async def test_page_tables_that_were_rolled_back_are_walked_again(pc: BarePc) -> None:
    pc.map_aliases()
    pc.put(0x301000, b"old!")
    pc.put(0x302000, b"new!")
    # mov eax,[301000h] ; L: mov eax,[301000h] ; jmp L
    pc.start_paged("a100103000 a100103000 ebf9")
    async with pc.processor.paused():
        await pc.processor.step(6)
        pc.processor.ram.commit()
        point = pc.processor.checkpoint()
        assert pc.register("eax") == int.from_bytes(b"old!", "little")
        pc.put(TABLES + 4 * 0x301, dword(0x302007))
        pc.processor.engine.flush_tlb()
        await pc.processor.step(6)
        assert pc.register("eax") == int.from_bytes(b"new!", "little")
        pc.processor.rollback(point)
        await pc.processor.step(6)
        assert pc.register("eax") == int.from_bytes(b"old!", "little")
