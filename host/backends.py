"""Back ends of a serial port: where the bytes of a card's streams come from and go to.

A back end is a task of the machine's nursery; it ends with the machine. It takes from the card's
`Outbox` and feeds its `Inbox` and never touches the card.
"""

from __future__ import annotations

import contextlib
import os
import pty
import sys
import tty
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import trio

from hotswap.bus import HotswapError, Inbox, Outbox

CHUNK = 65536

Serve: TypeAlias = Callable[[Inbox, Outbox], Awaitable[None]]


class BackEndError(HotswapError):
    """A serial back end cannot be opened or written to: which, and what to do about it."""


class SerialBackEnd:
    """A back end that is open: `serve` runs until cancelled; `name` says where it is."""

    def __init__(self, name: str, serve: Serve) -> None:
        self.name = name
        self.serve = serve


async def open_backend(spec: str, *, append: bool = False) -> SerialBackEnd:
    """Open `stdio`, `pty`, `tcp:HOST:PORT` (listens, one client at a time), `none` or a FILE.

    `memory` leaves the bytes where they are, for who reads the card's streams. What a FILE holds
    is kept with `append`, else it is emptied. Raises
    `BackEndError` before the machine is built when it cannot be had.
    """
    if spec == "memory":
        return SerialBackEnd("memory", _memory)
    if spec == "none":
        return SerialBackEnd("none", _none)
    if spec == "stdio":
        return SerialBackEnd("stdio", _stdio)
    if spec == "pty":
        return _open_pty()
    if spec.startswith("tcp:"):
        return await _open_tcp(spec)
    return _open_file(Path(spec), append=append)


def is_file(spec: str) -> bool:
    """Whether it is a file that `open_backend` opens."""
    return spec not in {"memory", "none", "stdio", "pty"} and not spec.startswith("tcp:")


async def _memory(_inbox: Inbox, _output: Outbox) -> None:
    await trio.sleep_forever()


async def _none(_inbox: Inbox, output: Outbox) -> None:
    """No cable: what is sent is lost."""
    while True:
        await output.ready()
        output.consume(len(output.peek(CHUNK)))


async def _pump_out(output: Outbox, send: Callable[[bytes], Awaitable[object]]) -> None:
    """Bytes are consumed once they are sent, so a send that fails loses nothing."""
    while True:
        await output.ready()
        with output.lend(CHUNK) as data:
            await send(data)


async def _pump_in(stream: trio.abc.ReceiveStream, inbox: Inbox) -> None:
    async for data in stream:
        inbox.feed(bytes(data))
        await inbox.room()


def _write_all(name: str, fd: int, data: bytes) -> None:
    try:
        while data:
            data = data[os.write(fd, data) :]
    except OSError as error:
        raise BackEndError(
            f"serial {name}: {error.strerror}; give another --serial, or room to this one"
        ) from error


async def _stdio(inbox: Inbox, output: Outbox) -> None:
    async def write(data: bytes) -> None:
        await trio.to_thread.run_sync(_write_all, "stdout", sys.stdout.fileno(), data)

    async def read() -> None:
        while True:
            try:
                await trio.lowlevel.wait_readable(sys.stdin.fileno())
            except PermissionError:  # a plain file: epoll refuses it, and it never blocks
                await trio.lowlevel.checkpoint()
            data = os.read(sys.stdin.fileno(), CHUNK)
            if not data:
                return
            inbox.feed(data)
            await inbox.room()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await _pump_out(output, write)


def _open_file(path: Path, *, append: bool) -> SerialBackEnd:
    try:
        file = path.open("ab" if append else "wb", buffering=0)
    except OSError as error:
        raise BackEndError(
            f"serial file {path}: {error.strerror}; give stdio, pty, tcp:HOST:PORT or a file "
            "that can be written"
        ) from error

    async def write(data: bytes) -> None:
        await trio.to_thread.run_sync(_write_all, str(path), file.fileno(), data)

    async def serve(_inbox: Inbox, output: Outbox) -> None:
        with file:
            await _pump_out(output, write)

    return SerialBackEnd(str(path), serve)


def _open_pty() -> SerialBackEnd:
    master, slave = pty.openpty()
    tty.setraw(slave)

    async def serve(inbox: Inbox, output: Outbox) -> None:
        # the slave end stays open here, or the master would report a hang-up with no client
        try:
            async with trio.lowlevel.FdStream(master) as stream, trio.open_nursery() as nursery:
                nursery.start_soon(_pump_out, output, stream.send_all)
                await _pump_in(stream, inbox)
        finally:
            os.close(slave)

    return SerialBackEnd(f"pty {os.ttyname(slave)}", serve)


async def _open_tcp(spec: str) -> SerialBackEnd:
    host, _, port = spec[4:].rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise BackEndError(f"serial {spec!r}: {port!r} is no port; write tcp:HOST:PORT")
    try:
        listeners = await trio.open_tcp_listeners(int(port), host=host or "127.0.0.1")
    except OSError as error:
        raise BackEndError(
            f"serial {spec!r}: {error.strerror or error}; is another program listening there?"
        ) from error
    listener, *others = listeners  # a name may have several addresses; one is enough
    for other in others:
        await other.aclose()
    address = listener.socket.getsockname()

    async def serve(inbox: Inbox, output: Outbox) -> None:
        async with listener:
            while True:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_forget_overflow, output)
                    stream = await listener.accept()
                    nursery.cancel_scope.cancel()
                await _converse(stream, inbox, output)

    return SerialBackEnd(f"tcp {address[0]}:{address[1]}", serve)


async def _forget_overflow(output: Outbox) -> None:
    """While no client is there, keep the last bytes for the next one and never stop the guest."""
    while True:
        await output.ready()
        while output.full and (old := output.peek(output.capacity // 2)):
            output.consume(len(old))
        await output.more()


async def _converse(stream: trio.SocketStream, inbox: Inbox, output: Outbox) -> None:
    """Serve one client until it is gone; the next one goes on where it stopped."""
    async with stream, trio.open_nursery() as nursery:

        async def send() -> None:
            try:
                await _pump_out(output, stream.send_all)
            except trio.BrokenResourceError:
                nursery.cancel_scope.cancel()

        nursery.start_soon(send)
        with contextlib.suppress(trio.BrokenResourceError):
            await _pump_in(stream, inbox)
        nursery.cancel_scope.cancel()
