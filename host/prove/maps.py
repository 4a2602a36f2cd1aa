"""`hotswap-host prove maps`: the readers of maps against each other, and the loader of images."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from hotswap.switchover.memory import MIB, plan_memory
from hotswap.switchover.savemap import write

from .campaign import Campaign, carry_out, options
from .map_fields import NO_MATTER, FieldAt, fields, noticed
from .map_judge import EXAMPLES, build_judge
from .map_kernels import must_notice, try_fields
from .mutants import tried
from .sample_map import sample_map

THOROUGH = 100_000
"""So many mutants are a long run, which lets the kernels try every field, too."""


@click.command("maps")
@click.option("--jobs", type=click.IntRange(min=1), default=os.cpu_count() or 1, show_default=True,
              help="Processes at a time.")  # fmt: skip
@click.option("--examples", type=click.Path(path_type=Path, file_okay=False), default=EXAMPLES,
              metavar="FOLDER", help="The examples of a checkout.")  # fmt: skip
@options(1_000_000, "Mutants.")
def command(jobs: int, examples: Path, count: int, seed: int | None, in_json: bool) -> int:
    """Change maps and images at random: the C and the Python reader must agree on every one.

    First every field of a map is changed alone: the host or the echo must notice, and from 100,000
    mutants on the kernels, too.
    A map is refused by both for the same reason, or both read the same from it; no bytes make the
    loader of images raise anything but Refused. Needs gcc.
    """
    with tempfile.TemporaryDirectory() as scratch:
        judge = build_judge(Path(scratch), examples)

        async def work(campaign: Campaign) -> None:
            await _fields(campaign)
            await _work(campaign, judge, jobs)

        return carry_out("maps", count, seed, in_json, work)


async def _fields(campaign: Campaign) -> None:
    """The score over the fields of a map."""
    data, plan = write(sample_map()), plan_memory(64 * MIB)
    found = [field for field in fields(data) if not field.reason]
    for field in found:
        _judged(campaign, f"field {field.name}", noticed(data, field.changed(data), plan))
    campaign.said.append(
        f"{len(found)} fields are noticed, {len(NO_MATTER)} kinds are of no matter"
    )
    if campaign.count < THOROUGH:
        return

    def tell(field: FieldAt, why: str) -> None:
        _judged(campaign, f"field {field.name} between two kernels", why)

    await try_fields(lambda each: list(filter(must_notice, each)), tell)


def _judged(campaign: Campaign, case: str, why: str) -> None:
    if why:
        campaign.held(case)
    else:
        campaign.failed(case, "nobody notices that it is changed", repeat="--count 1 --seed 0")


async def _work(campaign: Campaign, judge: Path, jobs: int) -> None:
    codes, ways = await tried(campaign, jobs, "map_fuzz", [str(judge)])
    campaign.said.append(
        f"{len(codes)} kinds of verdict, {codes['fit']:,} maps fit; {ways:,} mutants went new ways"
    )
