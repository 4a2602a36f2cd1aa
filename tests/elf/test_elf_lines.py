"""Files and lines of a hostile object cost the host little, whatever its debug information says."""

import struct
import tracemalloc
import zlib

from hotswap.cards.elf import ElfImage, load_image
from hotswap.cards.elf.dwarf import SECTIONS_MAX, Budget, open_dwarf, units
from hotswap.cards.elf.lines import FILE_MAX, LINE_READS, LINES_MAX, Lines

from .patching import SAMPLE, Patch

NOWHERE = ("", 0)


def image_of(patch: Patch) -> ElfImage:
    return load_image(bytes(patch.content), "hostile.o")


def place(image: ElfImage) -> tuple[str, int]:
    """Where its read function is."""
    return Lines(image).at(image.descriptor.functions.read)


def header(tables: bytes) -> bytes:
    """A line program of version 5 from its version on, with the tables of names given."""
    lengths = bytes((0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1))
    inside = struct.pack("<BBBbBB", 1, 1, 1, -5, 14, 13) + lengths + tables
    return struct.pack("<HBBI", 5, 4, 0, len(inside)) + inside


def program(tables: bytes, opcodes: bytes) -> bytes:
    content = header(tables) + opcodes
    return struct.pack("<I", len(content)) + content


NAMES = bytes((1, 1, 8, 1)) + b"/\0" + bytes((1, 1, 8, 2)) + b"sample.c\0" * 2


def with_opcodes(count: int) -> ElfImage:
    """`count` lines from the beginning of its code on, each a byte long."""
    patch = Patch()
    start = image_of(patch).segments[0].address
    set_address = bytes((0, 5, 2)) + struct.pack("<I", start)
    advance_a_byte = bytes((13 + 5 + 14,))
    opcodes = set_address + advance_a_byte * (count - len(set_address))
    patch.replace(".debug_line", program(NAMES, opcodes))
    return image_of(patch)


def test_a_line_program_is_read_up_to_a_limit_and_none_of_one_that_is_larger() -> None:
    assert place(with_opcodes(LINES_MAX))[0] == "sample.c"
    assert place(with_opcodes(LINES_MAX + 1)) == NOWHERE


def test_names_of_no_bytes_are_not_counted_up_to() -> None:
    many = b"\x80\x80\x10"  # 262,144
    for tables in (b"\0" + many + b"\0\0", b"\0\0" + b"\0" + many):
        patch = Patch()
        patch.replace(".debug_line", program(tables, b""))
        image = image_of(patch)
        tracemalloc.start()
        try:
            assert place(image) == NOWHERE
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()


def test_what_is_read_for_a_report_has_a_limit() -> None:
    patch = Patch()
    names = bytes((1, 1, 8, 1)) + b"/\0" + bytes((1, 1, 8, 0x80, 0x80, 4)) + b"a\0" * 65536
    patch.replace(".debug_line", program(names, b""))
    budget = Budget(LINE_READS)
    dwarf = open_dwarf(image_of(patch), budget)
    assert dwarf is not None
    assert len(list(units(dwarf))) == 1
    assert place(image_of(patch)) == NOWHERE


def test_a_large_object_is_not_searched_for_lines() -> None:
    patch = Patch()
    assert place(image_of(patch))[0] == "sample.c"
    patch.content += bytes(FILE_MAX)
    assert place(image_of(patch)) == NOWHERE


def test_all_debug_sections_together_have_a_limit() -> None:
    patch = Patch(SAMPLE.with_name("sample-card-pic.o"))
    part = SECTIONS_MAX // 2
    packed = struct.pack("<III", 1, part, 1) + zlib.compress(bytes(part))
    patch.replace(".debug_aranges", packed)
    patch.section(".debug_aranges", flags=0x800)
    assert place(image_of(patch))[0] == "sample.c"
    patch.replace(".debug_str", packed)
    patch.section(".debug_str", flags=0x800)
    assert open_dwarf(image_of(patch), Budget(LINE_READS)) is None


def test_the_first_section_of_a_name_is_the_one() -> None:
    patch = Patch()
    patch.section(".debug_frame", name=patch.head(patch.index(".debug_line"), "name"))
    assert place(image_of(patch))[0] == "sample.c"
