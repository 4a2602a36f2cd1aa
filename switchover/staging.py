"""STAGE: what is put into the machine's memory before the guest is disturbed."""

from __future__ import annotations

import functools
import zlib
from importlib import resources

import msgspec

from .errors import ImageError
from .image import KernelImage
from .machine import Machine
from .memory import MemoryPlan, Span
from .packed import pack_image
from .protocol import BOOTSTRAP_HI, BOOTSTRAP_LO, Boot, BootFunc, BootMode
from .report import Report


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


def boot_record(
    machine: Machine,
    image: KernelImage,
    staged: Staged,
    place: Span,
    report: Report,
    *,
    reverse: bool,
) -> Boot:
    """What bootstrap and new kernel are told; `place` is the map."""
    plan, note = machine.plan, image.note
    assert note is not None  # PLAN refuses an image without one
    return Boot(
        func=int(BootFunc.REVERSE if reverse else BootFunc.SWITCH),
        ssm_pa=place.lo,
        ssm_len=report.map_bytes,
        img_pa=plan.stage.lo,
        img_clen=len(staged.stored),
        img_ulen=len(staged.image),
        img_ccrc=staged.stored_crc,
        img_ucrc=staged.image_crc,
        dest=image.load_lo,
        entry=note.entry_switch,
        card_base=machine.card().settings.base,
        txn=report.txn,
        mode=report.mode,
        scratch_lo=plan.scratch.lo,
        scratch_hi=plan.scratch.hi,
        echo_pa=plan.echo.lo,
        echo_len=plan.echo.size,
        mem_top=plan.ram,
    )
