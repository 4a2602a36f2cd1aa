"""What a card is, or everything that is wrong with it: `hotswap-host sdk check`; no code is run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from hotswap.bus import MemoryRange, PortRange
from hotswap.cards.elf import ElfError, ElfImage, load_image
from hotswap.cards.elf.card import POLICIES
from hotswap.cards.elf.descriptor import DESCRIPTOR, FUNCTIONS
from hotswap.cards.elf.host_names import HOST_CALLS
from hotswap.cards.elf.image import support_names
from hotswap.cards.elf.objects import (
    FILE_MAX,
    RELOCATION_NAMES,
    STB_WEAK,
    ObjectFile,
    Relocation,
    Section,
    read_object,
)
from hotswap.cards.elf.relocate import R
from hotswap.cards.elf.settings import settings_type

from .errors import SdkError


class Place(msgspec.Struct, frozen=True):
    """One way to set the jumpers."""

    ports: list[str]
    windows: list[str]
    irqs: list[int]
    drqs: list[int]


class Part(msgspec.Struct, frozen=True):
    """A section of the object, in bytes, or a field of the state."""

    name: str
    kind: str
    size: int


class Setting(msgspec.Struct, frozen=True):
    """A setting and what it is without being set."""

    name: str
    kind: str
    default: int | bool | str
    least: int
    most: int
    help: str


class Facts(msgspec.Struct, frozen=True):
    """What a card says of itself, and what was found in its object.

    `state` lists the fields by name, or without a table of them the data sections, all of which
    are the state then. `memory` is what its object takes of its engine's, in bytes.
    """

    name: str
    version: str
    abi: str
    state_version: int
    cycle_width: int
    policy: str
    timers: int
    resources: list[Place]
    settings: list[Setting]
    by_fields: bool
    state: list[Part]
    functions: list[str]
    host_calls: list[str]
    sections: list[Part]
    memory: int
    from_loader: bool
    """Functions that compilers call unasked come with the loader."""


class Checked(msgspec.Struct, frozen=True):
    """A card, or its faults."""

    file: str
    card: Facts | None = None
    faults: list[str] = []


def check(path: Path) -> Checked:
    """Load the card at `path`. Raises `SdkError` when there is no such file."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_MAX + 1)
    except OSError as error:
        raise SdkError(
            f"{path}: {error.strerror}; `hotswap-host sdk build` makes an object"
        ) from error
    try:
        image = load_image(content, str(path))
        settings = settings_type(image)()
    except ElfError as error:
        return Checked(str(path), faults=list(_faults(content, str(path), str(error))))
    return Checked(str(path), _facts(image, settings))


# -- faults ------------------------------------------------------------------------------------


def _faults(content: bytes, name: str, first: str) -> Iterator[str]:
    """All of them: the loader ends at the `first`."""
    try:
        one = read_object(content, name)
    except ElfError:
        yield first
        return
    found = [*_no_descriptor(one, name), *_bad_relocations(one, name), *_nowhere(one, name)]
    if first not in found and "nobody defines" not in first:
        yield first
    yield from found


def _no_descriptor(one: ObjectFile, name: str) -> Iterator[str]:
    if not any(section.name == DESCRIPTOR for section in one.sections):
        yield (
            f"{name}: no section {DESCRIPTOR}: a card has one descriptor, HOTSWAP_CARD() of "
            "hotswap_card.h"
        )


def _where(one: ObjectFile, name: str, relocation: Relocation) -> str:
    section, symbol = one.sections[relocation.section], one.symbols[relocation.symbol]
    return (
        f"{name}: section {section.name}, offset {relocation.offset:#x}, "
        f"symbol {one.describe(symbol)}"
    )


def _bad_relocations(one: ObjectFile, name: str) -> Iterator[str]:
    allowed = set(R)
    for relocation in one.relocations:
        if one.sections[relocation.section].allocated and relocation.type not in allowed:
            kind = RELOCATION_NAMES.get(relocation.type, f"type {relocation.type}")
            yield f"{_where(one, name, relocation)}: relocation {kind} is none a card may have"


