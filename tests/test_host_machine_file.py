"""Machine files: read, checked as a whole, every fault at once and in its place."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hotswap.host.machine_fault import Fault, MachineError
from hotswap.host.machine_file import Checked, MachineFile, check, json_schema, read_document

SCHEMA = Path(__file__).parents[1] / "docs" / "machine.schema.json"


def checked(text: str, base: Path = Path()) -> Checked:
    return check(tomllib.loads(text), base)


def complaints(text: str, base: Path = Path()) -> list[str]:
    return [str(fault) for fault in checked(text, base).faults]


def test_an_empty_file_is_a_machine_with_the_usual_things() -> None:
    machine = checked("").machine
    assert (machine.machine.memory, machine.machine.cpu) == (64, "486")
    assert [port.to for port in machine.serial] == ["stdio"]
    assert not machine.disk


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "kernel").write_bytes(b"x")
    found = checked(
        '[boot]\nkernel = "kernel"\n[[serial]]\nto = "log"\n[[network]]\ncapture = "c.pcapng"',
        tmp_path,
    )
    assert found.faults == []
    assert found.machine.boot.kernel == tmp_path / "kernel"
    assert found.machine.serial[0].to == str(tmp_path / "log")
    assert found.machine.network[0].capture == tmp_path / "c.pcapng"


@pytest.mark.parametrize("to", ["stdio", "pty", "none", "tcp:localhost:0"])
def test_what_is_no_file_is_no_path(to: str, tmp_path: Path) -> None:
    assert checked(f'[[serial]]\nto = "{to}"', tmp_path).machine.serial[0].to == to


def test_every_fault_is_found_at_once() -> None:
    found = complaints(
        """
        nonsense = 1
        [machine]
        cpu = "48"
        memory = "much"
        [boot]
        kernel = "/nowhere/kernel"
        [[disk]]
        read_only = 1
        [[network]]
        to = "hubb:x"
        """
    )
    assert len(found) == 7
    for words in (
        "nonsense: no such key",
        'machine.cpu = "48": is not allowed; allowed are 386, 486,',
        'machine.memory = "much": input should be a valid integer',
        "boot.kernel: /nowhere/kernel: No such file or directory",
        "disk[0].image: is missing",
        "disk[0].read_only = 1: input should be a valid boolean",
        'network[0].to = "hubb:x": is no network; allowed are none, hub:NAME',
    ):
        assert any(line.startswith(words) for line in found), (words, found)


@pytest.mark.parametrize("key", ["base", "irq"])
@pytest.mark.parametrize("table", ["serial", "network"])
def test_jumpers_of_a_plug_and_play_card_are_refused(table: str, key: str) -> None:
    assert complaints(f"[[{table}]]\n{key} = 5\npnp = true") == [
        f"{table}[0].pnp = true: the guest chooses {key}: leave it out, or set no pnp"
    ]


def test_an_unknown_key_is_named_with_the_nearest_one() -> None:
    (found,) = checked("[machine]\nmemroy = 3").faults
    assert (found.path, found.nearest) == ("machine.memroy", "memory")


@pytest.mark.parametrize("text", ["machine = 5", "serial = 5", "boot = []", "disk = {}"])
def test_something_else_than_a_table_is_a_fault(text: str) -> None:
    (found,) = checked(text).faults
    assert found.path == text.partition(" ")[0]


def test_what_is_right_is_kept_so_that_more_can_be_found_out_about_it() -> None:
    found = checked('[machine]\nmemory = "much"\ncpu = "586"')
    assert len(found.faults) == 1
    assert found.machine.machine.cpu == "586"
    assert found.machine.machine.memory == MachineFile().machine.memory


def test_later_faults_have_the_numbers_of_the_document(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).touch()
    text = "".join(f'[[disk]]\nimage = "{name}"\n' for name in ("gone", "a", "lost", "b"))
    found = checked(text, tmp_path)
    assert [disk.image.name for disk in found.machine.disk] == ["a", "b"]
    later = found.in_document(Fault("disk[1].geometry", "as disk[0].image"))
    assert (later.path, later.what) == ("disk[3].geometry", "as disk[1].image")
    assert found.in_document(Fault("card[1]", "is wrong")).path == "card[1]"


def test_a_file_that_is_none_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    for name, why in (
        ("fifo", "is no file"),
        (".", "is a directory"),
        ("loop", "Too many levels of symbolic links"),
        ("gone", "No such file or directory"),
    ):
        (found,) = complaints(f'[[disk]]\nimage = "{name}"', tmp_path)
        assert found.startswith("disk[0].image: ")
        assert found.endswith(why)


def test_a_new_file_needs_a_directory(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (found,) = complaints('[[disk]]\nimage = "a"\noverlay = "no/such"', tmp_path)
    assert found == f"disk[0].overlay: {tmp_path}/no/such: there is no such directory"


@pytest.mark.parametrize("content", [b"machine = ", b"\xff\xfe"])
def test_what_is_no_toml_is_said_to_be_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_bytes(content)
    with pytest.raises(MachineError, match=r"m\.toml: is not TOML"):
        read_document(tmp_path / "m.toml")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"m\.toml: No such file"):
        read_document(tmp_path / "m.toml")


def test_the_published_schema_is_that_of_the_code() -> None:
    assert json.loads(SCHEMA.read_text()) == json.loads(json_schema()), (
        "run `python docs/tables.py`"
    )


def descriptions(schema: dict[str, Any]) -> list[str]:
    return [table.get("description", "") for table in schema["$defs"].values()]


def test_the_schema_describes_every_table_and_forbids_other_keys() -> None:
    schema = json.loads(json_schema())
    assert all(text.startswith("`[") for text in descriptions(schema))
    assert all(table["additionalProperties"] is False for table in schema["$defs"].values())
    assert set(schema["properties"]) == set(MachineFile.model_fields)
    assert schema["$defs"]["MachineTable"]["properties"]["memory"]["maximum"] == 3072
