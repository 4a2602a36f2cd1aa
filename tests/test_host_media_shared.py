"""Shared disks: a second machine reads what the first has, and changes nothing."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotswap.bus import SECTOR, Disk, MediaError
from hotswap.host.media import open_medium
from hotswap.host.media_shared import CopyOnWrite, SharedDisk, open_shared, share

SECTORS = 40


def sector(value: int) -> bytes:
    return bytes([value]) * SECTOR


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image"
    path.write_bytes(b"".join(sector(n) for n in range(SECTORS)))
    return path


class Medium:
    """Sectors in memory."""

    read_only = False
    sectors = SECTORS
    identity = "memory"

    def __init__(self) -> None:
        self.content = bytes(range(256)) * (SECTORS * SECTOR // 256)

    def read(self, lba: int, count: int) -> bytes:
        return self.content[lba * SECTOR : (lba + count) * SECTOR]

    def write(self, lba: int, content: bytes) -> None:
        raise AssertionError("written to")

    def flush(self) -> None:
        raise AssertionError("flushed")


@pytest.mark.parametrize("with_overlay", [False, True], ids=["raw", "overlay"])
def test_the_other_machine_reads_the_same_and_its_writes_stay_its_own(
    image: Path, tmp_path: Path, with_overlay: bool
) -> None:
    overlay = tmp_path / "overlay" if with_overlay else None
    with open_medium(image, overlay=overlay) as medium, ExitStack() as stack:
        disk = Disk()
        disk.change(medium)
        disk.write(3, sector(77))  # not flushed: an overlay's table in the file does not have it
        files = {path: path.read_bytes() for path in tmp_path.iterdir()}
        shared = share(disk, stack)
        assert shared is not None
        inherited = SharedDisk(
            shared.path,
            os.dup(shared.image),
            -1 if shared.overlay < 0 else os.dup(shared.overlay),
            shared.places,
            shared.read_only,
        )
        other = open_shared(inherited)
        assert other.sectors == SECTORS
        assert other.read(2, 3) == sector(2) + sector(77) + sector(4)
        other.write(3, sector(1) + sector(2))
        other.flush()
        assert other.read(2, 4) == sector(2) + sector(1) + sector(2) + sector(5)
        assert disk.read(3, 1) == sector(77)
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files
        for descriptor in inherited.descriptors:
            os.close(descriptor)


@given(
    st.lists(
        st.tuples(st.integers(0, SECTORS - 5), st.integers(1, 5), st.integers(0, 255)), max_size=20
    )
)
def test_reads_have_what_was_written_last(writes: list[tuple[int, int, int]]) -> None:
    base = Medium()
    disk, model = CopyOnWrite(base, read_only=False), bytearray(base.content)
    for lba, count, value in writes:
        disk.write(lba, sector(value) * count)
        model[lba * SECTOR : (lba + count) * SECTOR] = sector(value) * count
    assert disk.read(0, SECTORS) == bytes(model)
    assert (disk.identity == "memory") == (not writes)


def test_an_empty_drive_stays_empty() -> None:
    with ExitStack() as stack:
        assert share(Disk(), stack) is None


def test_a_disk_that_is_in_no_file_is_refused() -> None:
    disk = Disk()
    disk.change(Medium())
    with ExitStack() as stack, pytest.raises(MediaError, match="in no file"):
        share(disk, stack)


def test_a_disk_that_has_not_taken_all_is_refused(image: Path) -> None:
    with open_medium(image) as medium, ExitStack() as stack:
        disk = Disk()
        disk.change(medium)
        disk.hold()
        disk.write(0, sector(9))
        with pytest.raises(MediaError, match="has not taken all"):
            share(disk, stack)
