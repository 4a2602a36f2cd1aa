"""RAM and ROM of cards: mapped into the engine outside guest RAM."""

from __future__ import annotations

import time

import pytest

from hotswap.cpu.errors import MemoryBoundsError

from .conftest import MIB, BarePc

VIDEO = 0xE0000000
PAGE = 4096


async def test_the_guest_and_the_card_see_the_same_bytes(pc: BarePc) -> None:
    video = pc.processor.map_ram(VIDEO, MIB)
    video[4:8] = b"card"
    # mov eax,[E0000004h] ; mov [E0000FFCh],eax ; mov [E00FFFFCh],eax ; cli ; hlt
    pc.put(0x2000, "a1040000e0 a3fc0f00e0 a3fcff0fe0 fa f4")
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.register("eax") == int.from_bytes(b"card", "little")
    assert bytes(video[0xFFC:0x1000]) == bytes(video[MIB - 4 :]) == b"card"


async def test_around_it_the_bus_goes_on(pc: BarePc) -> None:
    seen: list[tuple[int, int]] = []
    pc.probe.on_store = lambda address, width, value: seen.append((address, value))
    pc.processor.map_ram(VIDEO, MIB)
    # mov eax,[E0100000h] ; mov [A0010h],eax ; mov eax,[DFFFFFFCh] ; mov [BFFFCh],eax ; cli ; hlt
    pc.put(0x2000, "a1000010e0 a310000a00 a1fcffffdf a3fcff0b00 fa f4")
    pc.start(0x2000)
    await pc.run_to_halt()
    assert seen == [(0xA0010, 0xFFFFFFFF), (0xBFFFC, 0xFFFFFFFF)]


async def test_unmapped_it_floats_and_the_card_keeps_its_bytes(pc: BarePc) -> None:
    video = pc.processor.map_ram(VIDEO, PAGE)
    # mov byte [E0000000h],55h ; mov eax,[E0000000h] ; cli ; hlt
    pc.put(0x2000, "c605000000e055 a1000000e0 fa f4")
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.register("eax") == 0x55
    pc.processor.unmap(VIDEO)
    video[0] = 0x11
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.register("eax") == 0xFFFFFFFF
    assert video[0] == 0x11
    again = pc.processor.map_ram(VIDEO, PAGE)
    assert not any(again)


async def test_stores_to_rom_are_discarded(pc: BarePc) -> None:
    content = bytes(range(256)) * 256
    pc.processor.map_rom(0xFFFF0000, content)
    # L: mov [FFFF0000h],ecx ; dec ecx ; jnz L ; mov eax,[FFFF0000h] ; mov [5000h],eax ; cli ; hlt
    pc.put(0x2000, "890d0000ffff 49 75f7 a10000ffff a300500000 fa f4")
    pc.start(0x2000, ecx=100)
    await pc.run_to_halt()
    assert pc.dword(0x5000) == 0x03020100
    assert pc.register("ecx") == 0


async def test_stores_to_rom_are_discarded_at_every_address_it_is_mapped_to(pc: BarePc) -> None:
    pc.processor.map_rom(0xFFFF0000, b"\x11" * 0x10000)
    pc.map_aliases()
    pc.put(0x11000 + 4 * 0x500, (0xFFFF0000 | 7).to_bytes(4, "little"))  # the PTE of linear 500000h
    # mov byte [500123h],22h ; mov al,[500123h] ; mov [5000h],eax ; cli ; hlt
    pc.start_paged("c6052301500022 a023015000 a200500000 fa f4")
    await pc.run_to_halt()
    assert pc.processor.read_memory(0x5000, 1) == b"\x11"


async def test_code_runs_from_rom(pc: BarePc) -> None:
    code = bytes.fromhex("b878563412 a300500000 fa f4")  # mov eax,12345678h ; mov [5000h],eax ; ..
    pc.processor.map_rom(0xFFFF0000, code.ljust(0x10000, b"\xf4"))
    pc.start(0xFFFF0000)
    await pc.run_to_halt()
    assert pc.dword(0x5000) == 0x12345678


async def test_code_the_guest_patches_in_video_ram_takes_effect(pc: BarePc) -> None:
    video = pc.processor.map_ram(VIDEO, PAGE)
    # L: call E0000000h ; inc dword [E0000001h] ; dec ecx ; jnz L ; cli ; hlt
    pc.put(0x2000, "b900040000 bb000000e0 ffd3 ff4301 49 75f8 fa f4")
    video[:7] = bytes.fromhex("b800000000 c3 90")  # mov eax,0 ; ret
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.register("eax") == 0x3FF


async def test_code_in_video_ram_is_rolled_back_with_the_card(pc: BarePc) -> None:
    video = pc.processor.map_ram(VIDEO, PAGE)
    video[:6] = bytes.fromhex("b801000000 c3")  # mov eax,1 ; ret
    pc.put(0x2000, "bb000000e0 ffd3 fa f4")  # mov ebx,E0000000h ; call ebx ; cli ; hlt
    pc.start(0x2000)
    pc.processor.ram.commit()
    point = pc.processor.checkpoint()
    await pc.run_to_halt()
    pc.processor.rollback(point)
    video[1] = 2
    await pc.run_to_halt()
    assert pc.register("eax") == 2


@pytest.mark.parametrize(
    ("start", "size"),
    [(0x100000, PAGE), (0xFFFF0000, 0x20000), (VIDEO + 1, PAGE), (VIDEO, 100), (VIDEO, 0)],
    ids=["in RAM", "beyond 4 GiB", "no page", "no whole pages", "nothing"],
)
async def test_other_places_are_refused(pc: BarePc, start: int, size: int) -> None:
    with pytest.raises(MemoryBoundsError, match="whole pages"):
        pc.processor.map_ram(start, size)


async def test_taken_places_are_refused(pc: BarePc) -> None:
    pc.processor.map_ram(VIDEO, MIB)
    with pytest.raises(MemoryBoundsError, match="other cards"):
        pc.processor.map_rom(VIDEO + PAGE, bytes(PAGE))
    with pytest.raises(MemoryBoundsError, match="no card"):
        pc.processor.unmap(VIDEO + PAGE)


async def test_stores_are_as_fast_as_to_ram(pc: BarePc) -> None:
    pc.processor.map_ram(VIDEO, PAGE)
    pc.processor.map_rom(0xFFFF0000, bytes(PAGE))
    seconds = {}
    for place in (0x6000, VIDEO):
        target = place.to_bytes(4, "little").hex()
        # L: mov [place],ecx (four times) ; dec ecx ; jnz L ; hlt
        pc.put(0x2000, f"890d{target}" * 4 + "49 75e5 f4")
        pc.start(0x2000, ecx=100)
        engine = pc.processor.engine
        engine.run()  # translate, and make the page fast
        pc.start(0x2000, ecx=1_000_000)
        began = time.thread_time()
        engine.run()
        seconds[place] = time.thread_time() - began
    assert seconds[VIDEO] < 2 * seconds[0x6000]
