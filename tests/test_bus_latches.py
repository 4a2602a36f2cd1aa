"""Latches: a card says which, and its state has what was stored."""

from __future__ import annotations

import pytest

from hotswap.bus import Backplane, BusError, Card, PortRange, Resources, State
from hotswap.bus.latches import ERA, LATCH, STORED, STORES

PORT = 0x300


class TwoState(State):
    low: int = 1
    high: int = 2
    name: str = "two"


class Two(Card[TwoState]):
    """Two latches and a register that is none."""

    name = "two"
    state_type = TwoState
    field = "high"

    def resources(self) -> Resources:
        return Resources(ports=(PortRange(PORT, 3),), latches={PORT: "low", PORT + 1: self.field})


def store(backplane: Backplane, port: int, value: int) -> None:
    """As the processor does."""
    cells = backplane.io.latches.cells
    assert cells[port] & LATCH
    cells[port] = LATCH | STORED | value
    cells[STORES + 1 + cells[STORES]] = port
    cells[STORES] += 1


async def test_what_was_stored_is_in_the_state_after_settling(backplane: Backplane) -> None:
    card = Two()
    await backplane.insert(card)
    store(backplane, PORT + 1, 0x55)
    assert card.state.high == 2
    backplane.io.latches.settle()
    assert (card.state.low, card.state.high) == (1, 0x55)
    assert backplane.io.latches.cells[PORT + 1] == LATCH
    assert backplane.io.latches.cells[STORES] == 0


async def test_settling_begins_an_era(backplane: Backplane) -> None:
    cells = backplane.io.latches.cells
    era = cells[ERA]
    backplane.io.latches.settle()
    assert cells[ERA] == era + 1 > 1


async def test_a_pulled_card_takes_what_its_latches_hold_with_it(backplane: Backplane) -> None:
    card = Two()
    slot = await backplane.insert(card)
    store(backplane, PORT, 0x55)
    await backplane.remove(slot.number)
    assert card.state.low == 0x55
    assert not any(backplane.io.latches.cells[PORT : PORT + 3])


async def test_a_faulted_card_has_no_latches_until_it_is_restored(backplane: Backplane) -> None:
    slot = await backplane.insert(Two())
    state = slot.snapshot()
    slot.set_fault(RuntimeError("smoke"))
    assert backplane.io.latches.cells[PORT] == 0
    slot.restore(state)
    assert backplane.io.latches.cells[PORT] == LATCH


async def test_while_the_trace_is_on_there_are_none(backplane: Backplane) -> None:
    card = Two()
    await backplane.insert(card)
    store(backplane, PORT, 0x55)
    backplane.io.trace(True)
    assert card.state.low == 0x55
    await backplane.insert(Two2())
    assert not any(backplane.io.latches.cells[PORT : PORT + 16])
    backplane.io.trace(False)
    assert backplane.io.latches.cells[PORT] == backplane.io.latches.cells[PORT + 8] == LATCH


class Two2(Two):
    def resources(self) -> Resources:
        return Resources(ports=(PortRange(PORT + 8, 1),), latches={PORT + 8: "low"})


@pytest.mark.parametrize("field", ["middle", "name"])
async def test_a_latch_must_be_a_number_of_the_state(backplane: Backplane, field: str) -> None:
    class Wrong(Two):
        pass

    Wrong.field = field
    with pytest.raises(BusError, match=f"port 0x0301 is to be the number {field} of its state"):
        await backplane.insert(Wrong())
    assert not backplane.slots
    assert backplane.io.holder(PORT) is None
    await backplane.insert(Two())


class FrozenState(State, frozen=True):  # type: ignore[misc]
    low: int = 1
    high: int = 2


class DerivedState(State):
    low: int = 1

    @property
    def high(self) -> int:
        return self.low


@pytest.mark.parametrize("kind", [FrozenState, DerivedState])
async def test_a_latch_must_be_a_field_that_can_be_set(
    backplane: Backplane, kind: type[State]
) -> None:
    class Fixed(Two):
        state_type = kind  # type: ignore[assignment]

    with pytest.raises(BusError, match=r"which (Frozen|Derived)State has not as a field to be set"):
        await backplane.insert(Fixed())


class PickyState(TwoState):
    def __setattr__(self, name: str, value: object) -> None:
        if name == "low":
            raise ValueError("not that one")
        super().__setattr__(name, value)


class Picky(Two):
    state_type = PickyState


async def test_a_card_whose_state_takes_no_store_is_faulted_and_the_others_have_theirs(
    backplane: Backplane,
) -> None:
    slot, other = await backplane.insert(Picky()), Two2()
    await backplane.insert(other)
    store(backplane, PORT, 0x55)
    store(backplane, PORT + 8, 0x66)
    with backplane.listening(lambda event: None):
        backplane.io.settle()
    assert slot.fault is not None
    assert slot.fault.what == "ValueError: not that one"
    assert (other.state.low, backplane.io.latches.cells[STORES]) == (0x66, 0)
    backplane.io.settle()
    await backplane.remove(slot.number)
