"""RAM over a file: each page has its checksum, room is taken at power-on, damage is found."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotswap.cpu import Ram
from hotswap.host.durable_folder import DurableFolder, open_folder
from hotswap.host.durable_ram import kept_ram, new_ram
from hotswap.switchover.errors import DurabilityError

SIZE = 2 << 20
PAGE = 4096


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DurableFolder]:
    with open_folder(tmp_path) as held:
        yield held


def keep(folder: DurableFolder, address: int, content: bytes) -> None:
    with new_ram(folder, SIZE) as ram:
        ram.store(address, content)
        ram.commit()
        ram.store(address, b"since the commit")


def look(folder: DurableFolder) -> Ram:
    with kept_ram(folder, SIZE) as ram:
        return ram


def test_ram_is_there_again_as_of_its_last_commit(folder: DurableFolder) -> None:
    keep(folder, 0x123FFC, b"over two pages")
    assert look(folder).read(0x123FFC, 14) == b"over two pages"
    assert look(folder).read(0x5000, 8) == bytes(8)


def test_room_for_all_of_it_is_taken_at_power_on(folder: DurableFolder) -> None:
    with new_ram(folder, SIZE):
        assert folder.file("ram").stat().st_blocks * 512 >= SIZE


@pytest.mark.parametrize("at", [0, 0x123FFC, SIZE - 1])
def test_a_bit_that_has_flipped_in_ram_is_found_and_its_page_named(
    folder: DurableFolder, at: int
) -> None:
    keep(folder, 0x123FFC, b"over two pages")
    with folder.file("ram").open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x10]))
    with pytest.raises(DurabilityError, match=f"ram: damaged: the page at {at & -PAGE:#x} is not"):
        look(folder)


@pytest.mark.parametrize("name", ["ram", "sums"])
def test_files_cut_short_are_found(folder: DurableFolder, name: str) -> None:
    keep(folder, 0x5000, b"x")
    with folder.file(name).open("r+b") as file:
        file.truncate(file.seek(0, 2) - PAGE // 4)
    with pytest.raises(DurabilityError, match="ram: damaged: holds"):
        look(folder)


def test_a_folder_without_ram_says_so(folder: DurableFolder) -> None:
    with pytest.raises(DurabilityError, match="cannot be read: No such file"):
        look(folder)


def test_files_that_may_not_be_so_large_are_refused_at_power_on(folder: DurableFolder) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE // 2, before[1]))
    try:
        with (
            pytest.raises(DurabilityError, match=r"cannot be used: File too large; allow larger"),
            new_ram(folder, SIZE),
        ):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [left.name for left in folder.path.iterdir()] == ["lock"]


def test_ram_is_for_its_owner_only(folder: DurableFolder) -> None:
    with new_ram(folder, SIZE):
        files = [path for path in folder.path.iterdir() if path.stat().st_mode & 0o077]
    assert files == []


@pytest.fixture
def mounted(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of the kind and with the options that are the test's parameter."""
    kind, options = request.param
    command = ["mount", "-t", kind, *options, "none", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"NOT TESTED: no {kind} can be mounted here: {done.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.mark.parametrize("mounted", [("tmpfs", ("-o", "size=1m"))], indirect=True)
def test_a_file_system_that_is_full_is_refused_at_power_on(mounted: Path) -> None:
    with (
        open_folder(mounted) as held,
        pytest.raises(DurabilityError, match=r"No space left on device; make room there or give"),
        new_ram(held, SIZE),
    ):
        pass


@pytest.mark.parametrize("mounted", [("ramfs", ()), ("tmpfs", ())], indirect=True)
def test_a_file_system_that_cannot_reserve_room_does_as_well(mounted: Path) -> None:
    with open_folder(mounted) as held:
        keep(held, 0x5000, b"x")
        assert look(held).read(0x5000, 1) == b"x"
