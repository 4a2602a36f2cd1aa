"""Deadlines in machine time for what a test waits for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import trio
import trio.testing

from hotswap.bus import MachineClock
from hotswap.host.board_run import Ended
from hotswap.host.virtual_clock import VirtualClock

LAST = 1e-9
"""A cushion of `wait_all_tasks_blocked`, s: whoever waits without one has its turn first."""
SETTLE = 8
"""Turns of a task: enough for an alarm, what its card sends then, and who listens to that."""

T = TypeVar("T")


class ExpectationFailed(AssertionError):
    """What was expected did not come in time, or what was not expected came.

    The message says what, when in machine time, and what was there instead.
    """


class Time(Protocol):
    """Where machine time comes from while a test waits."""

    clock: MachineClock

    @asynccontextmanager
    def passing(self) -> AsyncIterator[None]:
        """While the block runs, machine time passes."""
        ...

    async def settle(self) -> None:
        """Let all tasks do what they have to do at this instant."""
        ...

    async def ended(self) -> str:
        """Return when no more will come, saying why."""
        ...


class GuestTime:
    """A guest runs: its processor lets time pass. `ended` is that of its board."""

    def __init__(
        self, clock: MachineClock, running: Callable[[], bool], end: Callable[[], Awaitable[Ended]]
    ) -> None:
        self.clock = clock
        self._running, self._end = running, end

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """Nothing is to be done for it. Raises `RuntimeError` when nothing is running."""
        for _ in range(3):  # one that was just booted comes to its first turn
            if not self._running():
                await trio.lowlevel.checkpoint()
        if not self._running():
            raise RuntimeError("no guest runs on this board, so no time passes: boot one first")
        yield

    async def settle(self) -> None:
        """A few turns; the processor waits for its tasks itself before it goes on."""
        for _ in range(SETTLE):
            await trio.lowlevel.checkpoint()

    async def ended(self) -> str:
        """When the run is over."""
        ended = await self._end()
        return f"the guest ended with status {ended.status}: {ended.message or 'as it wished'}"


class HandTime:
    """No processor: time goes from alarm to alarm while somebody waits, and else stands still."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock.machine
        self._hand = clock
        self._waiting = 0
        self._begun = trio.Event()

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """As long as one block runs."""
        self._waiting += 1
        self._begun.set()
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._begun = trio.Event()

    async def settle(self) -> None:
        """Until they all wait."""
        await trio.testing.wait_all_tasks_blocked()

    async def ended(self) -> str:
        """Never."""
        await trio.sleep_forever()
        raise AssertionError("unreachable")

    async def drive(self) -> None:
        """Let time pass whenever all tasks wait, one of them for machine time."""
        while True:
            await self._begun.wait()
            await trio.testing.wait_all_tasks_blocked(LAST)
            deadline = self.clock.next_deadline()
            if self._waiting and deadline is not None:
                self._hand.now = max(self._hand.now, deadline)
                self.clock.fire()


async def within(time: Time, ns: int, wait: Callable[[], Awaitable[T]]) -> tuple[T | None, str]:
    """What `wait` returns, if it does within `ns` of machine time; else None, and why not."""
    clock, results = time.clock, list[T]()
    why = ""
    async with time.passing(), trio.open_nursery() as nursery:

        async def get() -> None:
            results.append(await wait())
            nursery.cancel_scope.cancel()

        async def limit() -> None:
            await clock.sleep_until(begun + ns)
            await time.settle()  # what comes at this very instant is in time
            nursery.cancel_scope.cancel()

        async def end() -> None:
            nonlocal why
            why = await time.ended()
            nursery.cancel_scope.cancel()

        begun = clock.now()
        nursery.start_soon(get)
        nursery.start_soon(limit)
        nursery.start_soon(end)
    return (results[0], "") if results else (None, why)
