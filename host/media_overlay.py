"""Copy-on-write overlays: what a machine writes, beside an image that stays as it is.

The file, all numbers little-endian:

| at | what |
|-|-|
| 0 | header, 4096 bytes: `_HEADER`, then BLAKE2b of those bytes; the rest is zero |
| 4096 | table, 8 bytes for each block of the disk: where it is and CRC-32 of (block, where) |
| after it | blocks of 4096 bytes, counted from 1; an entry of zero means "as in the image" |

A block is written to a fresh place and made durable before its entry is written, and an entry lies
within one sector; so after a power failure every sector is what it was at the last flush or newer.
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self

from hotswap.bus import SECTOR, MediaError

from .media_file import ImageFile
from .media_raw import RawImage

MAGIC = b"HSWOVER\x1a"
VERSION = 1
BLOCK = 4096
PER_BLOCK = BLOCK // SECTOR
_HEADER = struct.Struct("<8sIIQQ32s")  # the fields of Header
_ENTRY = struct.Struct("<II")
_CHECK = 32


class Header(NamedTuple):
    """What an overlay says of itself and of the image it is for."""

    magic: bytes
    version: int
    block: int
    sectors: int
    changed_at: int
    """Of the image when the overlay was made, ns since 1970; as long as it is so, no digest."""
    digest: bytes

    def encode(self) -> bytes:
        """One block, with its checksum."""
        fields = _HEADER.pack(*self)
        return (fields + hashlib.blake2b(fields, digest_size=_CHECK).digest()).ljust(BLOCK, b"\0")


def create_overlay(path: Path, base: RawImage) -> None:
    """Make an empty overlay for `base`; it is there whole or not at all. Raises `MediaError`."""
    header = Header(MAGIC, VERSION, BLOCK, base.sectors, base.file.changed_at, base.file.digest())
    folder = path.absolute().parent
    try:
        fd, name = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(header.encode())
                file.truncate(_first_block(base.sectors))
                file.flush()
                os.fsync(fd)
            Path(name).rename(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        directory = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise MediaError(f"{path}: the overlay cannot be made: {error.strerror}") from error


class Overlay:
    """A raw image as changed by an overlay file; a `Medium`. Raises `MediaError`.

    `places` says where its blocks are when the table in the file is behind.
    """

    def __init__(
        self, file: ImageFile, base: RawImage, places: Mapping[int, int] | None = None
    ) -> None:
        self._file, self._base = file, base
        self.sectors = base.sectors
        try:
            self._digest = self._check_header()
            self._places = self._read_table() if places is None else dict(places)
        except BaseException:
            file.close()
            raise
        self._next = max(self._places.values(), default=0) + 1
        self._fresh: set[int] = set()
        """Blocks whose entries are not in the file yet."""

    @property
    def read_only(self) -> bool:
        """True when the overlay may not be written."""
        return self._file.read_only

    @property
    def places(self) -> tuple[Path, Path | None]:
        """Where it comes from: the image, and the overlay."""
        return self._base.file.path, self._file.path

    @property
    def layers(self) -> tuple[ImageFile, ImageFile, dict[int, int]]:
        """The image, the overlay, and where in it its blocks are, by block of the disk."""
        return self._base.file, self._file, dict(self._places)

    @property
    def identity(self) -> str:
        """A digest of the image's identity and the overlay's blocks, which are read for it."""
        summary = hashlib.blake2b(self._digest, digest_size=32)
        for block in sorted(self._places):
            summary.update(block.to_bytes(8, "little") + self._file.read(self._at(block), BLOCK))
        return f"overlay {summary.hexdigest()}"

    def read(self, lba: int, count: int) -> bytes:
        """`count` sectors from `lba`. Raises `MediaError`."""
        if self._places.keys().isdisjoint(
            range(lba // PER_BLOCK, (lba + count - 1) // PER_BLOCK + 1)
        ):
            return self._base.read(lba, count)
        pieces = []
        for block, first, sectors in _cut(lba, count):
            if block in self._places:
                at = self._at(block) + first * SECTOR
                pieces.append(self._file.read(at, sectors * SECTOR))
            else:
                pieces.append(self._base.read(block * PER_BLOCK + first, sectors))
        return b"".join(pieces)

    def write(self, lba: int, content: bytes) -> None:
        """Whole sectors from `lba`. Raises `MediaError`."""
        done = 0
        for block, first, sectors in _cut(lba, len(content) // SECTOR):
            piece = content[done : done + sectors * SECTOR]
            done += len(piece)
            if block in self._places:
                self._file.write(self._at(block) + first * SECTOR, piece)
            else:
                self._add(block, first, piece)

    def flush(self) -> None:
        """Return when everything written is durable. Raises `MediaError`."""
        self._file.sync()
        if not self._fresh:
            return
        for block in sorted(self._fresh):
            self._file.write(BLOCK + block * _ENTRY.size, _entry(block, self._places[block]))
        self._file.sync()
        self._fresh.clear()

    def close(self) -> None:
        """Make all durable and close both files; closing twice is fine. Raises `MediaError`."""
        if self._file.closed:
            return
        try:
            if not self.read_only:
                self.flush()
        finally:
            self._file.close()
            self._base.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- the file -----------------------------------------------------------------------------

    def _at(self, block: int) -> int:
        return _first_block(self.sectors) + (self._places[block] - 1) * BLOCK

    def _add(self, block: int, first: int, piece: bytes) -> None:
        """Give `block` a place: what the image has, with `piece` from sector `first` on."""
        start = block * PER_BLOCK
        old = (
            b""
            if len(piece) == BLOCK
            else self._base.read(start, min(PER_BLOCK, self.sectors - start))
        )
        at = first * SECTOR
        whole = (old[:at] + piece + old[at + len(piece) :]).ljust(BLOCK, b"\0")
        self._file.write(_first_block(self.sectors) + (self._next - 1) * BLOCK, whole)
        self._places[block] = self._next
        self._fresh.add(block)
        self._next += 1

    def _refuse(self, why: str) -> MediaError:
        return MediaError(f"overlay {self._file.path}: {why}")

    def _check_header(self) -> bytes:
        file, base = self._file, self._base
        start = file.read(0, min(BLOCK, file.size))
        if not start.startswith(MAGIC):
            raise self._refuse("is no overlay; give another file, or one that does not exist yet")
        if len(start) < BLOCK:
            raise self._refuse("is cut short within its header; make a new one")
        header = Header(*_HEADER.unpack_from(start))
        if header.version > VERSION:
            raise self._refuse(
                f"has version {header.version}, and {VERSION} is the newest this host knows; "
                "use a newer hotswap-host"
            )
        if header.encode() != start or header.block != BLOCK:
            raise self._refuse("its header is damaged; make a new one")
        if header.sectors != base.sectors:
            raise self._refuse(
                f"was made for an image of {header.sectors} sectors, and {base.file.path} has "
                f"{base.sectors}; give the image it was made for"
            )
        if header.changed_at != base.file.changed_at and header.digest != base.file.digest():
            raise self._refuse(
                f"was made for an image with other content than {base.file.path} has now; give "
                "that image, or make a new overlay"
            )
        return header.digest

    def _read_table(self) -> dict[int, int]:
        blocks = -(-self.sectors // PER_BLOCK)
        size, first = self._file.size, _first_block(self.sectors)
        if size < first:
            raise self._refuse("is cut short within its table; make a new one")
        places = {}
        for start in range(0, blocks, BLOCK):
            part = self._file.read(
                BLOCK + start * _ENTRY.size, min(BLOCK, blocks - start) * _ENTRY.size
            )
            if part.count(0) == len(part):
                continue
            for block, (place, check) in enumerate(_ENTRY.iter_unpack(part), start):
                if place == check == 0:
                    continue
                if _entry(block, place) != _ENTRY.pack(place, check):
                    raise self._refuse(f"the table's entry of block {block} is damaged")
                if first + place * BLOCK > size:
                    raise self._refuse(
                        f"is cut short: block {block} should end at byte {first + place * BLOCK} "
                        f"of {size}"
                    )
                places[block] = place
        return places


def _first_block(sectors: int) -> int:
    """Where the blocks begin: after the header and the table."""
    table = -(-sectors // PER_BLOCK) * _ENTRY.size
    return BLOCK + -(-table // BLOCK) * BLOCK


def _entry(block: int, place: int) -> bytes:
    return _ENTRY.pack(place, zlib.crc32(struct.pack("<II", block, place)))


def _cut(lba: int, count: int) -> list[tuple[int, int, int]]:
    """The run cut at block boundaries: (block, first sector within it, sectors)."""
    pieces = []
    end = lba + count
    while lba < end:
        block, first = divmod(lba, PER_BLOCK)
        sectors = min(PER_BLOCK - first, end - lba)
        pieces.append((block, first, sectors))
        lba += sectors
    return pieces
