"""The calls of hotswap_card.h: what a card's code may ask of the board, and what it may not.

Each gets words the card has chosen. What is wrong with them raises `HotswapError`, which ends the
call, and the card with it; so nothing here may take more memory or time than a call is worth.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hotswap.bus import BusError, HotswapError, Slot

from .budgets import Budgets
from .commands import Work
from .host_names import HOST_CALLS
from .log_limit import LogLimit
from .memory_calls import BYTES_MAX, MemoryCalls

if TYPE_CHECKING:
    from .card import ElfCard

LEVELS = {7: logging.DEBUG, 6: logging.INFO, 5: logging.INFO, 4: logging.WARNING}
"""Of syslog; what is more urgent is an error."""


class HostCalls(MemoryCalls):
    """Those of one card, all of them."""

    def __init__(self, card: ElfCard, budgets: Budgets) -> None:
        super().__init__(card)
        self._budgets = budgets
        self._log = LogLimit(budgets.lines_of_log)
        self.changes = 0
        """Of lines, in this call."""

    def links(self) -> dict[str, int]:
        """Make all callable, always in the same order; their addresses."""
        engine = self._card.engine
        return {
            name: engine.host_call(getattr(self, name.removeprefix("hotswap_")), words)
            for name, words in HOST_CALLS.items()
        }

    # -- lines and time -------------------------------------------------------------------------

    def irq(self, line: int, level: int) -> int:
        """Drive an IRQ line."""
        return self._drive("irq", line, level)

    def drq(self, line: int, level: int) -> int:
        """Drive a DRQ line."""
        return self._drive("drq", line, level)

    def _drive(self, kind: str, line: int, level: int) -> int:
        card = self._card
        count = card.irq_count if kind == "irq" else card.drq_count
        if line >= count:
            raise HotswapError(f"hotswap_{kind}: line {line}, and it has {count}")
        slot = self._slot
        if slot is None:
            return 0
        wire = (slot.irqs if kind == "irq" else slot.drqs)[line]
        if wire.level != bool(level):
            self.changes += 1
            if self.changes > self._budgets.lines:
                raise HotswapError(
                    f"hotswap_{kind}: lines have changed {self._budgets.lines} times in this call"
                )
            wire.set(bool(level))
        return 0

    def now(self) -> int:
        """Machine time, ns."""
        slot = self._card.plugged_in
        return 0 if slot is None else slot.clock.now()

    def timer(self, timer: int, low: int, high: int) -> int:
        """Set a timer, or stop it."""
        if timer >= self._card.image.descriptor.timers:
            count = self._card.image.descriptor.timers
            raise HotswapError(f"hotswap_timer: timer {timer}, and `timers` is {count}")
        if not self.quiet:
            self._state.timers[timer] = (high << 32 | low) or None
            self._card.arm()
        return 0

    def post(self, what: int, argument: int) -> int:
        """Work for the card's own task."""
        if not self._card.image.descriptor.functions.work:
            raise HotswapError("hotswap_post: the card has no function work")
        slot = self._slot
        if slot is not None:
            try:
                slot.post(Work(what, argument))
            except BusError as error:
                raise HotswapError(f"hotswap_post: {error}") from error
        return 0

    # -- the back end ---------------------------------------------------------------------------

    def put(self, address: int, size: int) -> int:
        """Bytes out."""
        if size > BYTES_MAX:
            raise HotswapError(f"hotswap_put: {size} bytes; at most {BYTES_MAX} at once")
        slot = self._slot
        if not size or slot is None:
            return 0
        content = self._read("hotswap_put", address, size)
        if len(slot.output) + size > self._budgets.output:
            self._say(slot, logging.WARNING, "output is dropped: the back end is far behind")
        else:
            slot.output.write(content)
        return 0

    def room(self) -> int:
        """How many bytes may be put."""
        slot = self._slot
        if slot is None:
            return 0
        if slot.output.full:
            self._state.wants_room = True
            self._card.own_time.look_for_room()
            return 0
        return max(1, slot.output.capacity - len(slot.output))

    def get(self, address: int, size: int) -> int:
        """Bytes in."""
        slot = self._slot
        if slot is None or not size or not slot.input:
            return 0
        content = slot.input.read(min(size, BYTES_MAX))
        self._write("hotswap_get", address, content)
        return len(content)

    def log(self, level: int, address: int) -> int:
        """A line for the log."""
        text = self._text("hotswap_log", address)
        slot = self._slot
        if slot is not None:
            self._say(slot, LEVELS.get(level, logging.ERROR if level < 4 else logging.DEBUG), text)
        return 0

    def _say(self, slot: Slot, level: int, text: str) -> None:
        if (dropped := self._log.pass_on(slot.clock.now())) is None:
            return
        slot.log.log(level, "card says", text=text, **({"dropped": dropped} if dropped else {}))

    def fail(self, address: int) -> int:
        """The card gives up."""
        raise HotswapError(f"hotswap_fail: {self._text('hotswap_fail', address)}")
