"""The container of a map: header, section table, sections. Levels 0 and 1 of its validation.

The order of the checks is that of ssm_check in examples/refkernel/include/ssm_read.h: the first
fault listed here is the one it returns. Nothing is read outside the bytes given.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence

import msgspec

from .errors import MapError
from .faults import Fault
from .layout import Record, key_text, layout_of
from .schema import (
    KINDS,
    MAGIC,
    MAJOR,
    SECTIONS_MAX,
    Feature,
    Header,
    SectionEntry,
    SectionFlag,
    SectionKind,
    SectionType,
)

HEADER = layout_of(Header)
ENTRY = layout_of(SectionEntry)
_CRC_AT = HEADER.size - 4  # hdr_crc is the last field

REWRITE = "have the kernel write the map again"
NEWER = "use a hotswap-host that knows this version"


class Container(msgspec.Struct):
    """What could be decoded of a map, and everything of levels 0 and 1 that is wrong with it."""

    header: Header | None
    entries: list[SectionEntry]
    faults: list[MapError]


def open_container(data: bytes | memoryview) -> Container:
    """Decode header and section table and check levels 0 and 1; never raises.

    Level 1 is only checked of sections whose bytes can be trusted.
    """
    view = memoryview(data)
    if len(view) < HEADER.size:
        short = f"{len(view)} bytes, a header has {HEADER.size}"
        return Container(None, [], [MapError(Fault.SHORT, "header", short, "give the whole map")])
    header = HEADER.unpack(view[: HEADER.size])
    faults = list(header_faults(header, view))
    if any(fault.code in _HIDES_TABLE for fault in faults):
        return Container(header, [], faults)
    entries = ENTRY.unpack_all(view[header.sect_off : _table_end(header)], ENTRY.size)
    damaged: set[int] = set()
    top = 0  # where those before end
    for index, entry in enumerate(entries):
        others = entries[:index] if entry.off < top else ()
        for fault in section_bounds(header, others, entry, view):
            damaged.add(index)
            faults.append(fault)
        top = max(top, entry.off + entry.len)
    present: set[int] = set()
    for index, entry in enumerate(entries):
        if index not in damaged:
            again = entry.type in present
            faults.extend(section_records(entry, view[entry.off : entry.off + entry.len], again))
        present.add(entry.type)
    faults.extend(
        MapError(Fault.MISSING, "section table", f"no section {needed.name}", REWRITE)
        for needed in (SectionType.TIME, SectionType.PROC)
        if needed not in present
    )
    return Container(header, entries, faults)


_HIDES_TABLE = {
    Fault.MAGIC, Fault.MAJOR, Fault.HDR_LEN, Fault.TOTAL_LEN, Fault.TABLE, Fault.TABLE_BOUNDS
}  # fmt: skip


def _table_end(header: Header) -> int:
    return header.sect_off + header.sect_count * ENTRY.size


def header_crc(header: bytes | memoryview) -> int:
    """CRC-32 of a header as it is stored: its 96 bytes with hdr_crc 0."""
    return zlib.crc32(bytes(4), zlib.crc32(header[:_CRC_AT]))


def header_faults(header: Header, view: memoryview) -> Iterator[MapError]:
    """Level 0 of the header and of the section table as a whole."""
    if header.magic != MAGIC:
        yield MapError(Fault.MAGIC, "header", f"magic {header.magic:#x}", "this is no map")
        return
    if header.major != MAJOR:
        version = f"version {header.major}.{header.minor}, this is {MAJOR}.x"
        yield MapError(Fault.MAJOR, "header", version, NEWER)
        return
    if not HEADER.size <= header.hdr_len <= len(view) or header.hdr_len % 8:
        yield MapError(Fault.HDR_LEN, "header", f"hdr_len {header.hdr_len}", REWRITE)
    if not header.hdr_len <= header.total_len <= len(view):
        total = f"total_len {header.total_len}, there are {len(view)} bytes"
        yield MapError(Fault.TOTAL_LEN, "header", total, "give the whole map")
    if (crc := header_crc(view)) != header.hdr_crc:
        yield MapError(Fault.HDR_CRC, "header", _crcs(header.hdr_crc, crc), REWRITE)
    if unknown := header.feat_required & ~Feature.IN_PLACE:
        yield MapError(Fault.FEATURE, "header", f"needs features {unknown:#x}", NEWER)
    if (
        header.sect_size != ENTRY.size or header.sect_count > SECTIONS_MAX
        or header.sect_off < header.hdr_len or header.sect_off % 8
    ):  # fmt: skip
        table = f"{header.sect_count} entries of {header.sect_size} bytes at {header.sect_off:#x}"
        yield MapError(Fault.TABLE, "section table", table, REWRITE)
    elif _table_end(header) > min(header.total_len, len(view)):
        table = f"ends at {_table_end(header):#x}, the map at {header.total_len:#x}"
        yield MapError(Fault.TABLE_BOUNDS, "section table", table, REWRITE)
    elif (crc := zlib.crc32(view[header.sect_off : _table_end(header)])) != header.sect_crc:
        yield MapError(Fault.TABLE_CRC, "section table", _crcs(header.sect_crc, crc), REWRITE)


def section_bounds(
    header: Header, others: Sequence[SectionEntry], entry: SectionEntry, view: memoryview
) -> Iterator[MapError]:
    """Level 0 of one section: bounds, overlap with the `others` before it, checksum."""
    end = entry.off + entry.len
    if end > header.total_len or entry.off % 8:
        place = f"bytes {entry.off:#x} to {end:#x} of {header.total_len:#x}"
        yield MapError(Fault.SECTION_BOUNDS, section_name(entry), place, REWRITE)
        return
    if entry.len and entry.off < _table_end(header):
        place = f"begins at {entry.off:#x}, the section table ends at {_table_end(header):#x}"
        yield MapError(Fault.SECTION_PLACE, section_name(entry), place, REWRITE)
    for other in others:
        if entry.len and other.len and entry.off < other.off + other.len and other.off < end:
            shared = f"shares bytes with {section_name(other)}"
            yield MapError(Fault.SECTION_OVERLAP, section_name(entry), shared, REWRITE)
    if (crc := zlib.crc32(view[entry.off : end])) != entry.crc:
        yield MapError(Fault.SECTION_CRC, section_name(entry), _crcs(entry.crc, crc), REWRITE)


def section_records(entry: SectionEntry, content: memoryview, again: bool) -> Iterator[MapError]:
    """Level 1 of one section: known, not there `again`, version, record size, count."""
    kind = section_kind(entry.type)
    if kind is None:
        if entry.flags & SectionFlag.REQUIRED:
            yield MapError(
                Fault.UNKNOWN_SECTION, section_name(entry), "required, but not known here", NEWER
            )
        return
    if again:
        yield MapError(Fault.TWICE, section_name(entry), "a second section of this type", REWRITE)
    if entry.ver != 1:
        yield MapError(Fault.VERSION, section_name(entry), f"version {entry.ver}, this is 1", NEWER)
    elif entry.rec_min > kind.size:
        least = f"{entry.rec_min} bytes of a record must be known, here {kind.size} are"
        yield MapError(Fault.REC_MIN, section_name(entry), least, NEWER)
    elif entry.rec_size < max(entry.rec_min, kind.least):
        size = f"records of {entry.rec_size} bytes, at least {max(entry.rec_min, kind.least)}"
        yield MapError(Fault.REC_SIZE, section_name(entry), size, REWRITE)
    elif entry.type == SectionType.BLOB and entry.rec_size != kind.size:
        size = f"records of {entry.rec_size} bytes, a record of BLOB is one byte"
        yield MapError(Fault.REC_SIZE, section_name(entry), size, REWRITE)
    elif kind.has_data:
        yield from _data_faults(entry, content)
    elif entry.count * entry.rec_size != entry.len:
        count = f"{entry.count} records of {entry.rec_size} bytes in {entry.len} bytes"
        yield MapError(Fault.COUNT, section_name(entry), count, REWRITE)
    elif entry.type == SectionType.TIME and entry.count != 1:
        yield MapError(Fault.ONE_TIME, section_name(entry), f"{entry.count} records", REWRITE)


def _data_faults(entry: SectionEntry, content: memoryview) -> Iterator[MapError]:
    at = 0
    for number in range(entry.count):
        end = at + entry.rec_size
        if end <= entry.len:
            end += padded(data_length(content, at))
        if end > entry.len:
            ends = f"record {number} ends at {end:#x} of {entry.len:#x}"
            yield MapError(Fault.DATA, section_name(entry), ends, REWRITE)
            return
        at = end
    if at != entry.len:
        left = f"{entry.len - at} bytes after the last of {entry.count} records"
        yield MapError(Fault.COUNT, section_name(entry), left, REWRITE)


def data_length(content: memoryview, at: int) -> int:
    """The `len` field, second of a record with data, of the record at `at`."""
    length: int = struct.unpack_from("<I", content, at + 4)[0]
    return length


def padded(length: int) -> int:
    """Bytes to the next multiple of 8."""
    return -(-length // 8) * 8


def section_kind(number: int) -> SectionKind | None:
    """What is known of a section type; None when nothing."""
    return KINDS.get(number)


def section_name(entry: SectionEntry) -> str:
    """A section as messages name it."""
    kind = section_kind(entry.type)
    return f"section {kind.section.name}" if kind else f"section {entry.type:#x}"


def record_fault(code: Fault, section: SectionType, record: Record, what: str) -> MapError:
    """A fault of one record, which is named by its key."""
    where = f"section {section.name} {key_text(record, KINDS[section].key)}".rstrip()
    return MapError(code, where, what, "the kernel that wrote the map has a bug there")


def _crcs(stored: int, found: int) -> str:
    return f"checksum {stored:#010x}, the bytes give {found:#010x}"
