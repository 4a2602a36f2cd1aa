"""Cards of a running machine inserted, pulled, replaced and set, as an operator asks for it.

What cannot be is refused with everything as it was.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import msgspec

from hotswap.bus import Backplane, BusError, MediaError, Slot

from .backends import open_backend
from .board import Board
from .board_config import usual_cards
from .cables import Cable
from .card_kind import CardKind, fetch_kind
from .elf_cards import Sandbox
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


def _usual(board: Board, kind: CardKind) -> dict[str, Any]:
    """The settings the board gives a card of this name."""
    plugs = usual_cards(board.config, board.plan)
    usual = next((plug.settings for plug in plugs if plug.card == kind.name), {})
    mine = kind.settings_type.__struct_fields__
    return {name: value for name, value in usual.items() if name in mine}


async def insert_card(
    board: Board,
    name: str,
    *,
    number: int | None = None,
    settings: Mapping[str, Any] = {},
    sandbox: Sandbox = "engine",
    to: str = "",
) -> Slot:
    """Insert a new card and connect it: to nothing, or where `to` says, as cables do.

    Raises `PluginError`, `ElfError`, `BusError`, `CardError`, `BackEndError`, `NetworkError`.
    """
    kind = await fetch_kind(name, sandbox)
    card = await board.make_card(kind.name, _usual(board, kind) | kind.fitting(settings), kind.elf)
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
    to = to or "none"
    if is_form(to) and (to != "none" or slot.title == "ne2000"):
        board.connect(slot, open_network(to), Cable(to))
        return
    port = "parallel" if slot.title == "lpt" else "serial"
    board.connect(slot, await open_backend(to), Cable(to, port))
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


async def replace_card(
    board: Board,
    word: str,
    name: str,
    settings: Mapping[str, Any] = {},
    sandbox: Sandbox = "engine",
) -> Slot:
    """Replace a card by another implementation, which has the settings it knows of the old one.

    Raises `PluginError`, `ElfError`, `BusError`, `CardError`.
    """
    slot = find_slot(board.backplane, word)
    kind = await fetch_kind(name, sandbox)
    fitting = kind.known(slot.card.settings) | kind.fitting(settings)
    card = await board.make_card(kind.name, fitting, kind.elf)
    try:
        if board.backplane.slots.get(slot.number) is not slot:
            raise BusError(f"card {slot.title} in slot {slot.number} was removed meanwhile")
        return await board.backplane.replace(slot.number, card)
    except BaseException:
        card.close()
        raise


def set_card(board: Board, word: str, given: Mapping[str, Any]) -> Slot:
    """Change settings of a card that is plugged in. Raises `BusError`, `CardError`."""
    slot = find_slot(board.backplane, word)
    card = slot.card
    kind = CardKind(card.name, card.settings_type, card.settable)
    settings = kind.known(card.settings) | kind.fitting(given)
    board.backplane.change(slot.number, msgspec.convert(settings, card.settings_type))
    return slot
