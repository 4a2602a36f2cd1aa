"""Signals: masked and queued ones with what they tell, waits for them, stopped processes."""

from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover.records import ProcState, WaitKind

from .conftest import MS, Survive


async def test_masked_signals_stay_pending_in_order_with_their_values(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["pending:80"])
    await guest.pass_time(40 * MS)
    told = [(info.signo, info.value) for info in (await guest.examine()).map.siginfo]
    assert [value for signo, value in told if signo == 34] == [1000, 1001, 1002]
    for kernel in (2, 1):
        assert (await switchover(kernel)).outcome == "committed"
    assert (await guest.reported())["pending"].startswith("ok")


async def test_a_suspended_process_gets_its_own_mask_back(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["pending:60"], version=2)
    kinds: set[int] = set()
    for _ in range(20):
        await guest.pass_time(10 * MS)
        kinds = {proc.wait_kind for proc in (await guest.examine()).map.proc}
        if WaitKind.SIGSUSPEND in kinds:
            break
    assert WaitKind.SIGSUSPEND in kinds
    assert (await switchover(1)).outcome == "committed"
    assert (await guest.reported())["pending"].startswith("ok")


async def test_a_stopped_process_stays_stopped_until_it_is_continued(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["stopper:300"])
    await guest.pass_time(60 * MS)
    for kernel in (2, 1):
        assert (await switchover(kernel)).outcome == "committed"
        states = [proc.state for proc in (await guest.examine()).map.proc]
        assert states.count(ProcState.STOPPED) == 1
    assert (await guest.reported())["stopper"].startswith("ok")


async def test_a_sleep_is_neither_ended_nor_prolonged_by_a_stop(survive: Survive) -> None:
    assert (await survive("stopper:160", kernels=(1, 2), start=2))["stopper"].startswith("ok")
