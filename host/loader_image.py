"""What an image is, by its content: the kinds `hotswap-host run` boots."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from hotswap.switchover.image import IMAGE_MAX, KernelImage, load_image
from hotswap.switchover.memory import MIB

from .loader import LoadError
from .loader_linux import LinuxImage, from_vmlinux, is_linux, is_vmlinux, parse_linux

Bootable: TypeAlias = KernelImage | LinuxImage
"""A Multiboot kernel, or Linux."""


def read_image(path: Path, what: str, limit: int = IMAGE_MAX) -> bytes:
    """The bytes of file `path`, which is `what`. Raises `LoadError`; at most `limit` bytes."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise LoadError(f"{what} {path}: {error.strerror}; give a file that can be read") from error
    if len(content) > limit:
        raise LoadError(f"{what} {path}: is larger than {limit // MIB} MiB; is it the right file?")
    return content


def recognise(path: Path, *, ram: int) -> Bootable:
    """The kernel in `path`, for `ram` bytes of RAM. Raises `LoadError`, `ImageError`."""
    content = read_image(path, "kernel")
    if is_linux(content):
        return parse_linux(content, path.name)
    image = load_image(path, ram=ram)
    return from_vmlinux(image) if is_vmlinux(image.content) else image
