"""The document is enough to write a reader from: one made of its tables agrees with ours."""

import random
from typing import Any

import msgspec

from hotswap.host.prove.map_fuzz import ancestors
from hotswap.host.prove.map_mutants import mutant
from hotswap.host.prove.sample_map import sample_map
from hotswap.switchover.faults import Fault
from hotswap.switchover.layout import Record, layout_of
from hotswap.switchover.savemap import read, write
from hotswap.switchover.schema import KINDS, SectionType
from hotswap.switchover.validate import check

from . import third_reader


def as_dict(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in layout_of(type(record)).fields:
        value = getattr(record, field.name)
        found[field.name] = as_dict(value) if field.nested else value
    if isinstance(data := getattr(record, "data", None), bytes) and "len" in found:
        found["data"] = data
    return found


def test_the_third_reader_reads_the_same() -> None:
    for data in ancestors():
        assert third_reader.verdict(data) == ""
        found, ours = third_reader.read(data), read(data)
        for kind in KINDS.values():
            if kind.section is not SectionType.BLOB and kind.section.name in found:
                wanted = [as_dict(record) for record in ours.records(kind.section)]
                assert found[kind.section.name] == wanted, kind.section.name


def test_the_third_reader_refuses_the_same_for_the_same_reason() -> None:
    chance, corpus = random.Random(11), ancestors()
    seen = set()
    for _ in range(800):
        data = mutant(corpus, chance)
        name = third_reader.verdict(data)
        ours = check(data)
        assert (name or None) == (Fault(-ours).name if ours else None)
        assert not name or third_reader.FAULTS[name] == -ours
        seen.add(name)
    assert len(seen) > 15


def test_the_worked_example_of_the_document_is_a_map() -> None:
    rows = third_reader.TEXT.split("<!-- example -->")[1].split("```")[1].splitlines()
    data = b"".join(bytes.fromhex(row[5:52]) for row in rows if row[:2] == "0x" or row[4:5] == " ")
    found = read(data)
    assert write(found) == data
    assert [proc.pid for proc in found.proc] == [1]
    assert msgspec.structs.asdict(found.proc[0])["name"] == b"init"
    assert sample_map().header.magic == found.header.magic
