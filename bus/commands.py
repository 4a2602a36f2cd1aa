"""Commands: what a card's bus handlers post to the card's own task.

A bounded queue with one promise, which a switchover needs: a command stays the queue's until the
body that works on it has come back for the next one. Cancel the task in between and the command is
still there, first in line, for the next `run`; so a body that awaits first and changes the card
last is carried out exactly once. That is why this is no trio memory channel: a channel hands a
value over before it has been worked on, and for a moment no snapshot would find it anywhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Generic, TypeVar

import trio

from .errors import BusError

C = TypeVar("C")


class Commands(Generic[C]):
    """The command queue of one card; one task does `async for command in slot.commands`."""

    def __init__(self, capacity: int = 256) -> None:
        self.capacity = capacity
        self._queue: deque[C] = deque()
        self._working = False
        """The body has the first one, which goes when it comes back."""
        self._posted = trio.Event()
        self._done: trio.Event | None = None  # somebody waits for the last one
        self._outside: list[C] | None = None  # fed since the mark

    def feed(self, command: C) -> None:
        """As `post`, for what comes from outside the machine: a rewind posts it again.

        Raises `BusError` as that does, and when as many are kept for a rewind.
        """
        if self._outside is not None:
            if len(self._outside) >= self.capacity:
                raise BusError(f"{self.capacity} commands are kept for a rewind; feed them later")
            self._outside.append(command)
        self.post(command)

    def post(self, command: C) -> None:
        """Append a command. Raises `BusError` when the card is `capacity` commands behind."""
        if len(self._queue) >= self.capacity:
            raise BusError(
                f"{self.capacity} commands are waiting; a card whose task is behind must say BSY "
                "instead of posting more"
            )
        self._queue.append(command)
        self._posted.set()

    def __len__(self) -> int:
        return len(self._queue)

    def __aiter__(self) -> AsyncIterator[C]:
        self._working = False  # the last run may have been cancelled in the middle of the first
        return self

    async def __anext__(self) -> C:
        if self._working:
            self._queue.popleft()
            self._working = False
            if not self._queue and self._done is not None:
                self._done.set()
                self._done = None
        await trio.lowlevel.checkpoint()
        while not self._queue:
            self._posted = trio.Event()
            await self._posted.wait()
            await trio.lowlevel.checkpoint_if_cancelled()  # posted first, then pulled or frozen
        self._working = True
        return self._queue[0]

    async def done(self) -> None:
        """Until the last one has been carried out."""
        while self._queue:
            self._done = self._done or trio.Event()
            await self._done.wait()
        await trio.lowlevel.checkpoint()

    def hold(self) -> None:
        """Keep a copy of everything that is fed from here on."""
        self._outside = []

    def rewind(self) -> None:
        """After `restore`: post what was fed since the hold again, in order."""
        if self._outside:
            self._queue.extend(self._outside)
            self._posted.set()

    def release(self) -> None:
        """Forget the copies."""
        self._outside = None

    def snapshot(self) -> list[C]:
        """Every command not yet carried out, oldest first. The card may be running."""
        return list(self._queue)

    def restore(self, commands: Iterable[C]) -> None:
        """Make the queue exactly `commands`. The card's task must not be working on one."""
        self._queue = deque(commands)
        self._working = False
        self._posted.set()
