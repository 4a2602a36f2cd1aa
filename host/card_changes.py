"""Cards of a running machine inserted, pulled, replaced and set, as an operator asks for it.

What cannot be is refused with everything as it was.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import msgspec

from hotswap.bus import Backplane, BusError, Card, HotswapError, MediaError, Slot

from .backends import open_backend
from .board import Board
from .board_config import usual_cards
from .cables import Cable
from .card_settings import from_words, settings_faults
from .discovery import card_of, card_type
from .network import is_form, open_network

DRAIN = 1.0
"""Host seconds the back end of a card that is pulled has for what the guest sent before."""


def find_slot(backplane: Backplane, word: str) -> Slot:
    """The slot of that number, or with the card of that name. Raises `BusError`."""
    slots = backplane.slots
    if word.isdecimal():
        return backplane.find(int(word))
    found = sorted(number for number, slot in slots.items() if slot.title == word)
    if len(found) > 1:
        where = ", ".join(map(str, found))
        raise BusError(f"card {word} is in slots {where}; say which by its number")
    if found:
        return slots[found[0]]
    titles = [slot.title for _, slot in sorted(slots.items())]
    near = difflib.get_close_matches(word, titles, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(titles) or 'none'}"
    raise BusError(f"no card called {word} is plugged in; {hint}")


def new_card(board: Board, name: str, given: Mapping[str, Any]) -> Card[Any]:
    """A card for `board`, with the settings it gives a card of this name and those `given`.

    Raises `PluginError`, or `BusError` with all that is wrong with the settings.
    """
    kind = card_type(name)
    usual = {plug.card: plug.settings for plug in usual_cards(board.config, board.plan)}
    return card_of(kind, usual.get(name, {}) | _fitting(kind, given))


def _fitting(kind: type[Card[Any]], given: Mapping[str, Any]) -> dict[str, Any]:
    settings = from_words(kind.settings_type, given)
    if wrong := settings_faults(kind, settings, f"card {kind.name}"):
        raise BusError("; ".join(map(str, wrong)))
    return settings


async def insert_card(
    board: Board,
    name: str,
    *,
    number: int | None = None,
    settings: Mapping[str, Any] = {},
    to: str = "",
) -> Slot:
    """Insert a new card and connect it: to nothing, or where `to` says, as cables do.

    Raises `PluginError`, `BusError`, `CardError`, `BackEndError`, `NetworkError`.
    """
    card = new_card(board, name, settings)
    try:
        slot = await board.insert(card, number)
    except BaseException:
        card.close()
        raise
    try:
        await _connect(board, slot, to)
    except BaseException:
        await board.backplane.remove(slot.number)
        raise
    return slot


async def _connect(board: Board, slot: Slot, to: str) -> None:
    if slot.title == "debugexit":
        return  # its byte ends the run
    if to.startswith("hub:"):
        raise BusError(f"{to}: the cards of a hub are there from the start; use peer or passt")
    if is_form(to) and to != "none":
        board.connect(slot, open_network(to), Cable(to))
        return
    port = "parallel" if slot.title == "lpt" else "serial"
    cable = Cable(to, port) if to else None
    board.connect(slot, await open_backend(to or "none"), cable)
    board.connect(slot, open_network("none"))


async def remove_card(board: Board, word: str) -> Slot:
    """Pull a card; what it has sent is delivered first, and its disks are brought up to date.

    Raises `BusError`.
    """
    slot = find_slot(board.backplane, word)
    await board.backplane.remove(slot.number, drain=DRAIN)
    for disk in slot.disks:
        try:
            disk.flush()
        except MediaError as error:
            slot.log.error("the disk of a card that was pulled lacks writes", why=str(error))
    board.cables.pop(slot.number, None)
    return slot


async def replace_card(board: Board, word: str, name: str, given: Mapping[str, Any]) -> Slot:
    """Replace a card by another implementation, which has the settings it knows of the old one.

    Raises `PluginError`, `BusError`, `CardError`.
    """
    slot = find_slot(board.backplane, word)
    kind = card_type(name)
    card = card_of(kind, _settings_of(slot.card, kind) | _fitting(kind, given))
    try:
        return await board.backplane.replace(slot.number, card)
    except BaseException:
        card.close()
        raise


def _settings_of(card: Card[Any], kind: type[Card[Any]]) -> dict[str, Any]:
    """The settings of a card which cards of `kind` have, too."""
    settings: dict[str, Any] = msgspec.to_builtins(card.settings, builtin_types=(bytes,))
    return {
        name: settings[name] for name in kind.settings_type.__struct_fields__ if name in settings
    }


def set_card(board: Board, word: str, given: Mapping[str, Any]) -> Slot:
    """Change settings of a card that is plugged in. Raises `BusError`, `CardError`."""
    slot = find_slot(board.backplane, word)
    kind = type(slot.card)
    settings = _settings_of(slot.card, kind) | _fitting(kind, given)
    try:
        fitting = msgspec.convert(settings, kind.settings_type)
    except msgspec.ValidationError as error:
        raise HotswapError(f"card {slot.title}: settings do not fit: {error}") from error
    board.backplane.change(slot.number, fitting)
    return slot
