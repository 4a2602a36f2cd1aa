"""Blocked system calls: sleep, read and wait go on waiting for what is left of it."""

from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover.records import WaitKind

from .conftest import MS, Survive


async def test_a_sleeper_sleeps_the_rest_and_not_again(survive: Survive) -> None:
    assert (await survive("sleeper:60"))["sleeper"].startswith("ok")


async def test_a_parent_in_wait4_gets_its_child_s_status(survive: Survive) -> None:
    assert (await survive("waiter:15"))["waiter"].startswith("ok")


async def test_a_reader_of_the_console_gets_the_line_typed_half_before_and_half_after(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["reader"])
    await guest.pass_time(50 * MS)
    examined = await guest.examine()
    assert WaitKind.TTY_READ in {process.wait_kind for process in examined.map.proc}
    guest.type("lin")
    await guest.pass_time(20 * MS)
    assert (await switchover(2)).outcome == "committed"
    guest.type("e 1\n")
    assert (await guest.reported())["reader"].startswith("ok")
