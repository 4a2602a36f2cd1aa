"""A panic says how the kernel came there, on the console and in the switchover card's log."""

import re
from pathlib import Path

import pytest

from hotswap.host.board import Board
from hotswap.host.guest import Guest
from hotswap.host.images import refkernel, shipped
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover.image import load_image

from .conftest import MS

GUESTS = Path(__file__).parent.parent / "guests"


@pytest.mark.parametrize(("version", "mark"), [(1, ""), (2, " (perhaps)")])
async def test_a_backtrace_names_the_functions_on_the_way(
    version: int, mark: str, board: Board, guest: Guest
) -> None:
    append = "init=/bin/nosuch"
    board.boot(refkernel(version), initrd=shipped("initrd.cpio"), append=append)
    guest.listen()
    await board.ended()
    await guest.expect(r"^panic: /bin/nosuch cannot be started: error 2$")
    called = re.findall(r"^  [0-9a-f]{8} (\w+)\+0x[0-9a-f]+(.*)$", guest.text, re.MULTILINE)
    names = [name for name, _ in called]
    assert {said for _, said in called} == {mark}
    assert names.index("process_spawn_init") < names.index("kmain")


async def test_a_panic_before_commit_is_in_the_report_s_log(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["busy"])
    await guest.pass_time(50 * MS)
    report = await switchover(load_image(GUESTS / "refkernel-v2-panic.elf"))
    assert report.outcome == "rolled back"
    log = "\n".join(report.log)
    assert "panic: on purpose, while restoring" in log
    assert re.search(r"switchover_boot\+0x[0-9a-f]+ \(perhaps\)", log)
