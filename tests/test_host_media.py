"""Disk images: raw ones, and what is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotswap.bus import SECTOR, Disk, MediaError
from hotswap.host.media import guess_geometry, open_medium


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """64 sectors, each filled with its number."""
    path = tmp_path / "disk.img"
    path.write_bytes(b"".join(bytes((n,)) * SECTOR for n in range(64)))
    return path


def test_a_raw_image_is_the_disk_sector_by_sector(image: Path) -> None:
    with open_medium(image) as medium:
        assert medium.sectors == 64
        assert medium.read(3, 2) == b"\3" * SECTOR + b"\4" * SECTOR
        medium.write(4, b"n" * SECTOR)
        medium.flush()
    assert image.read_bytes()[4 * SECTOR : 5 * SECTOR] == b"n" * SECTOR


def test_a_read_only_image_is_shared_and_not_written(image: Path) -> None:
    with open_medium(image, read_only=True) as one, open_medium(image, read_only=True) as two:
        assert one.read_only
        assert one.read(0, 64) == two.read(0, 64)
        disk = Disk()
        disk.change(one)
        with pytest.raises(MediaError, match="write-protected"):
            disk.write(0, bytes(SECTOR))


def test_an_image_that_is_written_belongs_to_one_machine(image: Path) -> None:
    with open_medium(image):
        for read_only in (False, True):
            with pytest.raises(MediaError, match=r"disk.img: is in use by another machine"):
                open_medium(image, read_only=read_only)
    open_medium(image).close()


@pytest.mark.parametrize(
    ("size", "message"),
    [(0, "is 0 bytes"), (511, "is 511 bytes"), (1_474_561, "is 1,474,561 bytes")],
)
def test_an_image_of_an_odd_size_is_refused(tmp_path: Path, size: int, message: str) -> None:
    path = tmp_path / "odd.img"
    path.touch()
    os.truncate(path, size)
    with pytest.raises(MediaError, match=f"odd.img: {message}.*a multiple of 512"):
        open_medium(path)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"none.img: cannot be opened: No such file"):
        open_medium(tmp_path / "none.img")
    with pytest.raises(MediaError, match="Is a directory; give an image file"):
        open_medium(tmp_path)
    with pytest.raises(MediaError, match="no file and no block device"):
        open_medium(tmp_path, read_only=True)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(MediaError, match="no file and no block device"):
        open_medium(tmp_path / "fifo", read_only=True)


def test_an_image_cut_while_it_is_open_says_so(image: Path) -> None:
    with open_medium(image) as medium:
        os.truncate(image, 10 * SECTOR)
        with pytest.raises(MediaError, match="ends before byte"):
            medium.read(9, 2)


def test_the_identity_is_that_of_the_content(image: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.img"
    shutil.copy(image, copy)
    with open_medium(image) as one, open_medium(copy) as two:
        assert one.identity == two.identity
        two.write(63, bytes(SECTOR))
        assert one.identity != two.identity


def test_a_hole_has_the_identity_of_zeros(tmp_path: Path) -> None:
    sparse, full = tmp_path / "sparse", tmp_path / "full"
    sparse.touch()
    os.truncate(sparse, 5 << 20)
    full.write_bytes(bytes(5 << 20))
    with open_medium(sparse) as one, open_medium(full) as two:
        assert one.identity == two.identity
        one.write(5000, b"x" * SECTOR)
        two.write(5000, b"x" * SECTOR)
        assert one.identity == two.identity
        two.write(9000, b"x" * SECTOR)
        assert one.identity != two.identity


@given(st.integers(2, 16), st.integers(1, 63), st.integers(1, 1000))
def test_the_geometry_is_that_of_the_first_partition(
    heads: int, sectors: int, cylinders: int
) -> None:
    class Partitioned:
        def __init__(self) -> None:
            self.sectors = cylinders * heads * sectors

        def read(self, lba: int, count: int) -> bytes:
            mbr = bytearray(SECTOR)
            last = min(cylinders - 1, 1023)
            mbr[446:454] = bytes(
                (0x80, 1, 1, 0, 0x83, heads - 1, sectors | last >> 8 << 6, last & 0xFF)
            )
            mbr[510:] = b"\x55\xaa"
            return bytes(mbr)

    assert guess_geometry(Partitioned()) == (cylinders, heads, sectors)  # type: ignore[arg-type]


def test_the_geometry_of_a_disk_without_partitions_is_the_usual_one(image: Path) -> None:
    with open_medium(image) as medium:
        assert guess_geometry(medium) == (1, 16, 63)


@pytest.mark.skipif(shutil.which("mke2fs") is None, reason="needs e2fsprogs")
def test_a_file_system_written_through_an_overlay_is_whole(tmp_path: Path) -> None:
    """mke2fs' blocks, in some order, through an overlay: e2fsck finds nothing wrong."""
    made, empty, merged = tmp_path / "made", tmp_path / "empty", tmp_path / "merged"
    for path in (made, empty):
        path.touch()
        os.truncate(path, 1 << 20)
    subprocess.run(["mke2fs", "-q", "-F", made], check=True)
    content = made.read_bytes()
    with open_medium(empty, overlay=tmp_path / "overlay") as medium:
        for lba in sorted(range(medium.sectors), key=lambda n: n * 37 % 101):
            sector = content[lba * SECTOR : (lba + 1) * SECTOR]
            if any(sector):
                medium.write(lba, sector)
    with open_medium(empty, overlay=tmp_path / "overlay") as medium:
        merged.write_bytes(medium.read(0, medium.sectors))
    subprocess.run(["e2fsck", "-f", "-n", merged], check=True, capture_output=True)
