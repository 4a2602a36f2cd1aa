"""`hotswap-host prove kills`: SIGKILL hosts between R1 and release, resume, and compare.

A host is started, told to switch over, and killed so many microseconds after a phase has begun;
both are left to chance. What it and the resumed one have sent, one after the other, must be the
lines of a run that nobody disturbed, and every program must have found nothing wrong.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import click
import msgspec
import trio

from hotswap.host.control import ControlError, Request, connect
from hotswap.host.exits import Exit
from hotswap.host.images import shipped
from hotswap.switchover.phases import Phase

from .campaign import Campaign, ProveError, carry_out, options

AFTER_R1 = [phase for phase in Phase if phase > Phase.SAVE]
SPIN = 3_000
"""Microseconds at most from the beginning of a phase to the kill; the release is farther away."""
LIMIT = 300
"""Seconds for a host to come to its end."""
PROGRAMS = "init=/bin/init ticker:120:5 memory:10 pipes:6 reader:1"
LINE = b"line 1\n"
"""The reader waits for it: until then no run comes to its end, however slow whoever kills it is."""
TICK = re.compile(rb"^tick (\d+) of", re.MULTILINE)


class Kill(msgspec.Struct, frozen=True):
    """One host killed and resumed. `why` is what was wrong, empty when all held."""

    phase: str
    spin_us: int
    why: str = ""

    def __str__(self) -> str:
        return f"killed {self.spin_us} us after {self.phase} had begun"


class Workload(msgspec.Struct, frozen=True):
    """What the hosts run: images in files, and the lines of a run nobody disturbed."""

    old: Path
    new: Path
    initrd: Path
    lines: Counter[bytes]


async def prepare(folder: Path) -> Workload:
    """Put the images into `folder` and make the undisturbed run. Raises `ProveError`."""
    names = ("refkernel-v1.elf", "refkernel-v2.elf", "initrd.cpio")
    for name in names:
        await trio.Path(folder / name).write_bytes(shipped(name))
    old, new, initrd = (folder / name for name in names)
    workload = Workload(old, new, initrd, Counter())
    async with _host(*_run(workload)) as host:
        output = await _until_it_waits(host)
        await _type(host)
        output += await _rest(host)
        if await host.wait() != Exit.OK:
            raise ProveError("the run nobody disturbs does not end well; see what it says")
    workload.lines.update(output.split(b"\n"))
    return workload


def before_r1(phase: Phase) -> bool:
    """Whether a host that is killed then has nothing to resume: it is a power cut."""
    return phase <= Phase.SAVE


async def kill_once(workload: Workload, case: Kill, scratch: Path) -> Kill:
    """Kill a host as `case` says, resume its machine and compare.

    `scratch` is an empty folder of its own. Raises `ProveError` when the host ends in another way.
    """
    folder = scratch / "machine"
    before = await _until_killed(workload, case, folder)
    return await _resume(workload, case, folder, before)


def chosen(seed: int) -> Kill:
    """An instant between R1 and release."""
    chance = random.Random(seed)
    return Kill(chance.choice(AFTER_R1).name, chance.randrange(SPIN))


async def _until_killed(workload: Workload, case: Kill, folder: Path) -> bytes:
    """What a host has sent before it was killed. Raises `ProveError` when it was not."""
    socket = folder.with_suffix(".socket")
    words = _run(workload, "--durable", str(folder), "--control", str(socket))
    killed = ("hotswap.host.prove.killed", case.phase, str(case.spin_us))
    async with _host(*words, module=killed) as host:
        output = bytearray(await _until_it_waits(host))
        async with trio.open_nursery() as nursery:

            async def read() -> None:
                output.extend(await _rest(host))

            nursery.start_soon(read)
            await _switch(socket, workload.new)
            if await host.wait() != -signal.SIGKILL:
                raise ProveError(f"the host was not killed:\n{output.decode()}")
        return bytes(output)


async def _switch(socket: Path, image: Path) -> None:
    request = Request("switchover", image=str(image), patience=100)
    with suppress(ControlError):  # it is killed before it can answer
        async with connect(socket) as ask:
            async for _ in ask(request):
                pass


async def _resume(workload: Workload, case: Kill, folder: Path, before: bytes) -> Kill:
    nothing_there = before_r1(Phase[case.phase])
    words = ("resume", str(folder), "--timeout", str(LIMIT))
    async with _host(*words, quiet=nothing_there) as host:
        await _type(host)
        output = before + await _rest(host)
        status = await host.wait()
    if nothing_there:
        why = "" if status == Exit.NOTHING_TO_RESUME else f"resume ended with status {status}"
    else:
        why = f"the resumed run ended with status {status}" if status else wrong(workload, output)
    return msgspec.structs.replace(case, why=why)


def wrong(workload: Workload, output: bytes) -> str:
    """In what the output is not that of the run nobody disturbed."""
    lines = Counter(output.split(b"\n"))
    ticks = [int(number) for number in TICK.findall(output)]
    if lost := workload.lines - lines:
        return f"lost: {next(iter(lost)).decode(errors='replace')!r}"
    if doubled := lines - workload.lines:
        return f"too much: {next(iter(doubled)).decode(errors='replace')!r}"
    return "" if ticks == sorted(ticks) else "ticks are out of order"


def _run(workload: Workload, *more: str) -> Sequence[str]:
    return ("run", str(workload.old), "--initrd", str(workload.initrd), "--append", PROGRAMS,
            "--memory", "16", "--timeout", str(LIMIT), *more)  # fmt: skip


@asynccontextmanager
async def _host(
    *words: str, module: Sequence[str] = ("hotswap.host",), quiet: bool = False
) -> AsyncIterator[trio.Process]:
    """A process of hotswap-host, gone when the block ends."""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", *module, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            await process.stdin.aclose()
            await process.stdout.aclose()


async def _type(host: trio.Process) -> None:
    assert host.stdin is not None
    with suppress(trio.BrokenResourceError):  # what ends at once reads nothing
        await host.stdin.send_all(LINE)


async def _until_it_waits(host: trio.Process) -> bytes:
    """What it has sent until ticks have come and the reader waits. Raises `ProveError`."""
    assert host.stdout is not None
    output = bytearray()
    while b"tick" not in output or b"reader waits" not in output:
        if not (piece := await host.stdout.receive_some()):
            raise ProveError(f"the host ended too early:\n{output.decode(errors='replace')}")
        output += piece
    return bytes(output)


async def _rest(host: trio.Process) -> bytes:
    assert host.stdout is not None
    return b"".join([bytes(piece) async for piece in host.stdout])


@click.command("kills")
@options(200, "Hosts to kill.")
@click.option("--jobs", default=os.cpu_count(), type=click.IntRange(min=1),
              help="Hosts at a time.")  # fmt: skip
def command(count: int, seed: int | None, in_json: bool, jobs: int) -> int:
    """Kill hosts between R1 and release, at random instants, and resume their machines.

    What they have sent, all in all, must be what a run that nobody disturbs sends.
    """

    async def work(campaign: Campaign) -> None:
        with tempfile.TemporaryDirectory(prefix="hotswap-host-kills-") as scratch:
            await kill_many(campaign, Path(scratch), jobs)

    return carry_out("kills", count, seed, in_json, work)


async def kill_many(campaign: Campaign, scratch: Path, jobs: int) -> None:
    """All cases of the campaign, so many at a time."""
    workload, left = await prepare(scratch), iter(range(campaign.count))

    async def serve() -> None:
        for number in left:
            seed = campaign.seed_of(number)
            with tempfile.TemporaryDirectory(dir=scratch) as folder:
                case = await kill_once(workload, chosen(seed), Path(folder))
            if case.why:
                campaign.failed(str(case), case.why, seed=seed)
            else:
                campaign.held(str(case))

    async with trio.open_nursery() as nursery:
        for _ in range(jobs):
            nursery.start_soon(serve)
