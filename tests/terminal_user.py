"""Somebody at a terminal: a pseudo-terminal, and what a screen shows of what is sent to it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence

import pyte
import trio

SECONDS = 40  # of patience; hosts of tests are slow and busy


class TerminalUser:
    """`screen` is what is seen, `received` everything that was sent to the terminal."""

    def __init__(self, columns: int = 100, rows: int = 30) -> None:
        self.master, self.slave = pty.openpty()
        self.received = b""
        self.resize(columns, rows)
        self.modes = termios.tcgetattr(self.slave)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)

    def start(self, words: Sequence[str], **more: str) -> subprocess.Popen[bytes]:
        """Run a command with this as its controlling terminal."""
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **more}
        return subprocess.Popen(
            ["setsid", "--ctty", *words],
            stdin=self.slave, stdout=self.slave, stderr=self.slave, env=environment,
        )  # fmt: skip

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def restored(self) -> bool:
        """The terminal is as it was before, and on its usual screen."""
        self.read(0)
        enters, leaves = (self.received.rfind(b"\x1b[?1049" + end) for end in (b"h", b"l"))
        return termios.tcgetattr(self.slave) == self.modes and enters < leaves

    def expect(self, text: str) -> None:
        """Wait until `text` is on the screen."""
        self.until(lambda: text in self.text, text)

    def expect_sent(self, data: bytes) -> None:
        """Wait until `data` has been sent to the terminal."""
        self.until(lambda: data in self.received, repr(data))

    def expect_taken_over(self, times: int = 1) -> None:
        """Wait until a program has gone to the other screen so often, and drawn on it."""
        self.until(
            lambda: (
                b"\x1b[?2026h" in self.received.rpartition(b"\x1b[?1049h")[2]
                and self.received.count(b"\x1b[?1049h") >= times
            ),
            "full screen",
        )

    def end(self, process: subprocess.Popen[bytes]) -> int:
        """The exit status; what is sent meanwhile is read, or nobody could end."""
        self.until(lambda: process.poll() is not None, "the end")
        self.read(0)
        return process.wait()

    async def see(self, seen: Callable[[], bool]) -> None:
        """Wait until something is so on the screen of a terminal of this process."""
        with trio.fail_after(SECONDS):
            while not seen():
                await trio.lowlevel.wait_readable(self.master)
                self.read(0)

    def close(self) -> None:
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)
        self.master = self.slave = -1

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Wait until something is so."""
        end = time.monotonic() + SECONDS
        while not done():
            self.read(0.1)
            assert time.monotonic() < end, f"no {what}; the screen shows:\n{self.text}"

    def read(self, seconds: float = 0) -> None:
        """Take what has been sent, or is within `seconds`."""
        while select.select([self.master], [], [], seconds)[0]:
            data = os.read(self.master, 65536)
            self.received += data
            self._stream.feed(data)
            seconds = 0
