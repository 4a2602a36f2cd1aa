"""XMM registers and MXCSR, on a processor that has them."""

from collections.abc import AsyncIterator

import pytest

from hotswap.host.board import Board, BoardConfig, open_board
from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover.image import load_image
from hotswap.switchover.schema import SectionType

from .conftest import MS, Survive
from .test_rolls_back import GUESTS

FNSAVE_ONLY = "refkernel-v2-minor0.elf"


@pytest.fixture
async def board() -> AsyncIterator[Board]:
    """As everywhere, but with SSE."""
    async with open_board(BoardConfig(deterministic=True, cpu="686sse")) as machine:
        yield machine


@pytest.mark.parametrize("start", [1, 2])
async def test_two_programs_that_fill_the_xmm_registers_get_their_own_back(
    start: int, survive: Survive
) -> None:
    verdicts = await survive("xmm:2", "x87:4", start=start, kernels=(3 - start, start, start))
    assert verdicts["xmm"].startswith("ok")
    assert verdicts["x87"].startswith("ok")


async def test_who_has_nothing_in_them_is_as_on_a_processor_without(guest: Guest) -> None:
    guest.boot(["x87:12", "xmm:12"])
    await guest.pass_time(60 * MS)
    found = (await guest.examine()).map
    names = {proc.pid: proc.name for proc in found.proc}
    assert {names[state.pid] for state in found.xstate} == {b"xmm"}
    for state in found.xstate:
        (proc,) = (proc for proc in found.proc if proc.pid == state.pid)
        assert state.data[0:2] == proc.fpu[0:2], "the control word of both"


async def test_a_kernel_that_keeps_the_x87_only_takes_over_who_uses_no_more(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["x87:14"])
    for kernel in (load_image(GUESTS / FNSAVE_ONLY), 2, 1):
        await guest.pass_time(40 * MS)
        report = await switchover(kernel)
        assert report.outcome == "committed", report.reason
    assert (await guest.reported())["x87"].startswith("ok")


async def test_it_is_refused_where_xmm_registers_are_in_use(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["xmm:2"])
    await guest.pass_time(60 * MS)
    report = await switchover(load_image(GUESTS / FNSAVE_ONLY))
    assert report.outcome == "rolled back"
    assert report.phase == "PREPARE"
    assert f"cannot say what is in section {SectionType.XSTATE:d}, record " in "\n".join(report.log)
    assert (await guest.reported())["xmm"].startswith("ok")
