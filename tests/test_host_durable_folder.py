"""A durable folder belongs to one process, says what is wrong with it, and keeps its records."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from hotswap.host.durable_folder import open_folder
from hotswap.host.durable_records import (
    VERSION,
    MachineRecord,
    SnapshotRecord,
    encode,
    read_record,
)
from hotswap.switchover.errors import DurabilityError

HOLD = """
import sys
from pathlib import Path
from hotswap.host.durable_folder import open_folder
with open_folder(Path(sys.argv[1]), make=True):
    print(flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a machine's record in it."""
    path = tmp_path / "d"
    with open_folder(path, make=True) as held:
        held.begin("pc", "hotswap-host 0", ["hotswap-host", "run", "kernel image"])
    return path


def test_a_folder_is_in_use_by_one_process_at_a_time_which_is_named(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "d")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with (
            pytest.raises(DurabilityError, match=f"in use by process {holder.pid}, "),
            open_folder(tmp_path / "d"),
        ):
            pass
        holder.kill()
    with open_folder(tmp_path / "d"):
        assert (tmp_path / "d" / "lock").read_text() == f"{os.getpid()}\n"


def test_a_folder_that_is_not_there_is_only_made_for_a_new_machine(tmp_path: Path) -> None:
    with (
        pytest.raises(DurabilityError, match="d: cannot be used: No such file or directory"),
        open_folder(tmp_path / "d"),
    ):
        pass
    with open_folder(tmp_path / "d", make=True):
        assert (tmp_path / "d").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("place", ["file/d", "missing/d", "file"])
def test_a_place_where_no_folder_can_be_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(DurabilityError, match=r"cannot be used: .*; give a folder that can be"),
        open_folder(tmp_path / place, make=True),
    ):
        pass


def test_where_nothing_may_be_written_the_folder_is_refused() -> None:
    with (
        pytest.raises(DurabilityError, match="/sys/d: cannot be used: "),
        open_folder(Path("/sys/d"), make=True),
    ):
        pass


def test_a_folder_in_which_no_machine_has_run_says_how_to_start_one(tmp_path: Path) -> None:
    with (
        open_folder(tmp_path) as held,
        pytest.raises(DurabilityError, match=r"no machine has run here; .* run IMAGE --durable"),
    ):
        held.machine()


def test_the_newest_snapshot_of_this_machine_is_known_and_no_other_machine_s(
    folder: Path,
) -> None:
    with open_folder(folder) as held:
        first = held.machine()
        assert held.snapshot() is None
        held.note_snapshot(Path("/snapshots/a"), "2026-01-01T00:00:00+00:00", 1)
        held.note_snapshot(Path("/snapshots/b"), "2026-01-02T00:00:00+00:00", 2)
        found = held.snapshot()
        assert found is not None
        assert (found.file, found.time_ns) == ("/snapshots/b", 2)
        (folder / "snapshot").write_bytes(encode(msgspec.structs.replace(found, machine_id="x")))
        assert held.snapshot() is None
        held.begin("pc", "hotswap-host 0", ["hotswap-host"])
        assert held.machine().machine_id != first.machine_id
        assert not (folder / "snapshot").exists()


def test_a_machine_that_has_ended_leaves_no_memory_behind(folder: Path) -> None:
    with open_folder(folder) as held:
        (folder / "ram").write_bytes(b"x")
        held.end(msgspec.structs.replace(held.machine(), ended_at="2026-01-01T00:00:00+00:00"))
        assert held.machine().ended_at.startswith("2026")
    assert sorted(file.name for file in folder.iterdir()) == ["lock", "machine"]


def flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("at", [0, 8, 12, 20, 48, -1])
def test_a_bit_that_has_flipped_anywhere_is_found(folder: Path, at: int) -> None:
    file = folder / "machine"
    content = file.read_bytes()
    file.write_bytes(flip(content, at % len(content)))
    with pytest.raises(DurabilityError, match="machine: damaged: "):
        read_record(file, MachineRecord)


def test_a_file_cut_short_anywhere_is_found(folder: Path) -> None:
    file = folder / "machine"
    content = file.read_bytes()
    for size in range(len(content)):
        file.write_bytes(content[:size])
        with pytest.raises(DurabilityError, match="machine: damaged: "):
            read_record(file, MachineRecord)


def test_a_file_of_another_version_is_told_from_a_damaged_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_folder(folder) as held:
        record = held.machine()
    monkeypatch.setattr("hotswap.host.durable_records.VERSION", VERSION + 1)
    (folder / "machine").write_bytes(encode(record))
    monkeypatch.undo()
    with pytest.raises(
        DurabilityError, match=f"version {VERSION + 1}, and .* reads {VERSION}; use"
    ):
        read_record(folder / "machine", MachineRecord)


def test_one_record_is_not_taken_for_another(folder: Path) -> None:
    with pytest.raises(DurabilityError, match="it is another file's content"):
        read_record(folder / "machine", SnapshotRecord)
