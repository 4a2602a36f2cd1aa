"""Saving a card's state, and taking over one: its own, another build's, another implementation's.

It is all or nothing: what the card was before is put back when the new state does not fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import zstandard

from hotswap.bus import HotswapError, SavedState, StateError

from . import fields as by_name
from .descriptor import TIMERS_MAX
from .errors import ElfError
from .image import ElfImage, load_image
from .layout import Move
from .memory_calls import BLOCKS_MAX
from .objects import FILE_MAX
from .old import old_records
from .picture import check
from .place import PAGE
from .saved import Memory, Rest, decode, encode, pages, put_pages
from .state import ElfState, Picture

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
    try:
        if rest.memory is not None and rest.memory.digest == card.image.digest:
            _put_back(card, rest, rest.memory)
        else:
            with _undone_on_error(card):
                _take_over(card, saved.version, values, rest)
    except HotswapError as error:
        raise StateError(f"card {card.name}: does not take the state: {error}") from error
    card.has_begun = True
    card.arm()


@contextmanager
def _undone_on_error(card: ElfCard) -> Iterator[None]:
    """When the block raises, the card is what it was."""
    before, begun = _rest(card, whole=True), card.has_begun
    try:
        yield
    except BaseException:
        assert before.memory is not None
        _put_back(card, before, before.memory)
        card.has_begun = begun
        card.arm()
        raise


# -- the same build ---------------------------------------------------------------------------


def _put_back(card: ElfCard, rest: Rest, memory: Memory) -> None:
    """Exactly what this build has saved; nothing has changed when this raises."""
    if len(rest.timers) > TIMERS_MAX or len(rest.blocks) > BLOCKS_MAX:
        raise StateError(f"{len(rest.timers)} timers, {len(rest.blocks)} blocks")
    card.memory.restore(memory.data, memory.arena)
    card.store_settings()
    card.state = ElfState(
        timers=_timers(rest),
        blocks={
            number: (at, size)
            for number, (at, size, _) in rest.blocks.items()
            if card.memory.owns(at, size)
        },
        picture=_picture(card, rest.picture),
        busy_until=rest.busy_until,
        wants_room=rest.wants_room,
    )
    _put_windows(card, rest)


def _timers(rest: Rest) -> list[int | None]:
    return (list(rest.timers) + [None] * TIMERS_MAX)[:TIMERS_MAX]


def _picture(card: ElfCard, found: Picture | None) -> Picture | None:
    """None where the pixels would be nowhere."""
    try:
        if found is not None:
            check(found, card.engine)
    except HotswapError:
        return None
    return found


def _put_windows(card: ElfCard, rest: Rest) -> None:
    views = [view for view, _ in card.host.windows.values()]
    for view, found in zip(views, rest.windows, strict=False):
        put_pages(view, found)


# -- another one ------------------------------------------------------------------------------


def _take_over(card: ElfCard, old_version: int, values: dict[str, Any], rest: Rest) -> None:
    """Another build's state, or another implementation's."""
    can_migrate = bool(card.image.descriptor.functions.migrate)
    old = None if rest.memory is None else _old_image(rest.memory)
    try:
        if old_version < version(card):
            raise StateError(
                f"the state's version is {old_version}, and it has no migrate() to read it with"
            )
        if old is not None:
            _move(card, old, rest)
        else:
            _put_fields(card, values, rest)
    except StateError:
        if not can_migrate:
            raise
        _migrate(card, old_version, old, values, rest)
    _put_windows(card, rest)
    if card.plugged_in is None:
        card.owes_restored = True
    else:
        card.call("restored")


def _old_image(memory: Memory) -> ElfImage:
    """The build the memory is of."""
    try:
        if not 0 <= zstandard.get_frame_parameters(memory.object).content_size <= FILE_MAX:
            raise StateError("the state's object is too large")
        content = zstandard.ZstdDecompressor().decompress(memory.object, max_output_size=FILE_MAX)
        old = load_image(content, "the older build")
    except (zstandard.ZstdError, ElfError) as error:
        raise StateError(f"the state's object cannot be read: {error}") from error
    size = 0 if old.data is None else old.data.size + -old.data.size % PAGE
    if len(memory.data) != size:
        raise StateError(f"{len(memory.data)} bytes of data, its object has {size}")
    return old


def _move(card: ElfCard, old: ElfImage, rest: Rest) -> None:
    """The same variables, where this build has them."""
    assert rest.memory is not None
    if card.image.descriptor.fields:
        raise StateError("the older build had no field table")
    move = Move(old, card.image, rest.memory.data, rest.memory.arena)
    card.memory.restore(move.moved(card.memory.initial), rest.memory.arena)
    _as_plugged_in(card)
    picture = rest.picture
    if picture is not None:
        picture = msgspec.structs.replace(picture, pixels=move.address("picture", picture.pixels))
    card.state = ElfState(
        timers=_timers(rest),
        blocks={
            number: (move.address(f"block {number}", at), size)
            for number, (at, size, _) in rest.blocks.items()
        },
        picture=_picture(card, picture),
        busy_until=rest.busy_until,
        wants_room=rest.wants_room,
    )


def _put_fields(card: ElfCard, values: dict[str, Any], rest: Rest) -> None:
    """The same fields, whoever has saved them."""
    table = card.image.descriptor.fields
    if not table:
        raise StateError("it has no field table, and this is a state by field names")
    found = by_name.stores(table, values)
    _as_at_power_on(card)
    by_name.store(card.engine, found)
    _put_rest(card, rest)
    for number, (_, size, content) in rest.blocks.items():
        if number not in card.state.blocks or card.state.blocks[number][1] != size:
            raise StateError(f"block {number} of hotswap_keep has {size} bytes, here it has not")
        card.engine.write(card.state.blocks[number][0], content)


def _put_rest(card: ElfCard, rest: Rest) -> None:
    card.state.timers = _timers(rest)
    card.state.wants_room, card.state.busy_until = rest.wants_room, rest.busy_until


def _migrate(
    card: ElfCard, old_version: int, old: ElfImage | None, values: dict[str, Any], rest: Rest
) -> None:
    """Let the card's own code read it."""
    records = b"".join(old_records(old, values, rest))
    _as_at_power_on(card)
    at = card.memory.scratch(len(records))
    card.engine.write(at, records)
    with _quiet(card):
        code = card.call("migrate", old_version, at, len(records))
    if code:
        raise StateError(f"its migrate() does not take the state over: it returned {code:#x}")
    _put_rest(card, rest)


@contextmanager
def _quiet(card: ElfCard) -> Iterator[None]:
    """Without the board noticing."""
    card.host.quiet = True
    try:
        yield
    finally:
        card.host.quiet = False


def _as_at_power_on(card: ElfCard) -> None:
    """Constructors, power_on and plugged."""
    with _quiet(card):
        card.begin()
    _as_plugged_in(card)


def _as_plugged_in(card: ElfCard) -> None:
    """What it has leased may be elsewhere."""
    with _quiet(card):
        if card.plugged_in is not None:
            card.plug()
