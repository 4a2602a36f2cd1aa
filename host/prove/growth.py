"""How much more memory a process holds with each round of something, once it has warmed up.

Of Python's own memory every block is known while `tracemalloc` counts; what the engine and other
libraries have shows in the resident size only, by the page, so that takes many rounds to say
anything. Garbage is collected before each sample. The first half of the samples is warm-up: the
interpreter keeps something of each way through the code when it goes there first. The slope is the
median of those between all pairs of the others (Theil and Sen), so that no single buffer counts.
"""

from __future__ import annotations

import gc
import itertools
import os
import statistics
import tracemalloc
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

PAGE = os.sysconf("SC_PAGESIZE")


class Sample(NamedTuple):
    """After so many rounds: bytes of Python's, and bytes resident."""

    rounds: int
    python: int
    resident: int


class Growth:
    """A context manager, to be entered before anything is made; `sample` inside it."""

    def __init__(self) -> None:
        self._samples: list[Sample] = []

    def __enter__(self) -> Self:
        tracemalloc.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        tracemalloc.stop()

    def sample(self, rounds: int) -> None:
        """Take note of what is held after `rounds`."""
        gc.collect()
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
        self._samples.append(Sample(rounds, tracemalloc.get_traced_memory()[0], resident))

    @property
    def _warm(self) -> list[Sample]:
        return self._samples[len(self._samples) // 2 :]

    @property
    def python(self) -> float:
        """Bytes of Python's memory a round."""
        return _slope([(one.rounds, one.python) for one in self._warm])

    @property
    def resident(self) -> float:
        """Bytes of resident memory a round."""
        return _slope([(one.rounds, one.resident) for one in self._warm])


def _slope(points: list[tuple[int, int]]) -> float:
    """The median of all slopes; 0 with fewer than two points."""
    slopes = [
        (y - was) / (x - then)
        for (then, was), (x, y) in itertools.combinations(points, 2)
        if x != then
    ]
    return statistics.median(slopes) if slopes else 0.0
