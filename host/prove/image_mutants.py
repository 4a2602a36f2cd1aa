"""Mutants of kernel images: ELF files and LZ4 frames that are damaged, cut off, or lie."""

from __future__ import annotations

import random
import struct

import lz4.frame

_WORDS = (0, 1, 4, 7, 0x34, 0x1000, 0x100000, 0x1FFFFF, 0x200000, 1 << 31, (1 << 32) - 1)
_HEADERS = 0x34 + 6 * 0x20
"""Bytes at the front of an ELF file that say most of what is in it."""


def image_mutant(image: bytes, chance: random.Random) -> bytes:
    """An image with one to four things changed, one in four of them compressed before or after."""
    whole = bytearray(image)
    when = chance.randrange(8)
    if when == 0:
        whole = bytearray(lz4.frame.compress(image, content_checksum=chance.random() < 0.8))
    note = image.index(b"LKUS")
    for _ in range(chance.choice((1, 1, 2, 4))):
        places = (_HEADERS, len(whole), note + 200)
        at = chance.randrange(min(chance.choice(places), len(whole) - 4))
        match chance.randrange(4):
            case 0:
                whole[at] ^= 1 << chance.randrange(8)
            case 1:
                struct.pack_into("<I", whole, at & ~3, chance.choice((*_WORDS, len(whole))))
            case 2:
                struct.pack_into("<H", whole, at & ~1, chance.choice(_WORDS) & 0xFFFF)
            case _:
                note_at = min(note + chance.randrange(-12, 80), len(whole) - 4)
                struct.pack_into("<I", whole, note_at, chance.choice(_WORDS))
    if chance.random() < 0.1:
        del whole[chance.randrange(len(whole)) :]
    if when == 1:
        return bytes(lz4.frame.compress(bytes(whole), content_checksum=True))
    return bytes(whole)
