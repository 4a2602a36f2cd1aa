"""What the guest of examples/bench says on its serial line, and when in CPU time."""

from __future__ import annotations

import re
from collections.abc import Callable

from hotswap.bus import HotswapError

_MARK = re.compile(rb"@@(begin|end) (\w+) (\d+)")


class BenchError(HotswapError):
    """A comparison cannot be made: what is missing, and where to get it."""


class Marks:
    """Reads a guest's serial line: seconds of `clock` between a row's marks, and its rounds.

    `begun` is the row under way or, at the end, the last.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.seconds: dict[str, float] = {}
        self.rounds: dict[str, int] = {}
        self.begun = ""
        self.done = False
        self._clock = clock
        self._began = 0.0
        self._line = b""

    def feed(self, data: bytes | bytearray) -> None:
        """Serial output, as it comes. Raises BenchError when the guest has found a wrong sum."""
        now = self._clock()
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            if (mark := _MARK.match(line)) is None:
                self.done = self.done or line.startswith(b"@@done")
                if line.startswith(b"@@wrong"):
                    raise BenchError(
                        f"row {self.begun}: the benchmark guest got a wrong result; "
                        "the CPU or the card it is about is at fault, please report it"
                    )
                continue
            name = mark[2].decode()
            if mark[1] == b"begin":
                self.begun = name
                self._began, self.rounds[name] = now, int(mark[3])
            else:
                self.seconds[name] = now - self._began
