"""A raw image: the sectors of a disk, one after the other, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from hotswap.bus import SECTOR, MediaError

from .media_file import ImageFile


class RawImage:
    """A file (or block device) that is the disk, sector by sector; a `Medium`."""

    def __init__(self, file: ImageFile) -> None:
        self.file = file
        size = file.size
        if not size or size % SECTOR:
            raise MediaError(
                f"{file.path}: is {size:,} bytes, and a disk image is a multiple of {SECTOR}; "
                f"is it a raw image, and complete? (`truncate -s %{SECTOR}` fills it up)"
            )
        self.sectors = size // SECTOR

    @property
    def places(self) -> tuple[Path, Path | None]:
        """Where it comes from: the image; and no overlay."""
        return self.file.path, None

    @property
    def read_only(self) -> bool:
        """True when the image may not be written."""
        return self.file.read_only

    @property
    def identity(self) -> str:
        """A digest of the content, which is read for it."""
        return f"raw {self.file.digest().hex()}"

    def read(self, lba: int, count: int) -> bytes:
        """`count` sectors from `lba`. Raises `MediaError`."""
        return self.file.read(lba * SECTOR, count * SECTOR)

    def write(self, lba: int, content: bytes) -> None:
        """Whole sectors from `lba`. Raises `MediaError`."""
        self.file.write(lba * SECTOR, content)

    def flush(self) -> None:
        """Return when everything written is durable. Raises `MediaError`."""
        self.file.sync()

    def close(self) -> None:
        """Close the image; what was written stays."""
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
