"""`hotswap-host prove kernels`: kernels with random structures take each other's place.

For each pair K1, K2: under K1 the processes of `still` and `keeper` hold every kind of object and
wait, each in its own way; then K1 -> K2 -> K1', a third kernel. The map of K1' must be the one K1
wrote before, every user page the same, and the programs, let go, must find everything as it was.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import permutations
from pathlib import Path

import click
import msgspec
import trio

from hotswap.host.board import BoardConfig, open_board
from hotswap.host.guest import PATIENCE, Guest, GuestEnded, GuestTimeout
from hotswap.switchover.canonical import difference
from hotswap.switchover.coordinator import switch_over
from hotswap.switchover.errors import RolledBack
from hotswap.switchover.examine import Examined
from hotswap.switchover.image import KernelImage
from hotswap.switchover.options import Options

from .campaign import SEEDS, Campaign, carry_out, options
from .variants import SOURCES, Variant, build, check_tools, draw

MS = 1_000_000
PROGRAMS = ("still:1000", "keeper:1000")
ALL_WAIT = "^{}: [0-9]+ processes wait"
TYPED = ("half a\x13", " line\r")
"""What `keeper` reads: before the switchovers, and when it asks for the rest."""
COMPILERS = 2
"""Kernels that are built at a time."""

Trial = tuple[int, int, int]
"""The seeds of K1, K2 and K1'."""


@click.command("kernels")
@click.option("--pair", nargs=3, type=click.IntRange(0, SEEDS - 1), metavar="K1 K2 K3",
              help="This one pair of kernels, and the third, by their seeds.")  # fmt: skip
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
              help="Where sources and images of the kernels stay.")  # fmt: skip
@click.option("--sources", type=click.Path(path_type=Path, file_okay=False), default=SOURCES,
              metavar="FOLDER", help="examples/refkernel of a checkout.")  # fmt: skip
@options(200, "Pairs of kernels.")
def command(
    pair: Trial | None,
    keep: Path | None,
    sources: Path,
    count: int,
    seed: int | None,
    in_json: bool,
) -> int:
    """Build kernels with random structures, lists, ticks and options; switch between them.

    The map and the memory must be the same after K1 -> K2 -> K3. Needs gcc.
    """
    check_tools(sources)
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory())
        folder, source = (keep or Path(scratch)).absolute(), sources.absolute()

        async def work(campaign: Campaign) -> None:
            if pair:
                campaign.count = 1
            trials = [pair] if pair else list(trials_of(campaign.seed, campaign.count))
            await _work(campaign, trials, folder, source)
            if keep is not None:
                campaign.said.append(f"the kernels are in {keep}")

        return carry_out("kernels", count, seed, in_json, work)


def trials_of(seed: int, count: int) -> Iterator[Trial]:
    """`count` different pairs, half of those that some kernels give: building is the slow part.

    The third kernel of a trial is another of these.
    """
    kernels = 3
    while kernels * (kernels - 1) < 2 * count:
        kernels += 1
    seeds = [(seed + number) % SEEDS for number in range(kernels)]
    chance = random.Random(seed)
    pairs = list(permutations(seeds, 2))
    chance.shuffle(pairs)
    for old, new in pairs[:count]:
        yield old, new, chance.choice([each for each in seeds if each not in (old, new)])


async def _work(campaign: Campaign, trials: Sequence[Trial], folder: Path, sources: Path) -> None:
    variants = {seed: draw(seed, sources) for seed in dict.fromkeys(sum(trials, ()))}
    images = {seed: _Coming() for seed in variants}
    limit = trio.CapacityLimiter(COMPILERS)

    async def make(variant: Variant) -> None:
        async with limit:
            place = folder / f"kernel-{variant.seed}"
            images[variant.seed].arrive(await build(variant, place, sources))

    async with trio.open_nursery() as nursery:
        for variant in variants.values():
            nursery.start_soon(make, variant)
        for number, trial in enumerate(trials, start=1):
            why = await tried(*[await images[seed].image() for seed in trial])
            if why:
                all_three = " -> ".join(str(variants[seed]) for seed in trial)
                again = f"--pair {' '.join(map(str, trial))}"
                if sources != SOURCES:
                    again += f" --sources {sources}"
                campaign.failed(all_three, why, seed=trial[0], repeat=again, pair=list(trial))
            else:
                campaign.held(f"pair {number}: kernels {' -> '.join(map(str, trial))}")
    campaign.figures["kernels"] = {str(seed): str(each) for seed, each in variants.items()}


class _Coming:
    """An image that is being built."""

    def __init__(self) -> None:
        self._done = trio.Event()
        self._image: KernelImage | None = None

    def arrive(self, image: KernelImage) -> None:
        self._image = image
        self._done.set()

    async def image(self) -> KernelImage:
        await self._done.wait()
        assert self._image is not None
        return self._image


async def tried(old: KernelImage, new: KernelImage, last: KernelImage) -> str:
    """What does not hold for `old` -> `new` -> `last`; "" when all does."""
    async with open_board(BoardConfig(deterministic=True)) as board:
        guest = Guest(board)
        guest.boot(PROGRAMS, image=old)
        try:
            for program in PROGRAMS:
                await guest.expect(ALL_WAIT.format(program.partition(":")[0]))
            guest.type(TYPED[0])
            await guest.pass_time(160 * MS)
            before = await guest.examine()
            for image in (new, last):
                await switch_over(board.machine, image, Options(patience=PATIENCE))
            after = await guest.examine()
            if changed := differences(before, after):
                more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
                return f"the map is not what it was: {changed[0]}{more}"
            await guest.expect("^keeper: (wants|FAILED)")
            guest.type(TYPED[1])
            verdicts = await guest.reported()
        except (RolledBack, GuestTimeout, GuestEnded) as error:
            return str(error)
        return "".join(word for word in verdicts.values() if not word.startswith("ok"))


def differences(before: Examined, after: Examined) -> list[str]:
    """Records that changed, and user pages; of TIME the two switchovers and the ticks do."""
    time = after.map.time
    switched = time.switch_count - before.map.time.switch_count
    after.map.time = msgspec.structs.replace(
        time, switch_count=before.map.time.switch_count, tick_hz=before.map.time.tick_hz
    )
    changed = difference(before.map, after.map)
    if switched != 2:
        changed.append(f"TIME: {switched} switchovers are counted, not 2")
    for pid, address in sorted(before.pages.keys() | after.pages.keys()):
        if before.pages.get((pid, address)) != after.pages.get((pid, address)):
            changed.append(f"the page of pid {pid} at {address:#x}")
    return changed
