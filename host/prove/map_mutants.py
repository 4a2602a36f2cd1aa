"""Mutants of Save State Maps: what a defective kernel, or somebody malicious, might write.

Most have their checksums made right again, or no reader would look any further.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Sequence

from hotswap.switchover.container import ENTRY, HEADER, header_crc
from hotswap.switchover.schema import SECTIONS_MAX

LONGEST = 1 << 14
"""Bytes of a mutant: long ones only take time."""
_WORDS = (0, 1, 2, 7, 8, 24, 32, 40, 64, 96, 0x7FFF, 0x8000, 0xFFFF, 1 << 31, (1 << 32) - 8,
          (1 << 32) - 1)  # fmt: skip
_BYTES = (0, 1, 2, 8, 13, 0x7F, 0x80, 0xFF)
_TYPES = (*range(26), 0x8000, 0xFFFF)
_OFF, _LEN, _COUNT, _REC_SIZE, _CRC = 8, 12, 16, 20, 24  # fields of a section's entry


def mutant(corpus: Sequence[bytes], chance: random.Random) -> bytes:
    """A map of the corpus with one to six things changed."""
    whole = bytearray(chance.choice(corpus))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        if len(whole) < HEADER.size:
            break
        chance.choice(_CHANGES)(whole, corpus, chance)
        del whole[LONGEST:]
    if chance.random() < 0.9:
        repair(whole, chance)
    if chance.random() < 0.03:
        del whole[chance.randrange(len(whole) + 1) :]
    return bytes(whole)


def repair(whole: bytearray, chance: random.Random | None = None) -> None:
    """Make checksums right, but with `chance` now and then leave one as it is."""
    if len(whole) < HEADER.size:
        return
    start, count = table_of(whole)
    end = start + count * ENTRY.size
    view = memoryview(whole)
    skipped = chance.randrange(100) if chance else -1
    if count <= SECTIONS_MAX and end <= len(whole):
        for number in range(count):
            at = start + number * ENTRY.size
            off, length = struct.unpack_from("<II", whole, at + _OFF)
            if skipped != number:
                crc = zlib.crc32(view[off : off + length])
                struct.pack_into("<I", whole, at + _CRC, crc)
        if skipped != SECTIONS_MAX:
            struct.pack_into("<I", whole, 88, zlib.crc32(view[start:end]))
    if skipped != SECTIONS_MAX + 1:
        struct.pack_into("<I", whole, 92, header_crc(view[: HEADER.size]))


def table_of(whole: bytes | bytearray) -> tuple[int, int]:
    """Where the section table begins, and how many entries it has, by its header."""
    start, count = struct.unpack_from("<IH", whole, 16)
    return start, count


def _entry(whole: bytearray, chance: random.Random) -> int | None:
    """Where a section's entry is."""
    start, count = table_of(whole)
    count = min(count, SECTIONS_MAX, (len(whole) - start) // ENTRY.size)
    return start + chance.randrange(count) * ENTRY.size if count > 0 else None


def _bit(whole: bytearray, corpus: Sequence[bytes], chance: random.Random) -> None:
    whole[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)


def _byte(whole: bytearray, corpus: Sequence[bytes], chance: random.Random) -> None:
    whole[chance.randrange(len(whole))] = chance.choice(_BYTES)


def _word(whole: bytearray, corpus: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(whole) - 7) & ~3
    value = chance.choice((*_WORDS, len(whole), len(whole) - 8))
    struct.pack_into("<I", whole, at, value)


def _other_word(whole: bytearray, corpus: Sequence[bytes], chance: random.Random) -> None:
    """A number that is somewhere else in the map: a pid, an address, an id."""
    at, other = (chance.randrange(len(whole) - 7) & ~3 for _ in range(2))
    whole[at : at + 4] = whole[other : other + 4]


def _front(whole: bytearray, corpus: Sequence[bytes], chance: random.Random) -> None:
    """Something in header or section table."""
    start, count = table_of(whole)
    end = max(HEADER.size, min(len(whole), start + count * ENTRY.size))
    at = chance.randrange(0, end - 1, 2)
    struct.pack_into("<H", whole, at, chance.choice((*_WORDS[:13], len(whole) & 0xFFFF)))


def _known_type(whole: bytearray, corpus: Sequence[bytes], chance: random.Random) -> None:
    if (at := _entry(whole, chance)) is not None:
        struct.pack_into("<HH", whole, at, chance.choice(_TYPES), chance.randrange(4))


def _fewer(whole: bytearray, corpus: Sequence[bytes], chance: random.Random) -> None:
    """A section that agrees with itself, but has other records."""
    if (at := _entry(whole, chance)) is None:
        return
    (rec_size,) = struct.unpack_from("<H", whole, at + _REC_SIZE)
    (length,) = struct.unpack_from("<I", whole, at + _LEN)
    rec_size = chance.choice((rec_size, rec_size + 8, max(rec_size - 8, 0), length)) & 0xFFFF
    count = chance.randrange(length // rec_size + 2) if rec_size else 0
    struct.pack_into("<IIH", whole, at + _LEN, count * rec_size & _WORDS[-1], count, rec_size)


def _grown(whole: bytearray, corpus: Sequence[bytes], chance: random.Random) -> None:
    """A section at the end of the map, with records as a later minor version might have them."""
    if (at := _entry(whole, chance)) is None:
        return
    off, length, count, rec_size = struct.unpack_from("<IIIH", whole, at + _OFF)
    if not rec_size or count * rec_size != length or off + length > len(whole):
        return
    more = chance.randrange(0, 32, 4)
    old = bytes(whole[off : off + length])
    place = -(-len(whole) // 8) * 8
    whole.extend(bytes(place - len(whole)))
    for start in range(0, length, rec_size):
        whole += old[start : start + rec_size] + chance.randbytes(more)
    struct.pack_into("<II", whole, at + _OFF, place, len(whole) - place)
    struct.pack_into("<H", whole, at + _REC_SIZE, rec_size + more & 0xFFFF)
    struct.pack_into("<I", whole, 12, len(whole))


def _swap(whole: bytearray, corpus: Sequence[bytes], chance: random.Random) -> None:
    """Two sections in each other's place."""
    one, other = _entry(whole, chance), _entry(whole, chance)
    if one is not None and other is not None:
        first, second = whole[one : one + ENTRY.size], whole[other : other + ENTRY.size]
        whole[one : one + ENTRY.size], whole[other : other + ENTRY.size] = second, first


def _splice(whole: bytearray, corpus: Sequence[bytes], chance: random.Random) -> None:
    """A piece of another map."""
    other = chance.choice(corpus)
    if len(other) < 8:
        return
    size = 8 * chance.randrange(1, 9)
    at = chance.randrange(min(len(whole), len(other))) & ~7
    piece = other[at : at + size]
    whole[at : at + len(piece)] = piece


_CHANGES: Sequence[Callable[[bytearray, Sequence[bytes], random.Random], None]] = (
    _bit, _byte, _word, _word, _other_word, _other_word, _front, _front, _known_type, _fewer,
    _grown, _swap, _splice,
)  # fmt: skip
