"""What a card does in its own time: timers, what it posted, what came in and goes out.

Its processor is one: a call takes machine time, and the next waits for it. So a card that always
has something to do leaves the board its turns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from hotswap.bus import Slot

from .budgets import INSTRUCTION_NS, PERIOD_NS
from .commands import Work
from .report import code_error

if TYPE_CHECKING:
    from .card import ElfCard


class OwnTime:
    """That of one card."""

    def __init__(self, card: ElfCard) -> None:
        self._card = card
        self._functions = card.image.descriptor.functions
        self._budgets = card.budgets
        self._wanted = trio.Event()

    def arm(self) -> None:
        """Let the slot's alarm ring when the first timer runs out, and the card is not busy."""
        slot, state = self._card.plugged_in, self._card.state
        if slot is None:
            return
        deadlines = [deadline for deadline in state.timers if deadline is not None]
        first = max(min(deadlines), state.busy_until) if deadlines else None
        if first != slot.alarm.deadline:
            slot.alarm.set(first)

    def look_for_room(self) -> None:
        """hotswap_room was 0: `run` is to wait for room."""
        self._wanted.set()

    async def run(self, slot: Slot) -> None:
        """From thaw to freeze. Raises `CodeError` when the code does wrong."""
        self.arm()
        with slot.calling(self._due):
            async with trio.open_nursery() as nursery:
                if self._functions.input:
                    nursery.start_soon(self._take_input, slot)
                if self._functions.output:
                    nursery.start_soon(self._make_output, slot)
                async for command in slot.commands:
                    if isinstance(command, Work):
                        await self._at_leisure(slot)
                        words = command.what, command.argument
                        during = f"work({command.what:#x}, {command.argument:#x})"
                        self._call(self._functions.work, words, self._budgets.work, during)

    def _call(self, entry: int, arguments: tuple[int, ...], budget: int, during: str) -> None:
        card = self._card
        card.host.changes = 0
        result = card.engine.call(entry, arguments, budget)
        now = card.slot.clock.now()
        card.state.busy_until = now + result.instructions * INSTRUCTION_NS
        if result.fault is not None:
            raise code_error(card.image, result.fault, during)

    def _due(self) -> None:
        """The alarm has rung: every timer that has run out, in order, then a pause."""
        state, now = self._card.state, self._card.slot.clock.now()
        due = sorted((d, n) for n, d in enumerate(state.timers) if d is not None and d <= now)
        spent = 0
        for deadline, number in due:
            if state.timers[number] != deadline:
                continue  # one before it has set it anew
            state.timers[number] = None
            during = f"timer({number})"
            self._call(self._functions.timer, (number,), self._budgets.turn, during)
            spent += state.busy_until - now
        state.busy_until = now + max(spent, PERIOD_NS)
        self.arm()

    async def _at_leisure(self, slot: Slot) -> None:
        """Until the card's processor has nothing else to do."""
        while slot.clock.now() < self._card.state.busy_until:
            await slot.clock.sleep_until(self._card.state.busy_until, slot.number)

    async def _take_input(self, slot: Slot) -> None:
        while True:
            await slot.input.wait()
            await self._at_leisure(slot)
            waiting = len(slot.input)
            self._call(self._functions.input, (), self._budgets.turn, "input()")
            if len(slot.input) == waiting:
                await slot.input.more()

    async def _make_output(self, slot: Slot) -> None:
        card = self._card
        while True:
            if not card.state.wants_room:
                self._wanted = trio.Event()
                await self._wanted.wait()
            await slot.output.room()
            await self._at_leisure(slot)
            if card.state.wants_room and not slot.output.full:
                card.state.wants_room = False
                self._call(self._functions.output, (), self._budgets.turn, "output()")
