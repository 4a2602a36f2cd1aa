"""Saving a card's state, and taking over one: its own, another build's, another implementation's.

It is all or nothing: what the card was before is put back when the new state does not fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hotswap.bus import HotswapError, SavedState, StateError

from . import fields as by_name
from .saved import Memory, Rest, decode, encode, pages, put_pages
from .state import ElfState

if TYPE_CHECKING:
    from .card import ElfCard


def version(card: ElfCard) -> int:
    """Of the card's state; a descriptor that does not say it means 1."""
    return card.image.descriptor.state_version or 1


def save(card: ElfCard) -> SavedState:
    """See `ElfCard.save`."""
    table = card.image.descriptor.fields
    found = by_name.take(card.engine, table)
    rest = _rest(card, whole=not table)
    return SavedState(card.name, version(card), encode(found, rest))


def _rest(card: ElfCard, *, whole: bool) -> Rest:
    state, image, memory = card.state, card.image, card.memory
    kept = None
    if whole:
        kept = Memory(image.digest, image.packed, memory.data(), memory.arena())
    return Rest(
        memory=kept,
        timers=list(state.timers),
        blocks={
            number: (address, size, b"" if whole else card.engine.read(address, size))
            for number, (address, size) in state.blocks.items()
        },
        picture=state.picture,
        busy_until=state.busy_until,
        wants_room=state.wants_room,
        windows=[pages(view) for view, _ in card.host.windows.values()],
    )


def load(card: ElfCard, saved: SavedState) -> None:
    """See `ElfCard.load`."""
    if saved.card != card.name:
        raise StateError(f"card {card.name}: this is the state of a {saved.card}")
    if saved.version > version(card):
        raise StateError(
            f"card {card.name}: state version {saved.version} is newer than this card's "
            f"{version(card)}; use a newer build"
        )
    values, rest = decode(saved.fields, card.name)
    with _undone_on_error(card):
        if rest.memory is not None and rest.memory.digest == card.image.digest:
            _put_back(card, rest, rest.memory)
        else:
            _take_over(card, saved.version, values, rest)
    card.has_begun = True
    card.arm()


@contextmanager
def _undone_on_error(card: ElfCard) -> Iterator[None]:
    """Whatever is wrong becomes a `StateError`, and the card what it was."""
    before, begun = _rest(card, whole=True), card.has_begun
    try:
        yield
    except Exception as error:
        assert before.memory is not None
        _put_back(card, before, before.memory)
        card.has_begun = begun
        if isinstance(error, StateError):
            raise StateError(f"card {card.name}: {error}") from error
        if not isinstance(error, HotswapError):
            raise
        raise StateError(f"card {card.name}: does not take the state: {error}") from error


def _put_back(card: ElfCard, rest: Rest, memory: Memory) -> None:
    """Exactly what this build has saved."""
    card.memory.restore(memory.data, memory.arena)
    card.store_settings()
    card.state = ElfState(
        timers=_timers(card, rest),
        blocks={number: (at, size) for number, (at, size, _) in rest.blocks.items()},
        picture=rest.picture,
        busy_until=rest.busy_until,
        wants_room=rest.wants_room,
    )
    _put_windows(card, rest)


def _timers(card: ElfCard, rest: Rest) -> list[int | None]:
    count = len(ElfState().timers)
    return (list(rest.timers) + [None] * count)[:count]


def _put_windows(card: ElfCard, rest: Rest) -> None:
    views = [view for view, _ in card.host.windows.values()]
    for view, found in zip(views, rest.windows, strict=False):
        put_pages(view, found)


def _take_over(card: ElfCard, old_version: int, values: dict[str, Any], rest: Rest) -> None:
    """Another build's state, or another implementation's: by field names."""
    table = card.image.descriptor.fields
    if not table or rest.memory is not None or old_version != version(card):
        raise StateError("its state is of another build")
    found = by_name.stores(table, values)
    _as_at_power_on(card)
    by_name.store(card.engine, found)
    card.state.timers = _timers(card, rest)
    card.state.picture, card.state.wants_room = rest.picture, rest.wants_room
    card.state.busy_until = rest.busy_until
    for number, (_, size, content) in rest.blocks.items():
        if number not in card.state.blocks or card.state.blocks[number][1] != size:
            raise StateError(f"block {number} of hotswap_keep has {size} bytes, here it has not")
        card.engine.write(card.state.blocks[number][0], content)
    _put_windows(card, rest)
    if card.plugged_in is None:
        card.owes_restored = True
    else:
        card.call("restored")


def _as_at_power_on(card: ElfCard) -> None:
    """Constructors, power_on and plugged, without the board noticing."""
    card.host.quiet = True
    try:
        card.begin()
        if card.plugged_in is not None:
            card.plug()
    finally:
        card.host.quiet = False
