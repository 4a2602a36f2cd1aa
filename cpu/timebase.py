"""Where machine time comes from: the host's clock, or the instructions executed.

`now` of either is the source a `MachineClock` is made with.
"""

from __future__ import annotations

import time

from .block_counter import BlockCounter
from .errors import CpuStateError

_SECOND = 1_000_000_000


class RealTime:
    """Machine time follows the host's monotonic clock from 0; it can be stopped and moved."""

    def __init__(self) -> None:
        self._offset = time.monotonic_ns()
        self._stopped_at: int | None = None

    def now(self) -> int:
        """Nanoseconds since power-on."""
        if self._stopped_at is not None:
            return self._stopped_at
        return time.monotonic_ns() - self._offset

    def wait(self, ns: int) -> None:
        """Let `ns` pass, at least, here and now: the processor stands, and so does the host."""
        time.sleep(ns / _SECOND)

    def stop(self) -> None:
        """Stand still until `go_on`."""
        self._stopped_at = self.now()

    def go_on(self) -> None:
        """Go on from where it was stopped."""
        if self._stopped_at is not None:
            self._offset = time.monotonic_ns() - self._stopped_at
            self._stopped_at = None

    def move_to(self, now: int) -> None:
        """Let it be `now` (ns): after a snapshot was loaded."""
        if self._stopped_at is not None:
            self._stopped_at = now
        else:
            self._offset = time.monotonic_ns() - now


class InstructionTime:
    """Machine time is counted in instructions at `rate` a second, plus what HLT skipped.

    Two runs of the same machine read the same times, whatever the host does meanwhile.
    """

    def __init__(self, rate: int) -> None:
        if rate <= 0:
            raise CpuStateError(f"{rate} instructions a second: give a rate above 0")
        self.rate = rate
        self.skipped = 0
        """Instructions' worth of time passed over in HLT."""
        self._counter: BlockCounter | None = None

    def attach(self, counter: BlockCounter) -> None:
        """Count by `counter` from now on (called by the processor)."""
        self._counter = counter

    def now(self) -> int:
        """Nanoseconds since power-on."""
        counter = self._counter
        executed = 0 if counter is None else counter.instructions
        return (executed + self.skipped) * _SECOND // self.rate

    def count_at(self, deadline: int) -> int:
        """The instruction count from which on `now` is at least `deadline`."""
        return -(-deadline * self.rate // _SECOND) - self.skipped

    def wait(self, ns: int) -> None:
        """Let `ns` pass, rounded up to instructions, without any being executed."""
        self.skipped += -(-ns * self.rate // _SECOND)

    def skip_to(self, deadline: int) -> None:
        """Pass over the time up to `deadline` (ns); nothing when that is past."""
        executed = 0 if self._counter is None else self._counter.instructions
        self.skipped += max(0, self.count_at(deadline) - executed)
