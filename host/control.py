"""The control socket of a running machine: JSON, a line a message, over a UNIX socket.

A request is `{"op": ..., ...}`. The answer is `{"ok": true, "result": ...}` or `{"ok": false,
"error": ..., "todo": ...}`; a switchover sends its phase events as lines of their own before it,
and has its report in `result` either way. The socket is the owner's alone (mode 0600).
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
import structlog
import trio

from hotswap.bus import HotswapError
from hotswap.bus.injection import AnyFault
from hotswap.switchover.errors import Refused

LINE_MAX = 1 << 20
PROBATION_MAX = 30_000
"""ms: a guest whose outputs are held for long fills memory with them."""
BLACKOUT_MIN, BLACKOUT_MAX = 1, 700
"""ms: the limits of the phases from QUIESCE to COMMIT come to no more."""
PATIENCE_MAX = 100
REHEARSALS_MAX = 10_000
SLOT_MAX = 255
FileName: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[^\x00]*$")]


class ControlError(HotswapError):
    """The control socket cannot be used: what is wrong with it and what to do."""


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """What a client asks for."""

    op: Literal[
        "card_info", "card_insert", "card_remove", "card_replace", "card_set", "cards",
        "continue", "info", "inject", "injections", "keys", "pause", "screen", "snapshot", "stop",
        "switchover", "uninject",
    ]  # fmt: skip
    image: FileName = ""
    plan: bool = False
    mode: Annotated[int, msgspec.Meta(ge=0, le=2)] = 2
    probation_ms: Annotated[float, msgspec.Meta(ge=0, le=PROBATION_MAX)] = 40
    save_map: FileName = ""
    text: str = ""
    file: FileName = ""
    patience: Annotated[float, msgspec.Meta(ge=1, le=PATIENCE_MAX)] = 1
    signature: FileName = ""
    trust: list[str] = []
    reverse: bool = False
    guard: bool = False
    dry_run: bool = False
    count: Annotated[int, msgspec.Meta(ge=1, le=REHEARSALS_MAX)] = 1
    card: str = ""
    slot: Annotated[int, msgspec.Meta(ge=0, le=SLOT_MAX)] | None = None
    new: str = ""
    settings: dict[str, Any] = {}
    sandbox: Literal["engine", "process"] | None = None
    """By default `engine`; of a replacement, that of the card that is there."""
    to: FileName = ""
    blackout_max_ms: Annotated[float, msgspec.Meta(ge=BLACKOUT_MIN, le=BLACKOUT_MAX)] = 250
    fault: AnyFault | None = None
    injection: Annotated[int, msgspec.Meta(ge=0)] = 0


class Reply(msgspec.Struct, omit_defaults=True):
    """The last line of every answer."""

    ok: bool
    result: Any = None
    error: str | None = None
    todo: str | None = None


Tell = Callable[[object], None]
Answer = Callable[[Any, Tell], Awaitable[Reply]]
Replied = Callable[[Request], None]


async def serve_control(
    path: Path,
    answer: Answer,
    replied: Replied = lambda request: None,
    *,
    request_type: type[Any] = Request,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer requests on a socket at `path` until cancelled; the socket is removed then.

    `replied` is called when the reply to a request has been sent. Another `request_type` is for
    sockets of another kind, which have an `answer` for it.

    Raises `ControlError` when the path is taken by a running machine or cannot be made.
    """
    with socket.socket(socket.AF_UNIX) as listening:
        own = _bind(listening, path)
        listening.listen(16)
        try:
            async with trio.open_nursery() as nursery:
                task_status.started()
                await trio.serve_listeners(
                    functools.partial(
                        _converse, answer=answer, replied=replied, request_type=request_type
                    ),
                    [trio.SocketListener(trio.socket.from_stdlib_socket(listening))],
                    handler_nursery=nursery,
                )
        finally:
            _remove(path, own)


def _bind(listening: socket.socket, path: Path) -> os.stat_result:
    try:
        _clear_stale(path)
        mask = os.umask(0o177)
        try:
            listening.bind(str(path))
        finally:
            os.umask(mask)
        return path.stat()
    except OSError as error:
        raise ControlError(
            f"control socket {path}: {error.strerror or error}; give another --control path"
        ) from error


def _remove(path: Path, own: os.stat_result) -> None:
    """Unless somebody has removed it and another machine listens there now."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(path.stat(), own):
            path.unlink()


def _clear_stale(path: Path) -> None:
    """Remove a socket nobody listens on any more."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ControlError(f"control socket {path}: there is a file of that name; give another")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise ControlError(
        f"control socket {path}: a machine is listening there already; stop it with "
        f"`hotswap-host stop --control {path}` or give another path"
    )


