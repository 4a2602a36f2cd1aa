"""A switchover card that can be tampered with, and a card that makes trouble.

The kernels answer as they always do; what reaches the mailbox is what the fault makes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import trio

from hotswap.bus import Card, PortRange, Slot, State
from hotswap.cards.mailbox import Ack
from hotswap.cards.switchover import Register, SwitchoverCard
from hotswap.host.board import Board


class Answer(NamedTuple):
    """An ACK that reaches the mailbox, `after` so many ns."""

    phase: int
    code: int = 0
    after: int = 0


Change = Callable[[Answer], Sequence[Answer]]
"""What becomes of the guest's next answer."""


class TamperedCard(SwitchoverCard):
    """Once `tamper` is set, the next ACK of the guest, no other, is replaced by what it says."""

    tamper: Change | None = None
    pending: tuple[Answer, int] | None = None
    """An answer that is on its way, and its transaction."""

    def write(self, port: int, width: int, value: int) -> None:
        """OUT."""
        if width == 4 and port - self.settings.base == Register.ACK and self.tamper is not None:
            change, self.tamper = self.tamper, None
            txn = value & 0xFFFF
            for answer in change(Answer(value >> 24, value >> 16 & 0xFF)):
                if answer.after:
                    self.pending = answer, txn
                    self.slot.alarm.set(self.slot.clock.now() + answer.after)
                else:
                    self._arrive(answer, txn)
        else:
            super().write(port, width, value)

    def _arrive(self, answer: Answer, txn: int) -> None:
        value = answer.phase << 24 | answer.code << 16 | txn
        super().write(self.settings.base + Register.ACK, 4, value)

    def _late(self) -> None:
        assert self.pending is not None
        pending, self.pending = self.pending, None
        self._arrive(*pending)

    def be_honest(self) -> None:
        """Tamper with nothing any more."""
        self.tamper = self.pending = None
        self.slot.alarm.set(None)

    async def run(self, slot: Slot) -> None:
        """As the card does; an answer that is late comes by the slot's alarm."""
        with slot.calling(self._late):
            await super().run(slot)


class TroublesomeState(State):
    """None."""


class Troublesome(Card[TroublesomeState]):
    """A card that raises in its task, or is deaf to cancellation, when it is told to."""

    name = "troublesome"
    ports = PortRange(0x2E0, 1)
    state_type = TroublesomeState

    def __init__(self) -> None:
        super().__init__()
        self.deaf = False
        self.released = trio.Event()

    def read(self, port: int, width: int) -> int:
        """IN."""
        return 0x5A

    def release(self) -> None:
        """Hear again."""
        self.released.set()
        self.released = trio.Event()

    async def run(self, slot: Slot) -> None:
        """Do what was posted: raise it, or shield from everybody until `release`."""
        async for order in slot.commands:
            if order == "raise":
                raise RuntimeError("smoke")
            self.deaf = True
            try:
                with trio.CancelScope(shield=True):
                    await self.released.wait()
            finally:
                self.deaf = False


async def plug_in(board: Board) -> tuple[TamperedCard, Troublesome]:
    """Replace the switchover card by one to tamper with, and add one that makes trouble."""
    slot = board.slot("switchover")
    number, settings = slot.number, slot.card.settings
    await board.backplane.remove(number)
    mailbox, troublesome = TamperedCard(settings), Troublesome()
    await board.backplane.insert(mailbox, number)
    await board.backplane.insert(troublesome)
    return mailbox, troublesome


# What becomes of an answer. --------------------------------------------------------------------


def withhold(_: Answer) -> Sequence[Answer]:
    """No answer."""
    return []


def replace(answer: Answer) -> Sequence[Answer]:
    """One that means nothing."""
    return [Answer(0x55)]


def double(answer: Answer) -> Sequence[Answer]:
    """The same twice."""
    return [answer, answer]


def delay(answer: Answer) -> Sequence[Answer]:
    """The same 3 ms later."""
    return [answer._replace(after=3_000_000)]


def give_up(_: Answer) -> Sequence[Answer]:
    """The guest's apology instead."""
    return [Answer(Ack.ERROR, 7)]


def overtake(answer: Answer) -> Sequence[Answer]:
    """That of another step comes before it."""
    other = Ack.RESTORED if answer.phase != Ack.RESTORED else Ack.RESUMED
    return [Answer(other), answer]
