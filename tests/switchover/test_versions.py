"""A kernel that knows maps of 1.0 only takes over and is taken over."""

from hotswap.host.board import Board
from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover.image import load_image
from hotswap.switchover.savemap import read
from hotswap.switchover.schema import KINDS, MINOR

from .conftest import MS
from .test_rolls_back import GUESTS

OLD = "refkernel-v2-minor0.elf"


async def test_from_1_1_to_1_0_and_back(
    board: Board, guest: Guest, switchover: SwitchKernel, maps: list[bytes]
) -> None:
    guest.boot(("pipes:24:24", "sleeper:20", "timer:8:20", "files:400"), version=1)
    old = load_image(GUESTS / OLD)
    assert old.note
    assert old.note.ssm_minor == 0
    for image in (2, old, 1, 2):
        await guest.pass_time(30 * MS)
        report = await switchover(image)
        assert report.outcome == "committed", (report.reason, report.log)
    assert [read(data).header.minor for data in maps] == [MINOR, 0, 0, MINOR]
    for data in maps[1:3]:
        for entry in read(data).table:
            kind = KINDS[entry.type]
            assert (kind.since, entry.rec_size) == (0, kind.least), kind.section.name
    verdicts = await guest.reported()
    assert len(verdicts) == 4


async def test_a_kernel_of_1_0_is_refused_before_the_blackout_where_something_would_be_lost(
    guest: Guest, switchover: SwitchKernel
) -> None:
    """Files in /tmp, which 1.0 has no words for, and locks on them."""
    guest.boot(["locker:120"], version=1)
    await guest.pass_time(60 * MS)
    report = await switchover(load_image(GUESTS / OLD))
    assert (report.outcome, report.phase) == ("rolled back", "PREPARE")
    assert "a map of version 1.0 cannot say what is in section" in "\n".join(report.log)
    assert (await switchover(2)).outcome == "committed"
    assert (await guest.reported())["locker"].startswith("ok")
