"""Clocks: uptime is kept, no clock goes back, the wall clock agrees with the CMOS."""

from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import SwitchKernel

from .conftest import MS, Survive


async def test_uptime_and_wall_clock_only_go_forward_and_agree(survive: Survive) -> None:
    assert (await survive("clock:60", kernels=(2, 1, 2)))["clock"].startswith("ok")


async def test_boot_time_is_that_of_the_first_kernel(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["busy:1"])
    await guest.pass_time(300 * MS)
    before = (await guest.examine()).map.time
    for kernel in (2, 1):
        assert (await switchover(kernel)).outcome == "committed"
    await guest.pass_time(300 * MS)
    after = (await guest.examine()).map.time
    assert after.boot_ns == before.boot_ns
    assert after.switch_count == before.switch_count + 2
    assert after.mono_ns - before.mono_ns > 300 * MS
    real, mono = after.real_ns - before.real_ns, after.mono_ns - before.mono_ns
    assert abs(real - mono) < 1000 * MS / 50  # a tick of the slower kernel, twice
