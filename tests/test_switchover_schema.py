"""The schema, the C header made from it and the tables of the document are one thing."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hotswap.switchover.c_header import c_headers
from hotswap.switchover.layout import Record, layout_of
from hotswap.switchover.map_tables import END, START, map_tables
from hotswap.switchover.protocol import Boot, Note, RecorderHead
from hotswap.switchover.records import Log, Regs
from hotswap.switchover.schema import KINDS, Header, SectionEntry, SectionType

ROOT = Path(__file__).parents[1]
INCLUDE = ROOT / "examples" / "refkernel" / "include"
RECORDS: list[type[Record]] = [
    Header, SectionEntry, Boot, Note, *(kind.record for kind in KINDS.values())
]  # fmt: skip


SIZES_1_0 = {
    "TIME": 40, "PROC": 272, "VMA": 32, "FRAME": 24, "FILE": 40, "FD": 16, "PIPE": 16,
    "TIMER": 32, "DEV": 40, "BLOB": 1, "LOG": 8, "SIGACT": 32,
}  # fmt: skip
SIZES_1_1 = SIZES_1_0 | {
    "TIME": 64, "TASK": 192, "RESTART": 64, "TTY": 160, "LOCK": 32, "XSTATE": 520,
    "INODE": 72, "SYSTEM": 16, "SIGINFO": 32
}  # fmt: skip


def test_no_record_is_shorter_than_in_the_version_that_had_it_first() -> None:
    assert {kind.section.name: kind.size for kind in KINDS.values()} == SIZES_1_1
    old = {kind.section.name: kind.least for kind in KINDS.values() if not kind.since}
    assert old == SIZES_1_0
    assert [layout_of(record).size for record in (Header, SectionEntry, Regs)] == [96, 32, 56]
    assert [layout_of(record).size for record in (Boot, Note, RecorderHead)] == [80, 68, 8]
    assert layout_of(RecorderHead).size == layout_of(Log).size


def test_every_section_type_has_its_record() -> None:
    assert set(KINDS) == set(SectionType)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_numbers_are_naturally_aligned(record: type[Record]) -> None:
    for field in layout_of(record).fields:
        if not field.word.length and not field.nested:
            assert field.offset % field.size == 0, field.name


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_defaults_survive_the_codec(record: type[Record]) -> None:
    assert layout_of(record).unpack(layout_of(record).pack(record())) == record()


def test_the_committed_headers_are_the_generated_ones() -> None:
    for name, text in c_headers().items():
        assert (INCLUDE / name).read_text() == text


def test_no_two_macros_of_the_header_have_one_name() -> None:
    names = re.findall(r"^#define (\w+)", "".join(c_headers().values()), re.MULTILINE)
    assert len(names) == len(set(names))


def test_the_document_has_the_tables_of_the_schema() -> None:
    document = (ROOT / "docs" / "map-records.md").read_text()
    assert document.split(START)[1].split(END)[0] == "\n" + map_tables()


def test_the_header_compiles_for_a_486_without_a_library(tmp_path: Path) -> None:
    if not shutil.which("gcc"):
        pytest.skip("NOT TESTED: gcc is missing, so ssm.h was not compiled")
    (tmp_path / "map.c").write_text(
        '#include "ssm.h"\nint fit(void *m) { return ssm_check(m, 9); }'
    )
    (tmp_path / "map.S").write_text('#include "ssm.h"\n.long SSM_MAGIC, SSM_BOOT_OFF_ENTRY, SC_ACK')
    flags = ["-m32", "-march=i486", "-ffreestanding", "-Wall", "-Wextra", "-Werror", "-O2"]
    for source in ("map.c", "map.S"):
        command = ["gcc", *flags, f"-I{INCLUDE}", "-c", source, "-o", "map.o"]
        subprocess.run(command, cwd=tmp_path, check=True)
