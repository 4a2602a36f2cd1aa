"""A card's object file, made into memory: what is where, what it calls, what it says it is.

No code of the card is run for this, and whatever the bytes are, the only way out but success is
`ElfError`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from importlib.resources import files

import msgspec
import zstandard

from .descriptor import DESCRIPTOR, Descriptor
from .errors import ElfError
from .host_names import HOST_CALLS
from .objects import STB_LOCAL, ObjectFile, Section, read_object
from .peek import Peek
from .place import Placed, Placement, Segment
from .read_descriptor import read_descriptor
from .relocate import CallSite, Relocator, got_symbols, taken_calls
from .symbols import Names, Resolver, Symbol

SUPPORT = "support.o"
"""The functions compilers call unasked, see examples/elf-support."""
INIT_MAX = 64
"""Constructors of a card."""


class ElfImage(msgspec.Struct, frozen=True, dict=True):
    """A card ready to be put into an engine.

    `init` are the functions to call before power_on, in order; `calls` the places that want the
    address of a call into the host; `pointers` the addresses of words that hold an address.
    """

    name: str
    """Of the file, for messages."""
    content: bytes
    """The file."""
    segments: tuple[Segment, ...]
    symbols: tuple[Symbol, ...]
    sections: tuple[Placed, ...]
    calls: tuple[CallSite, ...]
    pointers: tuple[int, ...]
    init: tuple[int, ...]
    descriptor: Descriptor

    @cached_property
    def names(self) -> Names:
        """Symbols by address."""
        return Names(self.symbols)

    @cached_property
    def data(self) -> Segment | None:
        """The segment the card may write, if it has one."""
        return next((segment for segment in self.segments if segment.writable), None)

    @cached_property
    def host_calls(self) -> frozenset[str]:
        """Names of the calls into the host it uses."""
        return frozenset(site.name for site in self.calls)

    @cached_property
    def digest(self) -> bytes:
        """What tells this build from any other: BLAKE2b of the file."""
        return hashlib.blake2b(self.content, digest_size=16).digest()

    @cached_property
    def packed(self) -> bytes:
        """The file in zstd, which goes with a state of it."""
        return zstandard.compress(self.content)

    def segment(self, address: int) -> Segment | None:
        """The segment that has `address`."""
        return next((s for s in self.segments if s.address <= address < s.end), None)


def load_image(content: bytes, name: str) -> ElfImage:
    """The card in object file `content`, called `name` in messages. Raises `ElfError`."""
    objects = [read_object(content, name)]
    if _undefined(objects[0]) & support_names():
        objects.append(_support())
    place = _descriptor_section(name, objects[0])
    entries = got_symbols(objects)
    placement = Placement(objects, len(entries), taken_calls(objects, HOST_CALLS))
    resolver = Resolver(objects, placement, HOST_CALLS)
    relocator = Relocator(objects, placement, resolver, entries)
    relocator.run()
    segments = placement.segments()
    calls = tuple(relocator.calls)
    peek = Peek(name, segments)
    descriptor = read_descriptor(placement.placed[0, place].address, peek)
    uses = frozenset(call.name for call in calls)
    if descriptor.windows_unanswered and "hotswap_map_ram" not in uses:
        raise ElfError(
            f"{name}: section {DESCRIPTOR}: it has memory windows, and neither memory_read nor "
            "memory_write, nor does it call hotswap_map_ram"
        )
    return ElfImage(
        name,
        content,
        segments,
        tuple(resolver.names()),
        tuple(placement.placed.values()),
        calls,
        tuple(relocator.pointers),
        tuple(_constructors(objects, placement, peek)),
        descriptor,
    )


def _undefined(one: ObjectFile) -> set[str]:
    return {symbol.name for symbol in one.symbols if not symbol.section and symbol.name}


@cache
def _support() -> ObjectFile:
    content = (files("hotswap.cards.elf") / SUPPORT).read_bytes()
    return read_object(content, SUPPORT)


@cache
def support_names() -> frozenset[str]:
    """The functions that come with the loader."""
    symbols = _support().symbols
    return frozenset(one.name for one in symbols if one.section and one.binding != STB_LOCAL)


def _descriptor_section(name: str, one: ObjectFile) -> int:
    """Its index."""
    found = [section for section in one.sections if section.name == DESCRIPTOR]
    if len(found) == 1 and found[0].allocated and found[0].size:
        return found[0].index
    what = "no" if not found else f"{len(found)}" if len(found) > 1 else "an empty"
    raise ElfError(
        f"{name}: {what} section {DESCRIPTOR}: a card has one descriptor, "
        "HOTSWAP_CARD() of hotswap_card.h"
    )


def _constructors(objects: Sequence[ObjectFile], placement: Placement, peek: Peek) -> Iterator[int]:
    count = 0
    for number, one in enumerate(objects):
        ordered = sorted(
            (section for section in one.sections if _order(section) is not None),
            key=lambda section: _order(section) or (0, 0),
        )
        for section in ordered:
            if (number, section.index) not in placement.placed:
                continue
            start = placement.placed[number, section.index].address
            if section.size % 4:
                raise ElfError(f"{peek.name}: section {section.name} is no table of functions")
            words = list(range(start, start + section.size, 4))
            if section.name.startswith(".ctors"):
                words.reverse()
            count += len(words)
            if count > INIT_MAX:
                raise ElfError(
                    f"{peek.name}: section {section.name}: more than {INIT_MAX} constructors; "
                    "let one call the others"
                )
            for word in words:
                where = f"section {section.name}, offset {word - start:#x}"
                if function := peek.function(word, where):
                    yield function


def _order(section: Section) -> tuple[int, int] | None:
    """Where the constructors of a section come; .init_array.100 before .init_array.200."""
    for kind, first in ((".init_array", 0), (".ctors", 1)):
        if section.name == kind:
            return 65536, first
        number = section.name.removeprefix(f"{kind}.")
        if number != section.name and number.isascii() and number.isdigit():
            priority = int(number[:6])
            return (65535 - priority if first else priority), first
    return None
