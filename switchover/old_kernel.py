"""The old kernel after a rollback: it polls for a command, and undoes what it has prepared."""

from __future__ import annotations

import trio

from hotswap.bus import BoardEvent, CardFault
from hotswap.cards.mailbox import Ack, Command

from .conversation import Conversation, PhaseFailed
from .errors import DurabilityError
from .machine import Machine
from .phases import LIMITS, Phase


async def resume_old(talk: Conversation, patience: float) -> None:
    """Have it go on from R1. Raises `PhaseFailed` when it does not."""
    talk.issue(Command.RESUME_OLD)
    try:
        with trio.fail_after(LIMITS[Phase.PREPARE].seconds * patience):
            await talk.expect(Ack.RESUMED)
    except (PhaseFailed, trio.TooSlowError) as error:
        raise PhaseFailed(f"the old kernel does not go on after the rollback: {error}") from error


async def go_on_from_r1(machine: Machine, patience: float) -> None:
    """After R1 was put back in a new process: as after a rollback, then everything may leave.

    The streams are held, and the cards have just been thawed. Raises `DurabilityError`; then
    R1 is still there, and nothing has left.
    """
    card, backplane = machine.card(), machine.backplane
    talk = Conversation(card)

    def hear(event: BoardEvent) -> None:
        (outer if isinstance(event, CardFault) else card.relay)(event)

    with backplane.locked("the resumption"), backplane.listening(hear) as outer:
        try:
            await resume_old(talk, patience)
        except PhaseFailed as failure:
            raise DurabilityError(str(failure)) from failure
        talk.end()
        if machine.durability is not None:
            machine.durability.forget()
        backplane.release_streams()
