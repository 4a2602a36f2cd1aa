"""The board as a whole: control while the guest spins, modes of the bootstrap seen on the bus."""

from pathlib import Path

import pytest
import trio

from hotswap.bus import HostWrite
from hotswap.host.board import Board, BoardConfig, open_board
from hotswap.host.control import Request, connect, serve_control
from hotswap.host.guest import Guest
from hotswap.host.images import refkernel
from hotswap.host.operator import answer_for
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover.errors import Refused

MS = 1_000_000


async def test_a_control_request_is_answered_while_the_guest_is_in_jmp_self(
    tmp_path: Path,
) -> None:
    async with open_board(BoardConfig()) as board:
        board.processor.write_memory(0x100000, b"\xeb\xfe")
        board.processor.flat32(0x100000, 0x7000)
        board.nursery.start_soon(board.processor.run)
        await board.nursery.start(serve_control, tmp_path / "control", answer_for(board))
        with trio.fail_after(10):
            async with connect(tmp_path / "control") as ask:
                replies = [reply async for reply in ask(Request("info"))]
        assert replies[-1]["result"]["state"] == "running"


def host_writes(board: Board) -> set[str]:
    """Who but the guest wrote into the kernel range."""
    records = board.backplane.trace.records
    writes = [record for record in records if isinstance(record, HostWrite)]
    return {w.by for w in writes if w.address < 0x200000 and w.address + w.size > 0x100000}


@pytest.mark.parametrize(("mode", "writers"), [(0, set()), (1, set()), (2, {"switchover"})])
async def test_only_in_mode_2_does_the_host_write_the_new_kernel(
    guest: Guest, switchover: SwitchKernel, mode: int, writers: set[str]
) -> None:
    guest.boot(["registers:20"])
    await guest.pass_time(20 * MS)
    guest.board.backplane.io.trace(True)
    report = await switchover(2, mode=mode)
    assert report.outcome == "committed", report.reason
    assert host_writes(guest.board) == writers


async def test_a_machine_too_small_for_a_switchover_says_so() -> None:
    async with open_board(BoardConfig(memory=8, deterministic=True)) as board:
        guest = Guest(board)
        guest.boot(["memory:1"])
        assert (await guest.reported())["memory"].startswith("ok")
        with pytest.raises(Refused, match="8 MiB"):
            _ = board.machine


async def test_a_second_switchover_at_once_is_refused(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["registers:60"])
    await guest.pass_time(20 * MS)
    outcomes: list[str] = []

    async def one() -> None:
        outcomes.append((await switchover(2)).outcome)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(Refused, match="under way"):
            await switchover(2)
    assert outcomes == ["committed"]
    assert refkernel(2).name in guest.board.machine.kernel.name
