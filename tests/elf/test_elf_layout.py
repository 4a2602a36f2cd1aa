"""Data is looked through for what another build could not have, without going word by word."""

import struct
import sys
from typing import Any

import pytest

from hotswap.bus import StateError
from hotswap.cards.elf import ElfImage, load_image
from hotswap.cards.elf.layout import Move

from .conftest import CARDS

SIZE = 1 << 20


@pytest.fixture(scope="module")
def image() -> ElfImage:
    return load_image((CARDS / "ledger.o").read_bytes(), "ledger.o")


def moved(image: ElfImage, arena: bytes) -> bytes:
    assert image.data is not None
    data = image.data.content.ljust(image.data.size, b"\0")
    return Move(image, image, data, arena).moved(data)


def test_every_word_of_the_memory_it_was_given_counts(image: ElfImage) -> None:
    assert image.data is not None
    arena = bytearray(b"Z" * SIZE)
    for at in (0, 4096 - 4, 4096, SIZE - 4):
        arena[at : at + 4] = struct.pack("<I", image.data.address)
        with pytest.raises(StateError, match=f"at {0x6000_0000 + at:#x}: .* may be a pointer"):
            moved(image, bytes(arena))
        arena[at : at + 4] = b"ZZZZ"
    gap = struct.pack("<I", image.segments[0].end + 4096)
    assert moved(image, gap * 1024 + struct.pack("<I", image.data.address)[:3])


def test_what_is_no_pointer_costs_nothing(image: ElfImage) -> None:
    calls = 0

    def count(_frame: object, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event == "c_call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        moved(image, b"text" * (SIZE // 4))
    finally:
        sys.setprofile(before)
    assert calls < SIZE // 16


def test_padding_that_has_changed_is_named_by_its_first_byte(image: ElfImage) -> None:
    assert image.data is not None
    room = -(-image.data.size // 4096) * 4096 + 4096
    initial = image.data.content.ljust(room, b"\0")
    data = bytearray(initial)
    data[-3] = data[-1] = 1
    where = image.data.address + room - 3
    with pytest.raises(StateError, match=f"data at {where:#x} has changed, and no symbol"):
        Move(image, image, bytes(data), b"").moved(initial)
