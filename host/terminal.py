"""The terminal a user sits at, as a full screen: every key comes as it is, and all is put back.

termios(3), raw mode; xterm's private modes 1049 (alternate screen), 7 (wrap at the right margin)
and 25 (cursor), its window operations 22 and 23 (title kept and put back). It is opened a second
time, so that it does not block here and stays as it was for others who have it open.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Self

import trio

from hotswap.bus import HotswapError

TITLE = b"hotswap-host: Ctrl-] x ends, Ctrl-] ? says more"
ENTER = b"\x1b[?1049h\x1b[22;2t\x1b]2;" + TITLE + b"\x07\x1b[?7l\x1b[0m\x1b[2J"
LEAVE = b"\x1b[?2026l\x1b[0m\x1b[0 q\x1b[?7h\x1b[?25h\x1b[23;2t\x1b[?1049l"
LEAVE_SECONDS = 1
"""How long a terminal that takes nothing holds up the end."""
_ELSEWHERE = "run it in a terminal, or leave --display out and use `hotswap-host screen`"


class TerminalError(HotswapError):
    """There is no terminal to show a screen on, or it is gone: why, and what to do."""


@asynccontextmanager
async def open_terminal() -> AsyncIterator[Terminal]:
    """The terminal this process was started in; nothing is changed about it yet.

    Raises `TerminalError` when standard input or output is something else, or it has no cursor.
    """
    for file, name in ((sys.stdin, "input"), (sys.stdout, "output")):
        if file is None or file.closed or not file.isatty():
            raise TerminalError(f"--display terminal: standard {name} is none; {_ELSEWHERE}")
    if os.environ.get("TERM", "dumb") == "dumb":
        raise TerminalError("--display terminal: this one is dumb; set TERM to what it is")
    try:
        fd = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise TerminalError(f"--display terminal: {error.strerror}; {_ELSEWHERE}") from error
    async with Terminal(fd) as terminal:
        yield terminal


class Terminal:
    """A terminal; owns `fd`, for reading and writing, until the `async with` block ends."""

    def __init__(self, fd: int) -> None:
        self._stream = trio.lowlevel.FdStream(fd)
        self._fd = fd

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stream.aclose()

    def size(self) -> tuple[int, int]:
        """Columns and rows; 80 by 24 when it does not know."""
        try:
            size = os.get_terminal_size(self._fd)
        except OSError:
            return 80, 24
        return size.columns or 80, size.lines or 24

    async def send(self, data: bytes) -> None:
        """Raises `TerminalError` when the terminal is gone."""
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError as error:
            raise TerminalError("the terminal is gone") from error

    async def receive(self) -> bytes:
        """What was typed, at least a byte. Raises `TerminalError` when the terminal is gone."""
        with contextlib.suppress(trio.BrokenResourceError):
            if data := bytes(await self._stream.receive_some()):
                return data
        raise TerminalError("the terminal is gone")

    @contextmanager
    def full_screen(self) -> Iterator[None]:
        """Keys come as they are, the screen is blank; as before when the block ends, in any way.

        What is written to stderr meanwhile appears afterwards, when it would go to the terminal.
        Raises `TerminalError` when the terminal is gone.
        """
        try:
            before = termios.tcgetattr(self._fd)
        except termios.error as error:
            raise TerminalError("the terminal is gone") from error
        with _kept_stderr():
            try:
                tty.setraw(self._fd)
                self._write_now(ENTER)
                yield
            finally:
                self._write_now(LEAVE)
                with contextlib.suppress(termios.error):  # it has hung up
                    termios.tcflush(self._fd, termios.TCIFLUSH)
                    termios.tcsetattr(self._fd, termios.TCSANOW, before)

    def _write_now(self, data: bytes) -> None:
        """Of a terminal that is stuck or gone, nobody waits for the rest."""
        while data and select.select([], [self._fd], [], LEAVE_SECONDS)[1]:
            try:
                data = data[os.write(self._fd, data) :]
            except OSError:
                return


@contextmanager
def _kept_stderr() -> Iterator[None]:
    """Keep what goes to stderr, by whatever way, until the block ends, if it is a terminal."""
    if sys.stderr is None or not os.isatty(2):
        yield
        return
    sys.stderr.flush()
    kept, terminal = os.memfd_create("stderr"), os.dup(2)
    try:
        os.dup2(kept, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.lseek(kept, 0, os.SEEK_SET)
        while data := os.read(kept, 65536):
            os.write(2, data)
        os.close(kept)
        os.close(terminal)
