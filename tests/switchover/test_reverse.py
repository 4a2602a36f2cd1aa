"""After a switchover there is a way back to the kernel before, and it is a switchover itself."""

from pathlib import Path

import pytest

from hotswap.host.control import Request
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import crashing, refkernel
from hotswap.host.operator import answer_for
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover.coordinator import switch_back
from hotswap.switchover.errors import Refused
from hotswap.switchover.layout import layout_of
from hotswap.switchover.options import Options
from hotswap.switchover.protocol import BOOT_PA, Boot, BootFunc

from .conftest import MS


@pytest.mark.parametrize("probation_ms", [0, 20])
async def test_the_kernel_before_is_gone_back_to_and_from_there_again(
    guest: Guest, switchover: SwitchKernel, probation_ms: float
) -> None:
    guest.boot(["memory:12", "pipes:6"])
    await guest.pass_time(20 * MS)
    machine = guest.board.machine
    assert (await switchover(2, probation_ms=probation_ms)).outcome == "committed"
    options = Options(probation_ms=probation_ms, patience=PATIENCE)
    for version in ("1.0.0-refkernel", "2.0.0-refkernel"):
        await guest.pass_time(10 * MS)
        report = await switch_back(machine, options)
        assert (report.outcome, report.new) == ("committed", version)
        size = layout_of(Boot).size
        boot = layout_of(Boot).unpack(machine.processor.read_memory(BOOT_PA, size))
        assert boot.func == BootFunc.REVERSE
    assert {verdict.split()[0] for verdict in (await guest.reported()).values()} == {"ok"}


async def test_the_kernel_that_was_booted_has_none_before_it(guest: Guest) -> None:
    guest.boot(["memory:2"])
    with pytest.raises(Refused, match="no kernel ran here before this one"):
        await switch_back(guest.board.machine)
    reply = await answer_for(guest.board)(Request("switchover", reverse=True), lambda event: None)
    assert not reply.ok
    assert reply.result["outcome"] == "refused"
    assert reply.todo == "switch over to an image instead"


async def test_a_switchover_that_is_undone_leaves_the_kernel_before_as_it_was(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["memory:6"])
    await guest.pass_time(20 * MS)
    assert (await switchover(crashing(refkernel(2)))).outcome == "rolled back"
    assert guest.board.machine.before is None
    assert (await switchover(2, probation_ms=0)).outcome == "committed"
    assert guest.board.machine.before is refkernel(1)


async def test_an_operator_goes_back_without_an_image(
    guest: Guest, switchover: SwitchKernel, tmp_path: Path
) -> None:
    guest.boot(["memory:6"])
    await guest.pass_time(20 * MS)
    assert (await switchover(2, probation_ms=0)).outcome == "committed"
    request = Request("switchover", reverse=True, patience=PATIENCE, probation_ms=0)
    reply = await answer_for(guest.board)(request, lambda event: None)
    assert reply.ok, reply.error
    assert (reply.result["from"], reply.result["to"]) == ("2.0.0-refkernel", "1.0.0-refkernel")
