"""`hotswap-host prove faults`: every fault in every phase, each against a run without it.

The machine is deterministic, so there is no judgement in it:

- rolled back before R1, refused or called off: from then on the machine is, bit for bit and
  instruction for instruction, the one that was never asked to switch;
- rolled back after R1: it is the one whose switchover was called off right after R1 was taken, which
  differs from the former by what PREPARE and QUIESCE took, and in nothing its programs can see;
- committed, for what is harmless: its programs have the same memory, files and verdicts as in the
  run without a switchover.

And nothing is left: see leftovers.py.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import click
import trio

from hotswap.host.guest import PATIENCE
from hotswap.host.images import refkernel
from hotswap.host.rerun import run_to
from hotswap.switchover.conversation import PhaseFailed
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import Lost, Refused, RolledBack
from hotswap.switchover.phases import Phase
from hotswap.switchover.protocol import BootMode
from hotswap.switchover.report import PhaseEvent
from hotswap.switchover.transaction import Options

from .campaign import Campaign, ProveError, carry_out, options
from .ending import Exact, Seen
from .fault_table import COMMITTED, ROWS, Expected, Row
from .jumping_clock import JumpingClock
from .leftovers import Holdings
from .scene import MS, Scene, open_scene

START_MS = (55, 75)
"""The switchover is asked for so long after power-on."""
LONG = 140 * MS
"""Until then every program has reported, whatever happened."""
GUARD = 120.0
"""Seconds of host time for a case that takes a fraction of one."""
PROBATION_MS = 40.0


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
@options(len(CASES), "Cases: each fault once, then every phase of each, then again in other modes.")
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

    return carry_out("faults", count, seed, in_json, work, clock=clock)


async def prove(campaign: Campaign, chosen: list[Case], clock: JumpingClock) -> None:
    """Try `campaign.count` cases of `chosen`."""
    todo = deque(_order(chosen, campaign.count, campaign.seed))
    while todo:
        seed = todo[0][1]
        async with open_scene(clock, random.Random(seed).randint(*START_MS)) as scene:
            stage = Stage(scene)
            await stage.prepare()
            while todo and todo[0][1] == seed:
                case, _ = todo.popleft()
                why = await stage.play(case, _mode(case, seed))
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


class Stage:
    """A scene with the runs others are compared with."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._end = scene.home.now + LONG
        self._never: Exact
        """The run without a switchover."""
        self._seen: Seen
        self._called_off: dict[BootMode, Exact] = {}
        """Runs whose switchover was called off at R1."""

    async def prepare(self) -> None:
        """The run without a switchover. Raises `ProveError` when its programs fail or are slow."""
        scene = self._scene
        async with scene.played(Phase.PLAN):
            self._never = await self._exact()
            self._seen = await Seen.of(scene.guest)
        verdicts = [line for line in self._seen.output if line]
        if not all(" ok " in line for line in verdicts):
            raise ProveError(f"the programs fail without any fault: {verdicts}")
        if len(verdicts) != len(scene.guest.programs):
            raise ProveError(f"the programs take longer than {LONG // MS} ms: {verdicts}")

    async def play(self, case: Case, mode: BootMode) -> list[str]:
        """One case; what is not as it has to be, nothing when all is."""
        with trio.move_on_after(GUARD) as guard:
            self._scene.clock.guard = guard
            if mode not in self._called_off:
                self._called_off[mode] = await self._call_off(mode)
            try:
                return await self._play(case, mode)
            except Exception as error:
                return [f"{type(error).__name__}: {error}"]
        return [f"no end within {GUARD:g} s"]

    async def _call_off(self, mode: BootMode) -> Exact:
        """The run whose switchover is called off as soon as R1 is taken."""

        def tell(event: PhaseEvent) -> None:
            if (event.phase, event.state) == (Phase.SAVE.name, "done"):
                raise PhaseFailed("called off")

        async with self._scene.played(Phase.SAVE):
            await self._switch(mode, tell)
            exact = await self._exact()
            different = (await Seen.of(self._scene.guest)).differences(self._seen)
        if different:
            raise ProveError(f"a switchover that is called off at R1 shows: {different}")
        return exact

    async def _play(self, case: Case, mode: BootMode) -> list[str]:
        scene = self._scene
        acted = []

        def tell(event: PhaseEvent) -> None:
            if (event.phase, event.state) == (case.phase.name, case.row.when):
                acted.append(event)
                case.row.act(scene)

        async with scene.played(case.phase):
            before = Holdings.of(scene.board)
            outcome = await self._switch(mode, tell)
        wrong = [] if acted else ["the phase was not reached"]
        if outcome.expected != case.expected:
            wrong.append(f"{outcome} instead of {case.expected}")
        await trio.testing.wait_all_tasks_blocked()
        wrong += Holdings.of(scene.board).left(before)
        if scene.allowed:
            wrong.append("an operator was let into a switchover")
        if wrong or case.row.lasting:
            return wrong
        return await self._compare(case, mode)

    async def _compare(self, case: Case, mode: BootMode) -> list[str]:
        exact = await self._exact()
        wrong = []
        if case.expected != COMMITTED:
            phase = case.expected.phase
            before_r1 = phase is None or phase <= Phase.SAVE
            control = self._never if before_r1 else self._called_off[mode]
            wrong = [f"{name} differs at the end" for name in exact.differences(control)]
        if wrong or case.expected == COMMITTED:
            wrong += (await Seen.of(self._scene.guest)).differences(self._seen)
        return wrong

    async def _exact(self) -> Exact:
        """What the machine is at the end; it runs on."""
        board = self._scene.board
        await run_to(board, self._end)
        exact = Exact.of(self._scene.guest)
        board.resume()
        return exact

    async def _switch(self, mode: BootMode, tell: object) -> Outcome:
        """Switch over, and say what came of it."""
        scene = self._scene
        choice = Options(mode=mode, probation_ms=PROBATION_MS, patience=PATIENCE)
        transaction = Switchover(scene.board.machine, refkernel(2), choice, tell)
        with scene.outside:
            try:
                report = await transaction.run()
            except RolledBack as back:
                return Outcome(Expected("rolled back", Phase[back.report.phase]), back.reason)
            except Refused as refusal:
                return Outcome(Expected("refused"), str(refusal))
            except Lost as lost:
                return Outcome(Expected("refused"), f"LOST: {lost}")
            return Outcome(Expected("committed"), report.reason)
        report = transaction.report
        return Outcome(Expected("called off", Phase[report.phase]), report.reason)


class Outcome(NamedTuple):
    """What came of a switchover, and why."""

    expected: Expected
    why: str

    def __str__(self) -> str:
        return f"{self.expected} ({self.why})" if self.why else str(self.expected)
