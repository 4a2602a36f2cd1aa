"""`hotswap-host prove cards`: cards inserted and pulled under a running guest leave nothing behind.

A guest reads and writes the ports and the memory of a card that is there and not there: one in
Python that has a bit of everything, one in machine code, and that in a process of its own. In a
round it is inserted, reached by the guest, and pulled again at an instant left to chance; every
fourth is replaced by a twin before, every fourth has faulted.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
import structlog
import trio
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import FLOATING, HotswapError, Slot
from hotswap.host.board import Board, BoardConfig, open_board
from hotswap.host.exits import Exit
from hotswap.host.sandbox import SandboxPool, missing

from .campaign import Campaign, carry_out, options
from .card_subjects import PORT, Tally, make, start_polling
from .growth import Growth
from .leftovers import Holdings

KINDS = ("python", "elf", "process")
TITLES = ("tally", "sample")
WARM_UP = 40
SAMPLES = 20
SLOPE = 100
"""Bytes a round, at most."""
ALLOWANCE = 16 << 10
"""Bytes the interpreter may still be keeping of ways it goes for the first time, in all."""
FEW = 20
"""Rounds below which what is done for the first time is all there is to see of memory."""
ENOUGH = 2000
"""Rounds from which on the resident size says something: 100 bytes each are 50 pages."""
BETWEEN = 100_000
"""ns of machine time a card is in its slot, half of it to twice as much."""
PATIENT = 10_000_000_000
"""ns a process may take to answer: this is not about how busy the host is."""
PATIENCE = 30.0
"""Seconds for the guest to reach a card."""


@click.command("cards")
@options(10_000, "Rounds.")
@click.option("--kind", type=click.Choice(KINDS), help="Cards of this kind only.")
def command(count: int, seed: int | None, in_json: bool, kind: str | None) -> Exit:
    """Insert and pull cards under a guest that polls them: nothing is left, nothing grows.

    10,000 rounds are at most 100 bytes each; without a sandbox in this kernel those in processes
    are left out.
    """
    kinds = [kind] if kind else [each for each in KINDS if each != "process" or not missing()]

    async def work(campaign: Campaign) -> None:
        await prove(campaign, kinds)

    return carry_out("cards", count, seed, in_json, work)


async def prove(campaign: Campaign, kinds: Sequence[str]) -> None:
    """Rounds, with a look at what is left after every twentieth part of them."""
    config = BoardConfig(memory=1, switchover=False)
    with _unsaid(), Growth() as growth:
        async with open_board(config) as board:
            await _rounds(campaign, kinds, board, growth)
        _judge(campaign, growth)


@contextmanager
def _unsaid() -> Iterator[None]:
    """Nothing is logged: insertions by the thousand, and faults that were asked for."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


async def _rounds(campaign: Campaign, kinds: Sequence[str], board: Board, growth: Growth) -> None:
    board.engines.processes = SandboxPool(deadline=PATIENT)
    start_polling(board)
    for number in range(WARM_UP):
        await _round(board, kinds[number % len(kinds)], random.Random(number))
    tried: Counter[str] = Counter()
    every = max(1, campaign.count // SAMPLES)
    before = await _held(board, growth, 0)
    for number in range(campaign.count):
        seed = campaign.seed_of(number)
        kind = kinds[seed % len(kinds)]
        wrong = await _round(board, kind, random.Random(seed))
        if (number + 1) % every == 0:
            now = await _held(board, growth, number + 1)
            wrong = wrong or "; ".join(now.left(before))
            before = now
        tried[kind] += 1
        if wrong:
            campaign.failed(f"round {number + 1}, {kind}", wrong, seed=seed)
        else:
            campaign.held(f"round {number + 1}, {kind}")
    campaign.figures |= {"rounds": dict(tried)}


async def _round(board: Board, kind: str, chance: random.Random) -> str:
    """Insert a card, let the guest reach it, pull it; what was wrong."""
    try:
        return await _come_and_go(board, kind, chance)
    except HotswapError as error:
        for number in [n for n, s in board.backplane.slots.items() if s.title in TITLES]:
            await board.backplane.remove(number)
        return str(error)


async def _come_and_go(board: Board, kind: str, chance: random.Random) -> str:
    slot = await board.insert(await make(board, kind))
    fate = chance.choice(("pulled", "pulled", "replaced", "faulted"))
    wrong = await _reached(board, slot)
    await _wait(board, chance)
    if fate == "replaced":
        await board.backplane.replace(slot.number, await make(board, kind))
        wrong = wrong or await _reached(board, slot)
    elif fate == "faulted":
        slot.set_fault(ZeroDivisionError("as it was asked to"))
    await board.backplane.remove(slot.number)
    return wrong or _gone(board, slot)


async def _reached(board: Board, slot: Slot) -> str:
    """Wait until the guest has had an answer from the card."""
    card = slot.card
    if not isinstance(card, Tally):
        await _wait(board, random.Random(0))
        return str(slot.fault or "")
    reads, writes = card.state.reads, card.state.writes
    with trio.move_on_after(PATIENCE):
        while card.state.reads < reads + 2 or card.state.writes < writes + 2:
            if slot.fault is not None:
                return str(slot.fault)
            await _wait(board, random.Random(0))
        return ""
    return "the guest does not reach the card"


async def _wait(board: Board, chance: random.Random) -> None:
    clock = board.backplane.clock
    await clock.sleep_until(clock.now() + int(BETWEEN * chance.uniform(0.5, 2)))


def _gone(board: Board, slot: Slot) -> str:
    """Nobody answers, and no line is high."""
    plane = board.backplane
    wrong = [
        f"port {port:#x} answers" for port in range(PORT, PORT + 8)
        if plane.io.reads[1][port](port, 1) != FLOATING[1]
    ]  # fmt: skip
    for lines in (plane.irq, plane.drq):
        wrong += [
            f"{lines.name} {n} is high" for n, level in enumerate(lines.levels)
            if level and lines.holder(n) is None
        ]  # fmt: skip
    if slot.running:
        wrong.append("its task runs")
    return "; ".join(wrong)


async def _held(board: Board, growth: Growth, rounds: int) -> Holdings:
    """What is held, with the machine at rest."""
    await board.pause()
    await wait_all_tasks_blocked()
    growth.sample(rounds)
    held = Holdings.of(board)
    held.board["children"] = _children()
    pool = board.engines.here
    held.board["engines taken"] = 0 if pool is None else pool.taken
    held.board["alarms"] = board.backplane.clock.armed
    board.resume()
    return held


def _children() -> int:
    """Processes this one has."""
    count = 0
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has ended
            count += len((task / "children").read_text().split())
    return count


def _judge(campaign: Campaign, growth: Growth) -> None:
    figures: dict[str, Any] = {"slope_bytes": round(growth.python, 1)}
    if campaign.count >= ENOUGH:
        figures["resident_slope_bytes"] = round(growth.resident, 1)
    campaign.figures |= figures
    campaign.said.append(
        ", ".join(f"{name.replace('_', ' ')}: {value} a round" for name, value in figures.items())
    )
    most = SLOPE + 2 * ALLOWANCE // campaign.count  # the slope is of half of the rounds
    for name, value in figures.items():
        if value >= most and campaign.count >= FEW:
            campaign.failed(
                name, f"{value} bytes a round, allowed are {most}",
                repeat=f"--count {campaign.count} --seed {campaign.seed}",
            )  # fmt: skip
