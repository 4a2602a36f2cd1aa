"""PNG files: ISO/IEC 15948 (W3C, "Portable Network Graphics"), truecolour, unfiltered."""

from __future__ import annotations

import struct
import zlib

from hotswap.bus import PixelScreen

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TRUECOLOUR, _DEFLATE, _ADAPTIVE, _NOT_INTERLACED, _NO_FILTER = 2, 0, 0, 0, b"\0"


def png(picture: PixelScreen) -> bytes:
    """A file with every pixel of `picture`. Compressing a large one takes tenths of a second."""
    header = struct.pack(
        ">IIBBBBB", picture.width, picture.height, 8, _TRUECOLOUR, _DEFLATE, _ADAPTIVE,
        _NOT_INTERLACED,
    )  # fmt: skip
    line = 3 * picture.width
    lines = (
        _NO_FILTER + picture.rgb[at : at + line] for at in range(0, line * picture.height, line)
    )
    pixels = zlib.compress(b"".join(lines))
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
