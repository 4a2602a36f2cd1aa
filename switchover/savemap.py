"""Read and write a Save State Map: bytes to typed records and back, exactly.

What a later minor version added is carried along untouched: fields appended to records (their
`extra`) and whole sections (`unknown`). So the host may add the cards' states to a map it does not
understand in full, and `write(read(data)) == data` for every map laid out as `write` lays it out.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from .container import ENTRY, HEADER, data_length, header_crc, open_container, padded, section_name
from .errors import MapError
from .faults import Fault
from .layout import Layout, Record, layout_of
from .records import (
    Dev,
    Fd,
    File,
    Frame,
    Inode,
    Lock,
    Log,
    Pipe,
    Proc,
    Restart,
    Sigact,
    Siginfo,
    System,
    Task,
    Time,
    Timer,
    Tty,
    Vma,
    Xstate,
)
from .schema import KINDS, PAGE, Header, SectionEntry, SectionKind, SectionType

_TOO_LARGE = "give the map more room"


class SaveStateMap(msgspec.Struct):
    """A map, decoded. Sections are named as in the schema; `time` is the one TIME record.

    `table` keeps the order, flags and record sizes of the sections as they were read; its places,
    lengths, counts and checksums are worked out again by `write`. `unknown` holds the sections of
    other versions, in the order of `table`.
    """

    header: Header = msgspec.field(default_factory=Header)
    time: Time = msgspec.field(default_factory=Time)
    proc: list[Proc] = []
    vma: list[Vma] = []
    frame: list[Frame] = []
    file: list[File] = []
    fd: list[Fd] = []
    pipe: list[Pipe] = []
    timer: list[Timer] = []
    dev: list[Dev] = []
    log: list[Log] = []
    sigact: list[Sigact] = []
    task: list[Task] = []
    restart: list[Restart] = []
    tty: list[Tty] = []
    lock: list[Lock] = []
    xstate: list[Xstate] = []
    inode: list[Inode] = []
    system: list[System] = []
    siginfo: list[Siginfo] = []
    blob: bytes = b""
    unknown: list[bytes] = []
    table: list[SectionEntry] = []

    def records(self, section: SectionType) -> Sequence[Record]:
        """The records of any section but BLOB."""
        if section is SectionType.TIME:
            return [self.time]
        found: Sequence[Record] = getattr(self, section.name.lower())
        return found

    def text(self, offset: int, length: int) -> bytes:
        """Bytes of BLOB. Raises MapError when they are not all there."""
        if offset + length > len(self.blob):
            place = f"{offset:#x}+{length:#x} of {len(self.blob):#x}"
            raise MapError(Fault.NO_BLOB, "section BLOB", place, "have the map written again")
        return self.blob[offset : offset + length]

    def put_blob(self, content: bytes) -> int:
        """Append to BLOB, 8-aligned; returns the offset to name it by."""
        offset = padded(len(self.blob))
        self.blob = self.blob.ljust(offset, b"\0") + content
        return offset

    def put_device(self, dev: Dev, state: bytes) -> None:
        """Append a card's state: `dev` with blob_off, blob_len and crc filled in."""
        dev.blob_off, dev.blob_len = self.put_blob(state), len(state)
        dev.crc = zlib.crc32(state)
        self.dev.append(dev)


def read(data: bytes | memoryview, like: tuple[SaveStateMap, bytes] | None = None) -> SaveStateMap:
    """Decode a map. Raises the first MapError of levels 0 and 1; references are not checked.

    `like` is a map and the bytes it was read from: records that have the same bytes there are
    shared instead of decoded again, and so is the list of a whole section.
    """
    container = open_container(data)
    if container.faults or container.header is None:
        raise container.faults[0]
    whole = bytes(data)  # two of bytes are compared at once, views byte by byte
    view = memoryview(whole)[: container.header.total_len]
    found = SaveStateMap(header=container.header, table=container.entries)
    found.header.extra = bytes(view[HEADER.size : found.header.hdr_len])
    for entry in container.entries:
        content = view[entry.off : entry.off + entry.len]
        kind = KINDS.get(entry.type)
        if kind is None:
            found.unknown.append(bytes(content))
        elif kind.section is SectionType.BLOB:
            found.blob = bytes(content)
        else:
            records = _shared(like, kind, entry, whole) or read_records(kind, entry, content)
            value = records[0] if kind.section is SectionType.TIME else records
            setattr(found, kind.section.name.lower(), value)
    return found


def _shared(
    like: tuple[SaveStateMap, bytes] | None,
    kind: SectionKind,
    entry: SectionEntry,
    data: bytes,
) -> list[Any]:
    """The records of the known map, itself its list when all are the same; [] when it has none."""
    if like is None or kind.section is SectionType.TIME:
        return []
    known, source = like
    other = next((each for each in known.table if each.type == entry.type), None)
    if other is None or (other.count, other.rec_size) != (entry.count, entry.rec_size):
        return []
    records: list[Any] = getattr(known, kind.section.name.lower())
    before = source[other.off : other.off + other.len]
    content = data[entry.off : entry.off + entry.len]
    if len(records) != entry.count or len(before) != len(content):
        return []
    if before == content:
        return records
    return [] if kind.has_data else _renewed(records, kind, entry.rec_size, before, content)


