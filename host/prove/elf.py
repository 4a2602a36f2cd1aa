"""`hotswap-host prove elf`: bytes that say they are cards, and cards that mean ill."""

from __future__ import annotations

import os
import sys
from collections import Counter
from functools import partial
from importlib.util import find_spec
from subprocess import PIPE

import click
import msgspec
import trio

from .campaign import Campaign, carry_out, options
from .map_fuzz import Batch
from .maps import shares

GUIDES = ("reasons", "atheris")


@click.command("elf")
@click.option("--jobs", type=click.IntRange(min=1), default=os.cpu_count() or 1, show_default=True,
              help="Processes at a time.")  # fmt: skip
@click.option("--guide", type=click.Choice(GUIDES), default=GUIDES[0], show_default=True,
              help="What tells a mutant worth keeping: a new reason to refuse it, or new lines "
              "of the loader (pip install 'hotswap-host[fuzz]').")  # fmt: skip
@options(1_000_000, "Mutants.")
def command(jobs: int, guide: str, count: int, seed: int | None, in_json: bool) -> int:
    """Change cards in machine code at random: nothing but the documented errors comes out.

    Object files are damaged, and their tables lie: the loader takes them or raises ElfError, in
    bounded time and memory, and so do the readers of settings, variables and debug information. In
    one of 25 it is the instructions that are changed: such a card is plugged in and used, and
    nothing but a fault of its own comes of it.
    """
    if guide == "atheris" and find_spec("atheris") is None:
        raise click.UsageError("atheris is not installed: pip install 'hotswap-host[fuzz]'")

    async def work(campaign: Campaign) -> None:
        await _work(campaign, jobs, guide)

    return carry_out("elf", count, seed, in_json, work)


async def _work(campaign: Campaign, jobs: int, guide: str) -> None:
    codes: Counter[str] = Counter()
    ways = 0
    module = "elf_fuzz" if guide == "reasons" else "elf_atheris"

    async def share(first: int, count: int) -> None:
        """Let a process of its own try some of the mutants."""
        nonlocal ways
        numbers = map(str, (first, count, campaign.seed))
        command = [sys.executable, "-m", f"hotswap.host.prove.{module}", *numbers]
        run = partial(trio.run_process, command, stdout=PIPE, stderr=PIPE, start_new_session=True)
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
    campaign.said.append(
        f"{len(codes)} kinds of verdict, {codes['fits']:,} cards fit; "
        f"{ways:,} mutants went new ways"
    )
