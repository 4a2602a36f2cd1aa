"""What a word stands for: a card by its name, or the one in an object file; before it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import trio

from hotswap.bus import BusError, Resources, Settings
from hotswap.bus.leases import alternatives
from hotswap.cards.elf import ElfCard
from hotswap.cards.elf.resources import resources_of
from hotswap.cards.elf.settings import settings_type

from .card_settings import from_words, settings_faults
from .discovery import PluginError, card_of, card_type, fetch_type
from .elf_cards import ElfFile, Sandbox, is_elf_path, read_elf


class CardKind(msgspec.Struct, frozen=True):
    """A kind of card; `elf` is what it is made of when it is not in Python."""

    name: str
    settings_type: type[Settings]
    settable: frozenset[str]
    elf: ElfFile | None = None

    def fitting(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """`given` settings, perhaps in words, as the card has them. Raises `BusError`."""
        settings = from_words(self.settings_type, given)
        if wrong := settings_faults(self.name, self.settings_type, settings, f"card {self.name}"):
            raise BusError("; ".join(map(str, wrong)))
        return settings

    def alternatives(self, settings: Mapping[str, Any]) -> Sequence[Resources]:
        """What a card with these settings could lease. Raises `PluginError`, `BusError`."""
        if self.elf is not None:
            return resources_of(self.elf.image) or (Resources(),)
        return alternatives(card_of(card_type(self.name), settings))

    @property
    def has_screen(self) -> bool:
        """Whether a monitor can be connected."""
        if self.elf is not None:
            return "hotswap_screen" in self.elf.image.host_calls
        return hasattr(card_type(self.name), "screen")

    def known(self, settings: Settings) -> dict[str, Any]:
        """Those of another kind's settings that this one has, too."""
        values: dict[str, Any] = msgspec.to_builtins(settings, builtin_types=(bytes,))
        mine = self.settings_type.__struct_fields__
        return {name: value for name, value in values.items() if name in mine}


def kind_of(word: str, sandbox: Sandbox = "engine") -> CardKind:
    """The kind `word` stands for. Raises `PluginError`, `ElfError`."""
    if is_elf_path(word):
        return of_file(read_elf(Path(word), sandbox))
    _check_sandbox(word, sandbox)
    kind = card_type(word)
    return CardKind(kind.name, kind.settings_type, kind.settable)


async def fetch_kind(word: str, sandbox: Sandbox = "engine") -> CardKind:
    """As `kind_of`, for a running machine: it goes on meanwhile."""
    if is_elf_path(word):
        return await trio.to_thread.run_sync(kind_of, word, sandbox)
    _check_sandbox(word, sandbox)
    kind = await fetch_type(word)
    return CardKind(kind.name, kind.settings_type, kind.settable)


def _check_sandbox(name: str, sandbox: Sandbox) -> None:
    if sandbox != "engine":
        raise PluginError(
            f"card {name}: sandbox {sandbox} is for cards in ELF files; this one is in Python"
        )


def of_file(file: ElfFile) -> CardKind:
    """The card in an object file. Raises `ElfError`."""
    image = file.image
    return CardKind(image.descriptor.name, settings_type(image), ElfCard.settable, file)
