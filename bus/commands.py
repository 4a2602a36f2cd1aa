"""Commands: what a card's bus handlers post to the card's own task.

The transport is a bounded trio memory channel. On top of it lies one promise, which a switchover
needs: a command stays the queue's until the body that works on it has come back for the next one.
Cancel the task in between and the command is still there, first in line, for the next `run`; so a
body that awaits first and changes the card last is carried out exactly once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

import trio

from .errors import BusError

C = TypeVar("C")


class Commands(Generic[C]):
    """The command queue of one card; `async for command in slot.commands`."""

    def __init__(self, capacity: int = 256) -> None:
        self._send, self._receive = trio.open_memory_channel[C](capacity)
        self._first: deque[C] = deque()  # interrupted or restored commands, before the channel's
        self._working: C | None = None

    def post(self, command: C) -> None:
        """Append a command. Raises `BusError` when the card is `capacity` commands behind."""
        try:
            self._send.send_nowait(command)
        except trio.WouldBlock:
            raise BusError(
                f"{self._send.statistics().max_buffer_size:g} commands are waiting; a card whose "
                "task is behind must say BSY instead of posting more"
            ) from None

    def __len__(self) -> int:
        waiting = self._send.statistics().current_buffer_used
        return waiting + len(self._first) + (self._working is not None)

    def __aiter__(self) -> AsyncIterator[C]:
        if self._working is not None:  # the last run was cancelled in the middle of it
            self._first.appendleft(self._working)
            self._working = None
        return self

    async def __anext__(self) -> C:
        self._working = None
        if self._first:
            await trio.lowlevel.checkpoint()
            self._working = self._first.popleft()
        else:
            self._working = await self._receive.receive()
        return self._working

    def snapshot(self) -> list[C]:
        """Every command not yet carried out, oldest first, left where it is."""
        commands = self._drain()
        self._first.extend(commands)
        return commands

    def restore(self, commands: list[C]) -> None:
        """Make the queue exactly `commands`. The card's task must not be running."""
        self._drain()
        self._first.extend(commands)

    def _drain(self) -> list[C]:
        commands: list[C] = [] if self._working is None else [self._working]
        self._working = None
        commands.extend(self._first)
        self._first.clear()
        while True:
            try:
                commands.append(self._receive.receive_nowait())
            except trio.WouldBlock:
                return commands

    def close(self) -> None:
        """End of the slot scope."""
        self._send.close()
        self._receive.close()
