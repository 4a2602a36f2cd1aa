"""Pipes: the bytes in them, their order, and who waits at which end."""

from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover.records import WaitKind

from .conftest import MS, Survive


async def test_streams_through_pipes_are_neither_cut_nor_repeated(survive: Survive) -> None:
    assert (await survive("pipes:20", "catter:20", kernels=(2, 1, 2)))["pipes"].startswith("ok")


async def test_a_writer_blocked_in_the_middle_of_a_write_goes_on_there(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["pipes:20"])
    for _ in range(200):  # until a writer is caught with part of its bytes in the pipe
        await guest.pass_time(2 * MS)
        examined = await guest.examine()
        writers = [p for p in examined.map.proc if p.wait_kind == WaitKind.PIPE_WRITE]
        if any(process.progress for process in writers):
            break
    else:
        raise AssertionError("no writer was ever blocked half-way")
    assert any(pipe.data for pipe in examined.map.pipe)
    assert (await switchover(2)).outcome == "committed"
    assert (await guest.reported())["pipes"].startswith("ok")
