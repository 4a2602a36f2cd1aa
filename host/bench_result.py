"""A row of the benchmark, and how two ways of doing the same are compared fairly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from statistics import median
from typing import NamedTuple

import msgspec


class Row(msgspec.Struct, omit_defaults=True):
    """One figure. `ratio` is value to baseline such that the limit in docs/bench.md applies.

    `bare` is the value of the engine without a board, where that can do the same.
    """

    name: str
    value: float
    unit: str
    baseline: float
    ratio: float
    bare: float | None = None


class Pair(NamedTuple):
    """Two ways of doing the same: the best seconds of each, and how many times `base` ours took.

    The factor is the median of the rounds', not that of the bests: other guests of the host slow
    a round down as a whole, and both ways in it alike.
    """

    ours: float
    base: float
    factor: float


async def alternate(
    ours: Callable[[], Awaitable[float]], base: Callable[[], Awaitable[float]], rounds: int
) -> Pair:
    """Measure both `rounds` times in turn, so that both see the same machine."""
    pairs = [(await ours(), await base()) for _ in range(rounds)]
    first, second = zip(*pairs, strict=True)
    return Pair(min(first), min(second), median(one / other for one, other in pairs))
