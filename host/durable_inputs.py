"""What comes in after R1, as it comes: a SIGKILL loses none of it, though nobody has read it yet.

The file begins with the `point_id` of its R1; each piece follows as slot, length, CRC-32 and the
bytes. A piece that was cut short was never answered by the guest and is passed over.
"""

from __future__ import annotations

import os
import struct
import zlib
from functools import partial
from pathlib import Path

import structlog

from hotswap.bus import Backplane

ID = 16
"""Bytes of a point's name."""
_PIECE = struct.Struct("<III")


class InputJournal:
    """Writes down what every slot's `input` is fed, until it is closed. Raises `OSError`.

    With `append` it goes on with the file of an R1 that was put back.
    """

    def __init__(self, path: Path, point_id: bytes, *, append: bool = False) -> None:
        self._path = path
        how = os.O_APPEND if append else os.O_TRUNC
        if append:
            os.truncate(path, _scan(path.read_bytes(), point_id)[1])
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | how | os.O_CLOEXEC, 0o600)
        try:
            if not append:
                os.write(self._fd, point_id)
        except BaseException:
            self.close()
            raise

    def listen(self, backplane: Backplane) -> None:
        """From here on."""
        for number, slot in backplane.slots.items():
            slot.input.on_feed = partial(self._write, number)

    def _write(self, slot: int, data: bytes) -> None:
        if self._fd < 0:
            return
        piece = _PIECE.pack(slot, len(data), zlib.crc32(data)) + data
        try:
            written = os.write(self._fd, piece)
        except OSError as error:
            self._give_up(error.strerror)
        else:
            if written < len(piece):
                self._give_up("only a part could be written")

    def _give_up(self, why: str | None) -> None:
        """The switchover is not held up by it: what a kill would lose now is told."""
        structlog.get_logger().error(
            "input since R1 is not kept any more", file=str(self._path), why=why
        )
        self.close()

    def close(self) -> None:
        """Write no more; twice is fine."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def read_inputs(path: Path, point_id: bytes) -> list[tuple[int, bytes]]:
    """Slots and bytes in the order they came in; none when the file is another R1's."""
    try:
        return _scan(path.read_bytes(), point_id)[0]
    except FileNotFoundError:
        return []


def _scan(content: bytes, point_id: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """The whole pieces, and where they end."""
    pieces: list[tuple[int, bytes]] = []
    at = ID
    while content[:ID] == point_id and at + _PIECE.size <= len(content):
        slot, length, checksum = _PIECE.unpack_from(content, at)
        data = content[at + _PIECE.size : at + _PIECE.size + length]
        if not data or len(data) < length or zlib.crc32(data) != checksum:
            break
        pieces.append((slot, data))
        at += _PIECE.size + length
    return pieces, at
