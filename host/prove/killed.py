"""`python -m hotswap.host.prove.killed PHASE US ...`: `hotswap-host ...`, killed in a switchover.

The process gets its SIGKILL so many microseconds after PHASE of its first switchover has begun:
from a timer of its own, so that the instant does not depend on how busy the host is.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hotswap.host import operator
from hotswap.host.__main__ import main
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.phases import Phase


class SignalEvent(ctypes.Structure):
    """struct sigevent, sigevent(3type): with the kind SIGEV_SIGNAL, 0."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("kind", ctypes.c_int),
        ("rest", ctypes.c_char * 48),
    )


class Expiry(ctypes.Structure):
    """struct itimerspec, timer_settime(2)."""

    _fields_ = tuple(
        (name, ctypes.c_long) for name in ("interval_s", "interval_ns", "value_s", "value_ns")
    )


def kill_after(us: int) -> None:
    """SIGKILL this process in so many microseconds. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    event, timer = SignalEvent(signal=signal.SIGKILL), ctypes.c_void_p()
    seconds, rest = divmod(us, 1_000_000)
    expiry = Expiry(value_s=seconds, value_ns=rest * 1000 or 1)
    if libc.timer_create(time.CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(timer)):
        raise OSError(ctypes.get_errno(), "timer_create")
    if libc.timer_settime(timer, 0, ctypes.byref(expiry), None):
        raise OSError(ctypes.get_errno(), "timer_settime")


def killed_in(last: Phase, us: int) -> type[Switchover]:
    """A switchover whose process does not live to the end of it."""

    class Killed(Switchover):
        @asynccontextmanager
        async def _phase(self, phase: Phase) -> AsyncIterator[None]:
            async with super()._phase(phase):
                if phase is last and us:
                    kill_after(us)
                elif phase is last:
                    os.kill(os.getpid(), signal.SIGKILL)
                yield

    return Killed


if __name__ == "__main__":
    name, us, *words = sys.argv[1:]
    sys.argv[1:] = words  # what the durable folder says the machine was started with
    setattr(operator, Switchover.__name__, killed_in(Phase[name], int(us)))
    sys.exit(main(words))
