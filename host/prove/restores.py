"""The claim that snapshots are exact, put to the test on a whole run.

A control run that nobody disturbs; the same run again, saved at random instants; each snapshot
restored in a process of its own and run to the same end. All must end alike, and what the restored
ones did on their buses must be the tail of what the control run did.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeAlias

import msgspec
import trio

from hotswap.bus.trace import Record
from hotswap.host.backends import SerialBackEnd
from hotswap.host.board import Board
from hotswap.host.rerun import Recorder, RerunError, Verdict, digest, judge, run_to
from hotswap.host.rerun_peer import Role, as_it_is, with_peer
from hotswap.host.snapshot import take_snapshot, write_snapshot

Open: TypeAlias = Callable[[SerialBackEnd], AbstractAsyncContextManager[Board]]
"""Opens a deterministic machine that has just been started."""
QUIET_SHARE = 0.5
"""Of the instants: chosen without regard to what happens then."""


class Workload(msgspec.Struct, frozen=True):
    """What is run, and until when: `marker` is what it sends when it is done."""

    name: str
    open: Open
    marker: bytes
    role: Role | None = None
    """Of the station its NE2000 is connected to."""
    seconds: float = 300
    """Host time the control run may take."""


class Moment(msgspec.Struct, frozen=True):
    """One snapshot: when it was taken, and in which fields the restored run ended differently."""

    time_ns: int
    instructions: int
    bytes: int
    different: list[str]
    error: str = ""
    """Why the restored run did not come to its end."""


class Proof(msgspec.Struct):
    """What came out."""

    workload: str
    seed: int
    control: Verdict
    undisturbed: bool
    """Whether the run that was saved ended as the control run did."""
    moments: list[Moment]

    @property
    def holds(self) -> bool:
        """Whether every run ended as the control run did."""
        return self.undisturbed and not any(moment.different for moment in self.moments)


class Control(msgspec.Struct, frozen=True):
    """A run that went undisturbed: how it ended, all of its trace, all it sent."""

    verdict: Verdict
    records: list[Record]
    output: bytes

    def from_moment(self, record: int, sent: int) -> Verdict:
        """What a run restored there must come to."""
        trace = digest([msgspec.msgpack.encode(self.records[record:])])
        return msgspec.structs.replace(
            self.verdict, trace=trace, output=digest([self.output[sent:]])
        )


async def prove(
    workload: Workload,
    count: int,
    seed: int,
    folder: Path,
    *,
    undisturbed: Control | None = None,
    jobs: int = 2,
    tell: Callable[[Moment], None] = lambda moment: None,
) -> Proof:
    """Save and restore at `count` instants chosen by `seed`; `tell` hears of each.

    `undisturbed` is the control run, when it was made already. Snapshots are kept in `folder` while
    they are needed, and when they show a difference. Raises `RerunError` when the workload does not
    come to its end.
    """
    undisturbed = undisturbed or await control(workload)
    end = undisturbed.verdict.time_ns
    chance = random.Random(seed)
    instants = sorted(_instant(chance, undisturbed) for _ in range(count))
    moments: list[Moment] = []
    room = trio.CapacityLimiter(jobs)

    async def restore(path: Path, role: Path | None, moment: Moment, wanted: Verdict) -> None:
        try:
            verdict = await _elsewhere(path, end, role)
        except RerunError as error:
            moment = msgspec.structs.replace(moment, different=["end"], error=str(error))
        else:
            moment = msgspec.structs.replace(moment, different=verdict.differences(wanted))
        finally:
            room.release_on_behalf_of(path)
        if not moment.different:
            for done in filter(None, (path, role)):
                await trio.Path(done).unlink()
        moments.append(moment)
        tell(moment)

    recorder = Recorder()
    async with (
        workload.open(recorder.backend) as board,
        with_peer(board, workload.role) as peer,
    ):
        trace = board.backplane.trace
        board.backplane.io.trace(True)
        async with trio.open_nursery() as nursery:
            for number, instant in enumerate(instants):
                await run_to(board, instant)
                path = folder / f"{number}.snap"
                await room.acquire_on_behalf_of(path)
                snapshot = await take_snapshot(board)
                role = None
                if workload.role is not None and peer is not None:
                    role = folder / f"{number}.peer"
                    role.write_bytes(msgspec.msgpack.encode(as_it_is(workload.role, peer)))
                size = await trio.to_thread.run_sync(write_snapshot, path, snapshot)
                machine = snapshot.machine
                sent = sum(card.output.delivered for card in machine.cards if card.name == "uart")
                wanted = undisturbed.from_moment(len(trace.records), sent)
                moment = Moment(machine.time_ns, machine.cpu.instructions, size, [])
                nursery.start_soon(restore, path, role, moment, wanted)
                board.resume()
            await run_to(board, end)
            saved = await judge(board, recorder.data, peer)
    moments.sort(key=lambda moment: moment.time_ns)
    verdict = undisturbed.verdict
    return Proof(workload.name, seed, verdict, saved == verdict, moments)


def _instant(chance: random.Random, run: Control) -> int:
    """Any instant of the run, or one at which something happened on its buses, ns."""
    if chance.random() < QUIET_SHARE:
        return chance.randrange(run.verdict.time_ns)
    return chance.choice(run.records).time


async def control(workload: Workload) -> Control:
    """Run it until its marker, undisturbed. Raises `RerunError` when that does not come."""
    recorder = Recorder()
    async with (
        workload.open(recorder.backend) as board,
        with_peer(board, workload.role) as peer,
    ):
        board.backplane.io.trace(True)
        with trio.move_on_after(workload.seconds) as limit:
            async with trio.open_nursery() as nursery:

                async def watch() -> None:
                    ended = await board.ended()
                    raise RerunError(f"{workload.name}: ended before it was done: {ended.message}")

                nursery.start_soon(watch)
                await recorder.until(workload.marker)
                await board.pause()
                nursery.cancel_scope.cancel()
        if limit.cancelled_caught:
            raise RerunError(
                f"{workload.name}: did not send {workload.marker!r} within {workload.seconds:g} s"
            )
        verdict = await judge(board, recorder.data, peer)
        return Control(verdict, board.backplane.trace.records, bytes(recorder.data))


async def play(workload: Workload, end: int) -> Verdict:
    """The verdict on one more run, until `end` (ns)."""
    recorder = Recorder()
    async with (
        workload.open(recorder.backend) as board,
        with_peer(board, workload.role) as peer,
    ):
        board.backplane.io.trace(True)
        await run_to(board, end)
        return await judge(board, recorder.data, peer)


async def _elsewhere(path: Path, end: int, role: Path | None) -> Verdict:
    """The verdict of a process of its own on a snapshot run to `end`. Raises `RerunError`."""
    command = [sys.executable, "-m", "hotswap.host.rerun", str(path), str(end)]
    command += [] if role is None else [str(role)]
    done = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False)
    if done.returncode:
        raise RerunError(f"{path}: the restored run failed: {done.stderr.decode()[-2000:]}")
    return msgspec.json.decode(done.stdout, type=Verdict)
