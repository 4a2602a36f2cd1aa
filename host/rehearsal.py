"""Rehearsals: the whole switchover on a fork of the machine, in another process.

The other half is `rehearsal_process`. The machine itself only stands while it is forked, and goes
on whatever becomes of that process. Nothing is left of it when the rehearsal has ended or was
cancelled.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Literal, TypeAlias

import msgspec
import trio

from hotswap.switchover import blame
from hotswap.switchover.errors import Refused
from hotswap.switchover.image import KernelImage
from hotswap.switchover.options import DEFAULT, Options
from hotswap.switchover.phases import LIMITS, Phase
from hotswap.switchover.planning import check, check_free
from hotswap.switchover.report import PhaseEvent, Report
from hotswap.switchover.staging import stage

from .board import Board
from .exits import leaves
from .fork import Fork, fork

RUN_ON = 100.0
"""Machine ms that the new kernel runs after PROBATION."""
START = 30.0
"""Host seconds the process may take to start."""
REAL_TIME = 20.0
"""A host that is slow takes so much longer than machine time."""
GOLDEN, APART = 0.6180339887, 40_000_000
"""Multiples of the first, modulo 1, are spread evenly; between two instants up to that many ns."""
COLD = 4.0
"""A fork takes longer: it translates all guest code anew, and has more to check."""
ERROR_MAX = 2000
"""Characters told of what the process has said last."""

Outcome: TypeAlias = Literal[
    "rehearsed ok", "would be refused", "would roll back", "would be lost", "would fail later",
    "not rehearsed",
]  # fmt: skip


class Job(msgspec.Struct, frozen=True):
    """What the process is to do, and in how many host seconds it ends itself at the latest.

    `ratios` are the machine's, for PLAN's prediction.
    """

    fork: Fork
    image: KernelImage
    options: Options
    ratios: list[float]
    run_on_ms: float
    seconds: float


class Rehearsal(msgspec.Struct, kw_only=True, tag="rehearsal"):
    """What came out, and what was found out on the way.

    `phase` is where it ended, RUN_ON when the new kernel was running by itself; with `reason`,
    `fault_of` and `todo` unless it went well. `report` is that of the fork's switchover. The
    blackout would take `predicted_ms`, says PLAN; there, where no guest code was translated yet, it
    took `blackout_ms`. `pause_ms` of host time the machine itself
    has stood, at machine time `time_ns`. `ran_on_ms` are machine ms under the new kernel after
    PROBATION, `processes` those it had at the end. `guarded`: stray writes would have been named.
    """

    outcome: Outcome
    phase: str = Phase.PLAN.name
    reason: str = ""
    fault_of: str = ""
    todo: str = ""
    predicted_ms: float = 0.0
    blackout_ms: float = 0.0
    pause_ms: float = 0.0
    time_ns: int = 0
    ran_on_ms: float = 0.0
    processes: int = 0
    guarded: bool = False
    report: Report | None = None

    @property
    def ok(self) -> bool:
        """Whether all went well."""
        return self.outcome == "rehearsed ok"


def refused(refusal: Refused) -> Rehearsal:
    """What the switchover itself would have come to."""
    return Rehearsal(
        outcome="would be refused",
        reason=refusal.reason,
        fault_of=refusal.fault_of,
        todo=refusal.todo,
    )


_decoder: msgspec.json.Decoder[PhaseEvent | Rehearsal] = msgspec.json.Decoder(
    PhaseEvent | Rehearsal
)


async def rehearse(
    board: Board,
    image: KernelImage,
    options: Options = DEFAULT,
    tell: Callable[[PhaseEvent], None] = lambda event: None,
    *,
    run_on_ms: float = RUN_ON,
) -> Rehearsal:
    """Rehearse the switchover to `image` on a fork of the machine; `tell` hears of its phases.

    Cancelling it ends the process. Raises Refused as the switchover itself would, `SnapshotError`
    and `MediaError` for a machine that cannot be forked.
    """
    guarded = not board.processor.guard.missing
    options = msgspec.structs.replace(
        options, guard=guarded, frame_crcs=True, patience=options.patience * COLD
    )
    check_free(board.machine)
    check(board.machine, image, guard=guarded)
    stage(image, options.mode, board.machine.plan)
    rehearsal: Rehearsal | None = None
    trouble = ""
    with ExitStack() as open_files:
        try:
            forked = await fork(board, open_files, "a rehearsal")
            seconds, ratios = _seconds(options, run_on_ms), board.machine.ratios
            job = Job(forked, image, options, ratios, run_on_ms, seconds)
            rehearsal = await _elsewhere(job, tell, open_files)
            rehearsal.guarded = guarded
            rehearsal.pause_ms, rehearsal.time_ns = forked.pause_ms, forked.time_ns
        except* OSError as errors:  # also from the task that starts the process
            trouble = str(leaves(errors)[0])
    if rehearsal is None:
        return Rehearsal(
            outcome="not rehearsed",
            reason=f"the host has no room for a second machine: {trouble}",
            fault_of=blame.SLOW,
            todo="make room: it takes as much memory as this one; the machine goes on",
        )
    return rehearsal


class Summary(msgspec.Struct, frozen=True):
    """Of several rehearsals; times in ms, blackouts least, median and most of those that went well.

    `first_failure`: the number, from 1, of the first that did not go well; 0 when all did.
    """

    count: int
    ok: int
    first_failure: int
    blackout_ms: tuple[float, float, float]
    pause_ms: float


async def rehearse_often(
    board: Board,
    image: KernelImage,
    options: Options = DEFAULT,
    tell: Callable[[PhaseEvent | Rehearsal], None] = lambda event: None,
    *,
    count: int = 1,
    run_on_ms: float = RUN_ON,
) -> list[Rehearsal]:
    """Rehearse at `count` instants, each on a fork of its own; otherwise as `rehearse`.

    The instants lie anywhere between two ticks of the guest. `tell` hears of the phases of a single
    rehearsal, and of each of several as a whole.
    """
    if count > 1 and board.paused:
        raise Refused(
            "the machine is paused, where every instant is the same",
            "`hotswap-host continue` first, or rehearse once",
        )
    clock = board.backplane.clock
    found: list[Rehearsal] = []
    for number in range(1, count + 1):
        if number > 1:
            await clock.sleep_until(clock.now() + int(number * GOLDEN % 1 * APART))
        each = tell if count == 1 else lambda event: None
        found.append(await rehearse(board, image, options, each, run_on_ms=run_on_ms))
        if count > 1:
            tell(found[-1])
    return found


def summary(found: Sequence[Rehearsal]) -> Summary:
    """What several rehearsals have shown."""
    failed = [number for number, rehearsal in enumerate(found, 1) if not rehearsal.ok]
    times = sorted(rehearsal.blackout_ms for rehearsal in found if rehearsal.ok) or [0.0]
    return Summary(
        count=len(found),
        ok=len(found) - len(failed),
        first_failure=failed[0] if failed else 0,
        blackout_ms=(times[0], times[len(times) // 2], times[-1]),
        pause_ms=max((rehearsal.pause_ms for rehearsal in found), default=0.0),
    )


def _seconds(options: Options, run_on_ms: float) -> float:
    """Host seconds from the start of the process to its end, at most."""
    phases = sum(limit.seconds for phase, limit in LIMITS.items() if phase < Phase.PROBATION)
    return START + phases * options.patience + (options.probation_ms + run_on_ms) / 1000 * REAL_TIME


async def _elsewhere(
    job: Job, tell: Callable[[PhaseEvent], None], open_files: ExitStack
) -> Rehearsal:
    """Carry it out in a process of its own. `open_files` are not needed once it has started."""
    file = _file_of(msgspec.msgpack.encode(job))
    open_files.callback(os.close, file)
    start = partial(
        trio.run_process,
        [sys.executable, "-m", "hotswap.host.rehearsal_process", str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        pass_fds=[file, *job.fork.descriptors],
        start_new_session=True,  # Ctrl-C at the machine's terminal is the machine's
        deliver_cancel=_kill,
    )
    phase = Phase.PLAN.name
    found: Rehearsal | None = None
    complaints = bytearray()
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(start)
        open_files.close()
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        async with process.stdin, process.stdout, process.stderr:
            nursery.start_soon(_collect, process.stderr, complaints)
            with trio.move_on_after(job.seconds) as limit:
                async for line in _lines(process.stdout):
                    said = _decoder.decode(line)
                    if isinstance(said, Rehearsal):
                        found = said
                    else:
                        phase = said.phase
                        tell(said)
                await process.wait()
            process.kill()
            await process.wait()
            nursery.cancel_scope.cancel()  # nobody reads complaints of what has ended
    if found is not None and process.returncode == 0:
        return found
    how = (
        f"no end within {job.seconds:g} s"
        if limit.cancelled_caught
        else _ending(process.returncode, complaints)
    )
    return Rehearsal(
        outcome="not rehearsed",
        phase=phase,
        reason=f"the rehearsal's process: {how}",
        todo="the machine goes on; try again, and report it if it stays so",
    )


def _ending(status: int | None, complaints: bytearray) -> str:
    if status is not None and status < 0:
        return f"ended by signal {-status}"
    words = complaints.decode(errors="replace").strip()[-ERROR_MAX:]
    return f"ended with status {status}" + (f": {words}" if words else "")


def _file_of(content: bytes) -> int:
    """A file in memory."""
    file = os.memfd_create("rehearsal", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(file), "wb") as writer:
        writer.write(content)
    return file


async def _kill(process: trio.Process) -> None:
    process.kill()


async def _collect(stream: trio.abc.ReceiveStream, into: bytearray) -> None:
    async for data in stream:
        into += data
        del into[:-ERROR_MAX]


async def _lines(stream: trio.abc.ReceiveStream) -> AsyncIterator[bytes]:
    rest = b""
    async for data in stream:
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line
