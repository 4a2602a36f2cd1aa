"""The stray-write audit: what did the new kernel write before it was allowed to?

Between R1 and COMMIT only the kernel range, SCRATCH, the echo area, the map and low memory may
change; any other dirty page is a user page (or an old kernel's) somebody wrote to by mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .memory import Span
from .schema import PAGE


def stray_writes(dirty: Iterable[tuple[int, int]], allowed: Sequence[Span]) -> list[Span]:
    """The runs (page number, pages) of `dirty`, cut to what is not inside `allowed`."""
    spans = sorted((span.lo, span.hi) for span in allowed)
    stray: list[Span] = []
    for page, count in dirty:
        at, end = page * PAGE, (page + count) * PAGE
        for lo, hi in spans:
            if hi <= at:
                continue
            if lo >= end:
                break
            if at < lo:
                stray.append(Span("stray write", at, lo))
            at = max(at, hi)
        if at < end:
            stray.append(Span("stray write", at, end))
    return stray
