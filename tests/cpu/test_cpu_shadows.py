"""What STI and MOV SS hold back for one instruction: INTR, NMI, single steps (SDM 3A, 6.8)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hotswap.cpu import Model

from .conftest import BarePc, OpenPc

NOTE = "8b0424 36a300600000 43 cf"  # mov eax,[esp] ; mov ss:[6000h],eax ; inc ebx ; iret
OUT = "e6e0 eb00"  # out 0E0h,al, which asks for the interrupt ; jmp N


def intr(pc: BarePc) -> None:
    pc.controller.ask(0x20)


def nmi(pc: BarePc) -> None:
    pc.processor.nmi()


async def taken_at(pc: BarePc, code: str, ask: Callable[[BarePc], None], flags: str) -> int | None:
    """Where behind `code`'s start the interrupt asked for by `OUT` is taken; None if it is not."""
    pc.put(0x2000, flags + code + "fa f4")
    pc.put(0x4000, NOTE)
    pc.put(0x6000, bytes(4))
    for vector in (2, 0x20):
        pc.gate(vector, 0x4000)
    pc.probe.on_out = lambda _port, _width, _value: ask(pc)
    pc.start(0x2000, ebx=0, edx=0x18)
    await pc.run_to_halt()
    taken = pc.dword(0x6000)
    assert pc.register("ebx") == (taken != 0)
    return taken - 0x2001 if taken else None


INTR = {  # with IF clear at first: what enables it, and the EIP the interrupt finds
    "sti, one instruction": (OUT + "fb 40 41 42", 6),
    "sti, cli": (OUT + "fb fa 41 42", None),
    "sti, sti: the second has no shadow": (OUT + "fb fb 41 42", 6),
    "sti, mov ss: the shadow is not longer": (OUT + "fb 8ed2 41 42", 7),
    "popf has none": (OUT + "6802020000 9d 40 41", 10),
    # with the interrupt waiting when IF is set, mov ss in front of it
    "sti, jump": (OUT + "fb eb00 41 42", 7),
    "sti, call": (OUT + "fb e800000000 41", 10),
}


@pytest.mark.parametrize("name", INTR)
@pytest.mark.parametrize("model", ["386", "486", "586", "686"])
async def test_an_interrupt_waits_for_the_instruction_behind(
    open_pc: OpenPc, name: str, model: Model
) -> None:
    async with open_pc(model=model) as pc:
        code, expected = INTR[name]
        assert await taken_at(pc, code, intr, "fa") == expected


@pytest.mark.parametrize("ask", [intr, nmi])
@pytest.mark.parametrize("load", ["8ed2", "17"])
async def test_mov_and_pop_ss_hold_back_intr_and_nmi(
    pc: BarePc, load: str, ask: Callable[[BarePc], None]
) -> None:
    push = "6a18"
    length = len(bytes.fromhex(load))
    # the interrupt is asked for in the block that ends with the load of SS
    code = push + "e6e0" + load + "40 41 42"
    assert await taken_at(pc, code, ask, "fb") == 4 + length + 1


async def test_an_nmi_comes_at_the_end_of_the_shadow_though_the_blocks_are_chained(
    pc: BarePc,
) -> None:
    # mov edi,20 ; R: xor ecx,ecx ; mov eax,L ; cmp edi,1 ; jne S ; out 0E0h,al ; S: push 18h ;
    # pop ss ; jmp eax ; L: inc ecx ; cmp ecx,1000 ; jne L ; dec edi ; jnz R ; cli ; hlt
    pc.put(
        0x2000,
        "bf14000000 31c9 b818200000 83ff01 7502 e6e0 6a18 17 ffe0 "
        "41 81f9e8030000 75f7 4f 75e1 fa f4",
    )
    pc.put(0x4000, "890d00600000 43 cf")  # mov [6000h],ecx ; inc ebx ; iret
    pc.gate(2, 0x4000)
    pc.probe.on_out = lambda _port, _width, _value: pc.processor.nmi()
    pc.start(0x2000)
    await pc.run_to_halt()
    assert (pc.register("ebx"), pc.dword(0x6000)) == (1, 0)


async def test_an_nmi_ends_hlt_whatever_if_is(pc: BarePc) -> None:
    pc.put(0x2000, "fa f4 43 fa f4")  # cli ; hlt ; inc ebx ; cli ; hlt
    pc.put(0x4000, "ff0500600000 cf")  # inc dword [6000h] ; iret
    pc.gate(2, 0x4000)
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.register("ebx") == 0
    pc.processor.nmi()
    await pc.run_to_halt()
    assert (pc.register("ebx"), pc.dword(0x6000)) == (1, 1)
