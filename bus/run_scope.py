"""The run scope of a slot, from thaw to freeze: the task `card.run`, and what freezes wait for."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from .card import Card
from .clock import Alarm
from .errors import CARD_RAISES
from .pins import CardFault

if TYPE_CHECKING:
    from .backplane import Backplane


class RunScope(ABC):
    """Opened and ended as often as the card is thawed and frozen; the rest of a slot is `Slot`."""

    card: Card[Any]
    backplane: Backplane
    alarms: list[Alarm]
    fault: CardFault | None
    log: Any

    def __init__(self) -> None:
        self.needs_reset = False
        self.hung = False
        """While it is injected that the card hangs: its task does not run, its alarms are mute."""
        self._run_scope = trio.CancelScope()
        self._flushes: set[trio.CancelScope] = set()
        self._flush_deadline = math.inf
        self._flush_ended = trio.Event()
        self._thawed = trio.Event()
        self._ended = trio.Event()
        self._ended.set()

    @abstractmethod
    def set_fault(self, error: BaseException) -> None:
        """Take the card off the bus, for it has raised `error`."""

    @abstractmethod
    async def _run(self) -> None:
        """The card's task."""

    @asynccontextmanager
    async def flush(self) -> AsyncIterator[None]:
        """Work a freeze must not cut short: shielded, but only up to the freeze's deadline."""
        with trio.CancelScope(shield=True, deadline=self._flush_deadline) as scope:
            self._flushes.add(scope)
            try:
                yield
            finally:
                self._flushes.remove(scope)
                self._flush_ended.set()
        if scope.cancelled_caught:
            self.needs_reset = True
            self.log.warning("flush cut short", next="the card will be cold reset")

    @property
    def flushing(self) -> bool:
        """True in the middle of a `flush`."""
        return bool(self._flushes)

    async def flushed(self) -> None:
        """Until no flush is under way."""
        while self._flushes:
            self._flush_ended = trio.Event()
            await self._flush_ended.wait()

    @property
    def running(self) -> bool:
        """True while the run scope is open."""
        return not self._ended.is_set()

    async def serve(self) -> None:
        """The slot scope's task: opens a run scope each time the card is thawed."""
        while True:
            await self._thawed.wait()
            if self._thawed.is_set():  # else it was frozen again before this task had its turn
                self._ended = trio.Event()
                try:
                    with trio.CancelScope() as self._run_scope:
                        await self._run_card()
                finally:
                    self._ended.set()
            await trio.lowlevel.checkpoint()

    async def _run_card(self) -> None:
        try:
            await self._run()
        except* CARD_RAISES as error:  # whatever a card raises is the card's fault, not the board's
            self.set_fault(error)
        else:
            await trio.sleep_forever()

    def thaw(self) -> None:
        """Open the run scope; a card without a `run` of its own has none, and a freeze no work."""
        for alarm in self.alarms:
            alarm.mute(self.hung)
        self._flush_deadline = math.inf
        if self.fault is None and not self.hung and type(self.card).run is not Card.run:
            self._thawed.set()

    def hang(self, hung: bool) -> None:
        """Let the task stand still where it next awaits, or go on as after a thaw."""
        self.hung = hung
        if hung:
            for alarm in self.alarms:
                alarm.mute(True)
            self.end_run()
        elif not (self.backplane.frozen and self.card.freezes):
            self.thaw()

    def freeze(self, deadline: float) -> None:
        """Ask the run scope to end; a flush may take until `deadline` (trio's clock)."""
        for alarm in self.alarms:
            alarm.mute(True)
        self._flush_deadline = deadline
        for flush in self._flushes:
            flush.deadline = deadline
        self.end_run()

    def end_run(self) -> None:
        """Ask the task to end, without more ado; it is not thawed any more."""
        if self._thawed.is_set():  # else the task waits for this very event
            self._thawed = trio.Event()
        self._run_scope.cancel()

    async def frozen(self) -> None:
        """Until the run scope has ended."""
        await self._ended.wait()
