"""Programs in the middle of something the CPU does: single steps, REP MOVS, a waiting x87 fault."""

import pytest

from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import SwitchKernel

from .conftest import MS, Survive

TF, ZERO_DIVIDE, UNMASKED = 0x100, 0x04, 0x037B


async def test_single_steps_are_neither_lost_nor_doubled(survive: Survive) -> None:
    assert (await survive("stepper:200", kernels=(2, 1, 2)))["stepper"].startswith("ok")


async def test_a_copy_of_many_pages_by_one_instruction_is_whole(survive: Survive) -> None:
    assert (await survive("copier:40", kernels=(2, 1, 2)))["copier"].startswith("ok")


@pytest.mark.parametrize("start", [1, 2])
async def test_an_x87_exception_that_waits_is_raised_by_the_next_instruction(
    start: int, guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["x87trap:250:1"], version=start)
    await guest.pass_time(60 * MS)
    for kernel in (3 - start, start):
        assert (await switchover(kernel)).outcome == "committed"
        (found,) = (p for p in (await guest.examine()).map.proc if p.name == b"x87trap")
        assert found.fpu[0:2] == UNMASKED.to_bytes(2, "little")
        assert found.fpu[4] & ZERO_DIVIDE, "nothing waits any more"
    assert (await guest.reported())["x87trap"].startswith("ok")
