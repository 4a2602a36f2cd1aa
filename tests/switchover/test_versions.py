"""A kernel that knows maps of 1.0 only takes over and is taken over."""

import pytest

from hotswap.host.board import Board
from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.image import load_image
from hotswap.switchover.savemap import read
from hotswap.switchover.schema import KINDS, MINOR

from .conftest import MS
from .test_rolls_back import GUESTS

OLD = "refkernel-v2-minor0.elf"


@pytest.fixture
def maps(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The map of each switchover, in order."""
    found: list[bytes] = []
    run = Switchover.run

    async def keep(self: Switchover) -> object:
        report = await run(self)
        found.append(self.map)
        return report

    monkeypatch.setattr(Switchover, "run", keep)
    return found


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
