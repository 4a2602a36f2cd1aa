"""What is no card is refused, and the message says what is wrong and where."""

import re
from collections.abc import Callable

import pytest

from hotswap.cards.elf import ElfError, load_image
from hotswap.cards.elf.dwarf import SECTIONS_MAX
from hotswap.cards.elf.lines import Lines
from hotswap.cards.elf.place import IMAGE, PAGE
from hotswap.cards.elf.types import shapes

from .conftest import CARDS
from .patching import SAMPLE, Patch

Change = Callable[[Patch], None]
CARD = ".hotswap.card"
WILD = 0x12345678


def offset_in(section: str, text: bytes) -> int:
    patch = Patch()
    start = patch.head(patch.index(section), "offset")
    size = patch.head(patch.index(section), "size")
    return bytes(patch.content[start : start + size]).index(text)


OBJECTS: list[tuple[str, Change, str]] = [
    ("empty", lambda p: p.content.clear(), "no ELF file"),
    ("no magic", lambda p: p.put(0, b"\x7fELG"), "no ELF file"),
    ("64 bits", lambda p: p.put(4, 2, 1), "64-bit object|malformed"),
    ("no class", lambda p: p.put(4, 3, 1), "malformed: ELFError: Invalid EI_CLASS"),
    ("big-endian", lambda p: p.put(5, 2, 1), "big-endian|malformed|truncated"),
    ("another machine", lambda p: p.put(18, 40, 2), "for machine EM_ARM, not EM_386"),
    ("an executable", lambda p: p.put(16, 2, 2), "of type ET_EXEC, not ET_REL"),
    ("a library", lambda p: p.put(16, 3, 2), "of type ET_DYN, not ET_REL"),
    ("truncated at its headers", lambda p: p.content.__delitem__(slice(-30, None)),
     r"truncated: \d+ section headers at 0x\w+ end behind"),
    ("cut in the middle", lambda p: p.content.__delitem__(slice(600, None)), "truncated"),
    ("headers of another size", lambda p: p.put(46, 64, 2), "section headers of 64 bytes, not 40"),
    ("no sections", lambda p: p.put(48, 0, 2), "sections|malformed"),
    ("a name table there is not", lambda p: p.put(50, 999, 2), "section names|malformed"),
    ("a truncated section", lambda p: p.section(".text", size=1 << 20),
     r"truncated: section \.text is 0x100000 bytes at"),
    ("sections that overlap", lambda p: p.section(".text", offset=0x30),
     r"section \.text at offset 0x30 overlaps the ELF header, which ends at 0x34"),
    ("an odd alignment", lambda p: p.section(".data", addralign=3),
     r"section \.data: its alignment 3 is no power of two"),
    ("a large alignment", lambda p: p.section(".data", addralign=1 << 20),
     r"section \.data: its alignment 0x100000 is above 0x1000"),
    ("thread-local data", lambda p: p.section(".data", flags=0x403),
     r"section \.data is thread-local"),
    ("writable code", lambda p: p.section(".text", flags=7),
     r"section \.text is writable and executable"),
    ("compressed memory", lambda p: p.section(".data", flags=0x803),
     r"section \.data is compressed"),
    ("a huge .bss", lambda p: p.section(".bss", size=1 << 31),
     r"section \.bss: 0x80000000 bytes are more than"),
    ("a .bss that is too much with the rest", lambda p: p.section(".bss", size=8 << 20),
     r"with .* the card is larger than 0x800000 bytes"),
    ("no symbols", lambda p: p.section(".symtab", type=1), "0 symbol tables, not one"),
    ("half a symbol", lambda p: p.section(".symtab", size=p.head(p.index(".symtab"), "size") - 3),
     r"section \.symtab: 0x\w+ bytes are no symbol table"),
    ("names of symbols nowhere", lambda p: p.section(".symtab", link=77),
     r"section \.symtab: its names are in section 77"),
    ("a symbol's name outside", lambda p: p.symbol("shared", name=1 << 20),
     r"symbol \d+: its name is at 0x100000, outside the string table"),
    ("a symbol in no section", lambda p: p.symbol("shared", section=200),
     r"symbol shared: in section 200 of \d+"),
    ("a symbol in a reserved section", lambda p: p.symbol("shared", section=0xFF20),
     r"symbol shared: in section 0xff20, which is reserved"),
    ("a symbol behind its section", lambda p: p.symbol("shared", value=1 << 20),
     r"symbol shared: 0x10 bytes at 0x100000 end behind section \.bss"),
    ("a thread-local symbol", lambda p: p.symbol("shared", info=0x16),
     "symbol shared is thread-local"),
    ("an unknown binding", lambda p: p.symbol("shared", info=0x51),
     "symbol shared: its binding 5 is none of i386"),
    ("a missing symbol", lambda p: p.rename("hotswap_irq", "hotswap_iro"),
     "nobody defines hotswap_iro; a card may call itself and what hotswap_card.h declares"),
    ("an unknown relocation", lambda p: p.relocation(".text", 0, type=14),
     r"section \.text, offset 0x\w+, symbol \S+: relocation R_386_TLS_\w+ is none a card may"),
    ("a relocation without a name", lambda p: p.relocation(".text", 0, type=99),
     r"section \.text, offset 0x\w+, symbol \S+: relocation type 99 is none"),
    ("a relocation outside", lambda p: p.relocation(".text", 0, offset=1 << 16),
     r"section \.text, offset 0x10000, symbol \S+: relocation R_386_\w+ is outside"),
    ("a relocation's symbol", lambda p: p.relocation(".text", 0, symbol=9999),
     r"section \.text, offset 0x\w+: a relocation with symbol 9999, there are \d+"),
    ("a relocation too far for a byte", lambda p: p.relocation(".text", 0, type=22),
     r"relocation R_386_8: 0x\w+ does not fit 1 bytes"),
    ("a name that would clear the screen", lambda p: p.rename("hotswap_irq", "hotsw\x1b[2Jqq"),
     r"nobody defines hotsw\\x1b\[2Jqq;"),
    ("relocations of nothing", lambda p: p.section(".rel.text", info=88),
     r"section \.rel\.text: it changes section 88"),
    ("relocations with addends", lambda p: p.section(".rel.text", type=4),
     r"section \.rel\.text: SHT_RELA is not used on i386"),
    ("half a constructor", lambda p: p.section(".init_array", size=3),
     r"section \.(init_array|rel)"),
    ("too many constructors", lambda p: p.replace(".init_array", bytes(4 * 65)),
     r"section \.init_array: more than 64 constructors; let one call the others"),
    ("no descriptor", lambda p: p.section(CARD, name=0), f"no section {CARD}"),
]  # fmt: skip
DESCRIPTORS: list[tuple[str, Change, str]] = [
    ("magic", lambda p: p.inside(CARD, 0, 1), "offset 0x0, magic: 0x1, not 0x44435348"),
    ("size", lambda p: p.inside(CARD, 4, 152), "offset 0x4, size: 152, not 156"),
    ("a newer ABI", lambda p: p.inside(CARD, 8, 2, 2),
     r"abi_major: the card is for ABI 2\.0, this host has 1\.0; build it with this host's"),
    ("a newer minor", lambda p: p.inside(CARD, 10, 7, 2),
     r"abi_minor: the card is for ABI 1\.7, this host has 1\.0; install"),
    ("no name", lambda p: p.inside(CARD, 12, bytes(32)), "name: empty"),
    ("a name without an end", lambda p: p.inside(CARD, 12, b"x" * 32), "name: no end within"),
    ("a name that cannot be shown", lambda p: p.inside(CARD, 12, b"a\x1b[31m\0"),
     r"name: b'a\\x1b\[31m' is no printable text"),
    ("a path for a name", lambda p: p.inside(CARD, 12, b"../x\0\0"), r"name: '\.\./x'; letters"),
    ("no version", lambda p: p.inside(CARD, 44, bytes(16)), "version: empty"),
    ("cycle width", lambda p: p.inside(CARD, 64, 3, 1), "cycle_width: 3 bytes; it is 1, 2 or 4"),
    ("policy", lambda p: p.inside(CARD, 65, 4, 1), "policy: 4; there are 0 to 3"),
    ("timers", lambda p: p.inside(CARD, 66, 9, 1), "timers: 9; there are at most 8"),
    ("too many resources", lambda p: p.inside(CARD, 72, 1 << 30), "resource_count: 1073741824"),
    ("resources that end behind the card", lambda p: p.inside(CARD, 72, 30),
     r"resource\[\d+\]: 76 bytes at 0x\w+ are no memory of the card"),
    ("too many settings", lambda p: p.inside(CARD, 80, 65), "setting_count: 65; there may be 64"),
    ("too many fields", lambda p: p.inside(CARD, 88, 999), "field_count: 999"),
    ("a wild function", lambda p: p.inside(CARD, 112, WILD),
     r"offset 0x70, memory_read: 0x12345678 is no code of the card"),
]  # fmt: skip


