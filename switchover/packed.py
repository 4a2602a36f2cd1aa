"""A kernel image as it is staged for the bootstrap: one raw LZ4 block and its checksums."""

from __future__ import annotations

import functools
import zlib
from typing import Any

import lz4.block
import msgspec

from .image import KernelImage


class PackedImage(msgspec.Struct, frozen=True):
    """`block` decodes to `ulen` bytes for `dest`; `ccrc` and `ucrc` are CRC-32s of both."""

    sha256: str
    block: bytes
    ulen: int
    ccrc: int
    ucrc: int
    dest: int

    @property
    def clen(self) -> int:
        """Bytes of the block."""
        return len(self.block)


def pack_image(image: KernelImage) -> PackedImage:
    """Compress for mode 0 of the bootstrap; the same image is compressed once.

    A raw LZ4 block without a size in front, as the bootstrap's decoder takes it.
    """
    return _packed(image.sha256, image.content, image.load_lo)


@functools.lru_cache(maxsize=8)
def _packed(sha256: str, content: bytes, dest: int) -> PackedImage:
    compress: Any = lz4.block.compress
    block = compress(content, mode="high_compression", compression=12, store_size=False)
    return PackedImage(sha256, block, len(content), zlib.crc32(block), zlib.crc32(content), dest)
