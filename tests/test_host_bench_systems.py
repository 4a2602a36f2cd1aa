"""What `bench systems` makes of what guests say, of a missing QEMU and of a missing Linux.

Nothing here is timed: clocks are lists, and the guest runs for its marks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import msgspec
import pytest

from hotswap.host import bench_systems as systems
from hotswap.host.bench import LIMITS
from hotswap.host.bench_linux import qemu_options
from hotswap.host.bench_marks import BenchError, Marks
from hotswap.host.bench_qemu import find_qemu, marks_on_qemu
from hotswap.host.bench_systems import (
    BOARD,
    COMPUTE,
    SECTORS,
    Round,
    bench_guest,
    bench_systems,
    make_disk,
    on_bare_engine,
    on_board,
    rows,
)
from hotswap.host.prove.workloads import LINUX_LINE
from hotswap.switchover.image import KernelImage, load_image


def marks_at(*times: float) -> Marks:
    """Marks whose clock shows these times, one after the other."""
    clock: Iterator[float] = iter(times)
    return Marks(lambda: next(clock))


def told(seconds: dict[str, float]) -> Marks:
    """What a guest has said whose rows took so long, 1000 rounds each."""
    marks = Marks(lambda: 0)
    marks.seconds = seconds
    marks.rounds = dict.fromkeys(seconds, 1000)
    return marks


# -- marks ----------------------------------------------------------------------------------------


def test_a_row_lasts_from_its_first_mark_to_its_second() -> None:
    marks = marks_at(1, 4, 5, 7)
    marks.feed(b"@@begin sieve 8000\n")
    marks.feed(b"@@end sieve 1028\n")
    marks.feed(b"@@begin qsort 500\n")
    assert marks.begun == "qsort"
    marks.feed(b"@@end qsort 1\n@@done\n")
    assert marks.seconds == {"sieve": 3, "qsort": 2}
    assert marks.rounds == {"sieve": 8000, "qsort": 500}
    assert marks.done


def test_marks_may_come_in_pieces() -> None:
    marks = Marks(count().__next__)
    for byte in b"Booting\r\n@@begin in_card 200000\n@@end in_card 0\n@@done":
        marks.feed(bytes((byte,)))
    assert marks.rounds == {"in_card": 200000}
    assert not marks.done
    marks.feed(b"\n")
    assert marks.done


def test_a_wrong_sum_is_an_error_that_names_the_row() -> None:
    marks = Marks(lambda: 0)
    with pytest.raises(BenchError, match="row sectors"):
        marks.feed(b"@@begin sectors 1024\n@@end sectors 0\n@@wrong\n")


# -- the guest ------------------------------------------------------------------------------------


async def test_the_guest_tells_every_row_on_the_board_and_its_results_are_right(
    tmp_path: Path,
) -> None:
    make_disk(tmp_path / "disk.img")
    marks = await on_board(load_image(bench_guest()), tmp_path / "disk.img", "quick")
    assert set(marks.seconds) == {*COMPUTE, *BOARD}


def test_the_engine_alone_runs_what_needs_no_board() -> None:
    said = b"@@begin sieve 8\n@@end sieve 1\n@@begin in 5\n@@end in 5\n"
    # mov esi,text; mov edx,3F8h; mov ecx,size; rep outsb; jmp .
    code = b"\xbe\x00\x02\x10\x00\xba\xf8\x03\x00\x00\xb9"
    code += len(said).to_bytes(4, "little") + b"\xf3\x6e\xeb\xfe"
    content = code.ljust(0x200, b"\0") + said
    image = KernelImage("told", content, 0x100000, 0x101000, 0x100000, None, b"", "")
    marks = on_bare_engine(image)
    assert set(marks.seconds) == {"sieve"}
    assert marks.begun == "in"


def test_every_sector_of_the_disk_begins_with_its_number(tmp_path: Path) -> None:
    make_disk(tmp_path / "disk.img")
    content = (tmp_path / "disk.img").read_bytes()
    assert len(content) == SECTORS * 512
    assert content[700 * 512 : 700 * 512 + 4] == (700).to_bytes(4, "little")


# -- rows -----------------------------------------------------------------------------------------


def test_rates_are_of_the_best_round_and_ratios_the_median_of_the_rounds() -> None:
    names = (*COMPUTE, *BOARD)
    ours, qemu = (2.0, 4.0, 1.0), (1.0, 1.0, 1.0)
    runs = [
        Round(
            told(dict.fromkeys(names, a)),
            told(dict.fromkeys(names, b)),
            told(dict.fromkeys(COMPUTE, 0.5)),
        )
        for a, b in zip(ours, qemu, strict=True)
    ]
    found = {row.name: row for row in rows(runs)}
    assert set(found) == {f"systems.{name}" for name in (*names, "compute")}
    sieve = found["systems.sieve"]
    assert (sieve.value, sieve.unit, sieve.baseline, sieve.ratio) == (1.0, "1000/s", 1.0, 0.5)
    assert sieve.bare == 2.0
    assert found["systems.timer"].bare is None


def test_the_compute_row_is_the_geometric_mean() -> None:
    names = (*COMPUTE, *BOARD)
    seconds = dict.fromkeys(names, 1.0) | {COMPUTE[0]: 1 / 128}
    runs = [Round(told(seconds), told(dict.fromkeys(names, 1.0)), told({}))]
    *_, mean = rows(runs)
    assert mean.name == "systems.compute"
    assert mean.ratio == pytest.approx(2.0)
    assert mean.value == pytest.approx(200)


def test_json_has_the_fields_of_bench_and_bare_only_where_it_is_known() -> None:
    names = (*COMPUTE, *BOARD)
    one = told(dict.fromkeys(names, 1.0))
    runs = [Round(one, one, told(dict.fromkeys(COMPUTE, 1.0)))]
    decoded = json.loads(msgspec.json.encode(list(rows(runs))))
    fields = {"name", "value", "unit", "baseline", "ratio"}
    keys = {row["name"]: set(row) for row in decoded}
    assert keys["systems.sieve"] == fields | {"bare"}
    assert keys["systems.timer"] == fields


def test_every_row_of_the_compute_set_has_a_limit() -> None:
    assert {f"systems.{name}" for name in (*COMPUTE, "compute", "linux")} <= set(LIMITS)


# -- what is missing ------------------------------------------------------------------------------


@pytest.fixture
def no_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("no_programs")
async def test_without_qemu_it_says_what_to_install_before_anything_runs() -> None:
    heard: list[str] = []
    with pytest.raises(BenchError, match="apt install qemu-system-x86"):
        await bench_systems(1, heard.append)
    assert heard == []


@pytest.mark.usefixtures("no_programs")
def test_qemu_is_looked_for_in_the_path() -> None:
    with pytest.raises(BenchError, match="qemu-system-i386 is not here"):
        find_qemu()


async def test_without_linux_its_rows_are_left_out_and_it_says_how_to_bring_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOTSWAP_HOST_WORKLOADS", str(tmp_path))
    monkeypatch.setattr(
        "hotswap.host.prove.workloads.__file__", str(tmp_path / "a/b/c/workloads.py")
    )
    heard: list[str] = []
    assert await systems._linux_rows(1, heard.append) == []
    assert len(heard) == 1
    assert "examples/workloads.py linux-486" in heard[0]


async def test_a_qemu_that_ends_early_is_an_error_with_its_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "qemu-system-i386"
    program.write_text("#!/bin/sh\necho no such machine >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(BenchError, match="no such machine"):
        await marks_on_qemu(bench_guest(), tmp_path / "disk.img", 30)


def test_linux_gets_the_same_command_line_under_qemu() -> None:
    options = qemu_options(Path("bzImage"), Path("initrd"))
    assert options == ["-kernel", "bzImage", "-initrd", "initrd", "-append", LINUX_LINE]
