"""trio's clock, made to jump: a host that stood still for an hour, or was set back."""

from __future__ import annotations

import time

import trio

HOUR = 3600.0


class JumpingClock(trio.abc.Clock):
    """The host's monotonic clock, and what it was made to jump since; for `trio.run`.

    A `guard`, if there is one, is a scope whose deadline does not come nearer by a jump.
    """

    def __init__(self) -> None:
        self.guard: trio.CancelScope | None = None
        self._offset = 0.0

    def start_clock(self) -> None:
        """Nothing: it runs."""

    def current_time(self) -> float:
        """Seconds."""
        return time.monotonic() + self._offset

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Seconds until then."""
        return deadline - self.current_time()

    def jump(self, seconds: float) -> None:
        """It is so much later, or earlier."""
        if self.guard is not None:
            self.guard.deadline += seconds
        self._offset += seconds
