"""passt: the guest in the host's network, without privileges, by a subprocess (passt.top).

Frames go through a socket pair, each behind its length (32 bits, big-endian). passt ends when the
machine does: it is killed, and should the machine have no time for that, its socket is closed.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import socket
import struct
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from hotswap.bus import FrameInbox, FrameOutbox

from .network_backend import NetworkBackEnd, NetworkError

FLAGS = ("--foreground", "--stderr", "--quiet", "--mtu", "1500")
LENGTH = struct.Struct(">I")
LONGEST = 1 << 17
"""Bytes; a length beyond it is no length."""
LAST_WORDS = 4096
"""Bytes of what passt writes to stderr that are kept for the message."""


def open_passt(options: str) -> NetworkBackEnd:
    """passt with these command-line options besides its usual ones. Raises `NetworkError`."""
    if (program := shutil.which("passt")) is None:
        raise NetworkError("passt is not installed; apt install passt, or use another network")
    try:
        command = [program, *FLAGS, *shlex.split(options)]
    except ValueError as error:
        raise NetworkError(f"passt:{options}: {error}; quote as in a shell") from error

    async def serve(frames_in: FrameInbox, frames_out: FrameOutbox) -> None:
        async with _passt(command) as (process, stream), trio.open_nursery() as nursery:
            assert process.stderr is not None
            nursery.start_soon(_pump_out, frames_out, stream)
            words = bytearray()
            nursery.start_soon(_listen, process.stderr, words)
            await _pump_in(stream, frames_in)
            await process.wait()
            nursery.cancel_scope.cancel()
        lines = words.decode(errors="replace").strip().splitlines()
        why = lines[-1] if lines else f"exit status {process.returncode}"
        raise NetworkError(
            f"passt has ended: {why}; its options were {shlex.join(command[1:])}, see `man passt`"
        )

    return NetworkBackEnd(f"passt {options}".rstrip(), serve)


@asynccontextmanager
async def _passt(command: list[str]) -> AsyncIterator[tuple[trio.Process, trio.SocketStream]]:
    """The running process, killed when the block ends, and the socket to it."""
    ours, theirs = socket.socketpair()
    async with trio.SocketStream(trio.socket.from_stdlib_socket(ours)) as stream:
        with theirs:
            fd = theirs.fileno()
            process = await trio.lowlevel.open_process(
                [*command, "--fd", str(fd)],
                pass_fds=(fd,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        try:
            yield process, stream
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
            assert process.stderr is not None
            await process.stderr.aclose()


async def _listen(stderr: trio.abc.ReceiveStream, words: bytearray) -> None:
    async for data in stderr:
        words += data
        del words[:-LAST_WORDS]


async def _pump_out(frames_out: FrameOutbox, stream: trio.SocketStream) -> None:
    with contextlib.suppress(trio.BrokenResourceError):  # _pump_in sees the end
        while True:
            await frames_out.ready()
            frame = frames_out.peek()
            assert frame is not None
            await stream.send_all(LENGTH.pack(len(frame)) + frame)
            frames_out.consume()


async def _pump_in(stream: trio.SocketStream, frames_in: FrameInbox) -> None:
    """Until the far end closes. It waits while the inbox is full, and passt with it."""
    data = bytearray()
    with contextlib.suppress(trio.BrokenResourceError):
        async for received in stream:
            data += received
            while len(data) >= LENGTH.size:
                (size,) = LENGTH.unpack_from(data)
                if size > LONGEST:
                    raise NetworkError(f"passt sent a frame of {size} bytes; is it passt?")
                if len(data) < LENGTH.size + size:
                    break
                await frames_in.room()
                frames_in.feed(bytes(data[LENGTH.size : LENGTH.size + size]))
                del data[: LENGTH.size + size]
