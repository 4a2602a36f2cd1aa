"""`hotswap-host prove faults`: every fault in every phase, each against a run without it.

Each must end as fault_table.py says, with nothing left over (leftovers.py), and the machine must go
on exactly as the control run does (controls.py).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import click
import structlog
import trio

from hotswap.host.__main__ import leaves
from hotswap.host.guest import Guest, GuestEnded
from hotswap.switchover.phases import Phase
from hotswap.switchover.protocol import BootMode
from hotswap.switchover.report import PhaseEvent

from .campaign import Campaign, ProveError, carry_out, options
from .controls import LONG, Controls, Expected, Outcome
from .fault_table import ROWS, Row
from .jumping_clock import JumpingClock
from .leftovers import Holdings
from .scene import open_scene

START_MS = (55, 75)
"""The switchover is asked for so long after power-on."""
BANNER = "switchover card at"
GUARD = 120.0
"""Seconds of host time for a case that takes a fraction of one."""


class Case(NamedTuple):
    """A row in a phase."""

    row: Row
    phase: Phase

    def __str__(self) -> str:
        return f"{self.row.name} in {self.phase.name}"

    @property
    def expected(self) -> Expected:
        """What has to come of it."""
        return self.row.expected[self.phase]


CASES = [Case(row, phase) for row in ROWS for phase in row.expected]


@click.command("faults")
@options(len(CASES), "Cases: each fault once, then all other phases, then all again.")
@click.option(
    "--case", "only", default="", metavar="TEXT", help="Only cases whose name has TEXT in it."
)
def command(count: int, seed: int | None, only: str, in_json: bool) -> int:
    """Let everything go wrong that can, in every phase of a switchover.

    The guest's answers, the guest itself, cards, the operator, the host. Each must end as the table
    says, with nothing left over, and the machine must go on as if nothing had been tried.
    """
    chosen = [case for case in CASES if only in str(case)]
    if not chosen:
        raise ProveError(f"no case has {only!r} in its name; see host/prove/fault_table.py")
    count = min(count, len(chosen)) if only else count
    clock = JumpingClock()

    async def work(campaign: Campaign) -> None:
        await prove(campaign, chosen, clock)

    with structlog.testing.capture_logs():  # most of what is logged is what is done here
        return carry_out("faults", count, seed, in_json, work, clock=clock)


async def prove(campaign: Campaign, chosen: list[Case], clock: JumpingClock) -> None:
    """Try `campaign.count` cases of `chosen`."""
    todo = deque(_order(chosen, campaign.count, campaign.seed))
    while todo:
        seed = todo[0][1]
        async with open_scene(clock, random.Random(seed).randint(*START_MS)) as scene:
            controls = Controls(scene)
            while todo and todo[0][1] == seed:
                case, _ = todo.popleft()
                why = await _play(controls, case, _mode(case, seed))
                if not why:
                    campaign.held(str(case))
                else:
                    repeat = f"--case '{case}' --count 1 --seed {seed}"
                    campaign.failed(str(case), "; ".join(why), seed=seed, repeat=repeat)
                if why or case.row.lasting:
                    break  # the machine may be past repair


def _order(chosen: list[Case], count: int, seed: int) -> Iterator[tuple[Case, int]]:
    """Cases with their seeds: one of each row first, so that a short campaign has them all."""
    while count > 0:
        chance = random.Random(seed)
        mixed = chance.sample(chosen, len(chosen))
        first = list({case.row.name: case for case in mixed}.values())
        rest = [case for case in chosen if case not in first]
        for case in (*sorted(first, key=chosen.index), *rest)[:count]:
            yield case, seed
        count -= len(chosen)
        seed += 1


def _mode(case: Case, seed: int) -> BootMode:
    return BootMode(random.Random(f"{seed} {case}").randrange(3))


async def _play(controls: Controls, case: Case, mode: BootMode) -> list[str]:
    """One case; what is not as it has to be, nothing when all is."""
    scene, row = controls.scene, case.row
    with trio.move_on_after(GUARD) as guard:
        scene.clock.guard = guard
        try:
            judge = None if row.lasting else await controls.judge(case.expected, mode)
            return await _tried(controls, case, mode) or (await judge() if judge else [])
        except ProveError:
            raise
        except Exception as error:
            return [f"{type(leaf).__name__}: {leaf}" for leaf in leaves(error)]
    return [f"no end within {GUARD:g} s"]


async def _tried(controls: Controls, case: Case, mode: BootMode) -> list[str]:
    """What is wrong with the outcome, and what is left."""
    scene, row = controls.scene, case.row
    acted = []

    def tell(event: PhaseEvent) -> None:
        if (event.phase, event.state) == (case.phase.name, row.when):
            acted.append(event)
            row.act(scene)

    async with scene.played(case.phase):
        before = Holdings.of(scene.board)
        outcome = await controls.switch(mode, tell)
        if row.lasting:
            outcome = await _what_the_board_does(scene.guest, outcome)
    wrong = [] if acted else ["the phase was not reached"]
    if outcome.what != case.expected:
        wrong.append(f"{outcome} instead of {case.expected}")
    wrong += [f"an operator was not kept from this: {what}" for what in scene.let_in]
    if not row.lasting:
        await trio.testing.wait_all_tasks_blocked()
        wrong += Holdings.of(scene.board).left(before)
    return wrong


async def _what_the_board_does(guest: Guest, outcome: Outcome) -> Outcome:
    """After a crash of the guest's own: it ends, or starts again, as without a switchover."""
    try:
        await guest.pass_time(LONG)
    except GuestEnded:
        return Outcome(Expected("machine ends"), outcome.why)
    if guest.text.count(BANNER) > 1:
        return Outcome(Expected("restarts"), outcome.why)
    return outcome
