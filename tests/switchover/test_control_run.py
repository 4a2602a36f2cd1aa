"""The oracle: a run with switchovers ends exactly as the run without one, in deterministic mode."""

from contextlib import nullcontext

import pytest

from hotswap.host.board import BoardConfig, open_board
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.switchover.coordinator import switch_over
from hotswap.switchover.errors import RolledBack
from hotswap.switchover.options import Options
from hotswap.switchover.phases import Phase
from hotswap.switchover.protocol import BootMode
from hotswap.switchover.report import PhaseEvent

from .conftest import MS
from .faults import triple_fault

# programs that do not read clocks or fork, so that what they leave in memory is theirs alone
PROGRAMS = ("memory:20", "registers:40", "x87:30", "sorter:15")
Outcome = tuple[object, list[str]]


async def run(
    kernels: tuple[int, ...], *, start: int = 1, mode: int = 2, fail_in: Phase | None = None
) -> Outcome:
    """Boot, switch to each of `kernels`, let the programs end: state and output.

    With `fail_in`, the guest crashes at the beginning of that phase, and is taken back.
    """
    async with open_board(BoardConfig(deterministic=True)) as board:
        guest = Guest(board)
        guest.boot(PROGRAMS, version=start, hold=True)
        await guest.pass_time(150 * MS)  # all are started: pids and AT_RANDOM are given
        for kernel in kernels:
            await guest.pass_time(20 * MS)
            options = Options(mode=BootMode(mode), patience=PATIENCE)

            def tell(event: PhaseEvent) -> None:
                if fail_in and (event.phase, event.state) == (fail_in.name, "begun"):
                    triple_fault(board)

            with pytest.raises(RolledBack) if fail_in else nullcontext():
                await switch_over(board.machine, refkernel(kernel), options, tell)
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


@pytest.mark.parametrize("phase", [Phase.NEWINIT, Phase.PROBATION], ids=lambda phase: phase.name)
async def test_a_rollback_too_leaves_them_as_in_the_run_without_a_switch(
    control_runs: dict[int, Outcome], phase: Phase
) -> None:
    if 1 not in control_runs:
        control_runs[1] = await run(())
    assert await run((2,), fail_in=phase) == control_runs[1]


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
