"""A map for people: plain tables, or JSON. Shows what can be decoded of a broken map, and why it is
broken; takes any bytes and never raises."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from .container import HEADER, Container, data_length, open_container, padded, section_kind
from .errors import MapError
from .layout import Bits, Field, Record, blob_fields, layout_of, printable
from .memory import MemoryPlan
from .records import Dev, Pipe
from .references import reference_faults
from .savemap import read, read_records
from .schema import MAGIC, Header, SectionEntry, SectionKind, SectionType


class Shown(msgspec.Struct):
    """What could be decoded of a map: sections whose records make sense, and everything wrong."""

    container: Container
    sections: list[tuple[SectionEntry, SectionKind, list[Any]]]
    blob: bytes
    faults: list[MapError]


def decode(data: bytes, plan: MemoryPlan | None = None) -> Shown:
    """As much of a map as can be decoded; memory is checked when `plan` is given."""
    container = open_container(data)
    faults = container.faults or reference_faults(read(data), plan)
    sections = list(_decodable(data, container))
    blobs = [
        bytes(memoryview(data)[entry.off : entry.off + entry.len])
        for entry in container.entries
        if entry.type == SectionType.BLOB
    ]
    return Shown(container, sections, blobs[0] if blobs else b"", faults)


def show_text(data: bytes, plan: MemoryPlan | None = None) -> str:
    """Header, section table, every section as a table, then what is wrong."""
    return "\n".join(_text(decode(data, plan))).lstrip("\n") + "\n"


def show_json(data: bytes, plan: MemoryPlan | None = None) -> str:
    """The same as one JSON object: ok, header, sections with records, faults."""
    shown = decode(data, plan)
    header = shown.container.header
    sections = {id(entry): (kind, records) for entry, kind, records in shown.sections}
    document = {
        "ok": not shown.faults,
        "header": _json_record(header) if header else None,
        "sections": [
            {
                **_json_record(entry),
                "name": _name(entry),
                "records": [
                    _json_record(record) | _named(record, shown.blob)
                    for record in sections.get(id(entry), (None, []))[1]
                ],
            }
            for entry in shown.container.entries
        ],
        "blob": shown.blob.hex(),
        "faults": [
            {"code": fault.code.name, "level": fault.code.level, "where": fault.where,
             "what": fault.what, "todo": fault.todo}
            for fault in shown.faults
        ],
    }  # fmt: skip
    return json.dumps(document, indent=2)


def _decodable(
    data: bytes, container: Container
) -> Iterator[tuple[SectionEntry, SectionKind, list[Any]]]:
    """Sections inside the bytes there are, cut to the records that are whole."""
    view = memoryview(data)
    for entry in container.entries:
        kind = section_kind(entry.type)
        if kind is None or kind.section is SectionType.BLOB:
            continue
        if entry.ver != 1 or entry.rec_size < kind.least:
            continue
        content = view[entry.off : entry.off + entry.len]
        whole = msgspec.structs.replace(entry, count=_whole(kind, entry, content))
        if not kind.has_data:
            content = content[: whole.count * entry.rec_size]
        yield entry, kind, read_records(kind, whole, content)


def _whole(kind: SectionKind, entry: SectionEntry, content: memoryview) -> int:
    """How many records of a section are there in full."""
    if not kind.has_data:
        return min(entry.count, len(content) // entry.rec_size)
    count = at = 0
    while count < entry.count and at + entry.rec_size <= len(content):
        at += entry.rec_size + padded(data_length(content, at))
        if at > len(content):
            break
        count += 1
    return count


def _text(shown: Shown) -> Iterator[str]:
    header = shown.container.header
    if header is not None and header.magic == MAGIC:
        yield f"Save State Map {header.major}.{header.minor}"
        yield from _pairs(header)
    if shown.container.entries:
        yield ""
        names = ["section", *(field.name for field in layout_of(SectionEntry).fields)]
        rows = [[_name(entry), *_row(entry)] for entry in shown.container.entries]
        yield from _table(names, rows)
    for entry, kind, records in shown.sections:
        if records:
            yield ""
            yield f"{_name(entry)}, {kind.section.doc}: {len(records)}"
            yield from _records(kind, records, shown.blob)
    yield ""
    if not shown.faults:
        yield "nothing wrong"
        return
    yield f"wrong: {len(shown.faults)}"
    for fault in shown.faults:
        yield f"  {fault}"


def _pairs(header: Header) -> Iterator[str]:
    for field in HEADER.fields:
        if not field.name.startswith("rsvd"):
            yield f"  {field.name:<14} {field.show(getattr(header, field.name))}"


def _records(kind: SectionKind, records: Sequence[Record], blob: bytes) -> Iterator[str]:
    fields = _shown_fields(kind.record)
    names = [field.name for field in fields]
    rows = [_row(record, fields) for record in records]
    names += _named(records[0], blob)
    for row, record in zip(rows, records, strict=True):
        row.extend(_named(record, blob).values())
    yield from _table(names, rows)
    for field in layout_of(kind.record).fields:
        if field.nested:
            yield f"{field.name}:"
            inner = [getattr(record, field.name) for record in records]
            keys = [[str(getattr(record, name)) for name in kind.key] for record in records]
            rows = [key + _row(each) for key, each in zip(keys, inner, strict=True)]
            nested = [each.name for each in _shown_fields(field.nested)]
            yield from _table([*kind.key, *nested], rows)


def _shown_fields(record: type[Record]) -> list[Field]:
    fields = layout_of(record).fields
    return [field for field in fields if not field.nested and not field.name.startswith("rsvd")]


def _row(record: Record, fields: Sequence[Field] | None = None) -> list[str]:
    fields = layout_of(type(record)).fields if fields is None else fields
    return [field.show(getattr(record, field.name)) for field in fields]


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    for row in (names, *rows):
        cells = zip(row, widths, strict=True)
        yield ("  " + "  ".join(cell.ljust(width) for cell, width in cells)).rstrip()


def _name(entry: SectionEntry) -> str:
    kind = section_kind(entry.type)
    return kind.section.name if kind else f"{entry.type:#x}"


def _json_record(record: Record) -> dict[str, Any]:
    found = {
        field.name: _json_value(field, getattr(record, field.name))
        for field in layout_of(type(record)).fields
        if not field.name.startswith("rsvd")
    }
    if isinstance(record, Pipe):
        found["data"] = record.data.hex()
    return found


def _json_value(field: Field, value: Any) -> Any:
    if isinstance(value, Record):
        return _json_record(value)
    if isinstance(value, bytes):
        return field.show(value) if field.word.is_text else value.hex()
    if field.choices is None or issubclass(field.choices, Bits):
        return value
    return field.show(value) if value in set(field.choices) else value


def _named(record: Record, blob: bytes) -> dict[str, str]:
    """What a record names in BLOB; a card's state is only its owner's to read."""
    if isinstance(record, Dev):
        return {}
    found = {}
    for name in blob_fields(type(record)):
        start, length = getattr(record, f"{name}_off"), getattr(record, f"{name}_len")
        found[name] = printable(blob[start : start + length])
    return found