async def _converse(
    stream: trio.SocketStream, answer: Answer, replied: Replied, request_type: type[Any]
) -> None:
    """Serve one client: a request a line, until it hangs up."""
    lines = _Lines(stream)
    async with stream:
        try:
            async for line in lines:
                request, reply = await _answer_line(lines, line, answer, request_type)
                await lines.send(reply)
                if request is not None:
                    replied(request)
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client is gone; what it asked for has been carried out


async def _answer_line(
    lines: _Lines, line: bytes, answer: Answer, request_type: type[Any]
) -> tuple[Any, Reply]:
    """Carry out one request, sending its events as they come.

    A rehearsal is nobody else's: it ends when its client hangs up.
    """
    try:
        request = msgspec.json.decode(line, type=request_type)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return None, Reply(False, error=f"not a request: {error}", todo="see docs/control.md")
    rehearsal = isinstance(request, Request) and request.dry_run
    log = structlog.get_logger()
    send, receive = trio.open_memory_channel[object](1024)

    def tell(event: object) -> None:
        # who does not read misses events, but no reply; who has hung up misses both
        with contextlib.suppress(trio.WouldBlock, trio.ClosedResourceError):
            send.send_nowait(event)

    async def forward() -> None:
        async for event in receive:
            await lines.send(event)

    async def carry_out() -> Reply:
        try:
            return await answer(request, tell)
        except Refused as refusal:
            return Reply(False, error=str(refusal), todo=refusal.todo)
        except HotswapError as error:
            return Reply(False, error=str(error))
        except Exception as error:  # a defect of ours, which is no reason to end the machine
            what = f"{type(error).__name__}: {str(error) or 'no more is known'}"
            log.error("control request failed", op=request.op, what=what, exc_info=error)
            return Reply(False, error=what, todo="report this")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(forward)
        with send:
            reply = await (lines.while_open(carry_out) if rehearsal else carry_out())
    return request, reply


class _Lines:
    """JSON lines over a stream."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._encoder = msgspec.json.Encoder()

    async def send(self, message: object) -> None:
        await self._stream.send_all(self._encoder.encode(message) + b"\n")

    async def while_open(self, work: Callable[[], Awaitable[Reply]]) -> Reply:
        """Do `work`; cancel it and raise `trio.BrokenResourceError` when the client hangs up."""

        async def hang_up() -> None:
            while data := await self._stream.receive_some():
                self._buffer += data  # its next request
            raise trio.BrokenResourceError("the client has hung up")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hang_up)
            reply = await work()
            nursery.cancel_scope.cancel()
        return reply

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > LINE_MAX:
                raise trio.BrokenResourceError("a line without an end")
            data = await self._stream.receive_some()
            if not data:
                raise StopAsyncIteration
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line


class _Answering:
    """The lines of one answer, up to and including the reply."""

    def __init__(self, path: Path, lines: _Lines, request: Any) -> None:
        self._path, self._lines = path, lines
        self._unsent: Any = request
        self._over = False

    def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        return self

    async def __anext__(self) -> dict[str, Any]:
        if self._over:
            raise StopAsyncIteration
        try:
            if self._unsent is not None:
                await self._lines.send(self._unsent)
                self._unsent = None
            message: dict[str, Any] = msgspec.json.decode(await anext(self._lines))
        except (StopAsyncIteration, trio.BrokenResourceError):
            raise ControlError(
                f"the machine at {self._path} ended before it answered; its last words say why, "
                "and `hotswap-host resume DIR` goes on with it if it ran with --durable DIR"
            ) from None
        self._over = "ok" in message
        return message


@asynccontextmanager
async def connect(
    path: Path, todo: str = ""
) -> AsyncIterator[Callable[[Any], AsyncIterator[dict[str, Any]]]]:
    """Talk to the machine at `path`: call with a `Request`, iterate over the lines of the answer.

    Raises `ControlError` when no machine is there, which ends with `todo` or how to start one, or
    it ends before it has answered.
    """
    try:
        stream = await trio.open_unix_socket(str(path))
    except OSError as error:
        if not isinstance(error, FileNotFoundError | ConnectionRefusedError):
            todo = "give the path of its control socket, and have the right to use it"
        raise ControlError(
            f"no machine answers at {path}: {error.strerror or error}; "
            + (todo or f"start one with `hotswap-host run IMAGE --control {path}`")
        ) from error
    async with stream:
        yield functools.partial(_Answering, path, _Lines(stream))
