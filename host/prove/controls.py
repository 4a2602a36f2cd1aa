"""The runs that others are compared with, and how a switchover is tried.

The machine is deterministic, so there is no judgement in a comparison. From the instant the
switchover was asked for until the same later instant, a run in which it was

- rolled back before R1 is, bit for bit and instruction for instruction, the run whose switchover
  was called off right after R0 was taken; rolled back after R1, the one that was called off right
  after R1. These two differ from the run that was never asked by what the old kernel did to
  answer, and in nothing that programs can see;
- refused or committed has programs with the same memory, files and output as in the run that was
  never asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

import msgspec

from hotswap.host.control import Request
from hotswap.host.guest import PATIENCE
from hotswap.host.images import refkernel
from hotswap.host.operator import requested_image
from hotswap.host.rerun import run_to
from hotswap.switchover.conversation import PhaseFailed
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import ImageError, Lost, Refused, RolledBack
from hotswap.switchover.options import Options
from hotswap.switchover.phases import Phase
from hotswap.switchover.protocol import BootMode
from hotswap.switchover.report import PhaseEvent

from .campaign import ProveError
from .ending import Exact, Seen
from .scene import MS, Scene

LONG = 140 * MS
"""Until then every program has reported, whatever happened."""
PROBATION_MS = 40.0

Tell = Callable[[PhaseEvent], None]
Judge = Callable[[], Awaitable[list[str]]]
"""What differs from the control run."""


class Expected(msgspec.Struct, frozen=True):
    """What has to come of a switchover: the outcome, and the phase it is rolled back in."""

    outcome: Literal[
        "rolled back",
        "called off",
        "committed",
        "refused",
        "lost",
        "machine ends",
        "restarts",
        "power cut",
        "resumed",
    ]
    phase: Phase | None = None

    def __str__(self) -> str:
        return self.outcome if self.phase is None else f"{self.outcome} in {self.phase.name}"


COMMITTED = Expected("committed")


class Outcome(NamedTuple):
    """What came of it, and why."""

    what: Expected
    why: str

    def __str__(self) -> str:
        return f"{self.what} ({self.why})" if self.why else str(self.what)


class Controls:
    """The control runs of a scene, each made when it is first asked for."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._end = scene.home.now + LONG
        self._never: tuple[Exact, Seen] | None = None
        self._called_off: dict[tuple[Phase, BootMode], Exact] = {}

    async def never(self) -> tuple[Exact, Seen]:
        """The run without a switchover. Raises `ProveError` when its programs fail or are slow."""
        if self._never is None:
            scene = self.scene
            async with scene.played(Phase.PLAN):
                exact, seen = await self.exact(), await Seen.of(scene.guest)
            names = [program.split(":")[0] for program in scene.guest.programs]
            late = [n for n in names if not any(x.startswith(f"{n} ok ") for x in seen.output)]
            if late:
                raise ProveError(f"{', '.join(late)} fail or take longer than {LONG // MS} ms")
            self._never = exact, seen
        return self._never

    async def called_off(self, taken: Phase, mode: BootMode) -> Exact:
        """The run whose switchover is called off after a phase: that its point was `taken` in."""
        if (taken, mode) not in self._called_off:
            _, seen = await self.never()

            def tell(event: PhaseEvent) -> None:
                if (event.phase, event.state) == (taken.name, "done"):
                    raise PhaseFailed("called off")

            async with self.scene.played(taken):
                await self.switch(mode, tell)
                exact = await self.exact()
                different = (await Seen.of(self.scene.guest)).differences(seen)
            if different:
                raise ProveError(f"a switchover called off after {taken.name} shows: {different}")
            self._called_off[taken, mode] = exact
        return self._called_off[taken, mode]

    async def exact(self) -> Exact:
        """What the machine is at the end; it runs on."""
        board = self.scene.board
        await run_to(board, self._end)
        exact = Exact.of(self.scene.guest)
        board.resume()
        return exact

    async def judge(self, expected: Expected, mode: BootMode) -> Judge:
        """Make the control of the run that is played next; judges that run at its end."""
        _, seen = await self.never()
        control = None
        if expected.phase is not None and expected.phase > Phase.PLAN:
            taken = Phase.STAGE if expected.phase <= Phase.SAVE else Phase.SAVE
            control = await self.called_off(taken, mode)

        async def judge() -> list[str]:
            exact = await self.exact()
            found: list[str] = []
            if control is not None:
                found = [f"{name} differs at the end" for name in exact.differences(control)]
            if found or control is None:
                found += (await Seen.of(self.scene.guest)).differences(seen)
            return found

        return judge

    async def switch(
        self, mode: BootMode, tell: Tell, *, guard: bool = False, signed: bool = False
    ) -> Outcome:
        """Switch over, and say what came of it. `scene.outside` cancels it.

        With the write guard if `guard`, and to the image whose signature is verified if `signed`.
        """
        scene, image = self.scene, refkernel(2)
        if signed:
            asked = Request("switchover", str(scene.signed.path), trust=[scene.signed.key])
            try:
                image = await requested_image(scene.board, asked)
            except ImageError as error:
                return Outcome(Expected("refused"), str(error))
        choice = Options(mode=mode, probation_ms=PROBATION_MS, patience=PATIENCE, guard=guard)
        transaction = Switchover(scene.board.machine, image, choice, tell)
        with scene.outside:
            try:
                report = await transaction.run()
            except RolledBack as back:
                return Outcome(Expected("rolled back", Phase[back.report.phase]), back.reason)
            except Refused as refusal:
                return Outcome(Expected("refused"), str(refusal))
            except Lost as lost:
                return Outcome(Expected("lost"), str(lost))
            return Outcome(COMMITTED, report.reason)
        report = transaction.report
        return Outcome(Expected("called off", Phase[report.phase]), report.reason)
