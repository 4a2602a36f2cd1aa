"""A card's debug information, as far as a report and a takeover need it. DWARF version 5.

It comes with the object, so nothing in it is believed: all its sections together are decompressed
up to a limit, whoever reads them has so many reads and no more, attributes are counted, references
are followed so far and no further. What is wrong, or behind a limit, is left out.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import zstandard
from elftools.common.exceptions import DWARFError
from elftools.common.utils import struct_parse
from elftools.dwarf.die import DIE
from elftools.dwarf.dwarfinfo import DebugSectionDescriptor, DwarfConfig, DWARFInfo

from .image import ElfImage
from .objects import MALFORMED, ObjectFile, Section, read_object

SECTIONS_MAX = 2 << 20
"""Bytes of all debug sections, decompressed."""
TREE_READS = 200_000
"""Reads of the sections for the entries of all units, see `Budget`."""
ENTRIES_MAX = 200_000
"""Debugging information entries that are looked at, with their attributes."""
ATTRIBUTES_MAX = 256
"""Attributes of one entry."""
UNITS_MAX = 4096
_RUN_MAX = 256  # single bytes with bit 7 set, one after the other: a LEB128 for nobody
_WINDOW_MAX = 8 << 20  # bytes zstd may want to look back

NAMES = (
    "info", "aranges", "abbrev", "frame", "str", "loc", "ranges", "line", "pubtypes", "pubnames",
    "addr", "str_offsets", "line_str", "loclists", "rnglists", "sup", "types",
)  # fmt: skip
_NOT_READ = ("eh_frame_sec", "gnu_debugaltlink_sec")
_R_386_32 = 1
_ZLIB, _ZSTD = 1, 2  # ch_type

UNREADABLE = (*MALFORMED, DWARFError, zlib.error, zstandard.ZstdError, OSError, MemoryError)


class Budget:
    """How much is read of the sections of one card, by all who read them."""

    def __init__(self, reads: int) -> None:
        self.left = reads
        """Reads; every 64 bytes count as one more."""


class _Metered(io.BytesIO):
    def __init__(self, content: bytes, budget: Budget) -> None:
        super().__init__(content)
        self._budget, self._run = budget, 0

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self._budget.left -= 1 + len(content) // 64
        if self._budget.left < 0:
            raise DWARFError("there is too much of it")
        if len(content) == 1 and content[0] & 0x80:
            self._run += 1
            if self._run > _RUN_MAX:
                raise DWARFError("a number without an end")
        else:
            self._run = 0
        return content


def open_dwarf(image: ElfImage, budget: Budget) -> DWARFInfo | None:
    """The debug information, with the addresses of the card; None when there is none to read."""
    try:
        one = read_object(image.content, image.name)
        sections = dict(_sections(image, one, budget))
    except UNREADABLE:
        return None
    if not {"info", "abbrev"} <= sections.keys():
        return None
    config = DwarfConfig(little_endian=True, default_address_size=4, machine_arch="x86")
    given: dict[str, Any] = {f"debug_{name}_sec": sections.get(name) for name in NAMES}
    given |= dict.fromkeys(_NOT_READ)
    return DWARFInfo(config=config, **given)


def _sections(
    image: ElfImage, one: ObjectFile, budget: Budget
) -> Iterator[tuple[str, DebugSectionDescriptor]]:
    """The first of each name. Raises `ValueError` when they are too large."""
    placed = {p.section.index: p.address for p in image.sections if not p.number}
    changes: dict[int, list[tuple[int, int]]] = {}
    for relocation in one.relocations:
        symbol = one.symbols[relocation.symbol]
        if relocation.type == _R_386_32:
            value = placed.get(symbol.section, 0) + symbol.value
            changes.setdefault(relocation.section, []).append((relocation.offset, value))
    seen: set[str] = set()
    left = SECTIONS_MAX
    for section in one.sections:
        short = section.name.removeprefix(".debug_")
        if short == section.name or short not in NAMES or short in seen:
            continue
        seen.add(short)
        content = bytearray(_decompressed(section, left))
        left -= len(content)
        for offset, value in changes.get(section.index, ()):
            if offset + 4 <= len(content):
                addend = int.from_bytes(content[offset : offset + 4], "little")
                content[offset : offset + 4] = (addend + value & 0xFFFFFFFF).to_bytes(4, "little")
        yield (
            short,
            DebugSectionDescriptor(
                stream=_Metered(bytes(content), budget),
                name=section.name,
                global_offset=0,
                size=len(content),
                address=0,
            ),
        )


def _decompressed(section: Section, most: int) -> bytes:
    kind, size = 0, section.size
    if section.compressed:
        kind, size, _ = struct.unpack_from("<III", section.content)
    if size > most:
        raise ValueError(f"section {section.name} has {size} bytes, {most} are left")
    if not section.compressed or not size:
        return section.content[:size]
    packed = section.content[12:]
    if kind == _ZLIB:
        return zlib.decompressobj().decompress(packed, size)
    if kind == _ZSTD:
        decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_MAX)
        with decompressor.stream_reader(packed) as reader:
            return reader.read(size)
    raise ValueError(f"section {section.name} is compressed in way {kind}")


def units(dwarf: DWARFInfo) -> Iterator[Any]:
    """Compilation units, as far as they can be read."""
    try:
        for number, unit in enumerate(dwarf.iter_CUs()):
            if number >= UNITS_MAX:
                return
            yield unit
    except UNREADABLE:
        return


class Tree:
    """The entries of all units by offset, and what is inside each.

    Made by reading on from one entry to the next, whatever they say about each other.
    """

    def __init__(self, dwarf: DWARFInfo) -> None:
        self.entries: dict[int, Any] = {}
        self._children: dict[int, list[Any]] = {}
        left = ENTRIES_MAX
        for unit in units(dwarf):
            inside: list[list[Any]] = [[]]
            for entry in _entries(unit):
                left -= 1 + len(entry.attributes)
                if left < 0:
                    return
                if entry.is_null():
                    if len(inside) > 1:
                        inside.pop()
                    continue
                self.entries[entry.offset] = entry
                inside[-1].append(entry)
                if entry.has_children:
                    inside.append(self._children.setdefault(entry.offset, []))

    def children(self, entry: Any) -> list[Any]:
        """What is inside an entry, at the next level."""
        return self._children.get(entry.offset, [])

    def referred(self, entry: Any, name: str) -> Any:
        """The entry that attribute `name` refers to, or None."""
        attribute = entry.attributes.get(name)
        if attribute is None or not isinstance(attribute.value, int):
            return None
        base = 0 if attribute.form == "DW_FORM_ref_addr" else entry.cu.cu_offset
        return self.entries.get(base + attribute.value)


def check_attributes(unit: Any, at: int) -> None:
    """Raises `DWARFError` when the entry at `at` has too many, before anybody reads them."""
    code = struct_parse(unit.structs.the_Dwarf_uleb128, unit.dwarfinfo.debug_info_sec.stream, at)
    if code and len(unit.get_abbrev_table().get_abbrev(code)["attr_spec"]) > ATTRIBUTES_MAX:
        raise DWARFError(f"an entry of more than {ATTRIBUTES_MAX} attributes")


def _entries(unit: Any) -> Iterator[Any]:
    at = unit.cu_die_offset
    end = unit.cu_offset + unit["unit_length"] + unit.structs.initial_length_field_size()
    while at < end:
        try:
            check_attributes(unit, at)
            entry = DIE(unit, unit.dwarfinfo.debug_info_sec.stream, at)
        except UNREADABLE:
            return
        if entry.size <= 0:
            return
        at += entry.size
        yield entry
