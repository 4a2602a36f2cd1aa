"""What a symbol stands for: an address of the card, or a call into the host.

A card's own symbols come first, then the functions compilers call unasked (`support.o`), then the
calls of hotswap_card.h. A weak symbol nobody defines is 0.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from .errors import ElfError
from .objects import (
    SHN_ABS,
    SHN_COMMON,
    SHN_UNDEF,
    STB_LOCAL,
    STB_WEAK,
    STT_COMMON,
    STT_FILE,
    STT_FUNC,
    STT_NOTYPE,
    STT_OBJECT,
    STT_SECTION,
    ObjectFile,
    ObjectSymbol,
)
from .place import JUMP_SIZE, Placement

GOT_SYMBOL = "_GLOBAL_OFFSET_TABLE_"


class HostCall(msgspec.Struct, frozen=True):
    """A function of the host, by its name; its address is known when the card has an engine."""

    name: str


class Symbol(msgspec.Struct, frozen=True):
    """A name for memory of the card; `size` 0 is unknown."""

    name: str
    address: int
    size: int
    function: bool
    section: str
    own: bool = True
    """False for what came with support.o."""


class Resolver:
    """Finds what the symbols of `objects` stand for, once they are placed."""

    def __init__(
        self, objects: Sequence[ObjectFile], placement: Placement, calls: Mapping[str, int]
    ) -> None:
        self._objects, self._placement, self._calls = objects, placement, calls
        self._globals: dict[str, tuple[int, ObjectSymbol]] = {}
        self.undefined: set[str] = set()
        """What was asked for and is nowhere."""
        for number, one in enumerate(objects):
            for symbol in one.symbols:
                if symbol.binding != STB_LOCAL and symbol.section != SHN_UNDEF:
                    self._define(number, symbol)

    def _define(self, number: int, symbol: ObjectSymbol) -> None:
        earlier = self._globals.get(symbol.name)
        if earlier is None or (earlier[0] == number and earlier[1].binding == STB_WEAK):
            self._globals[symbol.name] = number, symbol
        elif earlier[0] == number and symbol.binding != STB_WEAK:
            raise ElfError(
                f"{self._placement.name}: symbol {symbol.name} is defined twice, as numbers "
                f"{earlier[1].index} and {symbol.index}"
            )

    def find(self, number: int, symbol: ObjectSymbol) -> int | HostCall:
        """The value of a symbol of object `number`; 0, noted in `undefined`, when it has none."""
        if symbol.section == SHN_UNDEF:
            if symbol.name in self._globals:
                number, symbol = self._globals[symbol.name]
            elif symbol.name == GOT_SYMBOL:
                return self._placement.got
            elif symbol.name in self._calls:
                return HostCall(symbol.name)
            else:
                if symbol.binding != STB_WEAK and symbol.index:
                    self.undefined.add(symbol.name)
                return 0
        if symbol.section == SHN_ABS:
            return symbol.value
        if symbol.section == SHN_COMMON:
            return self._placement.commons[number, symbol.index]
        placed = self._placement.placed.get((number, symbol.section))
        if placed is None:
            section = self._objects[number].sections[symbol.section]
            if not section.size and section.allocated:
                return 0  # an empty section: a symbol nobody can use
            raise ElfError(
                f"{self._placement.name}: symbol {self._objects[number].describe(symbol)} is in "
                f"section {section.name}, which is no part of the card's memory"
            )
        return placed.address + symbol.value

    def names(self) -> Iterator[Symbol]:
        """Every symbol that names memory, by address."""
        found = []
        for number, one in enumerate(self._objects):
            for symbol in one.symbols:
                if symbol.type not in {STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_COMMON}:
                    continue
                key = number, symbol.section
                if symbol.section == SHN_COMMON:
                    address = self._placement.commons[number, symbol.index]
                    section = "COMMON"
                elif key in self._placement.placed:
                    placed = self._placement.placed[key]
                    address, section = placed.address + symbol.value, placed.section.name
                else:
                    continue
                if symbol.name and symbol.type not in {STT_SECTION, STT_FILE}:
                    function = symbol.type == STT_FUNC
                    own = number == 0
                    found.append(Symbol(symbol.name, address, symbol.size, function, section, own))
        for name, address in self._placement.jumps.items():
            found.append(Symbol(name, address, JUMP_SIZE, True, ".text", own=False))
        yield from sorted(found, key=lambda symbol: (symbol.address, symbol.size))


class Names:
    """Symbols by address, for reports."""

    def __init__(self, symbols: Sequence[Symbol]) -> None:
        self._symbols = symbols
        self._starts = [symbol.address for symbol in symbols]

    def at(self, address: int) -> tuple[Symbol, int] | None:
        """The symbol `address` is in, and how far."""
        for index in range(bisect_right(self._starts, address) - 1, -1, -1):
            symbol = self._symbols[index]
            if not symbol.size or address < symbol.address + symbol.size:
                return symbol, address - symbol.address
            if index < len(self._symbols) and address - symbol.address > 1 << 20:
                return None
        return None

    def title(self, address: int) -> str:
        """`function+0x12`, or the bare address."""
        found = self.at(address)
        if found is None:
            return f"{address:#x}"
        symbol, offset = found
        return f"{symbol.name}+{offset:#x}" if offset else symbol.name
