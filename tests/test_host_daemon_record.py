"""What a machine's process leaves about itself is believed while it lives, and no longer."""

import os
from pathlib import Path

import msgspec
import pytest

from hotswap.host.daemon.errors import DaemonError
from hotswap.host.daemon.process import adopted
from hotswap.host.daemon.record import MachineRecord, hold_record, now, running_record


def record() -> MachineRecord:
    return MachineRecord("a", "/a.toml", os.getpid(), now(), "digest", 3)


def test_a_machine_that_lives_is_known_by_its_record(tmp_path: Path) -> None:
    path, mine = tmp_path / "a.json", record()
    with hold_record(path, mine):
        assert running_record(path) == mine
        assert 0 <= mine.uptime < 60
    assert running_record(path) is None


def test_nobody_lives_where_no_record_is(tmp_path: Path) -> None:
    assert running_record(tmp_path / "a.json") is None
    assert adopted(tmp_path / "a.json") is None


def test_a_number_that_is_another_process_s_by_now_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(msgspec.json.encode(record()))  # this very process lives
    assert adopted(tmp_path / "a.json") is None


def test_a_machine_does_not_run_twice(tmp_path: Path) -> None:
    words = f"machine a runs already, in process {os.getpid()}; `hotswap-host stop --machine a`"
    path = tmp_path / "a.json"
    with (
        hold_record(path, record()),
        pytest.raises(DaemonError, match=words),
        hold_record(path, record()),
    ):
        pass


@pytest.mark.parametrize("content", [b"", b"{", b'{"name": 3}', b"\xff"])
def test_a_living_machine_that_does_not_say_what_it_is_is_an_error(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "a.json"
    with hold_record(path, record()):
        path.write_bytes(content)
        with pytest.raises(DaemonError, match=r"a machine holds it.*fuser"):
            running_record(path)


def test_a_machine_of_another_version_is_not_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    other = msgspec.structs.replace(record(), format=2)
    with hold_record(path, other), pytest.raises(DaemonError, match="started by another version"):
        adopted(path)


def test_a_machine_of_this_process_can_be_taken_over(tmp_path: Path) -> None:
    with hold_record(tmp_path / "a.json", record()):
        found = adopted(tmp_path / "a.json")
        assert found is not None
        assert found[0].restarts == 3
        assert found[1].pid == os.getpid()
        found[1].close()


def test_what_goes_wrong_while_a_machine_runs_is_not_its_record_s_fault(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="elsewhere"), hold_record(tmp_path / "a.json", record()):
        raise OSError(5, "elsewhere")


def test_a_record_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with (
        pytest.raises(DaemonError, match="Is a directory; make it writable"),
        hold_record(tmp_path / "a.json", record()),
    ):
        pass
