"""One deterministic run of a machine up to an instant, boiled down to what two runs must share.

Run as `python -m hotswap.host.rerun SNAPSHOT END [ROLE]`, it does that for a snapshot, in this
process, and prints the verdict as JSON: the other half of `prove snapshots`. ROLE is a file with
the station the machine talks to.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
import trio
import trio.testing

from hotswap.bus import HotswapError, Inbox, Outbox
from hotswap.cpu import CpuState, Processor

from .backends import SerialBackEnd
from .board import Board
from .logs import configure
from .network_peer import Peer
from .rerun_peer import Role, with_peer
from .snapshot import go_on, open_restored, read_snapshot

ARITHMETIC = 0x8D5
"""OF, SF, ZF, AF, PF and CF in EFLAGS."""
CC_OP_EFLAGS = 1
"""QEMU's name for flags that are in cc_src as they are."""


class Verdict(msgspec.Struct, frozen=True):
    """A machine at `time_ns`, and the way there, as digests."""

    time_ns: int
    instructions: int
    memory: str
    cpu: str
    cards: str
    output: str
    trace: str
    peer: str = ""
    """What the station it talks to has come to, when there is one."""

    def differences(self, other: Verdict) -> list[str]:
        """The fields in which they differ."""
        names = self.__struct_fields__
        return [name for name in names if getattr(self, name) != getattr(other, name)]


class RerunError(HotswapError):
    """A run cannot be compared with another: it ended before it should have."""


class Recorder:
    """The far end of the serial port: `data` is what the machine has sent."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.backend = SerialBackEnd("recorder", self._serve)
        self._more = trio.Event()

    async def _serve(self, _inbox: Inbox, output: Outbox) -> None:
        while True:
            await output.ready()
            self.data += output.take()
            self._more.set()
            self._more = trio.Event()

    async def until(self, marker: bytes) -> None:
        """Wait until `marker` was sent."""
        while marker not in self.data:
            await self._more.wait()


async def run_to(board: Board, end: int) -> None:
    """Let it run until `end` (ns of machine time); it stands then.

    Raises `RerunError` when the run ends before.
    """
    async with trio.open_nursery() as nursery:

        async def refuse_to_end() -> None:
            ended = await board.ended()
            raise RerunError(
                f"the machine ended before {end / 1e9:.3f} s: {ended.message or ended.status}"
            )

        nursery.start_soon(refuse_to_end)
        await board.backplane.clock.sleep_until(end)
        await board.pause()
        nursery.cancel_scope.cancel()


async def judge(board: Board, output: bytes | bytearray, peer: Peer | None = None) -> Verdict:
    """The verdict on a machine that stands, and on the station it talks to.

    The cards are frozen and thawed before: a chip that works out its registers when somebody looks
    has then been looked at.
    """
    processor, backplane = board.processor, board.backplane
    await backplane.quiesce(each=1, total=1)
    backplane.thaw()
    await trio.testing.wait_all_tasks_blocked()
    memory = (processor.read_memory(start, size) for start, size in processor.ram.spans)
    return Verdict(
        time_ns=backplane.clock.now(),
        instructions=processor.instructions,
        memory=digest(memory),
        cpu=digest([msgspec.msgpack.encode(_settled(processor))]),
        cards=digest([msgspec.msgpack.encode(backplane.snapshot())]),
        output=digest([output]),
        trace=digest([msgspec.msgpack.encode(backplane.trace.records)]),
        peer="" if peer is None else digest([msgspec.msgpack.encode(peer.state)]),
    )


def _settled(processor: Processor) -> CpuState:
    """The state with its arithmetic flags worked out.

    The engine puts that off, and how far it is with it depends on when the host ended its slices.
    """
    flags = processor.eflags & ARITHMETIC
    return msgspec.structs.replace(
        processor.take_state(), cc_op=CC_OP_EFLAGS, cc_src=flags, cc_dst=0, cc_src2=0
    )


def digest(pieces: Iterable[bytes | bytearray]) -> str:
    """BLAKE2b of the pieces."""
    summary = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        summary.update(piece)
    return summary.hexdigest()


async def rerun(path: Path, end: int, role: Role | None = None) -> Verdict:
    """Restore the snapshot at `path`, run it until `end` (ns) with a station of this role."""
    snapshot, recorder = read_snapshot(path), Recorder()
    async with (
        open_restored(snapshot, recorder.backend) as board,
        with_peer(board, role) as peer,
    ):
        board.backplane.io.trace(True)
        go_on(board, snapshot)
        await run_to(board, end)
        return await judge(board, recorder.data, peer)


def main() -> None:
    """The command line of this module."""
    configure("error")
    path, end, *roles = sys.argv[1:]
    role = msgspec.msgpack.decode(Path(roles[0]).read_bytes(), type=Role) if roles else None
    verdict = trio.run(rerun, Path(path), int(end), role)
    sys.stdout.buffer.write(msgspec.json.encode(verdict))


if __name__ == "__main__":
    main()
