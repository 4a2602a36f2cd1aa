"""passt: the guest in the host's network, without privileges, by a subprocess (passt.top).

Frames go through a socket pair, each behind its length (32 bits, big-endian). passt ends when the
machine does: it is killed, and should the machine have no time for that, its socket is closed.

The guest is 10.0.2.15/24 and 10.0.2.2 the host with its loopback, unless the options say otherwise;
to hosts that reach no other network passt is told to take the loopback interface for a model.
Frames go to it without their padding: passt 2023_03_09 drops IPv4 packets that have some. Nor does
it answer pings of the gateway; that is done here, as for TCP and UDP the gateway is the host.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import socket
import struct
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import AddressValueError, IPv4Address
from itertools import pairwise
from pathlib import Path

import trio

from hotswap.bus import FrameInbox, FrameOutbox

from .network_backend import NetworkBackEnd, NetworkError
from .network_packets import echo_reply, unpadded

FLAGS = ("--foreground", "--stderr", "--quiet", "--mtu", "1500")
LAN = ("-a", "10.0.2.15", "-n", "24", "-g", "10.0.2.2")
LOOPBACK = ("-i", "lo", "-M", "52:55:0a:00:02:02")  # it has no MAC address of its own
OWN_LAN = ("-a", "--address", "-n", "--netmask", "-g", "--gateway")
OWN_MODEL = ("-i", "--interface", "--outbound-if", "-6", "--ipv6-only")
"""Options that say what `LAN` and `LOOPBACK` say; the model says both."""
ROUTES = Path("/proc/net/route")
LENGTH = struct.Struct(">I")
LONGEST = 1 << 17
"""Bytes; a length beyond it is no length."""
LAST_WORDS = 4096
"""Bytes of what passt writes to stderr that are kept for the message."""
NOISE = ("Failed to send", "Don't run as root")
USAGE = b"Usage:"
ADVICE = {
    "not usable": "give it an interface of this host that has an address, with -i",
    "Failed to bind": "forward a port that is free, above 1023 for whom is not root",
}


def open_passt(options: str) -> NetworkBackEnd:
    """passt with these command-line options besides its usual ones. Raises `NetworkError`.

    What it serves raises `NetworkError` with what passt said when passt ends by itself.
    """
    if (program := shutil.which("passt")) is None:
        raise NetworkError("passt is not installed; apt install passt, or use another network")
    try:
        wanted = shlex.split(options)
    except ValueError as error:
        raise NetworkError(f"passt:{options}: {error}; quote as in a shell") from error
    command = [program, *FLAGS, *wanted, *_missing(wanted, routed=_has_route())]
    gateway = _gateway(command)

    async def serve(frames_in: FrameInbox, frames_out: FrameOutbox) -> None:
        words = bytearray()
        async with _passt(command) as (process, stream), trio.open_nursery() as nursery:
            assert process.stderr is not None
            nursery.start_soon(_pump_out, frames_out, stream, frames_in, gateway)
            async with trio.open_nursery() as until_it_ends:
                until_it_ends.start_soon(_listen, process.stderr, words)
                await _pump_in(stream, frames_in)
            await process.wait()
            nursery.cancel_scope.cancel()
        said = _gist(words) or f"exit status {process.returncode}"
        advice = next((ADVICE[why] for why in ADVICE if why in said), "see `man passt`")
        raise NetworkError(
            f"passt has ended: {said}; {advice}; its options were {shlex.join(command[1:])}"
        )

    return NetworkBackEnd(f"passt {options}".rstrip(), serve)


def _missing(wanted: Sequence[str], *, routed: bool) -> list[str]:
    """Options for what the user's leave open."""
    own_model = any(option.startswith(OWN_MODEL) for option in wanted)
    own_lan = own_model or any(option.startswith(OWN_LAN) for option in wanted)
    return [*(() if own_lan else LAN), *(() if own_model or routed else LOOPBACK)]


def _gateway(command: Sequence[str]) -> bytes:
    """Its IPv4 address, empty when passt takes it from the host."""
    for option, value in pairwise(command):
        if option in ("-g", "--gateway"):
            with contextlib.suppress(AddressValueError):
                return IPv4Address(value).packed
    return b""


def _has_route() -> bool:
    """Whether the host has an IPv4 default route (proc(5), /proc/net/route)."""
    try:
        lines = ROUTES.read_text().splitlines()[1:]
    except OSError:
        return False
    fields = [line.split() for line in lines]
    return any(int(field[1], 16) == int(field[7], 16) == 0 for field in fields)  # address, mask


def _gist(words: bytearray) -> str:
    """What passt wrote, without what it always writes."""
    said = words.partition(USAGE)[0].decode(errors="replace")
    lines = [line.strip() for line in said.splitlines()]
    return "; ".join(line for line in lines if line and not line.startswith(NOISE))


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
    """Until it ends; `words` is the last of it, or what comes before an explanation of usage."""
    async for data in stderr:
        if USAGE not in words:
            words += data
            words[:] = words.partition(USAGE)[0][-LAST_WORDS:] + words.partition(USAGE)[1]


async def _pump_out(
    frames_out: FrameOutbox, stream: trio.SocketStream, frames_in: FrameInbox, gateway: bytes
) -> None:
    with contextlib.suppress(trio.BrokenResourceError):  # _pump_in sees the end
        while True:
            await frames_out.ready()
            with frames_out.lend() as frame:
                if (answer := echo_reply(frame, gateway)) is not None:
                    frames_in.feed(answer)
                else:
                    short = unpadded(frame)
                    await stream.send_all(LENGTH.pack(len(short)) + short)


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
