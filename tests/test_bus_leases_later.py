"""Leases taken while a card is plugged in: all or nothing, and gone with the card."""

from __future__ import annotations

import msgspec
import pytest

from hotswap.bus import Backplane, BusError, Card, MemoryRange, PortRange, Resources, Slot, State
from hotswap.host.pytest_plugin import Ports

PORT, WINDOW = 0x300, 0xD0000
MORE = Resources(
    ports=(PortRange(PORT, 2),), irqs=(5,), drqs=(3,), windows=(MemoryRange(WINDOW, 0x1000),)
)


class LatchState(State):
    latch: int = 0x42


class Growing(Card[LatchState]):
    """Leases nothing until it is told to."""

    name = "growing"
    state_type = LatchState

    def read(self, port: int, width: int) -> int:
        return 0x11

    def memory_read(self, address: int, width: int) -> int:
        return 0x22


class Fixed(Card[LatchState]):
    """Has `taken` from the beginning."""

    name = "fixed"
    state_type = LatchState

    def __init__(self, taken: Resources) -> None:
        super().__init__()
        self.taken = taken

    def resources(self) -> Resources:
        return self.taken


def held(backplane: Backplane) -> list[object]:
    """Who has what `MORE` asks for."""
    return [
        backplane.io.holder(PORT),
        backplane.windows.holder(WINDOW),
        backplane.irq.holder(5),
        backplane.drq.holder(3),
    ]


async def grown(backplane: Backplane) -> Slot:
    return await backplane.insert(Growing())


async def test_a_lease_taken_later_is_as_one_taken_at_insertion(
    backplane: Backplane, ports: Ports
) -> None:
    slot = await grown(backplane)
    assert ports.read(PORT) == 0xFF
    lease = slot.lease(MORE)
    assert (ports.read(PORT), backplane.memory_read(WINDOW, 1)) == (0x11, 0x22)
    assert (slot.irq, slot.drq) == (lease.irqs[0], lease.drqs[0])
    slot.irq.set(True)
    assert backplane.irq.levels[5]
    assert backplane.leases[slot.number].ports == (PortRange(PORT, 2),)


async def test_what_is_given_back_floats_and_is_low(backplane: Backplane, ports: Ports) -> None:
    slot = await grown(backplane)
    lease = slot.lease(MORE)
    slot.irq.set(True)
    slot.release(lease)
    assert (ports.read(PORT), backplane.memory_read(WINDOW, 1)) == (0xFF, 0xFF)
    assert held(backplane) == [None] * 4
    assert not backplane.irq.levels[5]
    assert (slot.irqs, slot.drqs) == ([], [])
    slot.lease(MORE)


async def test_one_of_two_leases_is_given_back_by_itself(
    backplane: Backplane, ports: Ports
) -> None:
    slot = await grown(backplane)
    first = slot.lease(Resources(ports=(PortRange(PORT, 1),), irqs=(5,)))
    slot.lease(Resources(ports=(PortRange(PORT + 1, 1),), irqs=(7,)))
    slot.release(first)
    assert (ports.read(PORT), ports.read(PORT + 1)) == (0xFF, 0x11)
    assert [wire.line for wire in slot.irqs] == [7]


@pytest.mark.parametrize("what", ["ports", "irqs", "drqs", "windows"])
async def test_a_conflict_takes_nothing_and_says_who_has_it(
    backplane: Backplane, what: str
) -> None:
    taken = msgspec.structs.replace(Resources(), **{what: getattr(MORE, what)})
    other = await backplane.insert(Fixed(taken))
    slot = await grown(backplane)
    before = held(backplane)
    with pytest.raises(BusError, match=r"card growing: .* card fixed in slot 0"):
        slot.lease(MORE)
    assert held(backplane) == before
    assert (slot.irqs, slot.drqs, backplane.leases[slot.number]) == ([], [], Resources())
    await backplane.remove(other.number)
    slot.lease(MORE)


async def test_a_latch_that_is_no_field_takes_nothing(backplane: Backplane) -> None:
    slot = await grown(backplane)
    with pytest.raises(BusError, match="number nothing of its state"):
        slot.lease(msgspec.structs.replace(MORE, latches={PORT: "nothing"}))
    assert held(backplane) == [None] * 4


async def test_latches_go_with_their_lease(backplane: Backplane) -> None:
    slot = await grown(backplane)
    cells = backplane.io.latches.cells
    lease = slot.lease(msgspec.structs.replace(MORE, latches={PORT: "latch"}))
    assert cells[PORT]
    slot.release(lease)
    assert not cells[PORT]


async def test_removal_ends_them_all(backplane: Backplane) -> None:
    slot = await grown(backplane)
    slot.lease(MORE)
    await backplane.remove(slot.number)
    assert held(backplane) == [None] * 4


async def test_a_card_with_a_line_by_then_is_frozen_before_the_interrupt_controller(
    backplane: Backplane,
) -> None:
    controller = await backplane.insert(Fixed(Resources()))
    backplane.controller = controller.card  # type: ignore[assignment]
    slot = await grown(backplane)
    assert len(backplane.freeze_order) == 1
    lease = slot.lease(MORE)
    assert backplane.freeze_order == [[slot], [controller]]
    slot.release(lease)
    assert len(backplane.freeze_order) == 1
