"""Processes for cards: forked, when one is asked for, from one that has everything imported."""

from __future__ import annotations

import mmap
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from typing import Self

import trio

from . import confine
from .process_engine import DEADLINE, ProcessEngine
from .talk import Child
from .wire import FAILED, SIZE, SandboxError

MEMORY_MAX = 16 << 20
"""Bytes a card's code may have, stack and page tables included."""
SERVE = "hotswap.host.sandbox.child:serve"
_PATIENCE = 1_000_000_000  # ns: the deadlines here are shorter
_EVENTS = os.EFD_CLOEXEC | os.EFD_NONBLOCK  # a hostile process has them, too: nobody may hang there
_STARTING, _FORKING = 60.0, 10.0  # s
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "LC_ALL")
_ENDED = "a card's process does not start: the one it is forked from has ended"


class SandboxPool:
    """Where cards' processes come from: `start` one, or `prepare` some to be taken.

    A context manager: whoever opens it closes it, and with it end all processes. `entry` is what
    they run: MODULE:FUNCTION, as `serve`.
    """

    def __init__(
        self, memory_max: int = MEMORY_MAX, *, deadline: int = DEADLINE, entry: str = SERVE
    ) -> None:
        self._memory_max, self._deadline, self._entry = memory_max, deadline, entry
        self._ready: list[Child] = []
        self._first: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._lock = trio.Lock()
        self._closed = False

    @property
    def process(self) -> int | None:
        """The process cards' are forked from, if it was started."""
        return None if self._first is None else self._first.pid

    async def prepare(self, count: int = 1) -> None:
        """Have `count` processes ready to be taken: the first takes a second, more some ms each.

        Raises `SandboxError` where the kernel has no sandbox, or a process does not start.
        """
        async with self._lock:
            talk = await self._ready_to_fork()
            while len(self._ready) < count:
                self._ready.append(await self._fork(talk))

    async def start(self) -> ProcessEngine:
        """An engine in a new process, for whoever asks. Raises `SandboxError` as `prepare`."""
        async with self._lock:
            talk = await self._ready_to_fork()
            return ProcessEngine(await self._fork(talk), self._deadline)

    async def _ready_to_fork(self) -> socket.socket:
        if lacks := confine.missing():
            raise SandboxError(
                f"no process sandbox: the kernel lacks {lacks}. `--sandbox engine` isolates the "
                "guest's memory only; a card nobody trusts needs another kernel"
            )
        if self._closed:
            raise SandboxError("the cards' processes are closed: their board is gone")
        if self._first is not None and self._first.poll() is not None:
            self._end_first()
        if self._socket is None:
            self._socket = await self._start()
        return self._socket

    async def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "hotswap.host.sandbox.child", str(theirs.fileno())]
        command += [str(self._memory_max), str(_PATIENCE), self._entry]
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                env=environment,
            )

        try:
            with theirs:
                self._first = await trio.to_thread.run_sync(start)
            ours.setblocking(False)
            with trio.fail_after(_STARTING):
                await trio.lowlevel.wait_readable(ours)
            if not ours.recv(1):
                raise SandboxError("a card's process does not start; stderr says why")
        except BaseException as error:
            ours.close()
            self._end_first()
            if isinstance(error, trio.TooSlowError):
                raise SandboxError(_late(_STARTING)) from None
            raise
        return ours

    async def _fork(self, talk: socket.socket) -> Child:
        files: list[int] = []
        found: list[int] = []
        try:
            files.append(memory := os.memfd_create("card"))
            os.truncate(memory, SIZE)
            files += [os.eventfd(0, _EVENTS), os.eventfd(0, _EVENTS)]
            found = await self._ask(talk, files)
            shared = mmap.mmap(memory, SIZE)
            return Child(shared, files.pop(1), files.pop(), found.pop())
        finally:
            for process in found:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
            for file in files + found:
                os.close(file)

    async def _ask(self, talk: socket.socket, files: list[int]) -> list[int]:
        """The pidfd of a new process that has `files`. Raises `SandboxError`.

        Without an answer the process they are forked from is given up: it might come later, and be
        taken for that to the next question.
        """
        answered = False
        try:
            with trio.CancelScope(shield=True), trio.fail_after(_FORKING):
                socket.send_fds(talk, [b"F"], files)
                await trio.lowlevel.wait_readable(talk)
            said, found, _, _ = socket.recv_fds(talk, 1, 1)
            answered = bool(found) or said == FAILED
        except trio.TooSlowError:
            raise SandboxError(_late(_FORKING)) from None
        except OSError as error:
            raise SandboxError(f"{_ENDED} ({error.strerror}); insert the card again") from error
        finally:
            if not answered:
                self._end_first()
        if not answered:
            raise SandboxError(f"{_ENDED}; insert the card again")
        if not found:
            raise SandboxError("a card's process does not start; stderr says why")
        return found

    def take(self) -> ProcessEngine:
        """An engine in a process that `prepare` has started. Raises `SandboxError`."""
        if not self._ready:
            raise SandboxError("no process is ready for a card: await prepare() first")
        return ProcessEngine(self._ready.pop(), self._deadline)

    def close(self) -> None:
        """End all processes, also those of engines that are not closed."""
        self._closed = True
        self._end_first()

    def _end_first(self) -> None:
        """End the process they are forked from, and so all; `_ready_to_fork` starts another."""
        for child in self._ready:
            ProcessEngine(child).close()
        self._ready.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._first is not None:
            self._first.kill()
            self._first.wait()
            self._first = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _late(seconds: float) -> str:
    return (
        f"a card's process does not start within {seconds:g} s: the host is too busy, or has "
        "stopped it; insert the card again"
    )
