"""Where the processor is known to differ from the chip: what docs/conformance.md says of it is so.

A test that fails here has good news: change the document, and move what the chip does to its area.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from hotswap.cpu import Model

from .conftest import BarePc, OpenPc
from .rings import DATA_0, OTHER_TASK, OTHER_TSS, PROGRAM, SPARE, TSS_32, Rings, descriptor
from .test_cpu_debug import EXECUTE, arm
from .test_cpu_tasks import LTR, OTHER, other_task


class Deviation(NamedTuple):
    """Code no exception is raised by, and the vector a chip raises."""

    code: str
    chip: int
    spare: bytes = b""
    model: Model = "486"


SMALL = descriptor(0, 0xFF, 0x93, 4)
READ_ONLY = descriptor(0, 0xFFFFF, 0x91, 0xC)
DEVIATIONS = {
    # mov eax,48h ; mov ds,eax ; mov ebx,[6100h]
    "a load beyond the limit": Deviation("b848000000 8ed8 8b1d00610000", 13, SMALL),
    # mov eax,48h ; mov ss,eax ; push eax ; mov eax,18h ; mov ss,eax
    "a push beyond the limit": Deviation("b848000000 8ed0 50 b818000000 8ed0", 12, SMALL),
    "a store through a read-only DS": Deviation("b848000000 8ed8 a300610000", 13, READ_ONLY),
    # xor eax,eax ; mov ds,eax ; mov ebx,[6100h] ; mov cs:[6100h],eax
    "a load through a null DS": Deviation("31c0 8ed8 8b1d00610000", 13),
    "a store through CS": Deviation("2ea300610000", 13),
    "lock mov": Deviation("f08b0500610000", 6),
    "bswap on the 386": Deviation("0fc8", 6, model="386"),
    "cmpxchg on the 386": Deviation("0fb0c8", 6, model="386"),
    "movq on the 486": Deviation("0f6f0500610000", 6),
    "nop with an operand": Deviation("0f1f00", 6),
}


@pytest.mark.parametrize("name", DEVIATIONS)
async def test_no_exception_is_raised_by(open_pc: OpenPc, name: str) -> None:
    case = DEVIATIONS[name]
    async with open_pc(model=case.model) as pc:
        rings = Rings(pc)
        rings.define(SPARE, case.spare or bytes(8))
        rings.start(case.code + "fa f4")
        assert await rings.caught() is None


async def test_the_t_bit_of_a_task_is_ignored(pc: BarePc) -> None:
    rings = Rings(pc)
    other_task(rings, "fa f4")
    pc.put(OTHER_TSS + 100, b"\x01\0")
    rings.start(LTR + "ea000000003800")
    assert await rings.caught() is None


async def test_a_task_of_16_bits_gets_wrong_selectors(pc: BarePc) -> None:
    rings = Rings(pc)
    other_task(rings, "fa f4")
    rings.define(OTHER_TASK, descriptor(OTHER_TSS, 0x2B, TSS_32 & ~8))
    # IP, FLAGS, AX to DI, ES CS SS DS, LDT
    words = [OTHER, 2, *range(8), DATA_0, 0x10, DATA_0, DATA_0, 0]
    pc.put(OTHER_TSS + 14, b"".join(word.to_bytes(2, "little") for word in words) + bytes(16))
    rings.start(LTR + "ea000000003800")
    event = await pc.run()
    assert event.eip != OTHER + 2


async def test_a_breakpoint_behind_mov_ss_is_not_held_back(pc: BarePc) -> None:
    rings = Rings(pc)
    rings.start("8cd0 8ed0 41 41 fa f4")
    arm(pc, 0, PROGRAM + 4, EXECUTE)
    fault = await rings.caught()
    assert fault is not None
    assert fault[:3] == (1, None, PROGRAM + 4)


async def test_rf_stays_for_as_long_as_direct_jumps_go_on(pc: BarePc) -> None:
    rings = Rings(pc)
    # pushf ; or dword [esp],10000h ; push cs ; push L ; iret ; L: inc ecx ; cmp ecx,9 ; jne L ;
    # cli ; hlt
    rings.start("9c 810c2400000100 0e 680f200000 cf 41 83f909 75fa fa f4")
    arm(pc, 0, PROGRAM + 15, EXECUTE)
    assert await rings.caught() is None
