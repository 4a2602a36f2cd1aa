"""A card that has faulted begins anew, as `restart` in its `[[card]]` says; a task of the machine.

| faults in the last `restart_within` seconds | `cold` | `state` |
|-|-|-|
| the first | as at power-on | with the state it had |
| a further one, after twice the delay of the one before | as at power-on | as at power-on |
| after `restart_limit` restarts | it stays off the bus | it stays off the bus |

It is another card like the one that faulted, as an operator has replaced or set it, in the same
slot: leases, media and what is plugged into its connectors stay. Seconds are of machine time, so
that equal deterministic runs are equal.
"""

from __future__ import annotations

import msgspec
import structlog

from hotswap.bus import BusError, HotswapError, Slot

from .board import Board, PlugIn
from .board_config import CardRestart
from .daemon.restart import Again, Ending, Restarts
from .elf_cards import file_of


async def restart_card(board: Board, plug: PlugIn, title: str, how: CardRestart) -> None:
    """Restart the card of `plug`, called `title`, whenever it has faulted; until cancelled."""
    restarts = Restarts()
    clock = board.backplane.clock
    log = structlog.get_logger().bind(card=title, slot=plug.slot)

    def faulty() -> Slot | None:
        slot = board.backplane.slots.get(plug.slot)
        found = slot is not None and slot.fault is not None and slot.title == title
        return slot if found else None

    while True:
        while (slot := faulty()) is None:
            await board.trouble()
        assert slot.fault is not None
        why, now = slot.fault.what, clock.now()
        verdict = restarts.after(Ending(1), why, how.policy, now / 1e9)
        if not isinstance(verdict, Again):
            log.error("card is not restarted any more; replace it", why=why)
            given_up = slot.card
            while (slot := faulty()) is None or slot.card is given_up:
                await board.trouble()
            restarts.forget()  # an operator had replaced it
            continue
        await clock.sleep_until(now + int(verdict.delay * 1e9))
        await board.backplane.unlocked()
        if (slot := faulty()) is None:
            continue  # pulled by an operator, or as before its fault, after a rollback
        cold = how.begin == "cold" or restarts.count > 1
        try:
            await _begin_anew(board, slot, cold)
            log.warning("card was restarted", why=why, begun="cold" if cold else "with its state")
        except HotswapError as error:  # as a fault: it is tried again
            log.error("card was not restarted", why=str(error))


async def _begin_anew(board: Board, slot: Slot, cold: bool) -> None:
    old = slot.card
    settings = msgspec.to_builtins(old.settings, builtin_types=(bytes,))
    card = await board.make_card(old.name, settings, file_of(old))
    try:
        if board.backplane.slots.get(slot.number) is not slot or slot.card is not old:
            raise BusError(f"card {old.name} in slot {slot.number} is another one by now")
        await board.backplane.replace(slot.number, card, cold=cold)
    except BaseException:
        card.close()
        raise
