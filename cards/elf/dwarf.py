"""A card's debug information, as far as a report and a takeover need it. DWARF version 5.

It comes with the object, so nothing in it is believed: sections are decompressed up to a limit,
entries are counted, references are followed so far and no further. What is wrong is left out.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import zstandard
from elftools.common.exceptions import DWARFError
from elftools.dwarf.die import DIE
from elftools.dwarf.dwarfinfo import DebugSectionDescriptor, DwarfConfig, DWARFInfo

from .image import ElfImage
from .objects import MALFORMED, ObjectFile, Section, read_object
from .shown import shown

SECTION_MAX = 16 << 20
"""Bytes of one section, decompressed."""
ENTRIES_MAX = 200_000
"""Debugging information entries that are looked at."""
LINES_MAX = 500_000
"""Rows of line tables that are looked at."""
UNITS_MAX = 4096

NAMES = (
    "info", "aranges", "abbrev", "frame", "str", "loc", "ranges", "line", "pubtypes", "pubnames",
    "addr", "str_offsets", "line_str", "loclists", "rnglists", "sup", "types",
)  # fmt: skip
_NOT_READ = ("eh_frame_sec", "gnu_debugaltlink_sec")
_R_386_32 = 1
_ZLIB, _ZSTD = 1, 2  # ch_type

UNREADABLE = (*MALFORMED, DWARFError, zlib.error, zstandard.ZstdError, OSError, MemoryError)


def open_dwarf(image: ElfImage) -> DWARFInfo | None:
    """The debug information, with the addresses of the card; None when there is none to read."""
    try:
        one = read_object(image.content, image.name)
        sections = dict(_sections(image, one))
    except UNREADABLE:
        return None
    if not {"info", "abbrev"} <= sections.keys():
        return None
    config = DwarfConfig(little_endian=True, default_address_size=4, machine_arch="x86")
    given: dict[str, Any] = {f"debug_{name}_sec": sections.get(name) for name in NAMES}
    given |= dict.fromkeys(_NOT_READ)
    return DWARFInfo(config=config, **given)


def _sections(image: ElfImage, one: ObjectFile) -> Iterator[tuple[str, DebugSectionDescriptor]]:
    placed = {p.section.index: p.address for p in image.sections if not p.number}
    changes: dict[int, list[tuple[int, int]]] = {}
    for relocation in one.relocations:
        symbol = one.symbols[relocation.symbol]
        if relocation.type == _R_386_32:
            value = placed.get(symbol.section, 0) + symbol.value
            changes.setdefault(relocation.section, []).append((relocation.offset, value))
    for section in one.sections:
        short = section.name.removeprefix(".debug_")
        if short == section.name or short not in NAMES:
            continue
        content = bytearray(_decompressed(section))
        for offset, value in changes.get(section.index, ()):
            if offset + 4 <= len(content):
                addend = int.from_bytes(content[offset : offset + 4], "little")
                content[offset : offset + 4] = (addend + value & 0xFFFFFFFF).to_bytes(4, "little")
        yield (
            short,
            DebugSectionDescriptor(
                stream=io.BytesIO(bytes(content)),
                name=section.name,
                global_offset=0,
                size=len(content),
                address=0,
            ),
        )


def _decompressed(section: Section) -> bytes:
    if not section.compressed:
        return section.content
    kind, size, _ = struct.unpack_from("<III", section.content)
    if size > SECTION_MAX:
        raise ValueError(f"section {section.name} decompresses to {size} bytes")
    packed = section.content[12:]
    if kind == _ZLIB:
        return zlib.decompressobj().decompress(packed, size)
    if kind == _ZSTD:
        with zstandard.ZstdDecompressor().stream_reader(packed) as reader:
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
            for entry in _entries(unit, left):
                left -= 1
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


def _entries(unit: Any, most: int) -> Iterator[Any]:
    at, count = unit.cu_die_offset, 0
    end = unit.cu_offset + unit["unit_length"] + unit.structs.initial_length_field_size()
    while at < end and count < most:
        try:
            entry = DIE(unit, unit.dwarfinfo.debug_info_sec.stream, at)
        except UNREADABLE:
            return
        if entry.size <= 0:
            return
        at += entry.size
        count += 1
        yield entry


class Lines:
    """Files and lines by address."""

    def __init__(self, image: ElfImage) -> None:
        dwarf = open_dwarf(image)
        self._rows: list[tuple[int, int, str, int]] = []
        """First address, end, file, line."""
        left = LINES_MAX
        for unit in () if dwarf is None else units(dwarf):
            try:
                left -= self._read(dwarf, unit, left)
            except UNREADABLE:
                continue
            if left <= 0:
                break
        self._rows.sort()

    def _read(self, dwarf: Any, unit: Any, most: int) -> int:
        program = dwarf.line_program_for_CU(unit)
        if program is None:
            return 0
        files = program.header["file_entry"]
        first = 0 if program.header["version"] >= 5 else 1
        before, count = None, 0
        for entry in program.get_entries():
            count += 1
            if count > most:
                break
            state = entry.state
            if state is None:
                continue
            if before is not None and before.address < state.address:
                index = before.file - first
                file = files[index].name if 0 <= index < len(files) else b""
                title = shown(file)
                self._rows.append((before.address, state.address, title, before.line))
            before = None if state.end_sequence else state
        return count

    def at(self, address: int) -> tuple[str, int]:
        """File and line; empty and 0 when nothing is known."""
        for start, end, file, line in self._rows:
            if start <= address < end:
                return file, line
        return "", 0
