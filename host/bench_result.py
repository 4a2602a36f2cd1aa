"""A row of the benchmark, and how two ways of doing the same are compared fairly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec


class Row(msgspec.Struct):
    """One figure. `ratio` is value to baseline such that the limit in docs/bench.md applies."""

    name: str
    value: float
    unit: str
    baseline: float
    ratio: float


async def alternate(
    ours: Callable[[], Awaitable[float]], base: Callable[[], Awaitable[float]], rounds: int
) -> tuple[float, float]:
    """Best seconds of each, run in turn so that both see the same machine."""
    best_ours = best_base = float("inf")
    for _ in range(rounds):
        best_ours = min(best_ours, await ours())
        best_base = min(best_base, await base())
    return best_ours, best_base
