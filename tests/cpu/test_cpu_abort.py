"""Where an assertion of the engine fails, an instruction or the guest ends, and not the host."""

from __future__ import annotations

import pytest

from hotswap.bus import CpuShutdown

from .conftest import BarePc, OpenPc
from .rings import CODE_0, CODE_3, PROGRAM, TASK, Rings, descriptor

GAVE_UP = "the engine cannot go on: one of its assertions failed"
# lock bts eax,eax ; lock btr eax,eax ; lock btc ax,ax ; lock bts eax,1: nothing the engine can
# translate
UNTRANSLATABLE = ["f00fabc0", "f00fb3c0", "66f00fbbc0", "f00fbae801"]


@pytest.mark.parametrize("code", UNTRANSLATABLE)
async def test_what_cannot_be_translated_is_an_invalid_opcode(pc: BarePc, code: str) -> None:
    rings = Rings(pc)
    # three times inc ebx, then the instruction, in one block
    rings.start("43 43 43" + code + "43 fa f4")
    before = pc.processor.instructions
    fault = await rings.caught()
    assert fault is not None
    assert fault[:4] == (6, None, PROGRAM + 3, CODE_0)
    assert pc.register("ebx") == 3
    # with them the four instructions of the gate's program
    assert pc.processor.instructions - before == 3 + 4


async def test_it_can_be_stepped_over(pc: BarePc) -> None:
    rings = Rings(pc)
    rings.start("43 " + UNTRANSLATABLE[0])
    async with pc.processor.paused():
        assert await pc.processor.step(3) == 3
    assert pc.register("ebx") == 1


async def start_without_a_task(pc: BarePc) -> None:
    """In ring 3, with no TSS to find the stack of ring 0 by: no chip gets there by LTR."""
    rings = Rings(pc)
    rings.start_ring_3("eb00 eb00 0f0b")  # jmp N ; N: jmp M ; M: ud2
    async with pc.processor.paused():
        await pc.processor.step(9)
    assert pc.processor.take_state().cpl == 3
    pc.processor.engine.env.tr.flags = 0


async def test_an_interrupt_that_cannot_be_delivered_is_a_shutdown(pc: BarePc) -> None:
    await start_without_a_task(pc)
    assert await pc.run() == CpuShutdown(GAVE_UP, CODE_3, PROGRAM + 4)


async def test_other_machines_go_on_and_so_does_this_one_after_reset(open_pc: OpenPc) -> None:
    async with open_pc() as dead, open_pc() as pc:
        await start_without_a_task(dead)
        assert (await dead.run()).reason == GAVE_UP
        for machine in (pc, dead):
            machine.processor.reset()
            machine.put(0x2000, "43 fa f4")
            machine.start(0x2000)
            await machine.run_to_halt()
            assert machine.register("ebx") == 1


async def test_faults_without_end_take_time(open_pc: OpenPc) -> None:
    """The gate of #UD leads to a UD2: nothing ever retires, yet the machine is alive."""
    async with open_pc(rate=1_000_000) as pc:
        rings = Rings(pc)
        pc.put(0x3000 + 32 * 6, "0f0b")
        rings.start("0f0b", esp=0x700000)
        async with pc.processor.paused():
            assert await pc.processor.step(1000) == 1000
        assert pc.register("esp") == 0x700000 - 12 * 1001
        assert pc.backplane.clock.now() == 1_000_000


@pytest.mark.parametrize(
    "code",
    [
        "d9c9",  # fxch
        "ddd8",  # fstp st0
        "d90500610000 d91d00610000",  # fld dword [6100h] ; fstp dword [6100h]
    ],
)
async def test_any_number_of_x87_instructions_may_stand_in_a_row(pc: BarePc, code: str) -> None:
    """The engine's translator has room for the temporaries of some 230, and looks not."""
    rings = Rings(pc)
    before = pc.processor.instructions
    rings.start("dbe3" + code * 1000 + "43 fa f4")
    assert await rings.caught() is None
    assert pc.register("ebx") == 1
    parts = len(code.split())
    assert pc.processor.instructions - before == 1 + 1000 * parts + 3


async def test_ltr_leaves_no_way_to_be_without_a_task(pc: BarePc) -> None:
    rings = Rings(pc)
    rings.define(TASK, descriptor(0x5000, 0x67, 0x82))  # an LDT
    rings.start_ring_3("0f0b")
    fault = await rings.caught()
    assert fault is not None
    assert fault[:3] == (13, TASK, 0x1005)  # LTR's #GP, still in ring 0
