"""`hotswap-host prove elf`: bytes that say they are cards, and cards that mean ill."""

from __future__ import annotations

import os
from importlib.util import find_spec

import click

from .campaign import Campaign, carry_out, options
from .mutants import tried

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
    module = "elf_fuzz" if guide == "reasons" else "elf_atheris"
    codes, ways = await tried(campaign, jobs, module, quiet=True)
    campaign.said.append(
        f"{len(codes)} kinds of verdict, {codes['fits']:,} cards fit; "
        f"{ways:,} mutants went new ways"
    )
