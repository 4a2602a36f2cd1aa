"""What the small files of a durable folder hold, and how they are sealed.

A record is a file: `_HEAD` (magic, version, kind, BLAKE2b of everything else), then msgpack. The
head never moves, so that a newer file is told from a damaged one.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import ClassVar, TypeVar

import msgspec

from hotswap.switchover.errors import DamagedError, DurabilityError

from .durable import write_durably
from .snapshot_state import SavedMachine

MAGIC = b"HSWDUR\x1a\n"
VERSION = 1
_HEAD = struct.Struct("<8sI4s32s")


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the records; `KIND` is in the head, so that none is taken for another."""

    KIND: ClassVar[bytes] = b""
    machine_id: str
    """Of the machine whose folder it is: the same in all of its files."""


class MachineRecord(Record, frozen=True, kw_only=True):
    """The machine that runs, or has run, in the folder. Dates in ISO 8601."""

    KIND = b"MACH"
    name: str
    written_by: str
    started_at: str
    command: list[str]
    """The command line that started it."""
    ended_at: str = ""
    """When it ended by itself, or was stopped; empty while it runs and after a power cut."""


class SnapshotRecord(Record, frozen=True, kw_only=True):
    """The newest snapshot of the machine: where it is, and `time_ns` of machine time in it."""

    KIND = b"SNAP"
    file: str
    taken_at: str
    time_ns: int


class PointRecord(Record, frozen=True, kw_only=True):
    """R1 but for RAM, which is the file `ram` of the folder."""

    KIND = b"POIN"
    point_id: bytes
    """Of this R1 alone; the inputs that came in after it begin with it."""
    boot_id: str
    """Of the host's kernel: another one may not have what was on its way to the disk."""
    machine: SavedMachine
    owed: dict[int, list[dict[int, bytes]]]
    """Sectors by LBA that are not on the media yet, for each drive, by slot."""


R = TypeVar("R", bound=Record)


def encode(record: Record) -> bytes:
    """The file's content."""
    body = msgspec.msgpack.encode(record)
    head = _HEAD.pack(MAGIC, VERSION, record.KIND, bytes(32))
    return _HEAD.pack(MAGIC, VERSION, record.KIND, _digest(head, body)) + body


def _digest(head: bytes, body: bytes | memoryview) -> bytes:
    return hashlib.blake2b(head + body, digest_size=32).digest()


def write_record(path: Path, record: Record) -> None:
    """Replace the file by one of this record, durably. Raises `DurabilityError`."""
    try:
        write_durably(path, [encode(record)])
    except OSError as error:
        raise DurabilityError(
            f"{path}: cannot be written: {error.strerror}; make room or give another folder"
        ) from error


def read_record(path: Path, kind: type[R]) -> R | None:
    """The record in the file, None when there is no file. Raises `DurabilityError`."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DurabilityError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) < _HEAD.size or content[: len(MAGIC)] != MAGIC:
        raise DamagedError(f"{path}: damaged: it is no file hotswap-host has written whole")
    magic, version, name, digest = _HEAD.unpack_from(content)
    body = memoryview(content)[_HEAD.size :]
    if _digest(_HEAD.pack(magic, version, name, bytes(32)), body) != digest:
        raise DamagedError(f"{path}: damaged: its checksum is wrong")
    if version != VERSION:
        raise DurabilityError(
            f"{path}: version {version}, and this hotswap-host reads {VERSION}; use the one that "
            "wrote it"
        )
    if name != kind.KIND:
        raise DamagedError(f"{path}: damaged: it is another file's content")
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DurabilityError(
            f"{path}: does not fit this hotswap-host: {error}; use the one that wrote it"
        ) from error
