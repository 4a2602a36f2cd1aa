"""The guard of a test against hangs, in host time: of a guest, of a task, of the whole process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import trio

from hotswap.bus import HotswapError

GRACE = 5.0
"""Host seconds after the deadline in which tasks may end in order."""
AGAIN = 0.05
"""Host seconds until another try, where trio must not be disturbed."""


class GuardExpired(HotswapError):
    """The test took longer, in host time, than its guard allows."""


class HostHangs(BaseException):
    """The same, in code that gives no other task a turn, as a card that loops in a bus cycle.

    No `Exception`, for those raised in a card are the card's fault and the machine goes on.
    """


async def guard(seconds: float) -> None:
    """Raise `GuardExpired` when the time is over; for a nursery."""
    await trio.sleep(seconds)
    raise GuardExpired(
        f"not over after {seconds:g} s of host time (ini option hotswap_guard): the guest or a "
        "task hangs, or expects too much machine time"
    )


@contextmanager
def last_resort(seconds: float) -> Iterator[None]:
    """Raise `HostHangs` wherever this thread is when the time and the grace are over.

    Does nothing where somebody else uses SIGALRM, or outside the main thread.
    """
    free = signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    if not free or threading.current_thread() is not threading.main_thread():
        yield
        return

    def rang(_signal: int, frame: FrameType | None) -> None:
        if trio.lowlevel.currently_ki_protected():
            signal.setitimer(signal.ITIMER_REAL, AGAIN)
            return
        where = "?" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
        raise HostHangs(
            f"no task has had its turn for {GRACE:g} s of host time: it loops at {where}"
        )

    signal.signal(signal.SIGALRM, rang)
    signal.setitimer(signal.ITIMER_REAL, seconds + GRACE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