def _nowhere(one: ObjectFile, name: str) -> Iterator[str]:
    """Symbols that are asked for and not defined, each where it is asked for first."""
    there = {symbol.name for symbol in one.symbols if symbol.section}
    there |= set(HOST_CALLS) | support_names()
    for relocation in one.relocations:
        symbol = one.symbols[relocation.symbol]
        wanted = symbol.name and not symbol.section and symbol.binding != STB_WEAK
        if wanted and symbol.name not in there and one.sections[relocation.section].allocated:
            there.add(symbol.name)
            yield (
                f"{_where(one, name, relocation)}: nobody defines it; a card may call itself and "
                "what hotswap_card.h declares"
            )


# -- facts -------------------------------------------------------------------------------------


def _kind(section: Section) -> str:
    if section.executable:
        return "code"
    if not section.writable:
        return "constants"
    return "bss" if section.type == "SHT_NOBITS" else "data"


def _facts(image: ElfImage, settings: Any) -> Facts:
    said = image.descriptor
    own = [placed for placed in image.sections if not placed.number]
    sections = [Part(p.section.name, _kind(p.section), p.section.size) for p in own]
    fields = [Part(each.name, each.kind.name.lower(), each.size) for each in said.fields]
    return Facts(
        name=said.name,
        version=said.version,
        abi=".".join(map(str, said.abi)),
        state_version=said.state_version,
        cycle_width=said.cycle_width,
        policy=POLICIES[said.policy].value,
        timers=said.timers,
        resources=[
            Place(
                [str(PortRange(first, count)) for first, count in each.ports],
                [str(MemoryRange(first, size)) for first, size in each.windows],
                list(each.irqs),
                list(each.drqs),
            )
            for each in said.resources
        ],
        settings=[
            Setting(each.name, each.kind.name.lower(), getattr(settings, each.name),
                    each.least, each.most, each.help)
            for each in said.settings
        ],
        by_fields=bool(fields),
        state=fields or [part for part in sections if part.kind in {"data", "bss"}],
        functions=[name for name in FUNCTIONS if getattr(said.functions, name)],
        host_calls=sorted(image.host_calls),
        sections=sections,
        memory=sum(segment.size for segment in image.segments),
        from_loader=any(placed.number for placed in image.sections),
    )  # fmt: skip


def words(facts: Facts) -> Iterator[tuple[str, str]]:
    """The facts for people, line by line."""
    yield "card", f"{facts.name} {facts.version}, ABI {facts.abi}"
    yield "bus", f"{8 * facts.cycle_width} bits; at a switchover: {facts.policy}"
    for number, place in enumerate(facts.resources):
        parts = [f"ports {', '.join(place.ports)}"] if place.ports else []
        parts += [f"memory {', '.join(place.windows)}"] if place.windows else []
        parts += [f"IRQ {', '.join(map(str, place.irqs))}"] if place.irqs else []
        parts += [f"DRQ {', '.join(map(str, place.drqs))}"] if place.drqs else []
        yield ("resources" if not number else "or"), "; ".join(parts) or "none"
    for number, setting in enumerate(facts.settings):
        text = f"{setting.name}={setting.default} ({setting.kind}) {setting.help}"
        yield ("settings" if not number else ""), text
    what = "fields" if facts.by_fields else "data sections as they are"
    parts = [f"{part.name} ({part.kind}, {part.size})" for part in facts.state]
    yield "state", f"version {facts.state_version}, {what}: {', '.join(parts) or 'none'}"
    yield "functions", ", ".join(facts.functions) or "none"
    yield "calls", ", ".join(facts.host_calls) or "none"
    parts = [f"{part.name} {part.size}" for part in facts.sections if part.size]
    yield "sections", f"{', '.join(parts)}; {facts.memory:,} bytes of memory"
