"""A rehearsal's own process: the fork of a machine goes on here, cut off, and is switched over.

Run as `python -m hotswap.host.rehearsal_process FILE`; FILE is an open descriptor with the job. It
prints the phases and what came out as JSON, a line each. It ends when its stdin does, which is when
whoever has started it is gone, and in any case when its time is over.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable

import msgspec
import trio

from hotswap.bus import BoardEvent, HotswapError, Medium, Slot
from hotswap.cpu import Ram
from hotswap.switchover import blame
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import Lost, Refused, RolledBack
from hotswap.switchover.examine import examine
from hotswap.switchover.report import PhaseEvent

from .backends import open_backend
from .board import Board, Ended
from .exits import Exit
from .logs import configure
from .media_shared import open_shared
from .network_hub import unplugged
from .rehearsal import Job, Rehearsal, refused
from .snapshot import Snapshot, go_on, open_restored
from .snapshot_state import decode_machine

RUN_ON = "RUN_ON"
"""What the phase after PROBATION is called."""


class _Answer:
    """Where the lines of the answer go: what was stdout. What cards print goes to stderr."""

    def __init__(self) -> None:
        self._file = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)

    def say(self, message: object) -> None:
        self._file.write(msgspec.json.encode(message) + b"\n")
        self._file.flush()


async def rehearse(job: Job, tell: Callable[[PhaseEvent], None]) -> Rehearsal:
    """Go on from the fork and switch over."""
    machine = decode_machine(job.fork.machine, "the fork")
    snapshot = Snapshot(machine, [], [], [])
    disks: dict[int, list[Medium | None]] = {
        slot: [None if disk is None else open_shared(disk) for disk in shared]
        for slot, shared in job.fork.disks.items()
    }
    ram = Ram(machine.ram_size, job.fork.ram)
    async with open_restored(snapshot, ram=ram, media=disks) as board:
        for slot in board.backplane.slots.values():
            await _cut_off(board, slot)
        go_on(board, snapshot)
        board.machine.ratios[:] = job.ratios
        transaction = Switchover(board.machine, job.image, job.options, tell)
        try:
            report = await transaction.run()
        except Refused as refusal:
            return refused(refusal)
        except (RolledBack, Lost) as failure:
            report = failure.report
            return Rehearsal(
                outcome="would be lost" if isinstance(failure, Lost) else "would roll back",
                phase=report.phase,
                reason=report.reason,
                fault_of=report.fault_of,
                todo=report.todo,
                predicted_ms=report.predicted_ms,
                blackout_ms=report.blackout_ms,
                report=report,
            )
        after = await _run_on(board, job)
        after.report, after.blackout_ms = report, report.blackout_ms
        after.predicted_ms = report.predicted_ms
        return after


async def _cut_off(board: Board, slot: Slot) -> None:
    """Discard what the card in `slot` sends; but for the debug exit's byte, which ends the run."""
    if slot.title != "debugexit":
        board.connect(slot, await open_backend("none"))
    board.nursery.start_soon(unplugged, slot.frames_in, slot.frames_out)


async def _run_on(board: Board, job: Job) -> Rehearsal:
    """Let the new kernel run by itself, then see whether it still answers, and for how many."""
    clock = board.backplane.clock
    began = clock.now()
    trouble: BoardEvent | Ended | None = None

    async with trio.open_nursery() as nursery:

        def happened(event: BoardEvent) -> None:
            nonlocal trouble
            trouble = event
            nursery.cancel_scope.cancel()

        async def ended() -> None:
            nonlocal trouble
            trouble = await board.ended()
            nursery.cancel_scope.cancel()

        nursery.start_soon(ended)
        with board.backplane.listening(happened):
            await clock.sleep_until(began + int(job.run_on_ms * 1e6))
        nursery.cancel_scope.cancel()
    ran_on_ms = (clock.now() - began) / 1e6
    failed = functools.partial(
        Rehearsal,
        outcome="would fail later",
        phase=RUN_ON,
        fault_of=blame.NEW,
        todo="correct the new kernel: after PROBATION there is no way back",
        ran_on_ms=ran_on_ms,
    )
    if isinstance(trouble, Ended) and trouble.status == Exit.OK:
        return Rehearsal(
            outcome="rehearsed ok", phase=RUN_ON, reason="the guest has ended", ran_on_ms=ran_on_ms
        )
    if trouble is not None:
        why = f"{trouble.message or trouble}" if isinstance(trouble, Ended) else str(trouble)
        return failed(reason=f"{ran_on_ms:.1f} ms after PROBATION: {why}")
    try:
        found = await examine(board.machine, patience=job.options.patience)
    except (RolledBack, Lost) as failure:
        return failed(reason=f"it does not answer any more: {failure.report.reason}")
    processes = len(found.map.proc)
    return Rehearsal(outcome="rehearsed ok", phase=RUN_ON, ran_on_ms=ran_on_ms, processes=processes)


async def _unless_left_alone(job: Job, answer: _Answer) -> int:
    """The exit status; not 0 when nobody waits for the answer any more."""
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stream:
                await stream.receive_some()
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        try:
            found = await rehearse(job, answer.say)
        except HotswapError as error:
            found = Rehearsal(
                outcome="not rehearsed",
                reason=str(error),
                todo="take out what cannot be forked, or switch over without a rehearsal",
            )
        answer.say(found)
        nursery.cancel_scope.cancel()
        return Exit.OK
    return Exit.INTERRUPTED


def main() -> None:
    """The command line of this module."""
    configure("error")
    answer = _Answer()
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        file.seek(0)
        job = msgspec.msgpack.decode(file.read(), type=Job)
    signal.alarm(int(job.seconds) + 1)  # ends it even when nothing here has a turn any more
    sys.exit(trio.run(_unless_left_alone, job, answer))


if __name__ == "__main__":
    main()
