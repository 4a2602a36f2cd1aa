"""The cards of a machine, and those it could have, for people and machines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
import trio

from hotswap.bus import Card, Resources, Slot
from hotswap.cards.elf import ElfCard
from hotswap.cards.elf.card import POLICIES
from hotswap.cards.elf.resources import resources_of
from hotswap.cards.elf.takeover import version

from .board import Board
from .card_changes import find_slot
from .card_kind import of_file
from .card_settings import Setting, settings_of
from .discovery import card_of, card_type, version_of
from .elf_cards import ElfFile, file_of, is_elf_path, read_elf

Implementation: TypeAlias = Literal["python", "elf", "elf-process"]
State: TypeAlias = Literal["running", "frozen", "faulted", "removed"]


class Leased(msgspec.Struct, frozen=True):
    """What a card has of the board; ports and windows as `first-last`."""

    ports: list[str]
    irqs: list[int]
    drqs: list[int]
    windows: list[str]
    drives: int


class CardRow(msgspec.Struct, frozen=True):
    """A card of a machine. `fault` is the report of one that is faulted."""

    slot: int
    name: str
    implementation: Implementation
    version: str
    resources: Leased
    policy: str
    state: State
    fault: str = ""


class CardInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """What there is to know of a card; `slot` and what follows only of one that is plugged in."""

    name: str
    implementation: Implementation
    version: str
    policy: str
    resources: list[Leased]
    """What it has leased, or its alternatives."""
    settings: list[Setting]
    state_version: int
    slot: int | None = None
    state: str = ""
    fault: str = ""
    statistics: dict[str, int] = {}


def card_rows(board: Board) -> list[CardRow]:
    """The cards of a machine, by slot."""
    return [card_row(slot) for _, slot in sorted(board.backplane.slots.items())]


def card_row(slot: Slot) -> CardRow:
    """The card in a slot, or the one that was in it."""
    frozen = slot.backplane.frozen and slot.card.freezes
    state: State = "faulted" if slot.fault else "frozen" if frozen else "running"
    if slot.backplane.slots.get(slot.number) is not slot:
        state = "removed"
    return CardRow(
        slot.number,
        slot.title,
        *_made_of(slot.card),
        leased(slot.leased),
        slot.policy.value,
        state,
        slot.fault.what if slot.fault else "",
    )


def _made_of(card: Card[Any]) -> tuple[Implementation, str]:
    """Its implementation and version."""
    if not isinstance(card, ElfCard):
        return "python", version_of(card.name)
    file = file_of(card)
    in_process = file is not None and file.sandbox == "process"
    return "elf-process" if in_process else "elf", card.image.descriptor.version


def leased(resources: Resources) -> Leased:
    """What a card leases, for people and machines."""
    return Leased(
        [str(ports) for ports in resources.ports],
        list(resources.irqs),
        list(resources.drqs),
        [str(window) for window in resources.windows],
        resources.disks,
    )


async def card_info(board: Board, word: str) -> CardInfo:
    """A card that is plugged in, by its slot or name; else as `offered`. Raises `HotswapError`."""
    names = {slot.title for slot in board.backplane.slots.values()}
    if word.isdecimal() or word in names:
        return _plugged_in(find_slot(board.backplane, word))
    return await trio.to_thread.run_sync(offered, word)  # it may be a large file


def offered(word: str) -> CardInfo:
    """A card that could be inserted, from its plugin or file. Raises `PluginError`, `ElfError`."""
    if is_elf_path(word):
        return _in_file(read_elf(Path(word)))
    kind = card_type(word)
    alternatives = [leased(each) for each in _alternatives(kind)]
    return CardInfo(
        word, "python", version_of(word), kind.switchover.value, alternatives,
        settings_of(kind.settings_type, kind.settable), kind.state_type.VERSION,
    )  # fmt: skip


def _in_file(file: ElfFile) -> CardInfo:
    kind, descriptor = of_file(file), file.image.descriptor
    return CardInfo(
        descriptor.name, "elf", descriptor.version, POLICIES[descriptor.policy].value,
        [leased(each) for each in resources_of(file.image)],
        settings_of(kind.settings_type, kind.settable), descriptor.state_version,
    )  # fmt: skip


def _alternatives(kind: type[Card[Any]]) -> Sequence[Resources]:
    """With its settings as they are by default; none when it needs some."""
    if any(field.required for field in msgspec.structs.fields(kind.settings_type)):
        return ()
    return card_of(kind).alternatives()


def _plugged_in(slot: Slot) -> CardInfo:
    row = card_row(slot)
    return CardInfo(
        row.name, row.implementation, row.version, row.policy, [row.resources],
        settings_of(slot.card.settings_type, slot.card.settable, slot.card.settings),
        _state_version(slot.card), slot.number, row.state,
        row.fault, _statistics(slot),
    )  # fmt: skip


def _state_version(card: Card[Any]) -> int:
    """Of its state, which need not be fit to be saved."""
    return version(card) if isinstance(card, ElfCard) else card.state_type.VERSION


def _statistics(slot: Slot) -> dict[str, int]:
    """Bytes and frames that went through its connectors, and what waits."""
    output, frames = slot.output.snapshot(), slot.frames_out.snapshot()
    return {
        "sent": output.delivered,
        "to_send": len(output.data),
        "unread": len(slot.input.snapshot().data),
        "frames_sent": frames.delivered,
        "frames_to_send": len(frames.frames),
        "frames_dropped": frames.dropped,
        "frames_unread": len(slot.frames_in.snapshot().frames),
        "commands": len(slot.commands),
    }
