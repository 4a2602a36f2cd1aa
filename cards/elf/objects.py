"""One relocatable object as it stands in its file: sections, symbols, relocations.

ELF: "System V Application Binary Interface", chapter 4; i386: its Intel386 supplement. Everything
about the file's tables is checked here, so that what comes after may trust offsets and indices.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec
from elftools.common.exceptions import ELFError as ElftoolsError
from elftools.construct import ConstructError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.enums import ENUM_RELOC_TYPE_i386

from .errors import ElfError
from .shown import shown

FILE_MAX = 8 << 20
SECTIONS_MAX = 4096
SYMBOLS_MAX = 1 << 16
RELOCATIONS_MAX = 1 << 18

SHN_UNDEF, SHN_LORESERVE, SHN_ABS, SHN_COMMON = 0, 0xFF00, 0xFFF1, 0xFFF2
STB_LOCAL, STB_GLOBAL, STB_WEAK = 0, 1, 2
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION, STT_FILE, STT_COMMON, STT_TLS = range(7)

# what pyelftools raises besides its own errors when tables contradict each other
MALFORMED = (
    ElftoolsError, ConstructError, struct.error, ArithmeticError, AssertionError, AttributeError,
    LookupError, TypeError, ValueError, RecursionError,
)  # fmt: skip
REBUILD = "build it again: gcc -m32 -c, or hotswap-host sdk build"
RELOCATION_NAMES = {
    number: name for name, number in ENUM_RELOC_TYPE_i386.items() if isinstance(number, int)
}

_SYMBOL = struct.Struct("<IIIBBH")
_REL = struct.Struct("<II")


class Section(msgspec.Struct, frozen=True):
    """A section header; `content` is what stands in the file, nothing for NOBITS."""

    index: int
    name: str
    type: str
    flags: int
    size: int
    align: int
    content: bytes
    link: int
    info: int

    @property
    def allocated(self) -> bool:
        """It is part of the card's memory."""
        return bool(self.flags & SH_FLAGS.SHF_ALLOC)

    @property
    def writable(self) -> bool:
        """The card may store into it; not into what is constant once it is relocated."""
        constant = self.name.startswith((".data.rel.ro", ".hotswap.card"))
        return bool(self.flags & SH_FLAGS.SHF_WRITE) and not constant

    @property
    def executable(self) -> bool:
        """It holds instructions."""
        return bool(self.flags & SH_FLAGS.SHF_EXECINSTR)

    @property
    def compressed(self) -> bool:
        """Its content begins with a compression header."""
        return bool(self.flags & SH_FLAGS.SHF_COMPRESSED)


class ObjectSymbol(msgspec.Struct, frozen=True):
    """A symbol; `section` is an index or one of the SHN_ numbers."""

    index: int
    name: str
    value: int
    size: int
    type: int
    binding: int
    section: int


class Relocation(msgspec.Struct, frozen=True):
    """A place in section `section` to be changed."""

    section: int
    offset: int
    type: int
    symbol: int


class ObjectFile(msgspec.Struct, frozen=True):
    """The tables of one file called `name`."""

    name: str
    sections: tuple[Section, ...]
    symbols: tuple[ObjectSymbol, ...]
    relocations: tuple[Relocation, ...]

    def describe(self, symbol: ObjectSymbol) -> str:
        """What to call a symbol: its name, or that of its section."""
        if symbol.name:
            return symbol.name
        if symbol.type == STT_SECTION and symbol.section < len(self.sections):
            return self.sections[symbol.section].name
        return f"number {symbol.index}"


def read_object(content: bytes, name: str) -> ObjectFile:
    """The tables of a relocatable i386 object. Raises `ElfError`."""
    if len(content) > FILE_MAX:
        raise ElfError(f"{name}: {len(content):,} bytes, which is more than {FILE_MAX:,}")
    try:
        return _Reader(content, name).read()
    except MALFORMED as error:
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ElfError(f"{name}: malformed: {what}; {REBUILD}") from error