def refusal(change: Change) -> str:
    patch = Patch()
    change(patch)
    with pytest.raises(ElfError) as caught:
        load_image(bytes(patch.content), "sample.o")
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "what"), [row[1:] for row in OBJECTS], ids=[r[0] for r in OBJECTS]
)
def test_an_object_that_is_malformed_is_refused(change: Change, what: str) -> None:
    message = refusal(change)
    assert re.search(what, message), message
    assert message.startswith("sample.o: ")


@pytest.mark.parametrize(
    ("change", "what"), [row[1:] for row in DESCRIPTORS], ids=[r[0] for r in DESCRIPTORS]
)
def test_a_descriptor_that_does_not_hold_is_refused(change: Change, what: str) -> None:
    message = refusal(change)
    assert re.search(what, message), message
    assert message.startswith(f"sample.o: section {CARD}, ")


def table(name: str) -> tuple[str, int]:
    """The section a static table of the sample is in, and where in it."""
    patch = Patch()
    at = patch.symbol_offset(name)
    value = int.from_bytes(patch.content[at + 4 : at + 8], "little")
    index = int.from_bytes(patch.content[at + 14 : at + 16], "little")
    for section in (".rodata", ".data", ".data.rel.ro", ".bss"):
        try:
            if patch.index(section) == index:
                return section, value
        except KeyError:
            continue
    raise KeyError(name)


