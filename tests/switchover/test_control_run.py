"""The oracle: a run with switchovers ends exactly as the run without one, in deterministic mode."""

import pytest

from hotswap.host.board import BoardConfig, open_board
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.switchover.coordinator import switch_over
from hotswap.switchover.protocol import BootMode
from hotswap.switchover.transaction import Options

from .conftest import MS

# programs that do not read clocks or fork, so that what they leave in memory is theirs alone
PROGRAMS = ("memory:20", "registers:40", "x87:30", "sorter:15")
Outcome = tuple[object, list[str]]


async def run(kernels: tuple[int, ...], *, start: int = 1, mode: int = 2) -> Outcome:
    """Boot, switch to each of `kernels`, let the programs end: state and output."""
    async with open_board(BoardConfig(deterministic=True)) as board:
        guest = Guest(board)
        guest.boot(PROGRAMS, version=start, hold=True)
        await guest.pass_time(150 * MS)  # all are started: pids and AT_RANDOM are given
        for kernel in kernels:
            await guest.pass_time(20 * MS)
            options = Options(mode=BootMode(mode), patience=PATIENCE)
            await switch_over(board.machine, refkernel(kernel), options)
        assert not kernels or " ok " not in guest.text
        await guest.reported()
        await guest.pass_time(200 * MS)  # the last one has reported; now it pauses as well
        examined = await guest.examine()
        output = [line for line in guest.lines if not line.startswith("refkernel ")]
        return examined.digest(), sorted(output)


@pytest.fixture(scope="module")
def control_runs() -> dict[int, Outcome]:
    """Control runs by kernel, made once."""
    return {}


@pytest.mark.parametrize(
    ("start", "kernels", "mode"),
    [
        (1, (2,), 2),
        (2, (1,), 2),
        (1, (1,), 2),
        (1, (2,), 0),
        (1, (2,), 1),
        (1, (2, 1, 2, 1), 2),
    ],
    ids=lambda value: str(value).replace(" ", ""),
)
async def test_memory_registers_and_output_are_those_of_the_run_without_a_switch(
    control_runs: dict[int, Outcome], start: int, kernels: tuple[int, ...], mode: int
) -> None:
    if start not in control_runs:
        control_runs[start] = await run((), start=start)
    assert await run(kernels, start=start, mode=mode) == control_runs[start]


async def test_fifty_alternations_lose_nothing() -> None:
    async with open_board(BoardConfig(deterministic=True)) as board:
        guest = Guest(board)
        guest.boot(["memory:60", "pipes:40", "registers:60", "files:60"])
        for turn in range(50):
            await guest.pass_time(5 * MS)
            options = Options(probation_ms=1, patience=PATIENCE)
            await switch_over(board.machine, refkernel(2 - turn % 2), options)
        verdicts = await guest.reported()
        assert all(verdict.startswith("ok") for verdict in verdicts.values()), verdicts
