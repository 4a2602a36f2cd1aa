"""The tables of docs/map-records.md, made from the schema.

python -m hotswap.switchover.map_tables docs/map-records.md
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from hotswap.bus.choice import Choice

from .faults import Fault
from .layout import Bits, Record, layout_of
from .protocol import (
    Boot,
    BootFunc,
    BootMode,
    Caps,
    DriverCap,
    Note,
    Reason,
    RecorderHead,
    RecorderSource,
    SectionCap,
)
from .records import Log, Regs
from .schema import KINDS, Header, SectionEntry

START, END = "<!-- from the schema -->", "<!-- end -->"


def map_tables() -> str:
    """Every record and enumeration of the schema, in Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from _record("Header", Header)
    yield from _record("Section entry", SectionEntry)
    yield from (
        "## Sections",
        "",
        "| type | section | record | in 1.0 | flags | sorted by |",
        "|-|-|-|-|-|-|",
    )
    for kind in KINDS.values():
        size = f"{kind.size} + bytes" if kind.has_data else str(kind.size)
        flags = layout_of(SectionEntry).fields[1].show(kind.flags)
        before = f"{kind.least} + bytes" if kind.has_data else "none" if kind.since else kind.least
        row = (kind.section, kind.section.name, size, before, flags, ", ".join(kind.key))
        yield f"| {' | '.join(map(str, row))} |"
    yield ""
    for kind in KINDS.values():
        if kind.record is not Log:
            yield from _record(f"{kind.section.name}: {kind.section.doc}", kind.record)
    yield from _record("PROC.regs", Regs)
    yield from _record("LOG, and entries 1 to 95 of the flight recorder", Log)
    yield from _choices(RecorderSource)
    yield from _record("Entry 0 of the flight recorder, at 0x500", RecorderHead)
    yield from _record("ssm_boot, at 0x800", Boot)
    yield from _choices(BootFunc)
    yield from _choices(BootMode)
    yield from _record("LKUS note", Note)
    yield from _record("Capabilities, the answer to QUERY_CAPS", Caps)
    yield from _record("Section capability", SectionCap)
    yield from _record("Driver capability", DriverCap)
    yield from ("## Reasons", "")
    yield from _choices(Reason)
    yield from ("## Faults", "", "| level | code | name | |", "|-|-|-|-|")
    for fault in Fault:
        yield f"| {fault.level} | {int(fault)} | {fault.name} | {fault.doc} |"


def _record(title: str, record: type[Record]) -> Iterator[str]:
    yield from (
        f"## {title}",
        "",
        inspect.cleandoc(record.__doc__ or ""),
        "",
        "| at | field | type | |",
        "|-|-|-|-|",
    )
    shown: list[type[Choice]] = []
    for field in layout_of(record).fields:
        c_type = field.word.c_type.removesuffix("_t").replace("uint", "u")
        array = f"[{field.word.length}]" if field.word.length else ""
        doc = field.doc
        if field.nested:
            c_type = field.nested.__name__
        if field.choices:
            shown.append(field.choices)
            bits = "bits" if issubclass(field.choices, Bits) else "one"
            doc = f"{doc}; {bits} of the values below".removeprefix("; ")
        yield f"| {field.offset:#04x} | {field.name} | {c_type}{array} | {doc} |"
    yield ""
    for choices in dict.fromkeys(shown):
        yield from _choices(choices)


def _choices(choices: type[Choice]) -> Iterator[str]:
    yield from (choices.__doc__ or "", "", "| value | name | |", "|-|-|-|")
    for choice in choices:
        yield f"| {int(choice):#x} | {choice.name} | {choice.doc} |"
    yield ""


def update(document: Path) -> None:
    """Replace the tables between the two marks of a document."""
    before, rest = document.read_text().split(START)
    after = rest.split(END)[1]
    document.write_text(f"{before}{START}\n{map_tables()}{END}{after}")


if __name__ == "__main__":
    update(Path(sys.argv[1]))
