"""Where the sections of a card lie in its memory.

Sections are put together by what may be done with them: text is executed, rodata read, data
written. Between two segments, and below and above all of them, a page stays empty, so that what
runs over the end of one faults. The addresses are unlike any number a card might hold by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from elftools.elf.constants import SH_FLAGS

from .errors import ElfError
from .objects import SHN_COMMON, ObjectFile, ObjectSymbol, Section

PAGE = 4096
IMAGE = 0x5A10_0000
"""Where a card's text begins."""
IMAGE_MAX = 8 << 20
"""Bytes of a card's sections, its common symbols and what is between them."""
ALIGN_MAX = PAGE
JUMP_SIZE = 5
"""Bytes of a jump to a call into the host."""


class Segment(msgspec.Struct, frozen=True):
    """Memory of one kind: `content`, then zeros up to `size`."""

    name: str
    address: int
    size: int
    content: bytes
    writable: bool = False
    executable: bool = False

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + self.size


class Placed(msgspec.Struct, frozen=True):
    """A section of object `number`, at `address`."""

    number: int
    section: Section
    address: int


class Placement:
    """The memory while it is being filled: where everything is, and a buffer for each segment."""

    def __init__(
        self, objects: Sequence[ObjectFile], got: int = 0, jumps: Sequence[str] = ()
    ) -> None:
        """`got` is the number of words of the global offset table, which lies in rodata.

        `jumps` are names of calls into the host that get a place in text.
        """
        self.name = objects[0].name
        self.placed: dict[tuple[int, int], Placed] = {}
        """By number of the object and index of the section."""
        self.commons: dict[tuple[int, int], int] = {}
        """Addresses of common symbols, by number of the object and index of the symbol."""
        self.got = 0
        self.jumps: dict[str, int] = {}
        self._jumps = jumps
        self._at = IMAGE
        self._buffers: list[tuple[Segment, bytearray]] = []
        every = [
            (number, section)
            for number, one in enumerate(objects)
            for section in one.sections
            if section.allocated and section.size
        ]
        for _, section in every:
            self._check(section)
        text = [pair for pair in every if pair[1].executable]
        rodata = [pair for pair in every if not pair[1].executable and not pair[1].writable]
        data = [pair for pair in every if pair[1].writable]
        data.sort(key=lambda pair: pair[1].type == "SHT_NOBITS")
        self._segment("text", text, executable=True)
        self._segment("rodata", rodata, words=got)
        self._segment("data", data, commons=list(_commons(objects)), writable=True)

    def _check(self, section: Section) -> None:
        where = f"{self.name}: section {section.name}"
        if section.flags & SH_FLAGS.SHF_TLS:
            raise ElfError(f"{where} is thread-local; a card has one thread, use a static")
        if section.compressed:
            raise ElfError(f"{where} is compressed, and part of the card's memory")
        if section.writable and section.executable:
            raise ElfError(f"{where} is writable and executable; make it one of both")
        if section.align > ALIGN_MAX:
            raise ElfError(f"{where}: its alignment {section.align:#x} is above {ALIGN_MAX:#x}")
        if section.size > IMAGE_MAX:
            raise ElfError(f"{where}: {section.size:#x} bytes are more than {IMAGE_MAX:#x}")

    def _segment(
        self,
        name: str,
        sections: Sequence[tuple[int, Section]],
        *,
        words: int = 0,
        commons: Sequence[tuple[int, ObjectSymbol]] = (),
        writable: bool = False,
        executable: bool = False,
    ) -> None:
        start = end = at = self._at
        for number, section in sections:
            at += -at % section.align
            self._room(at + section.size, f"section {section.name}")
            self.placed[number, section.index] = Placed(number, section, at)
            at += section.size
            if section.type != "SHT_NOBITS":
                end = at
        for call in self._jumps if executable else ():
            self.jumps[call] = at
            end = at = at + JUMP_SIZE
        if words:
            self.got = at = at + -at % 4
            end = at = at + 4 * words
        for number, symbol in commons:
            align = symbol.value or 1
            if align & align - 1 or align > ALIGN_MAX:
                raise ElfError(f"{self.name}: symbol {symbol.name}: its alignment is {align:#x}")
            at += -at % align
            self._room(at + symbol.size, f"symbol {symbol.name}")
            self.commons[number, symbol.index] = at
            at += symbol.size
        if at == start:
            return
        content = bytearray(end - start)
        for number, section in sections:
            offset = self.placed[number, section.index].address - start
            content[offset : offset + len(section.content)] = section.content
        segment = Segment(name, start, at - start, b"", writable, executable)
        self._buffers.append((segment, content))
        self._at = at + -at % PAGE + PAGE
        self._room(self._at, "what is between the segments")

    def _room(self, end: int, what: str) -> None:
        if end > IMAGE + IMAGE_MAX:
            raise ElfError(f"{self.name}: with {what} the card is larger than {IMAGE_MAX:#x} bytes")

    def buffer(self, address: int, size: int) -> tuple[bytearray, int]:
        """The buffer that holds `size` bytes at `address`, and where. Raises `KeyError`."""
        for segment, content in self._buffers:
            if segment.address <= address and address + size <= segment.address + len(content):
                return content, address - segment.address
        raise KeyError(address)

    def segments(self) -> tuple[Segment, ...]:
        """All that was placed, with what the buffers hold now."""
        return tuple(
            msgspec.structs.replace(segment, content=bytes(content))
            for segment, content in self._buffers
        )


def _commons(objects: Sequence[ObjectFile]) -> Iterator[tuple[int, ObjectSymbol]]:
    for number, one in enumerate(objects):
        for symbol in one.symbols:
            if symbol.section == SHN_COMMON:
                yield number, symbol
