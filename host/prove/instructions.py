"""`hotswap-host prove instructions`: stop a switchover after every translation block and roll back.

The machine that has been rolled back is the machine it was, so one machine does for all: from R0 up
to SAVE's end, from R1 up to COMMIT's in each boot mode, and in the rollback itself, when the old
kernel resumes from R1, the guest is let run to the next block boundary (now and then some single
instructions further), the coordinator is cancelled there, and memory, processor, cards and lines
are held against the rollback point. At the end the old kernel is let go on, as after any rollback,
and must come to what the control run comes to.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Awaitable, Callable, Iterator

import click
import structlog
import trio

from hotswap.host.images import refkernel
from hotswap.switchover.conversation import PhaseFailed
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import RolledBack
from hotswap.switchover.memory import Span
from hotswap.switchover.old_kernel import resume_old
from hotswap.switchover.options import Options
from hotswap.switchover.phases import Phase
from hotswap.switchover.protocol import BootMode
from hotswap.switchover.stray import StrayWatch
from hotswap.switchover.transcript import Transcript

from .campaign import Campaign, carry_out, options
from .controls import Controls
from .ending import Exact, Seen
from .jumping_clock import JumpingClock
from .leftovers import Holdings
from .point_state import PointState
from .scene import open_scene

EVERY = 1_000_000
"""Cases: more than there are blocks."""
SAMPLE = 1_000
"""So many stops in the other modes, and while the old kernel resumes; all with a `count` beyond
`EVERY`."""
MODES = (BootMode.DMA, *(mode for mode in BootMode if mode is not BootMode.DMA))
SINGLE = 0.1
"""Of the stops: those with some single instructions after the block."""
COLLECT = 500
"""Cases between two collections of garbage, which a blackout does without."""
NS = 10
"""Machine time of an instruction, ns: the board counts 100,000,000 a second."""
LONG = 1_000_000.0
"""Patience: limits of host time are not what is tried here."""

Attempt = Callable[[], Awaitable[None]]


@click.command("instructions")
@options(EVERY, "Stops; when there are more blocks than that, the seed chooses.")
def command(count: int, seed: int | None, in_json: bool) -> int:
    """Stop between R0 and COMMIT after each translation block, and roll back each time.

    In boot mode 2; in the others, and in the rollback itself, after some of them, or each when
    COUNT is more than a million.

    Also after single instructions of some of them. Memory, processor, cards and lines must be those
    of the rollback point, and in the end the old kernel goes on as if nothing had been tried.
    """

    async def work(campaign: Campaign) -> None:
        await prove(campaign)

    with structlog.testing.capture_logs():
        return carry_out("instructions", count, seed, in_json, work)


async def prove(campaign: Campaign) -> None:
    """`campaign.count` stops or every block, in each mode; each ends with how it goes on."""
    chance = random.Random(campaign.seed)
    async with open_scene(JumpingClock(), campaign.seed) as scene:
        controls = Controls(scene)
        for mode in MODES:
            nothing = Campaign(campaign.name, 0, campaign.seed)
            _, control = await _tried(controls, mode, nothing, chance)
            _, seen = await controls.never()
            why, end = await _tried(controls, mode, campaign, chance)
            why += [f"{name} differs at the end" for name in end.differences(control)]
            why += (await Seen.of(scene.guest)).differences(seen)
            case = f"going on, mode {mode:d}"
            if why:
                again = f"--count {campaign.count} --seed {campaign.seed}"
                campaign.failed(case, "; ".join(why), seed=campaign.seed, repeat=again)
                break  # the machine may be past repair
            campaign.held(case)
    campaign.count = campaign.cases


async def _tried(
    controls: Controls, mode: BootMode, campaign: Campaign, chance: random.Random
) -> tuple[list[str], Exact]:
    """All stops, one after the other; what is wrong then, and what it comes to.

    Without any, it is the control run: even the cards have been frozen and thawed once more, which
    is when the PIT looks for ticks.
    """
    scene = controls.scene
    async with scene.played(Phase.SAVE):
        before = Holdings.of(scene.board)
        trials = _Trials(scene.board.machine, refkernel(2), Options(mode, patience=LONG))
        trials.campaign, trials.chance = campaign, chance
        why = ["it was committed"]
        try:
            await trials.run()
        except RolledBack as back:
            why = [] if back.reason == DONE else [back.reason]
    await trio.testing.wait_all_tasks_blocked()
    return why + Holdings.of(scene.board).left(before), await controls.exact()


def _sample(count: int) -> int:
    """How many stops where not each block is tried by default."""
    return count if count > EVERY else min(count // 8, SAMPLE)


DONE = "all stops were tried"


class _Trials(Switchover):
    """A switchover that is tried up to one instant after the other, and never comes further."""

    campaign: Campaign
    chance: random.Random

    async def _prepare(self) -> None:
        """From R0 to R1, short of taking it; then PREPARE in earnest."""

        async def attempt() -> None:
            await super(_Trials, self)._prepare()
            await self._quiesce()
            await self._save()

        most = self.campaign.count // 4 if self.options.mode is MODES[0] else 0
        await self._try_all("after R0", attempt, frozen=False, most=most)
        await super()._prepare()

    async def _cross(self, script: Transcript, place: Span, watch: StrayWatch) -> None:
        """From R1 to the first process under the new kernel."""

        async def attempt() -> None:
            await super(_Trials, self)._cross(script, place, watch)

        mode, count = self.options.mode, self.campaign.count
        most = count * 3 // 8 if mode is MODES[0] else _sample(count)
        await self._try_all(f"after R1, mode {mode:d}", attempt, frozen=True, most=most)
        if mode is MODES[0]:
            await self._try_all("going back", self._resume, frozen=True, most=_sample(count))
        raise PhaseFailed(DONE)

    async def _resume(self) -> None:
        """What a rollback does once all is as it was at R1."""
        self._backplane.thaw()
        await resume_old(self._talk, LONG)

    async def _try_all(self, where: str, attempt: Attempt, *, frozen: bool, most: int) -> None:
        then = self._processor.instructions
        wanted = PointState(self._processor, self._backplane)
        whole = await self._up_to(None, attempt)
        self._check("", await self._back(wanted, frozen=frozen))
        for number, stop in enumerate(self._stops(whole, most)):
            reached = await self._up_to(stop.count, attempt)
            singles = self.chance.randint(1, 4) if self.chance.random() < SINGLE else 0
            with self._processor.standing():
                singles = await self._processor.step(singles) if singles else 0
            stop.reached = reached
            case = f"{where}: block at instruction {reached:,}"
            case += f" and {singles} more" if singles else ""
            self._check(case, await self._back(wanted, frozen=frozen))
            if number % COLLECT == 0:
                gc.collect()
            if reached >= whole:  # the last block
                break
        assert self._processor.instructions == then

    def _check(self, case: str, wrong: list[str]) -> None:
        if wrong:
            again = f"--count {self.campaign.count} --seed {self.campaign.seed}"
            why = "; ".join(wrong)
            self.campaign.failed(case, why, seed=self.campaign.seed, repeat=again)
            raise PhaseFailed(why)
        if case:
            self.campaign.held(case)

    def _stops(self, whole: int, most: int) -> Iterator[_Stop]:
        """Instruction counts to stop at: after each block, or `most` by chance."""
        if most >= whole:
            stop = _Stop(1)
            while stop.count < whole:
                yield stop
                stop = _Stop(stop.reached + 1)
        else:
            for count in sorted(self.chance.randrange(1, whole) for _ in range(most)):
                yield _Stop(count)

    async def _up_to(self, count: int | None, attempt: Attempt) -> int:
        """Attempt it until `count` instructions were executed; how many that were in the end."""
        clock, first = self._backplane.clock, self._processor.instructions
        due = None if count is None else clock.now() + count * NS
        async with trio.open_nursery() as nursery:

            async def stop() -> None:
                assert due is not None
                await clock.sleep_until(due)
                nursery.cancel_scope.cancel()

            if due is not None:
                nursery.start_soon(stop)
            await attempt()
            nursery.cancel_scope.cancel()
        return self._processor.instructions - first

    async def _back(self, wanted: PointState, *, frozen: bool) -> list[str]:
        """Back to the rollback point; what is not as it was."""
        assert self._point is not None
        with self._processor.standing():
            await self._backplane.quiesce(each=1, total=1)
            dirty = self._processor.ram.dirty_runs()
            self._point.restore(self._processor, self._backplane)
            wrong = wanted.differences(dirty)
            if not frozen:
                self._backplane.thaw()
            self._talk.forget()
        return wrong


class _Stop:
    """Where to stop, and where the block ended that did."""

    def __init__(self, count: int) -> None:
        self.count = self.reached = count
