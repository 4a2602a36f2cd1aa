"""The guest images that ship with hotswap-host: two reference kernels and their initrd."""

from __future__ import annotations

import functools
from importlib import resources

import msgspec

from hotswap.switchover.image import KernelImage, load_image


@functools.cache
def shipped(name: str) -> bytes:
    """A shipped file, e.g. `initrd.cpio`."""
    return resources.files("hotswap.switchover").joinpath("guest", name).read_bytes()


@functools.cache
def refkernel(version: int) -> KernelImage:
    """The reference kernel, version 1 or 2."""
    return msgspec.structs.replace(
        load_image(shipped(f"refkernel-v{version}.elf")), name=f"refkernel-v{version}"
    )


UD2 = b"\x0f\x0b"


def crashing(image: KernelImage) -> KernelImage:
    """The same kernel with an undefined instruction at its entry: it dies as it takes over."""
    assert image.note is not None
    at = image.note.entry_switch - image.load_lo
    content = image.content[:at] + UD2 + image.content[at + len(UD2) :]
    return msgspec.structs.replace(image, name=f"{image.name}, broken", content=content)
