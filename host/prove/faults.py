"""`hotswap-host prove faults`: every fault in every phase, each against a run without it.

Each must end as fault_table.py says, with nothing left over (leftovers.py), and the machine must go
on exactly as the control run does (controls.py).
"""

from __future__ import annotations

import random
import shlex
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click
import structlog
import trio

from hotswap.host.exits import leaves
from hotswap.host.guest import Guest, GuestEnded
from hotswap.host.images import refkernel
from hotswap.switchover.phases import Phase
from hotswap.switchover.protocol import BootMode
from hotswap.switchover.report import PhaseEvent

from .campaign import Campaign, ProveError, carry_out, options
from .controls import LONG, Controls, Expected, Outcome
from .fault_table import ROWS, Row
from .jumping_clock import JumpingClock
from .kills import Kill, Workload, before_r1, kill_once, prepare
from .leftovers import Holdings
from .scene import open_scene
from .signing import signed

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
    hosts: Workload | None = None
    with TemporaryDirectory(prefix="hotswap-host-faults-") as scratch:
        while todo:
            case, seed = todo[0]
            if case.row.act is None:
                todo.popleft()
                hosts = hosts or await prepare(Path(scratch))
                _tell(campaign, case, seed, await _killed(hosts, case, Path(scratch)))
                continue
            async with open_scene(clock, seed, durable=case.row.durable) as scene:
                controls = Controls(scene)
                while todo and _fits(*todo[0], case, seed):
                    this, _ = todo.popleft()
                    why = await _play(controls, this, _mode(this, seed))
                    _tell(campaign, this, seed, why)
                    if why or this.row.lasting:
                        break  # the machine may be past repair


def _fits(case: Case, seed: int, other: Case, other_seed: int) -> bool:
    """Whether it can be tried in the scene of the other one."""
    row, durable = case.row, other.row.durable
    return seed == other_seed and row.durable == durable and row.act is not None


def _tell(campaign: Campaign, case: Case, seed: int, why: list[str]) -> None:
    if why:
        repeat = f"--case {shlex.quote(str(case))} --count 1 --seed {seed}"
        campaign.failed(str(case), "; ".join(why), seed=seed, repeat=repeat)
    else:
        campaign.held(str(case))


async def _killed(hosts: Workload, case: Case, scratch: Path) -> list[str]:
    """A host is killed as the phase begins, and resumed: what is not as it has to be."""
    with TemporaryDirectory(dir=scratch) as folder:
        kill = await kill_once(hosts, Kill(case.phase.name, 0), Path(folder))
    came_of_it = Expected("power cut" if before_r1(case.phase) else "resumed")
    wrong = [] if came_of_it == case.expected else [f"{came_of_it} instead of {case.expected}"]
    return [*wrong, kill.why] if kill.why else wrong


def _order(chosen: list[Case], count: int, seed: int) -> Iterator[tuple[Case, int]]:
    """Cases with their seeds: one of each row first, so that a short campaign has them all."""
    while count > 0:
        chance = random.Random(seed)
        mixed = chance.sample(chosen, len(chosen))
        first = list({case.row.name: case for case in mixed}.values())
        rest = [case for case in chosen if case not in first]
        rest.sort(key=lambda case: (case.row.act is None, case.row.durable))  # a scene has many
        for case in (*sorted(first, key=chosen.index), *rest)[:count]:
            yield case, seed
        count -= len(chosen)
        seed += 1


def _mode(case: Case, seed: int) -> BootMode:
    if case.row.mode is not None:
        return case.row.mode
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
    acted: list[object] = []
    assert row.act is not None

    def tell(event: PhaseEvent) -> None:
        if (event.phase, event.state) == (case.phase.name, row.when) and row.act is not None:
            acted.append(event)
            row.act(scene)

    if row.signed:
        scene.signed = signed(refkernel(2).elf, scene.signed.path)
    async with scene.played(case.phase):
        before = Holdings.of(scene.board)
        if row.when == "before":
            acted.append(case)
            row.act(scene)
        outcome = await controls.switch(mode, tell, guard=row.guarded, signed=row.signed)
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
