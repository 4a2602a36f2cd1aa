"""The data of one build, moved to where another build has it: by symbol, pointers and all.

Both have to have the same variables: name, size, and shape where both bring debug information.
Pointers are followed to the symbol they lead into, and lead into the same symbol of the new build;
those to string literals lead to the same text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import msgspec
from elftools.elf.constants import SH_FLAGS

from hotswap.bus import StateError

from .image import ElfImage
from .memory import ARENA
from .place import IMAGE, IMAGE_MAX, PAGE
from .symbols import Symbol
from .types import Shape, shapes

_STRIDE = PAGE // 4
MIGRATE = "give the new build a migrate(), or remove the card and insert the new one"


class Variable(msgspec.Struct, frozen=True):
    """A symbol of the data, with what it is made of."""

    name: str
    address: int
    size: int
    section: str
    shape: Shape | None

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + self.size


def variables(image: ElfImage) -> dict[tuple[str, int], Variable]:
    """By name, and how many of the same name come before it."""
    if image.data is None:
        return {}
    made = shapes(image)
    found: dict[tuple[str, int], Variable] = {}
    seen: Counter[str] = Counter()
    for symbol, size in _sized(image):
        shape = made.get(symbol.address)
        if shape is not None and shape.size != size:
            shape = None
        variable = Variable(symbol.name, symbol.address, size, symbol.section, shape)
        found[symbol.name, seen[symbol.name]] = variable
        seen[symbol.name] += 1
    return found


def _sized(image: ElfImage) -> Iterator[tuple[Symbol, int]]:
    """Symbols of the data with their sizes; one without goes on to the next, or to the end."""
    data = image.data
    assert data is not None
    symbols = [
        s
        for s in image.symbols
        if s.own and not s.function and data.address <= s.address < data.end
    ]
    ends = {p.section.name: p.address + p.section.size for p in image.sections}
    last = -1
    for number, symbol in enumerate(symbols):
        if symbol.address == last:
            continue  # another name for the same
        size = symbol.size
        if not size:
            later = (s.address for s in symbols[number + 1 :] if s.address > symbol.address)
            size = min(next(later, data.end), ends.get(symbol.section, data.end)) - symbol.address
        last = symbol.address
        if size > 0:
            yield symbol, size


class Move:
    """Moves what the data of `old` held into `new`."""

    def __init__(self, old: ElfImage, new: ElfImage, data: bytes, arena: bytes) -> None:
        self._old, self._new, self._data, self._arena = old, new, data, arena
        self._from, self._to = variables(old), variables(new)
        self._new_names = {key: symbol.address for key, symbol in _numbered(new) if symbol.section}
        self._keys = {symbol.address: key for key, symbol in _numbered(old)}

    def moved(self, initial: bytes) -> bytes:
        """The data of the new build, from its `initial`. Raises `StateError` naming the symbol."""
        self._check()
        found = bytearray(initial)
        base = self._new.data.address if self._new.data else 0
        covered = bytearray(len(self._data))
        start = self._old.data.address if self._old.data else 0
        for key, variable in self._from.items():
            at, there = variable.address - start, self._to[key]
            covered[at : at + variable.size] = b"\xff" * variable.size
            content = self._pointers(variable, there)
            found[there.address - base : there.address - base + there.size] = content
        self._check_rest(covered)
        self._check_arena()
        return bytes(found)

    def _check(self) -> None:
        for key, variable in self._from.items():
            there = self._to.get(key)
            if there is None:
                raise StateError(f"symbol {variable.name}: the new build has none; {MIGRATE}")
            if variable.size != there.size:
                raise StateError(
                    f"symbol {variable.name}: {variable.size} bytes, {there.size} in the new "
                    f"build; {MIGRATE}"
                )
            one, other = variable.shape, there.shape
            if one is not None and other is not None and one.text != other.text:
                raise StateError(
                    f"symbol {variable.name}: its type is another one in the new build; {MIGRATE}"
                )
        for key, variable in self._to.items():
            if key not in self._from:
                raise StateError(f"symbol {variable.name}: only the new build has it; {MIGRATE}")

    def address(self, what: str, value: int) -> int:
        """Where an address of the old build is in the new one. Raises `StateError`."""
        shown = Variable(what, value, 0, "", None)
        return int.from_bytes(self._target(shown, 0, value), "little")

    # -- pointers -------------------------------------------------------------------------------

    def _pointers(self, variable: Variable, there: Variable) -> bytes:
        start = self._old.data.address if self._old.data else 0
        at = variable.address - start
        content = bytearray(self._data[at : at + variable.size])
        shape = variable.shape or there.shape
        known = set(shape.pointers) if shape is not None else set[int]()
        known |= {
            address - variable.address
            for address in self._old.pointers
            if variable.address <= address and address + 4 <= variable.end
        }
        first = self._old.data.content if self._old.data else b""
        for offset in sorted(known):
            word = bytes(content[offset : offset + 4])
            before = first[at + offset : at + offset + 4]
            if word == before and there.address + offset in self._new.pointers:
                base = self._new.data.address if self._new.data else 0
                begin = there.address + offset - base
                new = self._new.data.content if self._new.data else b""
                content[offset : offset + 4] = new[begin : begin + 4]  # as the compiler set it
            else:
                value = int.from_bytes(word, "little")
                content[offset : offset + 4] = self._target(variable, offset, value)
        for offset in _unsure(variable, shape):
            if offset in known or any(abs(offset - other) < 4 for other in known):
                continue
            value = int.from_bytes(content[offset : offset + 4], "little")
            if IMAGE <= value < IMAGE + IMAGE_MAX and self._old.segment(value) is not None:
                raise StateError(
                    f"symbol {variable.name}, offset {offset:#x}: {value:#x} may be a pointer to "
                    f"{self._old.names.title(value)}; build both with -g, or {MIGRATE}"
                )
        return bytes(content)

    def _target(self, variable: Variable, offset: int, value: int) -> bytes:
        """Where a pointer leads in the new build."""
        if not IMAGE <= value < IMAGE + IMAGE_MAX:
            return value.to_bytes(4, "little")  # 0, the arena, a window: they stay where they are
        found = self._old.names.at(value)
        if found is None and (before := self._old.names.at(value - 1)) is not None:
            found = before[0], before[1] + 1  # just behind its end, as C allows
        key = None if found is None else self._keys.get(found[0].address)
        if found is None and (literal := self._literal(value)):
            return literal.to_bytes(4, "little")
        if found is None or key is None or key not in self._new_names:
            raise StateError(
                f"symbol {variable.name}, offset {offset:#x}: a pointer to {value:#x}, "
                f"{self._old.names.title(value)}, which has no name in the new build; {MIGRATE}"
            )
        return (self._new_names[key] + found[1]).to_bytes(4, "little")

    def _literal(self, value: int) -> int:
        """Where the new build has the string literal that is at `value`, or 0."""
        text = _literal(self._old, value)
        for placed in self._new.sections if text else ():
            if placed.section.flags & SH_FLAGS.SHF_STRINGS and placed.section.allocated:
                at = placed.section.content.find(text)
                if at >= 0:
                    return placed.address + at
        return 0

    def _check_rest(self, covered: bytearray) -> None:
        """Bytes that no symbol names must be as they were in the object: padding."""
        first = (self._old.data.content if self._old.data else b"").ljust(len(self._data), b"\0")
        for start in range(0, len(self._data), PAGE):
            page = slice(start, start + PAGE)
            if self._data[page] == first[page]:
                continue  # most of a large card
            now, before, known = (_number(one[page]) for one in (self._data, first, covered))
            if changed := (now ^ before) & ~known:
                at = start + ((changed & -changed).bit_length() - 1) // 8
                address = at + (self._old.data.address if self._old.data else 0)
                raise StateError(
                    f"data at {address:#x} has changed, and no symbol names it; {MIGRATE}"
                )

    def _check_arena(self) -> None:
        for at, value in _leading(self._arena, self._old):
            raise StateError(
                f"memory from hotswap_alloc, at {ARENA + at:#x}: {value:#x} may be a pointer "
                f"to {self._old.names.title(value)}; {MIGRATE}"
            )


def _number(content: bytes | bytearray) -> int:
    return int.from_bytes(content, "little")


def _leading(memory: bytes, image: ElfImage) -> Iterator[tuple[int, int]]:
    """Offset and value of words that lead into `image`. Few words of `memory` are looked at."""
    words = memoryview(memory)[: len(memory) - len(memory) % 4].cast("B").cast("I")
    upper = words.cast("B").cast("H")[1::2].tobytes()
    spans = [range(s.address >> 16, (s.address + s.size - 1 >> 16) + 1) for s in image.segments]
    places = {place.to_bytes(2, "little") for span in spans for place in span}
    leads = re.compile(b"|".join(re.escape(place) for place in sorted(places)))
    harmless: set[int] = set()
    for start in range(0, len(words), _STRIDE):
        if not leads.search(upper, 2 * start, 2 * (start + _STRIDE)):
            continue
        piece = words[start : start + _STRIDE]
        for value in set(piece) - harmless:
            if not IMAGE <= value < IMAGE + IMAGE_MAX:
                continue
            if image.segment(value) is None:
                harmless.add(value)
            else:
                yield 4 * (start + piece.tolist().index(value)), value


def _literal(image: ElfImage, address: int) -> bytes:
    """The string literal at `address` with its 0; empty when there is none."""
    for placed in image.sections:
        section, at = placed.section, address - placed.address
        literals = section.flags & SH_FLAGS.SHF_STRINGS and section.allocated
        if literals and 0 <= at < section.size:
            return section.content[at : section.content.find(b"\0", at) + 1]
    return b""


def _numbered(image: ElfImage) -> Iterator[tuple[tuple[str, int], Symbol]]:
    seen: Counter[str] = Counter()
    for symbol in image.symbols:
        yield (symbol.name, seen[symbol.name]), symbol
        seen[symbol.name] += 1


def _unsure(variable: Variable, shape: Shape | None) -> Iterator[int]:
    """Offsets of words that may be pointers or not."""
    spans = ((0, variable.size),) if shape is None else shape.mixed
    for first, end in spans:
        yield from range(first + -first % 4, end - 3, 4)
