"""Faults on the bus under a switchover: it is refused, rolled back or committed, and no program
notices."""

from __future__ import annotations

import pytest

from hotswap.bus.injection import (
    AnyFault,
    Corrupt,
    Delay,
    Drop,
    Duplicate,
    KillCard,
    LoseIrq,
    StormIrq,
)
from hotswap.cards.switchover import CARD_BASE, CARD_IRQ
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import Refused, RolledBack
from hotswap.switchover.options import Options

FIRST, LAST = CARD_BASE, CARD_BASE + 0x43
ENDS = {"committed", "rolled back", "refused"}
CASES: list[tuple[AnyFault, set[str]]] = [
    (LoseIrq(irq=CARD_IRQ), {"refused"}),
    (LoseIrq(irq=CARD_IRQ, skip=1), {"rolled back"}),
    (StormIrq(irq=CARD_IRQ, ns=500_000, times=100), ENDS),
    (Drop(first=FIRST, last=LAST, direction="out", skip=6), {"rolled back", "refused"}),
    (Drop(first=FIRST, last=LAST, direction="in"), {"refused"}),
    (Delay(first=FIRST, last=LAST, ns=20_000), {"committed"}),
    (Duplicate(first=FIRST, last=LAST, direction="out"), ENDS),
    *[
        (Corrupt(first=FIRST, last=LAST, xor=1 << bit, probability=0.1, seed=bit), ENDS)
        for bit in (0, 12, 31)
    ],
]


async def outcome(guest: Guest, patience: float) -> str:
    """How a switchover to version 2 ends."""
    options = Options(patience=patience)
    try:
        return (await Switchover(guest.board.machine, refkernel(2), options).run()).outcome
    except RolledBack as back:
        return back.report.outcome
    except Refused:
        return "refused"


@pytest.mark.parametrize(("fault", "ends"), CASES, ids=[str(case[0])[:40] for case in CASES])
async def test_a_switchover_ends_well_and_programs_notice_nothing(
    fault: AnyFault, ends: set[str], guest: Guest
) -> None:
    guest.boot(["pipes:3", "sorter:3"])
    await guest.pass_time(20_000_000)
    injections = guest.board.backplane.injections
    injected = injections.add(fault)
    assert await outcome(guest, PATIENCE if ends == {"committed"} else 1) in ends
    assert injected.hits, "nothing has gone wrong"
    injections.clear()
    words = await guest.reported()
    assert all(word.startswith("ok") for word in words.values()), words


async def test_after_what_went_wrong_is_mended_the_next_one_is_committed(guest: Guest) -> None:
    guest.boot(["pipes:6", "sorter:4"])
    await guest.pass_time(20_000_000)
    guest.board.backplane.injections.add(LoseIrq(irq=CARD_IRQ, skip=1))
    assert await outcome(guest, 1) == "rolled back"
    guest.board.backplane.injections.clear()
    assert await outcome(guest, PATIENCE) == "committed"
    words = await guest.reported()
    assert all(word.startswith("ok") for word in words.values()), words


async def test_a_card_killed_by_injection_is_the_reason_it_is_refused(guest: Guest) -> None:
    """As any card fault before; and the card is named."""
    guest.boot(["pipes:4"])
    await guest.pass_time(20_000_000)
    guest.board.backplane.injections.add(KillCard(card="uart"))
    with pytest.raises(Refused, match="uart"):
        await Switchover(guest.board.machine, refkernel(2), Options(patience=PATIENCE)).run()
