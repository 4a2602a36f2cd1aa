"""Memory shared by fork: private pages until one side writes, MAP_SHARED ones for ever."""

from collections import defaultdict

from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover.records import FrameKind, WaitKind

from .conftest import MS, Survive


async def test_who_writes_after_the_switchover_writes_for_itself_alone(survive: Survive) -> None:
    assert (await survive("cow:120"))["cow"].startswith("ok")


async def test_pages_are_shared_with_the_same_processes_as_before(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["cow:300"])
    await guest.pass_time(50 * MS)
    sharers = []
    for kernel in (2, 1):
        assert (await switchover(kernel)).outcome == "committed"
        holders: dict[tuple[int, int], set[int]] = defaultdict(set)
        for frame in (await guest.examine()).map.frame:
            for page in range(frame.n_pages):
                holders[frame.kind, frame.paddr + page * 4096].add(frame.pid)
        sharers.append(holders)
    assert sharers[0] == sharers[1]
    assert {len(pids) for (kind, _), pids in sharers[0].items() if kind == FrameKind.PRIVATE} == {1}
    assert {len(pids) for (kind, _), pids in sharers[0].items() if kind == FrameKind.SHARED} == {4}
    assert max(len(pids) for (kind, _), pids in sharers[0].items() if kind == FrameKind.COW) >= 4


async def test_a_parent_in_vfork_goes_on_when_its_child_is_done(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["vforker:80"])
    await guest.pass_time(40 * MS)
    examined = await guest.examine()
    waiting = {proc.wait_obj: proc.pid for proc in examined.map.proc
               if proc.wait_kind == WaitKind.VFORK}  # fmt: skip
    assert waiting == {task.pid: task.vfork_parent for task in examined.map.task
                       if task.vfork_parent}  # fmt: skip
    assert len(waiting) == 1
    for kernel in (2, 1):
        assert (await switchover(kernel)).outcome == "committed"
    assert (await guest.reported())["vforker"].startswith("ok")
