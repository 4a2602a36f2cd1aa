"""Memory: every byte a program has written is there under the next kernel, at the same place."""

from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import SwitchKernel

from .conftest import MS, Survive


async def test_a_program_that_rewrites_and_checks_its_pages_notices_nothing(
    survive: Survive,
) -> None:
    assert (await survive("memory:30"))["memory"].startswith("ok")


async def test_pages_keep_their_frames_and_none_is_copied(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["busy:16"])
    await guest.pass_time(100 * MS)
    before = await guest.examine()
    report = await switchover(2)
    assert report.outcome == "committed", report.reason
    after = await guest.examine()
    assert report.user_pages_copied == 0
    frames = [
        {
            (frame.pid, frame.vaddr + page * 4096): frame.paddr + page * 4096
            for frame in examined.map.frame
            for page in range(frame.n_pages)
        }
        for examined in (before, after)
    ]
    assert frames[0] == frames[1]
    assert len(frames[0]) > 16


async def test_code_a_program_wrote_itself_still_runs(survive: Survive) -> None:
    assert (await survive("selfmod:400"))["selfmod"].startswith("ok")