@pytest.mark.parametrize(
    ("name", "offset", "value", "size", "what"),
    [
        ("places", 0, 0xFFFC, 2, r"resources\[0\]\.ports\[0\]: 0x8 from 0xfffc end above 0xffff"),
        (
            "places",
            4,
            0x304,
            2,
            r"resources\[0\]\.ports\[1\]: 0x2 from 0x304 overlap 0x8 from 0x300",
        ),
        ("places", 36, 0x1234, 4, r"resources\[0\]\.windows\[0\]: 0x1234 bytes .* no whole pages"),
        ("places", 36, 0xFFFFF000, 4, r"resources\[0\]\.windows\[0\]: .* end above 0xffffffff"),
        ("places", 64, 5, 1, r"resources\[0\]\.irqs: 5 lines; there may be 4"),
        ("places", 66, 16, 1, r"resources\[0\]\.irqs\[0\]: 16; there are 0 to 15"),
        ("places", 67, 5, 1, r"resources\[0\]\.irqs\[1\]: 5 for the second time"),
        ("places", 76 + 70, 8, 1, r"resources\[1\]\.drqs\[0\]: 8; there are 0 to 7"),
        ("settings", 12, 3, 4, r"settings\[0\] \(level\): its kind is 3"),
        ("settings", 16, 10, 4, r"settings\[0\] \(level\): its least 10 is above its most 9"),
        ("settings", 48 + 20, 9999, 4, r"settings\[2\] \(title\): a text of 9999 bytes"),
        ("fields", 8, 6, 4, r"fields\[0\] \(chosen\): its kind is 6"),
        ("fields", 12, 3, 4, r"fields\[0\] \(chosen\): its size is 3"),
        ("fields", 24 + 12, 1 << 30, 4, r"fields\[1\] \(queue\): its size is 1073741824"),
        ("fields", 72 + 16, 3, 4, r"fields\[3\] \(shared\): 16 bytes of items of 3"),
    ],
)
def test_what_a_descriptor_leads_to_is_checked(
    name: str, offset: int, value: int, size: int, what: str
) -> None:
    section, start = table(name)
    message = refusal(lambda patch: patch.inside(section, start + offset, value, size))
    assert re.search(what, message), message


