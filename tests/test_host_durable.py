"""Files that are replaced as a whole."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotswap.host.durable import write_durably


def test_a_file_is_replaced_by_the_pieces(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    write_durably(path, [b"new ", memoryview(b"content")])
    assert path.read_bytes() == b"new content"
    assert [left.name for left in tmp_path.iterdir()] == ["file"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def pieces() -> Iterator[bytes]:
        yield b"new"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_durably(path, pieces())
    assert path.read_bytes() == b"old"
    assert [left.name for left in tmp_path.iterdir()] == ["file"]


def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
    for name in ("folder", "fifo", "socket"):
        before = (tmp_path / name).stat()
        with pytest.raises(OSError, match=r"directory|no regular file"):
            write_durably(tmp_path / name, [b"x"])
        assert os.path.samestat(before, (tmp_path / name).stat())
    assert len(list(tmp_path.iterdir())) == 3
