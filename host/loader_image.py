"""What an image is, by its content: the kinds `hotswap-host run` boots."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from hotswap.switchover.image import IMAGE_MAX, KernelImage, load_image

from .loader import LoadError
from .loader_aout import ADDRESSES, find_header, load_by_header
from .loader_linux import LinuxImage, from_vmlinux, is_linux, is_vmlinux, parse_linux

Bootable: TypeAlias = KernelImage | LinuxImage
"""A Multiboot kernel, or Linux."""

ELF_MAGIC, LZ4_MAGIC = b"\x7fELF", b"\x04\x22\x4d\x18"
SECTOR, SIGNATURE = 512, b"\x55\xaa"


def read_image(path: Path, what: str, limit: int = IMAGE_MAX) -> bytes:
    """The bytes of file `path`, which is `what`: 1 to `limit`. Raises `LoadError`."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise LoadError(f"{what} {path}: {error.strerror}; give a file that can be read") from error
    if len(content) > limit:
        raise LoadError(f"{what} {path}: is larger than {limit // 1024} KiB; is it the right file?")
    if not content:
        raise LoadError(f"{what} {path}: is empty; was it written to the end?")
    return content


def is_boot_disk(path: Path) -> bool:
    """Whether the file is a disk image that a BIOS would boot: sectors, the first one signed."""
    try:
        with path.open("rb") as file:
            sector = file.read(2 * SECTOR)
        size = path.stat().st_size
    except OSError:
        return False
    signed = sector[SECTOR - 2 : SECTOR] == SIGNATURE
    return signed and size % SECTOR == 0 and not is_linux(sector)


def recognise(path: Path, *, ram: int) -> Bootable:
    """The kernel in `path`, for `ram` bytes of RAM. Raises `LoadError`, `ImageError`."""
    content = read_image(path, "kernel")
    if is_linux(content):
        return parse_linux(content, path.name)
    header = find_header(content, path.name)
    if header is not None and header.flags & ADDRESSES:
        return load_by_header(content, header, path.name, ram)
    is_elf = content.startswith(ELF_MAGIC)
    if not is_elf and not content.startswith(LZ4_MAGIC):
        raise LoadError(
            f"kernel {path}: is neither an ELF file (or one in an LZ4 frame) nor Linux, nor a boot "
            "disk; if it is a disk, a diskette or a flat binary, say so"
        )
    image = load_image(path, ram=ram)
    return from_vmlinux(image) if is_elf and header is None and is_vmlinux(content) else image
