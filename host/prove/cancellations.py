"""`hotswap-host prove cancellations`: cancel a switchover at each of its checkpoints.

trio delivers a cancellation where a task waits. An instrument counts the steps of the coordinator's
task and cancels it before step 1, then, in another run, before step 2, until one is too late. Each
run must end called off or committed, with nothing left, and go on as its control run does.
"""

from __future__ import annotations

from collections.abc import Iterable

import click
import structlog
import trio

from hotswap.switchover.phases import Phase
from hotswap.switchover.protocol import BootMode

from .campaign import Campaign, carry_out, options
from .controls import COMMITTED, Controls, Outcome
from .jumping_clock import JumpingClock
from .leftovers import Holdings
from .scene import open_scene

STEPS = 1_000
"""More than there are: some 35, heartbeats and lines of the log among them."""


class CancelAt(trio.abc.Instrument):
    """Cancels `scope` before step `number` (from 1) of the task that made this."""

    def __init__(self, number: int, scope: trio.CancelScope) -> None:
        self._task = trio.lowlevel.current_task()
        self._left = number
        self._scope = scope

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """A task goes on."""
        if task is self._task:
            self._left -= 1
            if self._left == 0:
                self._scope.cancel()

    @property
    def acted(self) -> bool:
        """Whether there were so many steps."""
        return self._left <= 0


@click.command("cancellations")
@options(STEPS, "Cases, at most; there are not so many.")
@click.option("--mode", "only", type=click.IntRange(0, 2), help="Only this mode.")
@click.option("--first", default=1, type=click.IntRange(min=1), show_default=True,
              help="The first step to cancel before.")  # fmt: skip
def command(count: int, seed: int | None, only: int | None, first: int, in_json: bool) -> int:
    """Cancel the coordinator at every checkpoint of a whole switchover, one run each, in each mode.

    The seed chooses the instant the switchover is asked for.
    """
    modes = list(BootMode) if only is None else [BootMode(only)]

    async def work(campaign: Campaign) -> None:
        await prove(campaign, modes, first)

    with structlog.testing.capture_logs():  # that it is rolled back, each time
        return carry_out("cancellations", count, seed, in_json, work)


async def prove(
    campaign: Campaign, modes: Iterable[BootMode], first: int = 1, every: int = 1
) -> None:
    """Cancel before step `first`, `first + every`, ... until the switchover is over before."""
    async with open_scene(JumpingClock(), campaign.seed) as scene:
        controls = Controls(scene)
        for mode in modes:
            for taken in (Phase.STAGE, Phase.SAVE):
                await controls.called_off(taken, mode)
            for number in range(first, first + STEPS, every):
                if campaign.cases == campaign.count:
                    return
                outcome, wrong = await _cancelled(controls, mode, number)
                if outcome is None:
                    break
                case = f"mode {mode:d}, {outcome.what} before step {number}"
                if wrong:
                    again = f"--mode {mode:d} --first {number} --count 1 --seed {campaign.seed}"
                    why = "; ".join(wrong)
                    campaign.failed(case, why, seed=campaign.seed, repeat=again)
                else:
                    campaign.held(case)
        campaign.count = campaign.cases


async def _cancelled(
    controls: Controls, mode: BootMode, number: int
) -> tuple[Outcome | None, list[str]]:
    """What came of it and what is wrong; nothing when there are not so many steps."""
    scene = controls.scene
    async with scene.played(Phase.PLAN):
        before = Holdings.of(scene.board)
        instrument = CancelAt(number, scene.outside)
        trio.lowlevel.add_instrument(instrument)
        try:
            outcome = await controls.switch(mode, lambda event: None)
        finally:
            trio.lowlevel.remove_instrument(instrument)
    if not instrument.acted and outcome.what == COMMITTED:
        return None, []
    if outcome.what != COMMITTED and outcome.what.outcome != "called off":
        return outcome, [str(outcome)]
    await trio.testing.wait_all_tasks_blocked()
    if left := Holdings.of(scene.board).left(before):
        return outcome, left
    judge = await controls.judge(outcome.what, mode)
    return outcome, await judge()
