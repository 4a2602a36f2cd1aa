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
from .cables import Cable, OpenCable, unused
from .card_kind import CardKind, fetch_kind
from .elf_cards import Sandbox, file_of, is_elf_path
from .far_end import checked
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
        opened = None if card.name == "debugexit" else await _open(card.name, to)
    except BaseException:
        card.close()
        raise
    try:
        slot = await board.insert(card, number)
    except BaseException:
        card.close()
        if opened is not None:
            await unused(opened.back_end)
        raise
    if opened is not None:  # the byte of a debug exit ends the run
        if board.backplane.slots.get(slot.number) is not slot:
            await unused(opened.back_end)
            raise BusError(f"card {slot.title} in slot {slot.number} was removed meanwhile")
        board.connect(slot, opened.back_end, opened.cable)
        if not opened.cable.frames:
            board.connect(slot, open_network("none"))
    return slot


async def _open(name: str, to: str) -> OpenCable:
    """What the connector of card `name` leads to. Raises as `insert_card`."""
    if to.startswith("hub:"):
        raise BusError(f"{to}: the cards of a hub are there from the start; use peer or passt")
    to = checked(to) or "none"
    if is_form(to) and (to != "none" or name == "ne2000"):
        return OpenCable(Cable(to), open_network(to))
    port = "parallel" if name == "lpt" else "serial"
    return OpenCable(Cable(to, port, append=True), await open_backend(to, append=True))


async def remove_card(board: Board, word: str) -> Slot:
    """Pull a card; what it has sent is delivered first, and its disks are brought up to date.

    Raises `BusError`.
    """
    slot = find_slot(board.backplane, word)
    cable = board.cables.get(slot.number)
    await board.backplane.remove(slot.number, drain=DRAIN)
    for disk in slot.disks:
        try:
            disk.flush()
        except MediaError as error:
            slot.log.error("the disk of a card that was pulled lacks writes", why=str(error))
    if board.cables.get(slot.number) is cable:  # else another card has the slot by now
        board.cables.pop(slot.number, None)
    return slot


async def replace_card(
    board: Board,
    word: str,
    name: str,
    settings: Mapping[str, Any] = {},
    sandbox: Sandbox | None = None,
) -> Slot:
    """Replace a card by another implementation, which has the settings it knows of the old one.

    A card in a file runs where the old one does, unless `sandbox` says where.

    Raises `PluginError`, `ElfError`, `BusError`, `CardError`.
    """
    slot = find_slot(board.backplane, word)
    old = slot.card
    if sandbox is None:
        file = file_of(old) if is_elf_path(name) else None
        sandbox = "engine" if file is None else file.sandbox
    kind = await fetch_kind(name, sandbox)
    fitting = kind.known(old.settings) | kind.fitting(settings)
    card = await board.make_card(kind.name, fitting, kind.elf)
    try:
        if board.backplane.slots.get(slot.number) is not slot or slot.card is not old:
            raise BusError(
                f"card {old.name} in slot {slot.number} was removed or replaced meanwhile; "
                "`hotswap-host card list` says what is there"
            )
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