@pytest.mark.parametrize(
    ("name", "entry", "what"),
    [
        (
            "settings",
            8,
            r"settings\[0\] \(level\), at: 4 bytes at 0x\w+ are not in the card's data",
        ),
        ("settings", 0, r"settings\[0\], name: 0x\w+ is no memory of the card"),
        ("fields", 4, r"fields\[0\] \(chosen\), at: 4 bytes at 0x\w+ are not in the card's data"),
    ],
)
def test_pointers_of_tables_are_checked(name: str, entry: int, what: str) -> None:
    """Each has a relocation, so it is the addend that leads astray."""
    section, start = table(name)
    message = refusal(lambda patch: patch.inside(section, start + entry, 0x7000_0000))
    assert re.search(what, message), message


def test_a_setting_in_constant_memory_is_refused() -> None:
    section, start = table("settings")
    image = load_image(SAMPLE.read_bytes(), "sample.o")
    _, constants, data = image.segments
    back = constants.address - data.address & 0xFFFFFFFF
    message = refusal(lambda patch: patch.inside(section, start + 8, back))
    assert f"4 bytes at {constants.address:#x} are not in the card's data" in message


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (132, "timers: 2, and there is no function timer"),
        (120, r"resources\[0\]\.drqs: there is neither dma_read nor dma_write"),
    ],
)
def test_functions_that_are_missing_for_what_is_declared(function: int, what: str) -> None:
    patch = Patch()
    table_at = patch.head(patch.index(f".rel{CARD}"), "offset")
    size = patch.head(patch.index(f".rel{CARD}"), "size")
    for number in range(size // 8):
        at = table_at + 8 * number
        if int.from_bytes(patch.content[at : at + 4], "little") == function:
            patch.relocation(CARD, number, type=0)
    patch.inside(CARD, function, 0)
    with pytest.raises(ElfError, match=what):
        load_image(bytes(patch.content), "sample.o")


# -- what is no fault -----------------------------------------------------------------------------


def test_segments_are_apart_and_nothing_is_both_writable_and_executable() -> None:
    image = load_image(SAMPLE.read_bytes(), "sample.o")
    assert [segment.name for segment in image.segments] == ["text", "rodata", "data"]
    assert image.segments[0].address == IMAGE
    for one, other in zip(image.segments, image.segments[1:], strict=False):
        assert one.end + PAGE <= other.address
    assert not any(segment.writable and segment.executable for segment in image.segments)


def test_position_independent_code_gets_a_table_of_offsets() -> None:
    pic = load_image(SAMPLE.with_name("sample-card-pic.o").read_bytes(), "pic.o")
    plain = load_image(SAMPLE.read_bytes(), "plain.o")
    assert pic.descriptor.settings[0].name == plain.descriptor.settings[0].name == "level"
    assert pic.host_calls == plain.host_calls


def test_compressed_debug_information_is_read_up_to_a_limit() -> None:
    path = SAMPLE.with_name("sample-card-pic.o")
    image = load_image(path.read_bytes(), "pic.o")
    assert Lines(image).at(image.descriptor.functions.read)[0] == "sample.c"
    bomb = Patch(path)
    bomb.inside(".debug_line", 4, SECTIONS_MAX + 1)
    image = load_image(bytes(bomb.content), "bomb.o")
    assert Lines(image).at(image.descriptor.functions.read) == ("", 0)


def test_the_same_file_has_the_same_digest_and_another_build_another() -> None:
    one = load_image((CARDS / "ledger.o").read_bytes(), "one")
    again = load_image((CARDS / "ledger.o").read_bytes(), "again")
    other = load_image((CARDS / "ledger_2.o").read_bytes(), "other")
    assert one.digest == again.digest != other.digest


def test_debug_information_that_leads_nowhere_is_left_out() -> None:
    patch = Patch()
    producer = offset_in(".debug_abbrev", b"\x25\x0e")  # DW_AT_producer, DW_FORM_strp
    patch.inside(".debug_abbrev", producer + 1, 0x1B, 1)  # DW_FORM_addrx, without .debug_addr
    image = load_image(bytes(patch.content), "sample.o")
    assert Lines(image).at(image.descriptor.functions.read) == ("", 0)
    shapes(image)  # reads what it can
