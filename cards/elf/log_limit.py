"""How many lines a card may have in the log."""

from __future__ import annotations


class LogLimit:
    """`rate` lines a second of machine time, a third of that at once."""

    def __init__(self, rate: int) -> None:
        self._cost = 1_000_000_000 // rate
        self._most = self._cost * max(1, rate // 3)
        self._spent_until = 0
        self._dropped = 0

    def pass_on(self, now: int) -> int | None:
        """None when a line at machine time `now` is too many, else how many were before it."""
        start = max(self._spent_until, now)
        if self._spent_until - now > 2 * self._most:  # machine time has gone back
            start = now
        if start + self._cost - now > self._most:
            self._dropped += 1
            return None
        self._spent_until = start + self._cost
        dropped, self._dropped = self._dropped, 0
        return dropped
