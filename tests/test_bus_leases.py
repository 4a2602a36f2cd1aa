"""Which of a card's alternatives is leased; whatever is refused leaves the leases as they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from hotswap.bus import (
    Backplane,
    BusError,
    Card,
    CardError,
    MachineClock,
    MemoryRange,
    PortRange,
    Resources,
    Slot,
    State,
    open_backplane,
)
from hotswap.host.pytest_plugin import Ports

JUMPERS = (
    Resources(ports=(PortRange(0x280, 2),), irqs=(5,)),
    Resources(ports=(PortRange(0x290, 2),), irqs=(5,)),
    Resources(ports=(PortRange(0x290, 2),), irqs=(3,)),
)


class Jumpered(Card[State]):
    """Answers with the low byte of the port it is at."""

    name = "jumpered"
    state_type = State

    def __init__(self, offered: Sequence[Any] = JUMPERS) -> None:
        super().__init__()
        self.offered = offered

    def alternatives(self) -> Sequence[Resources]:
        return self.offered

    def plugged(self, slot: Slot) -> None:
        self.base = slot.resources.ports[0].start if slot.resources.ports else 0

    def read(self, port: int, width: int) -> int:
        return self.base & 0xFF


class Holder(Jumpered):
    name = "holder"


async def test_the_first_alternative_that_is_free_is_taken(
    backplane: Backplane, ports: Ports
) -> None:
    slot = await backplane.insert(Jumpered())
    assert slot.resources == JUMPERS[0]
    assert ports.read(0x280) == 0x80

    second = await backplane.insert(Jumpered())
    assert second.resources == JUMPERS[2]
    assert second.irq.line == 3
    assert ports.read(0x290) == 0x90
    assert backplane.leases == {0: JUMPERS[0], 1: JUMPERS[2]}


async def test_when_none_is_free_each_is_named_with_who_has_it(backplane: Backplane) -> None:
    await backplane.insert(Holder([Resources(ports=(PortRange(0x281, 1),))]))
    await backplane.insert(Holder([Resources(irqs=(5,))]))
    await backplane.insert(Holder([Resources(irqs=(3,))]))
    with pytest.raises(BusError) as refused:
        await backplane.insert(Jumpered())
    assert str(refused.value) == (
        "card jumpered: none of its 3 alternatives is free: "
        "ports 0x0280-0x0281, IRQ 5 (port 0x0281 (of 0x0280-0x0281) is taken by card holder in "
        "slot 0); "
        "ports 0x0290-0x0291, IRQ 5 (IRQ 5 is driven by card holder in slot 1); "
        "ports 0x0290-0x0291, IRQ 3 (IRQ 3 is driven by card holder in slot 2); "
        "remove a card that is in the way"
    )


async def test_an_alternative_can_be_asked_for(backplane: Backplane) -> None:
    slot = await backplane.insert(Jumpered(), resources=JUMPERS[1])
    assert slot.resources == JUMPERS[1]
    with pytest.raises(BusError, match=r"^card jumpered: port 0x0290 .* taken by card jumpered"):
        await backplane.insert(Jumpered(), resources=JUMPERS[2])
    with pytest.raises(BusError, match=r"IRQ 9 is not among its alternatives; use the version"):
        await backplane.insert(Jumpered(), resources=Resources(irqs=(9,)))


@pytest.mark.parametrize(
    ("offered", "error", "message"),
    [
        ([Resources(irqs=(5, 5))], BusError, "it names IRQ 5 twice"),
        ([Resources(drqs=(1, 1))], BusError, "it names DRQ 1 twice"),
        ([Resources(irqs=(16,))], BusError, "there is no IRQ 16; use 0 to 15"),
        ([Resources(drqs=(-1,))], BusError, "there is no DRQ -1; use 0 to 7"),
        (
            [Resources(ports=(PortRange(0x280, 4), PortRange(0x282, 1)))],
            BusError,
            "its ports 0x0280-0x0283 and 0x0282 overlap",
        ),
        (
            [Resources(windows=(MemoryRange(0xD0000, 0x2000), MemoryRange(0xD1000, 0x1000)))],
            BusError,
            "its windows 0x000d0000-0x000d1fff and 0x000d1000-0x000d1fff overlap",
        ),
        ([Resources(cycle_width=3)], BusError, "no bus is 3 bytes wide"),  # type: ignore[arg-type]
        ([Resources(disks=-1)], BusError, "it cannot have -1 drives"),
        ([Resources(latches={0x280: "x"})], BusError, "latch at 0x0280 is at none of its ports"),
        (
            [Resources(ports=(PortRange(0x280, 1),), latches={0x280: "x"})],
            BusError,
            "to be the number x of its state, which State has not",
        ),
        ([], CardError, r"its alternatives\(\) are \(\); return some Resources"),
        ([PortRange(0x280, 1)], CardError, "return some Resources"),
        (None, CardError, "it cannot say what it leases: TypeError"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    backplane: Backplane, offered: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"card jumpered: .*{message}"):
        await backplane.insert(Jumpered(offered))
    assert not backplane.leases
    assert not backplane.slots


async def test_a_card_is_in_one_slot_only(backplane: Backplane) -> None:
    card = Jumpered()
    await backplane.insert(card)
    with pytest.raises(BusError, match="this card jumpered is in slot 0 already"):
        await backplane.insert(card)


class Refusing(Jumpered):
    name = "refusing"

    def plugged(self, slot: Slot) -> None:
        slot.irqs and slot.irq.set(True)  # type: ignore[func-returns-value]
        raise SystemExit(3)


def held(backplane: Backplane) -> object:
    """All that is leased, by whom, and the levels of the lines."""
    return (
        dict(backplane.leases),
        {port: h.number for port in range(0x300, 0x310) if (h := backplane.io.holder(port))},
        {n: h.number for n in range(16) if (h := backplane.windows.holder(0xD0000 + n * 0x1000))},
        [backplane.irq.holder(line) for line in range(16)],
        [backplane.drq.holder(line) for line in range(8)],
        list(backplane.irq.levels),
        list(backplane.io.latches.cells[0x300:0x310]),
        {number: slot.card for number, slot in backplane.slots.items()},
    )


PLACES = st.builds(
    Resources,
    ports=st.lists(st.builds(PortRange, st.integers(0x300, 0x30E), st.integers(1, 2)), max_size=2),
    irqs=st.lists(st.integers(2, 5), max_size=2),
    drqs=st.lists(st.integers(0, 8), max_size=1),
    windows=st.lists(
        st.builds(lambda n: MemoryRange(0xD0000 + n * 0x1000, 0x1000), st.integers(0, 3)),
        max_size=2,
    ),
)
INSERTIONS = st.lists(
    st.tuples(
        st.sampled_from((Jumpered, Jumpered, Refusing)),
        st.lists(PLACES, max_size=3),
        st.none() | st.integers(0, 3),
    ),
    max_size=12,
)


@given(INSERTIONS)
def test_after_a_refused_insertion_the_leases_are_as_before(
    insertions: list[tuple[type[Jumpered], list[Resources], int | None]],
) -> None:
    async def insert_all() -> None:
        async with open_backplane(MachineClock(lambda: 0)) as backplane:
            for kind, offered, number in insertions:
                before = held(backplane)
                try:
                    slot = await backplane.insert(kind(offered), number)
                except (BusError, CardError) as refused:
                    assert "card " in str(refused)  # noqa: PT017
                    assert held(backplane) == before
                else:
                    assert slot.resources in offered
                    assert held(backplane) != before

    trio.run(insert_all)
