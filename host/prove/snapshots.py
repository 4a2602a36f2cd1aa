"""`hotswap-host prove snapshots`: restore a run at many instants and see that it ends the same."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click
import msgspec

from .campaign import Campaign, carry_out, options
from .restores import Moment, Workload, prove
from .workloads import (
    LINUX_DONE,
    NETWORK_INITRD,
    NETWORK_LINE,
    find_linux,
    linux,
    refkernel_programs,
)

PROGRAMS = ("pipes:10", "sorter:4")


@click.command("snapshots")
@click.argument("image", type=click.Path(path_type=Path), required=False)
@click.option("--initrd", type=click.Path(path_type=Path), help="File system for the kernel.")
@click.option("--append", default=NETWORK_LINE, metavar="TEXT", help="Kernel command line.")
@click.option("--memory", default=32, type=click.IntRange(1, 3072), metavar="MIB",
              show_default=True, help="RAM.")  # fmt: skip
@click.option("--until", default=LINUX_DONE, metavar="TEXT", show_default=True,
              help="The run is over when the first serial port has sent this.")  # fmt: skip
@click.option("--reference-kernel", is_flag=True, help="The kernel that ships with hotswap-host.")
@options(200, "Instants to restore at.")
@click.option("--jobs", default=os.cpu_count(), type=click.IntRange(min=1),
              help="Restored runs at a time.")  # fmt: skip
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
              help="Where snapshots that show a difference stay.")  # fmt: skip
def command(
    image: Path | None,
    initrd: Path | None,
    append: str,
    memory: int,
    until: str,
    reference_kernel: bool,
    count: int,
    seed: int | None,
    jobs: int,
    keep: Path | None,
    in_json: bool,
) -> int:
    """Boot Linux deterministically and save it at random instants; restore each in a new process.

    Every run must end with the same memory, processor, cards, output and bus trace. IMAGE is a
    Linux kernel; without it, the 486 Linux that `examples/workloads.py` brings is used.
    """
    if image is None and not reference_kernel:
        image, initrd = find_linux(NETWORK_INITRD)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            folder = keep
        if image is None:
            workload = refkernel_programs(*PROGRAMS)
        else:
            disk = folder / "disk"
            workload = linux(image, initrd, append, memory, until.encode(), disk)

        async def work(campaign: Campaign) -> None:
            await _work(campaign, workload, folder, jobs)
            if campaign.failures and keep is not None:
                campaign.said.append(f"snapshots that show a difference are in {keep}")

        return carry_out("snapshots", count, seed, in_json, work)


async def _work(campaign: Campaign, workload: Workload, folder: Path, jobs: int) -> None:
    """The last case is the run that was saved: it must end like the one that was not."""
    instants, seed = campaign.count, campaign.seed
    campaign.count += 1
    again = f"--count {instants} --seed {seed}"  # an instant is reached through the whole run

    def tell(moment: Moment) -> None:
        case = f"restored at instruction {moment.instructions:,}"
        if not moment.different:
            campaign.held(f"at {moment.time_ns / 1e9:.3f} s: equal")
            return
        why = moment.error or f"different {', '.join(moment.different)}"
        campaign.failed(
            case, why, seed=seed, repeat=again, different=moment.different, error=moment.error
        )

    proof = await prove(workload, instants, seed, folder, jobs=jobs, tell=tell)
    if proof.undisturbed:
        campaign.held("saved: equal")
    else:
        why = "the run that was saved did not end as the one that was not"
        campaign.failed("saved", why, seed=seed, repeat=again, different=["end"], error="")
    control = proof.control
    campaign.said.append(
        f"{proof.workload}: {control.instructions:,} instructions, {control.time_ns / 1e9:.3f} s"
    )
    campaign.figures |= {
        "workload": proof.workload,
        "control": msgspec.to_builtins(control),
        "moments": msgspec.to_builtins(proof.moments),
    }
