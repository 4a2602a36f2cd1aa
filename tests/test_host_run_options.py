"""The options of `run` are shorthand for a machine file, and win over one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hotswap.host.machine_fault import Fault
from hotswap.host.machine_file import check
from hotswap.host.run_options import RunOptions, apply, as_options

HERE = Path("/here")
BOOT_SECTOR = b"\xeb\xfe".ljust(510, b"\0") + b"\x55\xaa"


def document(options: RunOptions, file: dict[str, Any] | None = None) -> dict[str, Any]:
    return apply(options, file or {}, HERE)


def test_without_options_a_file_stays_as_it_is() -> None:
    file = {"machine": {"memory": 3}, "disk": [{"image": "x"}]}
    assert document(RunOptions(), file) == file


def test_every_option_has_its_place(tmp_path: Path) -> None:
    (tmp_path / "kernel").write_bytes(b"\x7fELF")
    options = RunOptions(
        image=tmp_path / "kernel",
        initrd=Path("initrd"),
        append="quiet",
        memory=7,
        cpu="586",
        serial="log",
        deterministic=True,
        no_reboot=True,
        bios=Path("bios"),
        modules=["module its line"],
        floppies=[Path("a")],
        disks=[Path("c"), Path("d")],
        networks=["hub:x", "none"],
        display="none",
    )
    assert document(options) == {
        "machine": {"memory": 7, "cpu": "586", "clock": "instructions", "reboot": False},
        "boot": {
            "kernel": str(tmp_path / "kernel"),
            "initrd": "/here/initrd",
            "append": "quiet",
            "bios": "/here/bios",
            "modules": [{"path": "/here/module", "text": "its line"}],
        },
        "serial": [{"to": "/here/log"}],
        "floppy": [{"image": "/here/a"}],
        "disk": [{"image": "/here/c"}, {"image": "/here/d"}],
        "network": [{"to": "hub:x"}, {"to": "none"}],
        "display": {"to": "none"},
    }


def test_options_win_over_a_file_and_leave_the_rest_of_it() -> None:
    file = {"machine": {"memory": 3, "cpu": "486"}, "boot": {"append": "a", "kernel": "k"}}
    found = document(RunOptions(memory=9, append="b"), file)
    assert found == {
        "machine": {"memory": 9, "cpu": "486"},
        "boot": {"append": "b", "kernel": "k"},
    }


def test_serial_is_about_the_first_port_only() -> None:
    file = {"serial": [{"to": "pty", "irq": 5}, {"to": "none"}]}
    found = document(RunOptions(serial="stdio"), file)
    assert found["serial"] == [{"to": "stdio", "irq": 5}, {"to": "none"}]


@pytest.mark.parametrize("wrong", [{"machine": 5}, {"boot": "x"}, {"display": []}, {"serial": [3]}])
def test_what_is_no_table_is_left_to_be_found_fault_with(wrong: dict[str, Any]) -> None:
    found = document(RunOptions(memory=1, append="x", display="none", serial=None), wrong)
    assert check(found, Path()).faults


def test_a_flat_binary_goes_where_it_is_wanted() -> None:
    found = document(RunOptions(image=Path("x"), flat=0x8000))
    assert found["boot"] == {"flat": "/here/x", "address": 0x8000}


@pytest.mark.parametrize(
    ("size", "drive"), [(1440 * 1024, "floppy"), (1024 * 1024, "disk"), (10 * 1024 * 1024, "disk")]
)
def test_a_boot_disk_is_a_diskette_when_it_has_the_size_of_one(
    size: int, drive: str, tmp_path: Path
) -> None:
    image = tmp_path / "image"
    image.write_bytes(BOOT_SECTOR.ljust(size, b"\0"))
    found = document(RunOptions(image=image, disks=[Path("d")], floppies=[Path("a")]))
    assert found[drive][0] == {"image": str(image)}
    assert len(found[drive]) == 2
    assert "boot" not in found


def test_something_without_a_signature_is_no_boot_disk(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(1440 * 1024))
    assert document(RunOptions(image=image))["boot"] == {"kernel": str(image)}


@pytest.mark.parametrize(
    ("path", "option"),
    [
        ("boot.kernel", "IMAGE"),
        ("boot.address", "--flat"),
        ("disk[1].image", "--disk"),
        ("serial[0].to", "--serial"),
        ("machine.memory", "--memory"),
        ("boot.modules[0].path", "--module"),
        ("boot.roms", "boot.roms"),
        ("diskette", "diskette"),
    ],
)
def test_a_fault_is_named_as_on_the_command_line(path: str, option: str) -> None:
    assert as_options(Fault(path, "is wrong")) == Fault(option, "is wrong")


def test_so_is_what_it_says_of_others() -> None:
    found = as_options(Fault("boot.append", "belongs to boot.kernel, which is not there"))
    assert found == Fault("--append", "belongs to IMAGE, which is not there")


@pytest.mark.parametrize(
    ("options", "starts"),
    [
        (RunOptions(), False),
        (RunOptions(memory=3), False),
        (RunOptions(image=Path("x")), True),
        (RunOptions(bios=Path("x")), True),
        (RunOptions(disks=[Path("x")]), True),
        (RunOptions(floppies=[Path("x")]), True),
    ],
)
def test_something_has_to_be_started(options: RunOptions, starts: bool) -> None:
    assert options.starts_something() == starts


def test_nothing_is_changed_in_the_document_given() -> None:
    file: dict[str, Any] = {"machine": {"memory": 3}, "serial": [{"to": "pty"}]}
    before = msgspec.json.encode(file)
    document(RunOptions(memory=4, serial="none"), file)
    assert msgspec.json.encode(file) == before
