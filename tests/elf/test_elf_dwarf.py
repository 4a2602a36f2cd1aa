"""Debug information with more in it than anybody's is read as far as its limits."""

import struct

from hotswap.cards.elf import load_image
from hotswap.cards.elf.dwarf import (
    ATTRIBUTES_MAX,
    ENTRIES_MAX,
    TREE_READS,
    Budget,
    Tree,
    open_dwarf,
)

from .patching import Patch


def tree(attributes: int, entries: int, *, constant: int = 0) -> Tree:
    """Of a unit whose entries have so many attributes, all with values of no bytes."""
    patch = Patch()
    specs = b"".join(
        bytes((0x80 | number & 0x7F, 0x40 | number >> 7, 0x21, constant))  # DW_FORM_implicit_const
        for number in range(attributes)
    )
    patch.replace(".debug_abbrev", bytes((1, 0x34, 0)) + specs + bytes(3))
    inside = struct.pack("<HBBI", 5, 1, 4, 0) + b"\1" * entries
    patch.replace(".debug_info", struct.pack("<I", len(inside)) + inside)
    dwarf = open_dwarf(load_image(bytes(patch.content), "wide.o"), Budget(TREE_READS))
    assert dwarf is not None
    return Tree(dwarf)


def test_an_entry_has_so_many_attributes_and_no_more() -> None:
    assert len(tree(ATTRIBUTES_MAX, 3).entries) == 3
    assert not tree(ATTRIBUTES_MAX + 1, 3).entries


def test_attributes_count_as_entries_do() -> None:
    assert len(tree(ATTRIBUTES_MAX, 2000).entries) == ENTRIES_MAX // (1 + ATTRIBUTES_MAX)


def test_what_is_read_of_a_card_has_a_limit() -> None:
    budget = Budget(100)
    dwarf = open_dwarf(load_image(bytes(Patch().content), "sample.o"), budget)
    assert dwarf is not None
    assert len(Tree(dwarf).entries) < 20
    assert budget.left < 0


def test_a_number_of_many_bytes_ends_the_reading() -> None:
    patch = Patch()
    patch.replace(".debug_abbrev", bytes((1, 0x34, 0)) + b"\x80" * 4096 + bytes(5))
    budget = Budget(TREE_READS)
    dwarf = open_dwarf(load_image(bytes(patch.content), "long.o"), budget)
    assert dwarf is not None
    assert not Tree(dwarf).entries
    assert TREE_READS - budget.left < 1000