class _Reader:
    def __init__(self, content: bytes, name: str) -> None:
        self._content, self._name = content, name

    def read(self) -> ObjectFile:
        if self._content[:4] != b"\x7fELF":
            raise self._error("no ELF file: it does not begin with 7f 45 4c 46")
        elf = ELFFile(io.BytesIO(self._content))
        self._check_header(elf)
        headers = [elf._get_section_header(number) for number in range(elf.num_sections())]
        sections = tuple(self._sections(elf, headers))
        self._check_overlap(elf, sections, headers)
        symbols = tuple(self._symbols(sections))
        relocations = tuple(self._relocations(sections, len(symbols)))
        return ObjectFile(self._name, sections, symbols, relocations)

    def _error(self, what: str) -> ElfError:
        return ElfError(f"{self._name}: {what}")

    def _check_header(self, elf: ELFFile) -> None:
        head = elf.header
        if elf.elfclass != 32:
            raise self._error("a 64-bit object; compile it with -m32")
        if not elf.little_endian:
            raise self._error("big-endian; compile it for i386")
        if head["e_machine"] != "EM_386":
            raise self._error(f"for machine {head['e_machine']}, not EM_386; compile it with -m32")
        if head["e_type"] != "ET_REL":
            raise self._error(
                f"of type {head['e_type']}, not ET_REL; compile it with -c, link it with ld -r"
            )
        if head["e_shentsize"] != 40:
            raise self._error(f"section headers of {head['e_shentsize']} bytes, not 40; {REBUILD}")
        count, start = elf.num_sections(), head["e_shoff"]
        if not 0 < count <= SECTIONS_MAX:
            raise self._error(f"{count} sections; there may be 1 to {SECTIONS_MAX}")
        if start < 52 or start + 40 * count > len(self._content):
            raise self._error(
                f"truncated: {count} section headers at {start:#x} end behind the file's "
                f"{len(self._content):#x} bytes"
            )

    def _sections(self, elf: ELFFile, headers: Sequence[Any]) -> Iterator[Section]:
        size = len(self._content)
        names = elf.header["e_shstrndx"]
        if not 0 < names < len(headers):
            raise self._error(f"the section names are in section {names}, which there is not")
        strings = self._strings(headers[names], f"number {names}")
        for index, head in enumerate(headers):
            name = self._string(strings, head["sh_name"], f"the name of section {index}")
            kind = str(head["sh_type"])
            nothing = kind in {"SHT_NOBITS", "SHT_NULL"}
            start, length = head["sh_offset"], head["sh_size"]
            if not nothing and start + length > size:
                raise self._error(
                    f"truncated: section {name} is {length:#x} bytes at {start:#x}, "
                    f"the file ends at {size:#x}"
                )
            align = head["sh_addralign"] or 1
            if align & align - 1:
                raise self._error(f"section {name}: its alignment {align} is no power of two")
            yield Section(
                index, name, kind, head["sh_flags"], length if kind != "SHT_NULL" else 0, align,
                b"" if nothing else self._content[start : start + length],
                head["sh_link"], head["sh_info"],
            )  # fmt: skip

    def _strings(self, head: Any, title: str) -> bytes:
        start, length = head["sh_offset"], head["sh_size"]
        if start + length > len(self._content):
            raise self._error(f"truncated: section {title} ends behind the file")
        return self._content[start : start + length]

    def _string(self, strings: bytes, at: int, what: str) -> str:
        end = strings.find(b"\0", at)
        if at >= len(strings) or end < 0:
            raise self._error(f"{what} is at {at:#x}, outside the string table")
        return shown(strings[at:end])

    def _check_overlap(
        self, elf: ELFFile, sections: tuple[Section, ...], headers: Sequence[Any]
    ) -> None:
        table = elf.header["e_shoff"]
        spans = [(0, 52, "the ELF header"), (table, table + 40 * len(sections), "section headers")]
        for section in sections:
            if section.content:
                start = headers[section.index]["sh_offset"]
                spans.append((start, start + section.size, f"section {section.name}"))
        spans.sort()
        for (_, end, first), (start, _, second) in pairwise(spans):
            if start < end:
                raise self._error(
                    f"{second} at offset {start:#x} overlaps {first}, which ends at {end:#x}"
                )

    def _symbols(self, sections: tuple[Section, ...]) -> Iterator[ObjectSymbol]:
        tables = [section for section in sections if section.type == "SHT_SYMTAB"]
        if len(tables) != 1:
            raise self._error(f"{len(tables)} symbol tables, not one; do not strip it")
        table = tables[0]
        if table.size % _SYMBOL.size or table.size // _SYMBOL.size > SYMBOLS_MAX:
            raise self._error(f"section {table.name}: {table.size:#x} bytes are no symbol table")
        if not 0 < table.link < len(sections):
            raise self._error(f"section {table.name}: its names are in section {table.link}")
        strings = sections[table.link].content
        for index, (name, value, size, info, _, section) in enumerate(
            _SYMBOL.iter_unpack(table.content)
        ):
            title = self._string(strings, name, f"symbol {index}: its name") if name else ""
            symbol = ObjectSymbol(index, title, value, size, info & 0xF, info >> 4, section)
            self._check_symbol(symbol, sections)
            yield symbol

    def _check_symbol(self, symbol: ObjectSymbol, sections: tuple[Section, ...]) -> None:
        what = f"symbol {symbol.name or symbol.index}"
        if symbol.binding not in {STB_LOCAL, STB_GLOBAL, STB_WEAK}:
            raise self._error(f"{what}: its binding {symbol.binding} is none of i386")
        if symbol.type == STT_TLS:
            raise self._error(f"{what} is thread-local; a card has one thread, use a static")
        if symbol.section >= SHN_LORESERVE:
            if symbol.section not in {SHN_ABS, SHN_COMMON}:
                raise self._error(f"{what}: in section {symbol.section:#x}, which is reserved")
        elif symbol.section >= len(sections):
            raise self._error(f"{what}: in section {symbol.section} of {len(sections)}")
        elif symbol.section and symbol.value + symbol.size > sections[symbol.section].size:
            section = sections[symbol.section]
            raise self._error(
                f"{what}: {symbol.size:#x} bytes at {symbol.value:#x} end behind section "
                f"{section.name}, which has {section.size:#x}"
            )

    def _relocations(self, sections: tuple[Section, ...], symbols: int) -> Iterator[Relocation]:
        count = 0
        for table in sections:
            if table.type == "SHT_RELA":
                raise self._error(f"section {table.name}: SHT_RELA is not used on i386; {REBUILD}")
            if table.type != "SHT_REL":
                continue
            if table.size % _REL.size:
                raise self._error(f"section {table.name}: {table.size:#x} bytes are no relocations")
            if not 0 < table.info < len(sections):
                raise self._error(f"section {table.name}: it changes section {table.info}")
            count += table.size // _REL.size
            if count > RELOCATIONS_MAX:
                raise self._error(f"more than {RELOCATIONS_MAX:,} relocations")
            target = sections[table.info]
            for offset, info in _REL.iter_unpack(table.content):
                if info >> 8 >= symbols:
                    raise self._error(
                        f"section {target.name}, offset {offset:#x}: a relocation with symbol "
                        f"{info >> 8}, there are {symbols}"
                    )
                yield Relocation(target.index, offset, info & 0xFF, info >> 8)
