"""STAGE: what is put into the machine's memory before the guest is disturbed."""

from __future__ import annotations

import functools
import zlib
from importlib import resources

import msgspec

from .errors import ImageError
from .image import KernelImage
from .memory import MemoryPlan
from .packed import pack_image
from .protocol import BOOTSTRAP_HI, BOOTSTRAP_LO, BootMode


class Staged(msgspec.Struct, frozen=True):
    """An image as it is staged for one mode: `stored` bytes at img_pa (empty when the card has it).

    The checksums are CRC-32 as zlib.crc32, of what is stored and of the decoded image.
    """

    stored: bytes
    stored_crc: int
    image: bytes
    image_crc: int


@functools.lru_cache(maxsize=1)
def bootstrap() -> bytes:
    """The bootstrap as it ships: flat, linked at 0x8000."""
    code = resources.files("hotswap.switchover").joinpath("guest", "bootstrap.bin").read_bytes()
    assert len(code) <= BOOTSTRAP_HI - BOOTSTRAP_LO
    return code


def stage(image: KernelImage, mode: BootMode, plan: MemoryPlan) -> Staged:
    """Prepare `image` for `mode`. Raises ImageError when it does not fit into STAGE."""
    match mode:
        case BootMode.LZ4:
            stored = pack_image(image).block
        case BootMode.COPY:  # by 32-bit words
            stored = image.content.ljust(-(-len(image.content) // 4) * 4, b"\0")
        case BootMode.DMA:
            stored = b""
    if len(stored) > plan.stage.size:
        raise ImageError(
            f"takes {len(stored)} bytes staged, STAGE has {plan.stage.size}",
            image.name,
            "use mode 2 or a machine with more memory",
        )
    return Staged(stored, zlib.crc32(stored), image.content, zlib.crc32(image.content))
