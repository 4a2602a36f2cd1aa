"""What is drawn for a kernel depends on its seed alone; what cannot be built is said clearly."""

from pathlib import Path

import pytest

from hotswap.host.prove.campaign import ProveError
from hotswap.host.prove.variants import COMMON, INCLUDING, SOURCES, TICKS, check_tools, draw

PARTS = {"proc", "file", "aspace", "timer", "ttybuf", "fpu", "frame", "entry", "clock", "pool"}


def test_a_seed_is_one_kernel() -> None:
    assert draw(7) == draw(7)
    assert draw(7).files != draw(8).files


def test_parts_of_both_versions_are_mixed_in_every_way() -> None:
    drawn = [draw(seed) for seed in range(60)]
    for part in PARTS:
        assert {each.parts[part] for each in drawn} == {"v1", "v2"}
    assert len({tuple(sorted(each.parts.items())) for each in drawn}) > 50
    assert {each.hz for each in drawn} == set(TICKS)
    assert len({each.options for each in drawn}) == 6


@pytest.mark.parametrize("name", COMMON)
def test_structures_both_versions_have_are_laid_out_anew_too(name: str) -> None:
    usual = (SOURCES / "include" / name).read_text()
    drawn = {draw(seed).files[name] for seed in range(10)}
    assert usual not in drawn
    assert len(drawn) == 10


def test_what_includes_these_lies_beside_them() -> None:
    including = {
        file.name
        for file in (SOURCES / "include").glob("*.h")
        if any(f'#include "{name}"' in file.read_text() for name in COMMON)
    }
    assert including <= {*INCLUDING, *COMMON}


def test_the_way_in_pushes_what_the_structure_says() -> None:
    for seed in range(10):
        files = draw(seed).files
        entry = [line.split()[-1] for line in files["entry.S"].splitlines() if "pushl   %" in line]
        segments = [each.lstrip("%") for each in entry if each.endswith("s")]
        assert f"uint32_t {', '.join(reversed(segments))};" in files["trapframe.h"]


def test_a_part_is_whole() -> None:
    for seed in range(10):
        drawn = draw(seed)
        for part in PARTS & {"proc", "file", "aspace", "timer", "ttybuf"}:
            source = SOURCES / drawn.parts[part] / f"{part}.c"
            assert drawn.files[source.name] == source.read_text()


def test_missing_sources_are_named(tmp_path: Path) -> None:
    with pytest.raises(ProveError, match=r"not at .*they come with a checkout.*--sources"):
        check_tools(tmp_path)


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProveError, match="gcc, make, ld not installed; on Debian: apt install gcc"):
        check_tools(SOURCES)
