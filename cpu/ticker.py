"""Timers with the kernel's precision: one ends slices, one wakes a halted processor.

timerfd rather than sleeps: it can be set again while it is waited for, and epoll's own time-outs
are whole milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Self

import trio

from .core import Core

_libc = ctypes.CDLL(None, use_errno=True)
_CLOCK_MONOTONIC = 1
_SECOND = 1_000_000_000
_MIN_EVERY = 100_000  # ns


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class TimerFile:
    """A timerfd on the monotonic clock."""

    def __init__(self, *, blocking: bool) -> None:
        flags = os.O_CLOEXEC | (0 if blocking else os.O_NONBLOCK)
        self.file: int = _libc.timerfd_create(_CLOCK_MONOTONIC, flags)
        if self.file < 0:
            error = ctypes.get_errno()
            raise OSError(error, f"timerfd_create: {os.strerror(error)}")
        self._setting = _Itimerspec()
        self._argument = ctypes.byref(self._setting)

    def set(self, after: int, every: int = 0) -> None:
        """Expire `after` ns from now (at once when that is not positive), then `every` ns."""
        setting = self._setting
        setting.value.seconds, setting.value.nanoseconds = divmod(max(after, 1), _SECOND)
        setting.interval.seconds, setting.interval.nanoseconds = divmod(every, _SECOND)
        _libc.timerfd_settime(self.file, 0, self._argument, None)

    def disarm(self) -> None:
        """Do not expire."""
        self._setting.value.seconds = self._setting.value.nanoseconds = 0
        _libc.timerfd_settime(self.file, 0, self._argument, None)

    def close(self) -> None:
        """Give the file up."""
        os.close(self.file)


class Ticker:
    """Ends slices: a thread that stores 0 into the block counter's limit when its time has come.

    That store is all another thread may do to a running engine. It is repeated as far apart again,
    so that most slices need no timer set. The thread is native, see thunks/ticker.c. A
    context manager; one at a time for a core.
    """

    def __init__(self, core: Core) -> None:
        self._parameters = core.parameters
        self._routine = core.thunks.entry("tick")
        self._every = 0
        self._timer = TimerFile(blocking=True)
        self._thread = ctypes.c_ulong()
        self._ticking = False

    def __enter__(self) -> Self:
        self._parameters.tick_file = self._timer.file
        self._parameters.tick_end = 0
        signals = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:  # they are for the thread that waits for them
            error = _libc.pthread_create(
                ctypes.byref(self._thread), None, ctypes.c_void_p(self._routine), None
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, signals)
        if error:
            self._timer.close()
            raise OSError(error, f"the thread that ends slices: {os.strerror(error)}")
        return self

    def __exit__(self, *_: object) -> None:
        self._parameters.tick_end = 1
        self._timer.set(0)
        _libc.pthread_join(self._thread, None)
        self._timer.close()

    def start(self, after: int) -> None:
        """A slice begins now; end it at most `after` ns from now."""
        if after != self._every or not self._ticking:
            self._every = max(after, _MIN_EVERY)
            self._timer.set(after, self._every)
            self._ticking = True
        self._parameters.in_slice = 1

    def stop(self) -> None:
        """The slice has ended."""
        self._parameters.in_slice = 0

    def sleep(self) -> None:
        """No ticks until the next `start`."""
        if self._ticking:
            self._timer.disarm()
            self._ticking = False


class Wakeup:
    """What a halted processor waits for: a point in host time, or `ring`, whichever is first.

    A context manager.
    """

    def __init__(self) -> None:
        self.rung = False
        """Whether `ring` ended the last wait."""
        self._timer = TimerFile(blocking=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.close()

    async def wait(self, after: int | None) -> None:
        """Until `after` ns have passed (never, if None) or `ring` was called since."""
        self.rung = False
        if after is None:
            self._timer.disarm()
        else:
            self._timer.set(after)  # either forgets the last expiration
        await trio.lowlevel.wait_readable(self._timer.file)

    def ring(self) -> None:
        """Wake it now."""
        self.rung = True
        self._timer.set(0)
