"""What the daemon takes from a machine file."""

from pathlib import Path

import pytest

from hotswap.host.daemon.entry import machine_files, read_entry
from hotswap.host.daemon.errors import DaemonError
from hotswap.host.daemon.restart import RestartPolicy
from hotswap.host.machine_fault import MachineError


def test_a_machine_is_called_as_its_file_unless_that_says_otherwise(tmp_path: Path) -> None:
    (tmp_path / "web.toml").write_text("")
    assert read_entry(tmp_path / "web.toml").name == "web"
    (tmp_path / "web.toml").write_text('[machine]\nname = "machine"')
    assert read_entry(tmp_path / "web.toml").name == "machine"


def test_the_policy_is_that_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("")
    assert read_entry(file).policy == RestartPolicy()
    file.write_text(
        '[machine]\nrestart = "always"\nrestart_delay = 2\nrestart_delay_max = 8.5\n'
        "restart_limit = 9\nrestart_within = 60"
    )
    assert read_entry(file).policy == RestartPolicy("always", 2, 8.5, 9, 60)


def test_the_digest_is_another_when_the_file_is(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("")
    before = read_entry(file).digest
    file.write_text("[machine]\nmemory = 8")
    assert read_entry(file).digest != before


def test_every_fault_is_named_together_with_a_name_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('[machine]\nname = "../x"\nrestart = "often"\nrestart_limit = 0')
    with pytest.raises(MachineError) as caught:
        read_entry(file)
    assert [fault.path for fault in caught.value.faults] == [
        "machine.restart", "machine.restart_limit", "machine.name",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["", ".a", "a/b", "a b", "a\n", "x" * 65])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.toml").write_text(f"[machine]\nname = {name!r}".replace("'", '"'))
    with pytest.raises(MachineError, match="cannot call a machine"):
        read_entry(tmp_path / "a.toml")


def test_files_are_those_of_the_folder_by_name_then_the_others_each_once(tmp_path: Path) -> None:
    for name in ("b.toml", "a.toml", ".hidden.toml", "c.txt"):
        (tmp_path / name).touch()
    other = tmp_path / "other.toml"
    found = machine_files(tmp_path, [other, tmp_path / "a.toml", other])
    assert found == [tmp_path / "a.toml", tmp_path / "b.toml", other]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DaemonError, match=r"--dir .*nowhere: No such file"):
        machine_files(tmp_path / "nowhere", [])
