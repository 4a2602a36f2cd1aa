"""A disk for a second machine that must not change it: read by the files the first has open.

What the second one writes stays in its memory. What the first one writes meanwhile is read by both.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import msgspec

from hotswap.bus import SECTOR, Disk, MediaError, Medium

from .media_file import ImageFile
from .media_overlay import Overlay
from .media_raw import RawImage


class SharedDisk(msgspec.Struct, frozen=True):
    """What a process that has inherited the descriptors needs to read a disk.

    `overlay` is -1 for a raw image; else `places` has the overlay's blocks, by block of the disk.
    """

    path: str
    image: int
    overlay: int
    places: dict[int, int]
    read_only: bool

    @property
    def descriptors(self) -> list[int]:
        """To be inherited."""
        return [self.image] if self.overlay < 0 else [self.image, self.overlay]


def share(disk: Disk, stack: ExitStack) -> SharedDisk | None:
    """What is in the drive; `stack` closes the descriptors. Raises `MediaError`."""
    medium = disk.medium
    if medium is None:
        return None
    if not disk.settled:
        raise MediaError("a disk has not taken all that was written; make room for its image")
    overlay: ImageFile | None
    places: dict[int, int] = {}
    if isinstance(medium, RawImage):
        image, overlay = medium.file, None
    elif isinstance(medium, Overlay):
        image, overlay, places = medium.layers
    else:
        raise MediaError(f"a disk is in no file ({medium.identity}), so it cannot be shared")

    def keep(file: ImageFile) -> int:
        descriptor = file.share()
        stack.callback(os.close, descriptor)
        return descriptor

    return SharedDisk(
        str(image.path),
        keep(image),
        -1 if overlay is None else keep(overlay),
        places,
        medium.read_only,
    )


def open_shared(shared: SharedDisk) -> CopyOnWrite:
    """The disk in the other process. Raises `MediaError`."""
    path = Path(shared.path)
    base = RawImage(ImageFile(path, shared=shared.image))
    if shared.overlay < 0:
        return CopyOnWrite(base, read_only=shared.read_only)
    overlay = Overlay(ImageFile(path, shared=shared.overlay), base, shared.places)
    return CopyOnWrite(overlay, read_only=shared.read_only)


class CopyOnWrite:
    """A `Medium` over another, which is only read: what is written is kept in memory."""

    def __init__(self, base: Medium, *, read_only: bool) -> None:
        self._base = base
        self.read_only = read_only
        self.sectors = base.sectors
        self._written: dict[int, bytes] = {}

    @property
    def identity(self) -> str:
        """That of the other one, and of what was written."""
        return (
            f"{self._base.identity} and {len(self._written)} sectors"
            if self._written
            else (self._base.identity)
        )

    def read(self, lba: int, count: int) -> bytes:
        """`count` sectors from `lba`. Raises `MediaError`."""
        content = self._base.read(lba, count)
        newer = self._written.keys() & range(lba, lba + count)
        if not newer:
            return content
        patched = bytearray(content)
        for sector in newer:
            at = (sector - lba) * SECTOR
            patched[at : at + SECTOR] = self._written[sector]
        return bytes(patched)

    def write(self, lba: int, content: bytes) -> None:
        """Whole sectors from `lba`."""
        for n in range(len(content) // SECTOR):
            self._written[lba + n] = content[n * SECTOR : (n + 1) * SECTOR]

    def flush(self) -> None:
        """Nothing survives: there is nothing to do."""
