"""`hotswap-host prove alternations`: K1 and K2 take turns for as long as you like.

Every switchover ends as it has to, whatever mode it has; some new kernels crash and are taken back.
Programs check themselves meanwhile. And nothing grows: not what the guest's kernel holds, nor what
this process does.
"""

from __future__ import annotations

import gc
import random
from pathlib import Path
from statistics import linear_regression

import click
import msgspec
import trio.testing

from hotswap.host.board import BoardConfig, open_board
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import crashing, refkernel
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import RolledBack
from hotswap.switchover.image import KernelImage
from hotswap.switchover.machine import Machine
from hotswap.switchover.options import Options
from hotswap.switchover.protocol import BootMode
from hotswap.switchover.symbols import address_of

from .campaign import Campaign, ProveError, carry_out, options
from .leftovers import RAM, Holdings

MS = 1_000_000
PROGRAMS = ("memory:1000000:24", "registers:1000000", "x87:1000000:64", "sorter:1000000:4000",
            "pipes:1000000:2", "files:1000000", "signals:1000000")  # fmt: skip
CRASHES = 0.15
"""Of the new kernels: those that die at their first instruction."""
BETWEEN_MS = (1, 9)
PROBATION_MS = 1.0
FREE = "nfree"
"""What both reference kernels call the number of their free frames."""
WARM = 200
"""Turns before measuring begins: what is made once and kept is made by then, and the buffer for
translations has been full twice."""
ENOUGH = 800
"""Turns from which on the drift is judged: over fewer, one buffer that grows is a drift."""


class Held(msgspec.Struct, frozen=True):
    """What guest and host hold after switchover `turn`."""

    turn: int
    version: int
    """Of the kernel that runs."""
    free_frames: int
    """Of the guest."""
    host_kib: int
    """Resident memory of this process, its guest's RAM left out."""
    mappings: int
    files: int


BOUNDS = {"free_frames": 50.0, "host_kib": 2048.0, "mappings": 8.0, "files": 1.0}
"""What may be gained or lost per 1,000 switchovers, by the line that fits best. One frame lost in
each would be 1,000 frames, one page of the host 4,000 KiB. The guest's programs map and unmap."""


@click.command("alternations")
@options(1000, "Switchovers.")
def command(count: int, seed: int | None, in_json: bool) -> int:
    """Let two kernels take turns under programs that work, and see that nothing grows.

    Modes are mixed, and some of the new kernels crash and are taken back.
    """

    async def work(campaign: Campaign) -> None:
        await prove(campaign)

    return carry_out("alternations", count, seed, in_json, work)


async def prove(campaign: Campaign) -> None:
    """Switch `campaign.count` times; the last case is what was held on to."""
    turns, measured = campaign.count, []
    campaign.count += 1
    async with open_board(BoardConfig(deterministic=True, memory=16)) as board:
        guest = Guest(board)
        guest.boot(PROGRAMS)
        await guest.pass_time(100 * MS)
        gc.collect()
        before = Holdings.of(board)
        for number in range(turns):
            chance = random.Random(campaign.seed_of(number))
            case, why = await _take_turn(guest, chance)
            if why:
                again = f"--count {number + 1} --seed {campaign.seed}"
                name = f"switchover {number + 1} {case}"
                campaign.failed(name, why, seed=campaign.seed, repeat=again)
                return
            campaign.held(case)
            measured.append(_held(number, board.machine))
        await trio.testing.wait_all_tasks_blocked()
        wrong = Holdings.of(board).left(before)
    drift = drifts(measured)
    wrong += [
        f"{name}: {drift[name]:+.1f} per 1,000 switchovers, more than {bound:g}"
        for name, bound in BOUNDS.items()
        if len(measured) >= ENOUGH and abs(drift[name]) > bound
    ]
    campaign.figures["drift"] = drift
    campaign.said.append(
        "per 1,000 switchovers: " + ", ".join(f"{n} {d:+.1f}" for n, d in drift.items())
    )
    if wrong:
        again = f"--count {turns} --seed {campaign.seed}"
        why = "; ".join(wrong)
        campaign.failed("what is held on to", why, seed=campaign.seed, repeat=again)
    else:
        campaign.held("what is held on to")


async def _take_turn(guest: Guest, chance: random.Random) -> tuple[str, str]:
    """One switchover to the other kernel: what was tried, and what is wrong."""
    machine = guest.board.machine
    await guest.pass_time(chance.randint(*BETWEEN_MS) * MS)
    version = 3 - _version(machine.kernel)
    mode, crashes = BootMode(chance.randrange(3)), chance.random() < CRASHES
    image = crashing(refkernel(version)) if crashes else refkernel(version)
    case = f"to v{version} in mode {mode:d}{', which crashes' if crashes else ''}"
    choice = Options(mode=mode, probation_ms=PROBATION_MS, patience=PATIENCE)
    try:
        report = await Switchover(machine, image, choice).run()
    except RolledBack as back:
        report = back.report
    if report.outcome != ("rolled back" if crashes else "committed"):
        return case, f"{report.outcome} in {report.phase}: {report.reason}"
    if wrong := [line for line in guest.lines if "FAILED" in line or "panic" in line]:
        return case, wrong[0]
    return case, ""


def _version(image: KernelImage) -> int:
    return next(version for version in (1, 2) if image.name == refkernel(version).name)


def _held(turn: int, machine: Machine) -> Held:
    at = address_of(machine.kernel, FREE)
    if at is None:
        raise ProveError(f"{machine.kernel.name} has no symbol {FREE}; build it with symbols")
    return Held(
        turn=turn,
        version=_version(machine.kernel),
        free_frames=int.from_bytes(machine.processor.read_memory(at, 4), "little"),
        host_kib=_resident(),
        mappings=Path("/proc/self/maps").read_text().count("\n"),
        files=sum(1 for _ in Path("/proc/self/fd").iterdir()),
    )


def _resident() -> int:
    """KiB this process has in memory, but for the guest's RAM, which it fills little by little."""
    total, counts = 0, True
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, _, value = line.partition(" ")
        if not name.endswith(":"):  # a mapping begins
            counts = RAM not in value
        elif name == "Rss:" and counts:
            total += int(value.split()[0])
    return total


def drifts(measured: list[Held]) -> dict[str, float]:
    """What is gained per 1,000 switchovers, by name; of guests each kernel's own, the worst."""
    found: dict[str, float] = {}
    warm = WARM if len(measured) >= ENOUGH else 0
    for name in BOUNDS:
        for version in (1, 2):
            points = [held for held in measured if held.turn >= warm and held.version == version]
            if len(points) < 2:
                continue
            line = linear_regression([p.turn for p in points], [getattr(p, name) for p in points])
            worst = max(found.get(name, 0.0), 1000 * line.slope, key=abs)
            found[name] = worst
    return found
