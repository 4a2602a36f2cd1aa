"""The process of a machine as the daemon sees it: its child, or one that a daemon before has left.

Both are known by a process descriptor (pidfd_open(2)), never by a number alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import trio

from .order import READY, LastWords, Order, last_words, words_file
from .record import MachineRecord, running_record
from .restart import Ending


class MachineProcess:
    """A process that runs. Use `started` or `adopted`; `wait` is for one task."""

    def __init__(self, pid: int, pidfd: int, words: int, child: trio.Process | None) -> None:
        self.pid = pid
        self._pidfd, self._words, self._child = pidfd, words, child

    async def ready(self) -> bool:
        """Until it answers at its control socket; False when it ended before that."""
        if self._child is None or self._child.stdout is None:
            return True
        async with self._child.stdout as stream:
            said = b""
            while READY not in said:
                if not (more := await stream.receive_some(4096)):
                    return False
                said = said[-len(READY) :] + bytes(more)
        return True

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it is gone."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    async def wait(self) -> Ending:
        """How it ended."""
        await trio.lowlevel.wait_readable(self._pidfd)
        status = None if self._child is None else await self._child.wait()
        words: LastWords | str = ""
        with suppress(OSError):  # it may be no file at all, when no daemon has started it
            words = last_words(self._words)
        if isinstance(words, LastWords):
            return Ending(words.status, words.message, words.unfit, words.asked)
        return Ending(status, words)

    def close(self) -> None:
        """Let go of it; a process that still runs goes on."""
        for file in (self._pidfd, self._words):
            if file >= 0:
                os.close(file)


async def started(order: Order) -> MachineProcess:
    """A new process, in a session of its own: no signal of a terminal reaches it.

    Raises `OSError`.
    """
    words = words_file()
    try:
        child = await trio.lowlevel.open_process(
            [sys.executable, "-P", "-m", "hotswap.host.daemon.machine_process",
             msgspec.json.encode(order).decode()],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words,
            start_new_session=True,
        )  # fmt: skip
        return MachineProcess(child.pid, os.pidfd_open(child.pid), words, child)
    except BaseException:
        os.close(words)
        raise


def adopted(path: Path) -> tuple[MachineRecord, MachineProcess] | None:
    """The machine whose record is at `path`, when its process lives; else None.

    Raises `DaemonError` when one lives there that cannot be had.
    """
    if (record := running_record(path)) is None:
        return None
    try:
        pidfd = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return None
    if running_record(path) != record:  # it ended before its number was ours to keep
        os.close(pidfd)
        return None
    try:
        words = os.open(f"/proc/{record.pid}/fd/2", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        words = -1
    return record, MachineProcess(record.pid, pidfd, words, None)
