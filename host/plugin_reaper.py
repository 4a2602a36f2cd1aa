"""Something done in a process of its own, of which nothing is left, whatever it has started.

prctl(2): a child subreaper becomes the parent of processes whose own parent has ended, also of
those that have left its session; so it can end them.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


class Ended(NamedTuple):
    """How it ended: a status as subprocess has it; whether it had to be, and left processes."""

    status: int
    late: bool
    left: bool


def contained(work: Callable[[], None], seconds: float) -> Ended:
    """Do it, for so long at most, and end whatever it has started.

    For a process of one thread without children that exists for this.
    """
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    parent = os.getpid()
    child = os.fork()
    if not child:
        try:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() == parent:
                prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
                work()
        finally:
            os._exit(0)  # nothing it has left behind has its turn
    asleep = select.poll()
    asleep.register(os.pidfd_open(child), select.POLLIN)
    late = not asleep.poll(seconds * 1000)
    if late:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return Ended(os.waitstatus_to_exitcode(status), late, _end_the_rest())


def _end_the_rest() -> bool:
    """Until there is none; whether there was one."""
    left = False
    with suppress(ChildProcessError):
        while True:
            ended, _ = os.waitpid(-1, os.WNOHANG)
            if ended:
                continue
            left = True
            for process in _children():
                os.kill(process, signal.SIGKILL)  # it is there until it is waited for
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    return left


def _children() -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            _, _, rest = (folder / "stat").read_text(errors="replace").rpartition(")")
            if int(rest.split()[1]) == os.getpid():
                yield int(folder.name)
