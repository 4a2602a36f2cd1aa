"""Mutants tried by several processes, each of which says every so many what came of them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from subprocess import PIPE
from typing import NamedTuple

import msgspec
import trio

from .campaign import Campaign
from .map_fuzz import BATCH, Batch


class Verdicts(NamedTuple):
    """How many mutants had which verdict, and how many went new ways through the code."""

    codes: Counter[str]
    ways: int


async def tried(
    campaign: Campaign,
    jobs: int,
    module: str,
    arguments: Sequence[str] = (),
    *,
    quiet: bool = False,
) -> Verdicts:
    """Try the mutants of `campaign` by `jobs` processes that run `module` of this folder.

    It gets `arguments`, the first mutant, their count and the seed, and writes a `Batch` a line.
    With `quiet` nobody sees its stderr. What is wrong and what has held is told to the campaign,
    figures and all.
    """
    codes: Counter[str] = Counter()
    ways = 0

    async def share(first: int, count: int) -> None:
        """Let a process of its own try some of the mutants."""
        nonlocal ways
        numbers = map(str, (first, count, campaign.seed))
        command = [sys.executable, "-m", f"hotswap.host.prove.{module}", *arguments, *numbers]
        run = partial(
            trio.run_process, command, stdout=PIPE, capture_stderr=quiet, start_new_session=True
        )
        async with trio.open_nursery() as nursery:
            process = await nursery.start(run)
            rest = b""
            async for piece in process.stdout:
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    batch = msgspec.json.decode(line, type=Batch)
                    codes.update(batch.codes)
                    ways += batch.ways
                    tell(batch)

    def tell(batch: Batch) -> None:
        for wrong in batch.wrong:
            campaign.failed(
                wrong.case,
                wrong.why,
                seed=campaign.seed,
                repeat=f"--count {campaign.count} --seed {campaign.seed} --jobs {jobs}",
                number=wrong.number,
                mutant=wrong.mutant,
            )
        campaign.held("mutants", batch.cases - len(batch.wrong))

    async with trio.open_nursery() as nursery:
        for first, count in shares(campaign.count, jobs):
            nursery.start_soon(share, first, count)
    campaign.figures |= {"verdicts": dict(sorted(codes.items())), "ways": ways}
    return Verdicts(codes, ways)


def shares(count: int, jobs: int) -> list[tuple[int, int]]:
    """(first, count) of the mutants each process tries: whole batches, about the same for each."""
    batches = -(-count // BATCH)
    firsts = [batches * job // jobs * BATCH for job in range(jobs + 1)]
    return [
        (first, min(after, count) - first)
        for first, after in pairwise(firsts)
        if first < min(after, count)
    ]
