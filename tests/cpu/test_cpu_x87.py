"""x87 errors: #MF with CR0.NE; without it FERR#, IRQ 13 and port F0h."""

from __future__ import annotations

import pytest
import trio

from hotswap.bus import CpuShutdown
from hotswap.cards.ferr import Ferr
from hotswap.cards.pic import Pic
from hotswap.cpu import Model

from .conftest import HALTED, STACK, BarePc, OpenPc

# The two 8259As as a kernel leaves them, vectors 20h and 28h, with IRQ 1 and 13 let through.
CONTROLLERS = (
    # mov al,11h ; out 20h,al ; out 0A0h,al ; mov al,20h ; out 21h,al ; mov al,28h ; out 0A1h,al ;
    # mov al,4 ; out 21h,al ; mov al,2 ; out 0A1h,al ; mov al,1 ; out 21h,al ; out 0A1h,al ; mov
    # al,0F9h ; out 21h,al ; mov al,0DFh ; out 0A1h,al ; ret
    "b011 e620 e6a0 b020 e621 b028 e6a1 b004 e621 b002 e6a1 b001 e621 e6a1 b0f9 e621 b0df e6a1 c3"
)
# EBX: CR0.NE; EBP: EFLAGS.IF. Twice an unmasked division by zero and an FWAIT.
DIVIDES = (
    # call 1000h ; mov eax,cr0 ; and eax,~20h ; or eax,ebx ; mov cr0,eax ; push ebp ; popf ; mov
    # edi,2 ; D: fninit ; push dword 37Bh ; fldcw [esp] ; pop eax ; fld1 ; fldz ; fdivp st1 ; nop
    # ; W: fwait ; inc esi ; dec edi ; jnz D ; cli ; hlt
    "e8fbefffff 0f20c0 83e0df 09d8 0f22c0 55 9d bf02000000 dbe3 687b030000 d92c24 58 "
    "d9e8 d9ee def9 90 9b 46 4f 0f85e5ffffff fa f4 "
)
WAIT = 0x2000 + bytes.fromhex(DIVIDES).index(b"\x90\x9b") + 1
# Notes EIP, lets the x87 be used, uses it, notes the status and clears the error.
IRQ_13 = (
    # mov eax,[esp] ; mov [6000h],eax ; out 0F0h,al ; fwait ; fnstsw ax ; mov [6004h],ax ; fnclex
    # ; mov al,20h ; out 0A0h,al ; out 20h,al ; inc edx ; iret
    "8b0424 a300600000 e6f0 9b dfe0 66a304600000 dbe2 b020 e6a0 e620 42 cf"
)
NE, IF = 0x20, 0x202
BUSY_ERROR_ZERO_DIVIDE = 0x8084


async def start(pc: BarePc, *, ne: int = 0, flags: int = IF) -> None:
    """Stand at `DIVIDES`, with the interrupt controllers of the AT and the latch of FERR#."""
    await pc.backplane.insert(Pic())
    await pc.backplane.insert(Ferr())
    pc.put(0x1000, CONTROLLERS)
    pc.put(0x2000, DIVIDES)
    pc.put(0x4000, IRQ_13)
    pc.gate(0x2D, 0x4000)
    pc.start(0x2000, ebx=ne, ebp=flags)


@pytest.mark.parametrize("model", ["386", "486", "586", "686"])
async def test_without_ne_the_error_is_irq_13_in_front_of_the_fwait(
    open_pc: OpenPc, model: Model
) -> None:
    async with open_pc(model=model) as pc:
        await start(pc)
        await pc.run_to_halt()
        assert pc.dword(0x6000) == WAIT
        assert pc.dword(0x6004) & 0x80FF == BUSY_ERROR_ZERO_DIVIDE
        assert (pc.register("edx"), pc.register("esi")) == (2, 2)
        assert not pc.backplane.irq.levels[13]


async def test_with_ne_the_error_is_an_exception(pc: BarePc) -> None:
    await start(pc, ne=NE)
    pc.put(0x4100, "fa f4")  # cli ; hlt
    pc.gate(16, 0x4100)
    await pc.run_to_halt()
    assert pc.dwords(STACK - 12, 2) == (WAIT, 0x10)
    assert (pc.register("edx"), pc.register("esi")) == (0, 0)
    assert not pc.backplane.irq.levels[13]


async def test_with_interrupts_off_nothing_ends_the_wait(pc: BarePc) -> None:
    await start(pc, flags=2)
    assert await pc.run() == CpuShutdown(HALTED, 0x10, WAIT)
    assert pc.register("esi") == 0
    assert pc.backplane.irq.levels[13]


async def test_another_interrupt_does_not_end_the_wait_for_good(pc: BarePc) -> None:
    await start(pc)
    pc.put(0x1000 + bytes.fromhex(CONTROLLERS).index(b"\xdf"), b"\xff")  # mask IRQ 13
    # IRQ 1: inc ecx ; cmp ecx,2 ; jne E ; mov al,0DFh ; out 0A1h,al ; E: mov al,20h ; out 20h,al ;
    # iret
    # inc ecx ; cmp ecx,2 ; jne E ; mov al,0DFh ; out 0A1h,al ; E: mov al,20h ; out 20h,al ; iret
    pc.put(0x4100, "41 83f902 0f8504000000 b0df e6a1 b020 e620 cf")
    pc.gate(0x21, 0x4100)
    wire = pc.backplane.irq.lease(1, 9, "test")
    async with pc.running():
        for pulses in (1, 2):
            with trio.fail_after(5):
                while not pc.processor.halted:
                    await trio.lowlevel.checkpoint()
            assert (pc.register("eip"), pc.register("ecx")) == (WAIT, pulses - 1)
            wire.pulse()
            pc.processor.kick()
            while pc.register("ecx") < pulses:
                await trio.lowlevel.checkpoint()
        await pc.ended.wait()
    assert (pc.register("edx"), pc.register("esi")) == (2, 2)


async def test_without_the_latch_errors_are_ignored(pc: BarePc) -> None:
    pc.put(0x1000, "c3")
    pc.put(0x2000, DIVIDES)
    pc.start(0x2000, ebp=2)
    await pc.run_to_halt()
    assert pc.register("esi") == 2


async def test_the_latch_is_cleared_by_port_f0_and_goes_with_its_card(pc: BarePc) -> None:
    await start(pc, flags=2)
    await pc.run()
    slot = next(slot for slot in pc.backplane.slots.values() if slot.title == "ferr")
    saved = slot.card.save()
    slot.card.write(0xF1, 1, 0)
    assert pc.backplane.irq.levels[13]
    slot.card.write(0xF0, 1, 0)
    assert not pc.backplane.irq.levels[13]
    slot.card.load(saved)
    assert slot.card.state.latch
    await pc.backplane.remove(slot.number)
    assert pc.backplane.numeric_errors is None
