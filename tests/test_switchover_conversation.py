"""What the guest says, and what happens to it, is heard as long as anybody waits."""

from __future__ import annotations

import pytest
import trio

from hotswap.bus import CpuShutdown, MachineClock
from hotswap.cards.switchover import SwitchoverCard
from hotswap.cards.switchover_messages import LogLine
from hotswap.host.board import Board
from hotswap.switchover.conversation import LOG_KEPT, Conversation, PhaseFailed

CRASH = CpuShutdown("triple fault", 8, 0x1000)


@pytest.fixture
def card(board: Board) -> SwitchoverCard:
    found = board.slot("switchover").card
    assert isinstance(found, SwitchoverCard)
    return found


class CrashingClock(MachineClock):
    """A clock of a machine whose processor stops in the turn in which the time is over."""

    def __init__(self, nursery: trio.Nursery, card: SwitchoverCard) -> None:
        super().__init__(lambda: 0)
        self._nursery, self._card = nursery, card

    async def sleep_until(self, deadline: int, slot: int = -1) -> None:
        await trio.lowlevel.checkpoint()
        self._nursery.start_soon(self._crash)

    async def _crash(self) -> None:
        self._card.relay(CRASH)
        await trio.lowlevel.checkpoint()


async def test_a_processor_that_stops_as_the_time_is_over_is_trouble(card: SwitchoverCard) -> None:
    async with trio.open_nursery() as nursery:
        with pytest.raises(PhaseFailed, match="triple fault"):
            await Conversation(card).pass_time(CrashingClock(nursery, card), 0)


async def test_what_nobody_waited_for_is_there_for_the_board(card: SwitchoverCard) -> None:
    card.relay(CRASH)
    card._send.send_nowait(LogLine("ends"))
    talk = Conversation(card)
    assert list(talk.unheard()) == [CRASH]
    assert not list(talk.unheard())


async def test_a_guest_that_logs_without_end_fills_no_memory(
    card: SwitchoverCard, board: Board
) -> None:
    talk = Conversation(card)
    for number in range(LOG_KEPT + 10):
        card._send.send_nowait(LogLine(f"line {number}"))
    clock = board.backplane.clock
    await talk.pass_time(clock, clock.now())
    assert talk.log[0] == "line 10"
    assert talk.log[-1] == f"line {LOG_KEPT + 9}"
