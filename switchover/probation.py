"""PROBATION: the new kernel's timer ticks must be heard in each half of it."""

from __future__ import annotations

from hotswap.bus import MachineClock

from .conversation import Conversation, PhaseFailed

WATCHED = 20_000_000
"""ns: a kernel's watchdog is expected to be kicked at least once in so long (HZ 50 and more)."""
TICK_LATE = 10
"""Turns the guest gets after the end of that, each half of it long."""


async def prove(talk: Conversation, clock: MachineClock, ms: float) -> None:
    """Let `ms` of machine time pass. Raises PhaseFailed when the new kernel is in trouble."""
    began = clock.now()
    half = int(ms * 1e6) // 2
    for until in (began + half, began + 2 * half):
        before = talk.progress
        await talk.pass_time(clock, until)
        if half >= WATCHED:
            await _hear_tick(talk, clock, before)


async def _hear_tick(talk: Conversation, clock: MachineClock, before: int) -> None:
    """Progress has changed since it was `before`, or does so soon.

    A busy host lets neither timer nor guest have their turn for a while, and both are late.
    """
    for _ in range(TICK_LATE):
        if talk.progress != before:
            return
        await talk.pass_time(clock, clock.now() + WATCHED // 2)
    raise PhaseFailed("the new kernel's watchdog was not kicked: it takes no timer tick")
