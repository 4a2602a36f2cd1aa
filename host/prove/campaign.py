"""What campaigns share: their options, progress, Ctrl-C, the summary, the exit status.

A campaign is a number of cases. The one with number n has the seed `seed + n`, so that a case that
does not depend on those before it is repeated by `--seed` with its own seed and `--count 1`.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click
import msgspec
import trio
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn

from hotswap.bus import HotswapError
from hotswap.host.exits import Exit

EVERY = 5.0
"""Seconds between two lines of progress where there is no terminal."""
SEEDS = 1 << 32

F = TypeVar("F", bound=Callable[..., Any])


class ProveError(HotswapError):
    """What is to be proved cannot be run: what is missing, and what to give."""


class Failure(msgspec.Struct, frozen=True):
    """A case that did not hold: `why`, and the command line that `repeat`s it."""

    case: str
    seed: int
    why: str
    repeat: str
    details: dict[str, Any] = {}
    """What else the JSON form says of it."""


class Campaign:
    """A campaign under way: what came of its cases so far.

    `count` is how many there will be, `figures` what the JSON form and the summary tell besides.
    """

    def __init__(self, name: str, count: int, seed: int) -> None:
        self.name = name
        self.count = count
        self.seed = seed
        self.cases = 0
        self.failures: list[Failure] = []
        self.figures: dict[str, Any] = {}
        self.said: list[str] = []
        """Lines of the summary besides the usual ones."""
        self.interrupted = False
        self.tell: Callable[[str, int], None] = lambda case, cases: None
        """Hears of each case, or of many in one."""

    def seed_of(self, number: int) -> int:
        """The seed of case `number`, from 0."""
        return (self.seed + number) % SEEDS

    def held(self, case: str, cases: int = 1) -> None:
        """`case` did what is promised, or so many cases at once."""
        self.cases += cases
        self.tell(case, cases)

    def failed(
        self, case: str, why: str, *, seed: int | None = None, repeat: str = "", **details: Any
    ) -> None:
        """`case` did not. `repeat`: options that repeat it, else `--count 1` with its seed."""
        seed = self.seed_of(self.cases) if seed is None else seed
        command = f"hotswap-host prove {self.name} {repeat or f'--count 1 --seed {seed}'}"
        self.failures.append(Failure(case, seed, why, command, details))
        self.cases += 1
        self.tell(f"{case}: {why}", 1)

    @property
    def status(self) -> Exit:
        """The exit status."""
        if self.interrupted:
            return Exit.INTERRUPTED
        return Exit.FAILED if self.failures or not self.cases else Exit.OK

    def facts(self) -> dict[str, Any]:
        """The JSON form."""
        failures = [
            {
                "case": failure.case,
                "seed": failure.seed,
                "why": failure.why,
                "repeat": failure.repeat,
                **failure.details,
            }
            for failure in self.failures
        ]
        return {
            "campaign": self.name,
            "cases": self.cases,
            "failed": len(failures),
            "seed": self.seed,
            "failures": failures,
            "interrupted": self.interrupted,
            **self.figures,
        }

    def summary(self, seconds: float) -> list[str]:
        """What to tell people at the end."""
        done = f"{self.cases:,} cases" if self.cases != 1 else "1 case"
        if self.interrupted:
            done += f" of {self.count:,} before it was interrupted"
        rate = f"{self.cases / max(seconds, 1e-9):,.1f} a second"
        lines = [f"{self.name}: {done} with seed {self.seed}, {seconds:.1f} s, {rate}", *self.said]
        if not self.failures:
            return [*lines, "all held" if self.cases else "nothing was tried"]
        first = self.failures[0]
        return [
            *lines,
            f"{len(self.failures)} failed",
            f"the first: {first.case} (seed {first.seed}): {first.why}",
            f"again: {first.repeat}",
        ]


def options(count: int, what: str) -> Callable[[F], F]:
    """The options every campaign has; `count` cases by default, which are `what`."""

    def add(command: F) -> F:
        for option in (
            click.option("--json", "in_json", is_flag=True, help="The outcome as JSON."),
            click.option(
                "--seed",
                type=click.IntRange(0, SEEDS - 1),
                help="Chooses what is left to chance; random by default, and reported.",
            ),
            click.option(
                "--count", default=count, type=click.IntRange(min=1), show_default=True, help=what
            ),
        ):
            command = option(command)
        return command

    return add


def carry_out(
    name: str,
    count: int,
    seed: int | None,
    in_json: bool,
    work: Callable[[Campaign], Awaitable[None]],
    *,
    clock: trio.abc.Clock | None = None,
) -> Exit:
    """Do `work`, which tells the campaign of its cases; progress to stderr, the outcome to stdout.

    SIGINT cancels `work` and counts what was done so far.
    """
    if seed is None:
        seed = random.SystemRandom().randrange(SEEDS)
    campaign = Campaign(name, count, seed)
    began = time.monotonic()
    columns = (
        *Progress.get_default_columns(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[last]}"),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=count, last="")
        campaign.tell = _Teller(campaign, progress, task)
        trio.run(_until_interrupted, campaign, work, clock=clock)
    if in_json:
        click.echo(msgspec.json.format(msgspec.json.encode(campaign.facts()), indent=2).decode())
    else:
        for line in campaign.summary(time.monotonic() - began):
            click.echo(line)
    return campaign.status


async def _until_interrupted(
    campaign: Campaign, work: Callable[[Campaign], Awaitable[None]]
) -> None:
    async with trio.open_nursery() as nursery:

        async def listen(*, task_status: trio.TaskStatus[None]) -> None:
            with trio.open_signal_receiver(signal.SIGINT) as signals:
                task_status.started()
                async for _ in signals:
                    campaign.interrupted = True
                    nursery.cancel_scope.cancel()

        await nursery.start(listen)
        await work(campaign)
        nursery.cancel_scope.cancel()


class _Teller:
    """Progress: a bar on a terminal, elsewhere a line now and then and one for each failure."""

    def __init__(self, campaign: Campaign, progress: Progress, task: Any) -> None:
        self._campaign, self._progress, self._task = campaign, progress, task
        self._failed = 0
        self._due = 0.0

    def __call__(self, case: str, cases: int) -> None:
        campaign = self._campaign
        self._progress.update(self._task, total=campaign.count, advance=cases, last=case)
        is_new = len(campaign.failures) > self._failed
        self._failed = len(campaign.failures)
        now = time.monotonic()
        if is_new or (not self._progress.console.is_terminal and now >= self._due):
            self._due = now + EVERY
            word = "FAILED " if is_new else ""
            self._progress.console.print(
                f"{campaign.cases:,} of {campaign.count:,}, {self._failed} failed: {word}{case}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
