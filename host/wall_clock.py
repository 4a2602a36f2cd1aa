"""The host's wall clock, for dates that people read and a clock chip's time at power-on.

Nothing else may ask for it: it jumps when somebody sets it. How long something takes, and what a
limit means, is measured with monotonic clocks.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_ns() -> int:
    """Nanoseconds since 1970."""
    return time.time_ns()


def iso() -> str:
    """Now in ISO 8601, in UTC, to the second."""
    return datetime.fromtimestamp(now_ns() / 1e9, UTC).isoformat(timespec="seconds")
