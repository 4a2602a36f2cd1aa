"""Mutants of cards in machine code: object files that are damaged, cut off, or lie.

A mutant changes one to six things of an object, most of them fields of its tables: the ELF header,
section headers, symbols, relocations, the descriptor and what it leads to, debug information.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Sequence

from hotswap.cards.elf.descriptor import MAGIC

_WORDS = (
    0, 1, 2, 3, 4, 7, 8, 0x10, 0x34, 0xFF, 0x100, 0xFFF, 0x1000, 0xFFFF, 0x10000, 0x7FFFFFFF,
    0x80000000, 0xFFFFFFF0, 0xFFFFFFFF,
)  # fmt: skip
_EHDR = struct.calcsize("<16sHHIIIIIHHHHHH")
_SHDR, _SYM, _REL = 40, 16, 8
_NOBITS = 8
LONGEST = 1 << 16
"""Bytes of a mutant, about."""


def _sections(data: bytes | bytearray) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Offset and fields of each section header that is there."""
    table, count = struct.unpack_from("<I", data, 32)[0], struct.unpack_from("<H", data, 48)[0]
    for number in range(min(count, 200)):
        at = table + number * _SHDR
        if at + _SHDR > len(data):
            return
        yield at, struct.unpack_from("<10I", data, at)


def mutant(corpus: Sequence[bytes], chance: random.Random) -> bytes:
    """One of `corpus`, changed."""
    whole = bytearray(chance.choice(corpus))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        try:
            chance.choice(_CHOICES)(whole, chance)
        except (struct.error, IndexError, ValueError):
            _bit(whole, chance)  # its tables are gone already
    if chance.random() < 0.03:
        del whole[chance.randrange(len(whole) + 1) :]
    return bytes(whole[: 2 * LONGEST])


def _word(whole: bytearray, chance: random.Random) -> int:
    """A number somebody might trip over."""
    match chance.randrange(5):
        case 0:
            return chance.randrange(1 << 32)
        case 1:
            return (len(whole) + chance.randrange(-8, 9)) & 0xFFFFFFFF
        case 2:
            return chance.randrange(64)
        case _:
            return chance.choice(_WORDS)


def _put(whole: bytearray, at: int, size: int, chance: random.Random) -> None:
    """Another number in a field of 1, 2 or 4 bytes, often one close to what was there."""
    if not 0 <= at <= len(whole) - size:
        raise IndexError(at)
    value = int.from_bytes(whole[at : at + size], "little")
    value = value + chance.choice((-1, 1, 4, 16)) if chance.random() < 0.4 else _word(whole, chance)
    whole[at : at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")


def _bit(whole: bytearray, chance: random.Random) -> None:
    if whole:
        whole[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)


def _header(whole: bytearray, chance: random.Random) -> None:
    at, size = chance.choice(
        [(at, 1) for at in (4, 5, 6)]
        + [(at, 2) for at in (16, 18, 40, 46, 48, 50)]
        + [(at, 4) for at in (20, 24, 28, 32)]
    )
    _put(whole, at, size, chance)


def _section(whole: bytearray, chance: random.Random) -> None:
    at, _ = chance.choice(list(_sections(whole)))
    _put(whole, at + 4 * chance.randrange(10), 4, chance)


def _swap(whole: bytearray, chance: random.Random) -> None:
    """One section header instead of another."""
    tables = [at for at, _ in _sections(whole)]
    one, other = chance.choice(tables), chance.choice(tables)
    whole[one : one + _SHDR] = whole[other : other + _SHDR]


def _entry(whole: bytearray, chance: random.Random, kind: int, size: int) -> int:
    """The offset of an entry of a table of that section type."""
    tables = [head for _, head in _sections(whole) if head[1] == kind and head[5] >= size]
    head = chance.choice(tables)
    return head[4] + size * chance.randrange(head[5] // size)


def _symbol(whole: bytearray, chance: random.Random) -> None:
    at = _entry(whole, chance, 2, _SYM)
    offset, size = chance.choice(((0, 4), (4, 4), (8, 4), (12, 1), (14, 2)))
    _put(whole, at + offset, size, chance)


def _relocation(whole: bytearray, chance: random.Random) -> None:
    at = _entry(whole, chance, 9, _REL)
    offset, size = chance.choice(((0, 4), (4, 1), (5, 2), (4, 4)))
    _put(whole, at + offset, size, chance)


def _content(whole: bytearray, chance: random.Random) -> None:
    """Bytes of a section, whatever they are."""
    heads = [head for _, head in _sections(whole) if head[1] != _NOBITS and head[5]]
    head = chance.choice(heads)
    at = head[4] + chance.randrange(head[5])
    if chance.random() < 0.5:
        whole[at] = chance.randrange(256)
    else:
        _put(whole, at & ~3, 4, chance)


def _descriptor(whole: bytearray, chance: random.Random) -> None:
    at = whole.index(MAGIC.to_bytes(4, "little"))
    if chance.random() < 0.3:
        _put(whole, at + chance.randrange(70), 1, chance)
    else:
        _put(whole, at + 4 * chance.randrange(39), 4, chance)


def _more(whole: bytearray, chance: random.Random) -> None:
    """Put something in, or take something out: all that is behind is elsewhere."""
    if len(whole) > LONGEST or chance.random() < 0.5:
        start = chance.randrange(len(whole))
        del whole[start : start + chance.choice((1, 4, 40, 256))]
    else:
        start = chance.randrange(len(whole))
        whole[start:start] = chance.randbytes(chance.choice((1, 4, 40, 256)))


_WAYS = (
    (_header, 1), (_swap, 1), (_more, 1), (_section, 3), (_bit, 4), (_symbol, 4), (_relocation, 4),
    (_descriptor, 10), (_content, 12),
)  # fmt: skip
_CHOICES = [way for way, weight in _WAYS for _ in range(weight)]


def code_mutant(data: bytes, chance: random.Random) -> bytes:
    """A card whose instructions are others; its tables are as they were."""
    whole = bytearray(data)
    texts = [head for _, head in _sections(whole) if head[2] & 4 and head[5]]
    for _ in range(chance.choice((1, 2, 4, 16, 64))):
        head = chance.choice(texts)
        at = head[4] + chance.randrange(head[5])
        size = min(chance.choice((1, 1, 2, 4)), head[4] + head[5] - at)
        whole[at : at + size] = chance.randbytes(size)
    return bytes(whole)