def _renewed(
    records: list[Any], kind: SectionKind, size: int, before: bytes, content: bytes
) -> list[Any]:
    """`records`, those decoded anew whose bytes are not as `before`."""
    layout: Layout[Any] = layout_of(kind.record)
    return [
        record
        if before[at : at + size] == content[at : at + size]
        else layout.unpack(memoryview(content)[at : at + size])
        for record, at in zip(records, range(0, len(content), size), strict=True)
    ]


def read_records(kind: SectionKind, entry: SectionEntry, content: memoryview) -> list[Any]:
    """Decode the records of one section whose level 1 is in order."""
    layout: Layout[Any] = layout_of(kind.record)
    if not kind.has_data:
        return layout.unpack_all(content, entry.rec_size)
    records, at = [], 0
    for _ in range(entry.count):
        record, length = layout.unpack(content[at : at + entry.rec_size]), data_length(content, at)
        at += entry.rec_size
        record.data = bytes(content[at : at + length])
        records.append(record)
        at += padded(length)
    return records


def write(
    found: SaveStateMap,
    room: int | None = None,
    *,
    source: bytes = b"",
    changed: Collection[SectionType] = (),
) -> bytes:
    """Encode a map; `room` is how many bytes there are for it. Raises MapError when it does not
    fit or a value does not fit its field.

    With `source`, the bytes it was read from, only the sections `changed` are encoded; the others
    are copied.

    Sections keep the order of `table`, new ones with records follow; they stay where they were if
    the table still ends before them. phys_hi is set when the header says nothing.
    """
    table = [msgspec.structs.replace(entry) for entry in found.table]
    present = {entry.type for entry in table}
    table += [
        SectionEntry(number, kind.flags, rec_min=kind.least, rec_size=kind.size)
        for number, kind in KINDS.items()
        if number not in present and _wanted(found, kind.section)
    ]
    header = msgspec.structs.replace(found.header)
    header.hdr_len = HEADER.size + len(header.extra)
    header.sect_off = max(header.sect_off, header.hdr_len)
    header.sect_count = len(table)
    at = padded(header.sect_off + len(table) * ENTRY.size)
    at = max(at, min((entry.off for entry in found.table if entry.len), default=0))
    body = bytearray()
    copied = present.intersection(KINDS).difference(changed) if source else ()
    unknown = iter(found.unknown)
    for entry in table:
        if entry.type in copied:
            content, crc = source[entry.off : entry.off + entry.len], entry.crc
        elif (kind := KINDS.get(entry.type)) is None:
            content = next(unknown)
            crc = zlib.crc32(content)
        else:
            content, entry.count = _content(found, kind, entry)
            crc = zlib.crc32(content)
        entry.off, entry.len, entry.crc = at + len(body), len(content), crc
        body += content.ljust(padded(len(content)), b"\0")
    header.total_len = at + len(body)
    if not header.phys_hi:
        header.phys_hi = header.phys_lo + -(-header.total_len // PAGE) * PAGE
    if room is not None and header.total_len > room:
        size = f"{header.total_len} bytes, there is room for {room}"
        raise MapError(Fault.TOTAL_LEN, "header", size, _TOO_LARGE)
    entries = b"".join(ENTRY.pack(entry) for entry in table)
    header.sect_crc = zlib.crc32(entries)
    header.hdr_crc = header_crc(HEADER.pack(header))
    front = (HEADER.pack(header) + header.extra).ljust(header.sect_off, b"\0") + entries
    return front.ljust(at, b"\0") + bytes(body)


def _wanted(found: SaveStateMap, section: SectionType) -> bool:
    if section is SectionType.BLOB:
        return bool(found.blob)
    return section is SectionType.PROC or bool(found.records(section))


def _content(found: SaveStateMap, kind: SectionKind, entry: SectionEntry) -> tuple[bytes, int]:
    """The bytes of a section and its number of records."""
    if kind.section is SectionType.BLOB:
        return found.blob, len(found.blob)
    layout: Layout[Any] = layout_of(kind.record)
    records: Sequence[Any] = found.records(kind.section)
    parts = []
    for number, record in enumerate(records):
        if kind.has_data:
            record.len = len(record.data)
        try:
            fixed = (layout.pack(record) + record.extra).ljust(entry.rec_size, b"\0")
        except struct.error as error:
            where = f"{section_name(entry)} record {number}"
            raise MapError(Fault.VALUE, where, str(error), "correct the record") from error
        if len(fixed) != entry.rec_size:
            where = f"{section_name(entry)} record {number}"
            size = f"{len(fixed)} bytes, records of this section have {entry.rec_size}"
            raise MapError(Fault.REC_SIZE, where, size, "append the section anew")
        parts.append(fixed)
        if kind.has_data:
            parts.append(record.data.ljust(padded(len(record.data)), b"\0"))
    return b"".join(parts), len(records)
