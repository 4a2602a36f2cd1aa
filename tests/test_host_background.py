"""Work in the machine's nursery: who asked for it may leave, and cancellation stays where it is."""

import pytest
import trio
import trio.testing

from hotswap.host.background import MachineEnded, in_background


async def test_who_asked_gets_what_the_work_returns_or_raises() -> None:
    async def fail() -> None:
        raise ValueError("no")

    async def succeed() -> int:
        await trio.lowlevel.checkpoint()
        return 3

    async with trio.open_nursery() as machine:
        assert await in_background(machine, succeed) == 3
        with pytest.raises(ValueError, match="no"):
            await in_background(machine, fail)


async def test_the_work_goes_on_when_who_asked_is_cancelled() -> None:
    go_on, done = trio.Event(), trio.Event()

    async def work() -> None:
        await go_on.wait()
        done.set()

    async with trio.open_nursery() as machine:
        with trio.CancelScope() as asking:
            asking.cancel()
            await in_background(machine, work)
        assert asking.cancelled_caught
        go_on.set()
        await done.wait()


@pytest.mark.parametrize("group", [False, True])
async def test_a_machine_that_ends_cancels_the_work_but_not_who_asked(group: bool) -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            if group:
                async with trio.open_nursery() as inner:
                    inner.start_soon(trio.sleep_forever)
                    inner.start_soon(trio.sleep_forever)
            else:
                await trio.sleep_forever()
        finally:
            ended.append("ended")

    async def ask(machine: trio.Nursery) -> None:
        with pytest.raises(MachineEnded, match="the machine ended before this was done"):
            await in_background(machine, work)
        await trio.lowlevel.checkpoint()  # who asked is not cancelled
        ended.append("told")

    async with trio.open_nursery() as asking, trio.open_nursery() as machine:
        asking.start_soon(ask, machine)
        await trio.testing.wait_all_tasks_blocked()
        machine.cancel_scope.cancel()
    assert ended == ["ended", "told"]
