"""Stopping a task between two of its steps, for as long as anybody asks."""

from __future__ import annotations

import trio

from .errors import CpuStateError


class Standstill:
    """Whoever `ask`ed finds the task parked; it goes on when all asked it to, and `blocked` ends.

    The task calls `park` whenever `wanted`.
    """

    def __init__(self) -> None:
        self.running = False
        """True while there is a task to be parked."""
        self._askers = 0
        self._blocked = False
        self._parked = trio.Event()
        self._go_on = trio.Event()
        self._go_on.set()

    @property
    def asked(self) -> bool:
        """True while somebody asks."""
        return self._askers > 0

    @property
    def wanted(self) -> bool:
        """True when the task should park."""
        return self._askers > 0 or self._blocked

    @property
    def blocked(self) -> bool:
        """A second reason to stand still, whoever asks or not."""
        return self._blocked

    @blocked.setter
    def blocked(self, value: bool) -> None:
        self._blocked = value
        self._release()

    def ask(self) -> None:
        """Ask the task to stand still; `parked` says when it does."""
        self._askers += 1

    async def parked(self) -> None:
        """Until the task stands still, or there is none."""
        if self.running:
            await self._parked.wait()
        else:
            await trio.lowlevel.checkpoint()

    def withdraw(self) -> None:
        """Take one `ask` back. Raises `CpuStateError` when there was none."""
        if not self._askers:
            raise CpuStateError("resume without pause")
        self._askers -= 1
        self._release()

    async def park(self) -> None:
        """Stand still while wanted (called by the task)."""
        self._go_on = trio.Event()
        self._parked.set()
        await self._go_on.wait()

    def begin(self) -> None:
        """The task runs from now on."""
        self.running = True
        self._parked = trio.Event()

    def end(self) -> None:
        """The task is gone."""
        self.running = False
        self._parked.set()

    def _release(self) -> None:
        if not self.wanted and not self._go_on.is_set():
            self._parked = trio.Event()  # from here on it counts as moving
            self._go_on.set()
