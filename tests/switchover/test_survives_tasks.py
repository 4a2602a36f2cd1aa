"""What Linux keeps of processes: users, umask, groups, thread areas, CPU time, ended children."""

from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover.records import ProcState, Task

from .conftest import MS, Survive


async def test_users_umask_group_priority_and_thread_areas_are_kept(survive: Survive) -> None:
    assert (await survive("tasks:300"))["tasks"].startswith("ok")


async def test_birth_and_priority_are_told_the_same_by_both_kernels(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["tasks:400"])
    await guest.pass_time(60 * MS)
    told: list[Task] = []
    for kernel in (2, 1):
        assert (await switchover(kernel)).outcome == "committed"
        told.append((await guest.examine()).map.task[-1])
    for task in told:
        assert (task.uid, task.euid, task.suid, task.umask, task.nice) == (
            1000,
            1001,
            1002,
            0o27,
            5,
        )
        assert task.did_exec == 1
    assert told[0].start_ns == told[1].start_ns > 0


async def test_ended_children_keep_their_status_and_their_time(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["zombies:400"])
    await guest.pass_time(160 * MS)
    for kernel in (2, 1):
        assert (await switchover(kernel)).outcome == "committed"
        ended = [p for p in (await guest.examine()).map.proc if p.state == ProcState.ZOMBIE]
        assert sorted(p.exit_code for p in ended) == [15, *(n << 8 for n in (10, 12, 13, 14))]
    assert (await guest.reported())["zombies"].startswith("ok")
