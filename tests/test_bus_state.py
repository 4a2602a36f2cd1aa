"""A card's saved state: typed, versioned, and refused with reasons when it does not fit."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotswap.bus import Card, SavedState, State, StateError


class Pages(msgspec.Struct):
    printed: int = 0
    last: bytes = b""


class PrinterState(State):
    VERSION: ClassVar[int] = 3

    latch: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0
    pages: Pages = msgspec.field(default_factory=Pages)
    queue: list[bytes] = msgspec.field(default_factory=list)

    @classmethod
    def migrate(cls, version: int, fields: dict[str, Any]) -> dict[str, Any]:
        """Version 2 counted in single pages, 1 was withdrawn."""
        if version != 2:
            return super().migrate(version, fields)
        return {"latch": fields["latch"], "pages": {"printed": fields["count"]}}


class Printer(Card[PrinterState]):
    name = "printer"
    state_type = PrinterState


class Scanner(Card[State]):
    name = "scanner"
    state_type = State


def saved(version: int, **fields: object) -> SavedState:
    return SavedState("printer", version, msgspec.msgpack.encode(fields))


def test_a_saved_state_names_its_card_and_version() -> None:
    state = Printer().save()
    assert (state.card, state.version) == ("printer", 3)


@given(st.integers(0, 255), st.integers(), st.binary(), st.lists(st.binary()))
def test_what_is_saved_is_loaded(latch: int, printed: int, last: bytes, queue: list[bytes]) -> None:
    printed %= 1 << 63
    first, second = Printer(), Printer()
    first.state = PrinterState(latch, Pages(printed, last), queue)
    second.load(first.save())
    assert second.state == first.state
    assert second.state is not first.state


def test_a_saved_state_does_not_change_any_more() -> None:
    card = Printer()
    before = card.save()
    card.state.queue.append(b"page")
    card.load(before)
    assert card.state.queue == []


def test_an_older_state_is_migrated() -> None:
    card = Printer()
    card.load(saved(2, latch=7, count=12))
    assert card.state == PrinterState(latch=7, pages=Pages(printed=12))


class MeterState(State):
    """Version 1 counted turns, 2 half turns, 3 degrees."""

    VERSION: ClassVar[int] = 3

    degrees: int

    @classmethod
    def migrate(cls, version: int, fields: dict[str, Any]) -> dict[str, Any]:
        if version == 1:
            version, fields = 2, {"halves": 2 * fields["turns"]}
        if version == 2:
            return {"degrees": 180 * fields["halves"]}
        return super().migrate(version, fields)


class Meter(Card[MeterState]):
    name = "meter"
    state_type = MeterState

    def power_on(self) -> None:
        self.state = MeterState(0)


def meter(version: int, **fields: object) -> SavedState:
    return SavedState("meter", version, msgspec.msgpack.encode(fields))


@pytest.mark.parametrize(
    "state", [meter(1, turns=2), meter(2, halves=4), meter(3, degrees=720)], ids=str
)
def test_migrations_make_a_chain(state: SavedState) -> None:
    card = Meter()
    card.load(state)
    assert card.state.degrees == 720
    again = Meter()
    again.load(card.save())
    assert (again.state, card.save().version) == (card.state, 3)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (meter(0, turns=2), "MeterState is at version 3 and cannot read version 0"),
        (meter(1, halves=2), "card meter: its migrate() from version 1 raised KeyError: 'turns'"),
        (meter(1, turns="x"), r"card meter: .*Expected `int`, got `str` - at `\$.degrees`"),
        (meter(2, halves=None), "card meter: its migrate() from version 2 raised TypeError"),
        (meter(3), "card meter: .*missing required field `degrees`"),
    ],
)
def test_a_chain_that_breaks_says_where_and_changes_nothing(
    state: SavedState, message: str
) -> None:
    card = Meter()
    card.state.degrees = 7
    with pytest.raises(StateError, match=message.replace("()", r"\(\)")):
        card.load(state)
    assert card.state.degrees == 7


def test_fields_added_since_have_their_defaults() -> None:
    card = Printer()
    card.load(saved(3, latch=7))
    assert card.state == PrinterState(latch=7)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (saved(4, latch=1), r"state version 4 is newer than this card's 3; use a newer card"),
        (saved(1, latch=1), r"PrinterState is at version 3 and cannot read version 1"),
        (saved(3, latch=256), r"card printer: .* `int` <= 255 - at `\$.latch`"),
        (saved(3, pages={"printed": "many"}), r"card printer: .* at `\$.pages.printed`"),
        (saved(2, latch=1, count="many"), r"card printer: .* at `\$.pages.printed`"),
        (SavedState("printer", 3, b"\xc1"), r"card printer: the saved state does not fit"),
        (SavedState("printer", 2, b"\x93"), r"card printer: the saved state does not fit"),
        (
            SavedState("printer", 2, b"\x81\xa1\xff\0"),
            r"card printer: the saved state does not fit",
        ),
        (SavedState("scanner", 3, b"\x80"), r"card printer: this is the state of a scanner"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_nothing_changed(
    state: SavedState, message: str
) -> None:
    card = Printer()
    card.state.latch = 0x42
    with pytest.raises(StateError, match=message):
        card.load(state)
    assert card.state.latch == 0x42


@pytest.mark.parametrize("value", [object(), 1 << 70, "\ud800"])
def test_a_state_that_is_not_plain_data_is_refused_by_name(value: object) -> None:
    class LooseState(State):
        anything: Any = None

    class Loose(Card[LooseState]):
        name = "loose"
        state_type = LooseState

    card = Loose()
    card.state.anything = value
    with pytest.raises(StateError, match="card loose: its state cannot be saved"):
        card.save()


def test_power_on_is_a_fresh_state() -> None:
    card = Printer()
    card.state.queue.append(b"page")
    card.power_on()
    assert card.state == PrinterState()
    assert Printer().state.queue == []
