"""Whether a machine that has ended is started again, and when.

| the machine ended | `no` | `on-failure` | `always` |
|-|-|-|-|
| because an operator asked | stopped | stopped | stopped |
| well (status 0) | stopped | stopped | again |
| in any other way | failed | again | again |
| before it was one: its file has faults | failed | failed | failed |

"Again" comes after a delay, which doubles with each restart of the last `within` seconds; when
there were `limit` of them, the machine has failed.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import msgspec


class RestartPolicy(msgspec.Struct, frozen=True):
    """The keys `restart...` of a machine file, seconds."""

    restart: Literal["no", "on-failure", "always"] = "no"
    delay: float = 1.0
    delay_max: float = 60.0
    limit: int = 5
    within: float = 300.0


class Ending(msgspec.Struct, frozen=True):
    """How a machine's process ended.

    `status` is an exit status, or minus the signal that killed it, or None when nobody knows.
    `unfit`: what it was to run is no machine. `asked`: an operator wanted it to end.
    """

    status: int | None
    message: str = ""
    unfit: bool = False
    asked: bool = False

    @property
    def well(self) -> bool:
        """Whether the guest ended it, with nothing to complain of."""
        return self.status == 0


class Stopped(msgspec.Struct, frozen=True):
    """It stays so until somebody starts it."""


class Failed(msgspec.Struct, frozen=True):
    """As `Stopped`, but not as it should be."""

    why: str


class Again(msgspec.Struct, frozen=True):
    """It is started again in `delay` seconds."""

    delay: float
    why: str


class Restarts:
    """The restarts of one machine."""

    def __init__(self) -> None:
        self._at: deque[float] = deque()

    def forget(self) -> None:
        """An operator has started it: what was does not count."""
        self._at.clear()

    @property
    def count(self) -> int:
        """Those that counted when `after` was last asked, its own included."""
        return len(self._at)

    def after(
        self, ending: Ending, why: str, policy: RestartPolicy, now: float
    ) -> Stopped | Failed | Again:
        """What follows `ending`, as in the table; `now` in seconds of a clock that never jumps."""
        if ending.asked:
            return Stopped()
        if ending.unfit:
            return Failed(why)
        if policy.restart == "no" or (policy.restart == "on-failure" and ending.well):
            return Stopped() if ending.well else Failed(why)
        while self._at and self._at[0] <= now - policy.within:
            self._at.popleft()
        count = len(self._at)
        if count >= policy.limit:
            times = "once" if count == 1 else f"{count} times"
            return Failed(f"{why}; it was restarted {times} within {policy.within:g} s")
        delay = min(policy.delay * 2.0**count, policy.delay_max)
        self._at.append(now + delay)
        return Again(delay, why)
