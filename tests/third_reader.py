"""A third reader of Save State Maps, from docs/save-state-map.md and its map-records.md.

It imports nothing of ours. Layouts, sections and fault codes are read from the tables of records;
the order of the checks is the one under "Checks, in order".
"""

import re
import struct
import zlib
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
TEXT = "".join((DOCS / name).read_text() for name in ("save-state-map.md", "map-records.md"))
WORDS = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}


def table(title: str) -> list[list[str]]:
    """The rows of the first table under a heading that begins so."""
    part = re.split(rf"^## {title}.*$", TEXT, maxsplit=1, flags=re.MULTILINE)[1]
    rows = re.search(r"^\|-.*\n((?:\|.*\n)*)", part, re.MULTILINE)
    assert rows
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows[1].splitlines()]


FAULTS = {name: int(code) for _, code, name, _ in table("Faults")}
SECTIONS = {int(row[0]): row for row in table("Sections")}


def size_of(kind: str) -> int:
    """Bytes of a field's type."""
    if kind == "Regs":
        return 56
    word, _, count = kind.partition("[")
    return WORDS.get(word, 1) * int(count[:-1] or 1 if count else 1)


def fields(title: str) -> list[tuple[str, int, str]]:
    """(name, offset, type) of a record."""
    return [(row[1], int(row[0], 16), row[2]) for row in table(title)]


def decode(title: str, data: bytes) -> dict[str, Any]:
    """A record's fields; what is not there is zero."""
    layout = fields(title)
    found: dict[str, Any] = {}
    _, last, kind = layout[-1]
    data = data.ljust(last + size_of(kind), b"\0")
    for name, at, kind in layout:
        raw = data[at : at + size_of(kind)]
        if kind == "Regs":
            found[name] = decode("PROC.regs", raw)
        elif "[" in kind:
            found[name] = raw.rstrip(b"\0") if kind.startswith("char") else raw
        else:
            found[name] = int.from_bytes(raw, "little")
    return found


def known(number: int) -> tuple[int, int, bool] | None:
    """Bytes of a record now, in the version that had it first, and whether bytes follow it."""
    if number not in SECTIONS:
        return None
    size, carries = re.match(r"(\d+)( \+ bytes)?", SECTIONS[number][2]).groups()  # type: ignore[union-attr]
    first = re.match(r"\d+", SECTIONS[number][3])
    return int(size), int(first[0]) if first else int(size), bool(carries)


def verdict(data: bytes) -> str:
    """The first fault of levels 0 and 1, by name; "" when there is none."""
    if len(data) < 96:
        return "SHORT"
    head = decode("Header", data[:96])
    if head["magic"] != int.from_bytes(b"KSSM", "little"):
        return "MAGIC"
    if head["major"] != 1:
        return "MAJOR"
    if not 96 <= head["hdr_len"] <= len(data) or head["hdr_len"] % 8:
        return "HDR_LEN"
    if not head["hdr_len"] <= head["total_len"] <= len(data):
        return "TOTAL_LEN"
    if zlib.crc32(data[:92] + bytes(4)) != head["hdr_crc"]:
        return "HDR_CRC"
    if head["feat_required"] & ~1:
        return "FEATURE"
    start, count = head["sect_off"], head["sect_count"]
    if head["sect_size"] != 32 or count > 64 or start < head["hdr_len"] or start % 8:
        return "TABLE"
    end = start + 32 * count
    if end > head["total_len"]:
        return "TABLE_BOUNDS"
    if zlib.crc32(data[start:end]) != head["sect_crc"]:
        return "TABLE_CRC"
    entries = [decode("Section entry", data[at : at + 32]) for at in range(start, end, 32)]
    for number, entry in enumerate(entries):
        if fault := _place(data, head["total_len"], end, entries[:number], entry):
            return fault
    for number, entry in enumerate(entries):
        again = any(other["type"] == entry["type"] for other in entries[:number])
        if fault := _records(data, entry, again):
            return fault
    return "" if {1, 2} <= {entry["type"] for entry in entries} else "MISSING"


def _place(data: bytes, total: int, table_end: int, before: list[Any], entry: Any) -> str:
    off, length = entry["off"], entry["len"]
    if off + length > total or off % 8:
        return "SECTION_BOUNDS"
    if length and off < table_end:
        return "SECTION_PLACE"
    for other in before:
        if (
            length
            and other["len"]
            and off < other["off"] + other["len"]
            and other["off"] < off + length
        ):
            return "SECTION_OVERLAP"
    return "SECTION_CRC" if zlib.crc32(data[off : off + length]) != entry["crc"] else ""


def _records(data: bytes, entry: Any, again: bool) -> str:
    layout = known(entry["type"])
    if layout is None:
        return "UNKNOWN_SECTION" if entry["flags"] & 1 else ""
    size, first, carries = layout
    if again:
        return "TWICE"
    if entry["ver"] != 1:
        return "VERSION"
    if entry["rec_min"] > size:
        return "REC_MIN"
    if entry["rec_size"] < max(entry["rec_min"], first) or (size == 1 and entry["rec_size"] != 1):
        return "REC_SIZE"
    if carries:
        at, end = entry["off"], entry["off"] + entry["len"]
        for _ in range(entry["count"]):
            if at + entry["rec_size"] > end:
                return "DATA"
            at += entry["rec_size"] + -(-struct.unpack_from("<I", data, at + 4)[0] // 8) * 8
            if at > end:
                return "DATA"
        return "COUNT" if at != end else ""
    if entry["count"] * entry["rec_size"] != entry["len"]:
        return "COUNT"
    return "ONE_TIME" if entry["type"] == 1 and entry["count"] != 1 else ""


def read(data: bytes) -> dict[str, list[dict[str, Any]]]:
    """The records of every section of a map without faults, by the section's name."""
    head = decode("Header", data[:96])
    found = {}
    for number in range(head["sect_count"]):
        at = head["sect_off"] + 32 * number
        entry = decode("Section entry", data[at : at + 32])
        if entry["type"] not in SECTIONS or SECTIONS[entry["type"]][1] == "BLOB":
            continue
        name, at, records = SECTIONS[entry["type"]][1], entry["off"], []
        for _ in range(entry["count"]):
            record = decode(
                "LOG, and" if name == "LOG" else f"{name}:", data[at : at + entry["rec_size"]]
            )
            at += entry["rec_size"]
            if known(entry["type"])[2]:  # type: ignore[index]
                record["data"] = data[at : at + record["len"]]
                at += -(-record["len"] // 8) * 8
            records.append(record)
        found[name] = records
    return found
