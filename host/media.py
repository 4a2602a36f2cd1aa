"""Disk media: raw images, and overlays that leave an image as it is."""

from __future__ import annotations

import os
from pathlib import Path

from .media_file import ImageFile
from .media_overlay import Overlay, create_overlay
from .media_raw import RawImage


def open_medium(
    path: str | os.PathLike[str],
    *,
    overlay: str | os.PathLike[str] | None = None,
    read_only: bool = False,
) -> RawImage | Overlay:
    """The raw image at `path`; with `overlay`, writes go to that file, made when it is not there.

    An image that is written, and an overlay, belong to one machine at a time; an image that is only
    read may be shared. Close what you get. Raises `MediaError`.
    """
    base = RawImage(ImageFile(Path(path), read_only=read_only or overlay is not None))
    if overlay is None:
        return base
    try:
        file = Path(overlay)
        if not file.exists() and not read_only:
            create_overlay(file, base)
        return Overlay(ImageFile(file, read_only=read_only), base)
    except BaseException:
        base.close()
        raise


def guess_geometry(medium: RawImage | Overlay) -> tuple[int, int, int]:
    """Cylinders, heads and sectors per track the medium was partitioned with.

    The first partition of an MBR ends on the last head and sector of a cylinder, by custom; where
    there is none, or more heads than an ATA drive can have (the BIOS translated), it is 16 and 63.
    """
    heads, sectors = 16, 63
    mbr = medium.read(0, 1)
    if mbr[510:] == b"\x55\xaa":
        kind, end_head, end_sector = mbr[450], mbr[451], mbr[452] & 0x3F
        if kind and 0 < end_head < 16 and end_sector:
            heads, sectors = end_head + 1, end_sector
    return max(1, min(medium.sectors // (heads * sectors), 16383)), heads, sectors
