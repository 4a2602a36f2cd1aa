"""The Multiboot 1 header, and kernels that say by its address fields where they belong.

Multiboot Specification 0.6.96, section 3.1, "OS image format". The address fields (the "a.out
kludge") count for whatever file they are in, as GRUB and QEMU have it.
"""

from __future__ import annotations

import hashlib
import struct

import msgspec

from hotswap.switchover.image import IMAGE_MAX, RAM_LO, KernelImage
from hotswap.switchover.memory import MIB

from .loader import HEADER_MAGIC, HEADER_SEARCH, LoadError

ADDRESSES = 1 << 16
KNOWN = 1 << 0 | 1 << 1  # modules on page boundaries, memory information
REQUIRED = 0xFFFF


class Header(msgspec.Struct, frozen=True):
    """A Multiboot header at `offset` in the file; the addresses count when `flags` says so."""

    offset: int
    flags: int
    header_addr: int = 0
    load_addr: int = 0
    load_end_addr: int = 0
    bss_end_addr: int = 0
    entry_addr: int = 0


def find_header(content: bytes, name: str) -> Header | None:
    """The header, in the first 8 KiB. Raises `LoadError` when it asks for what is not there."""
    for offset in range(0, min(len(content), HEADER_SEARCH) - 11, 4):
        magic, flags, checksum = struct.unpack_from("<3I", content, offset)
        if magic != HEADER_MAGIC or (magic + flags + checksum) & 0xFFFFFFFF:
            continue
        if unknown := flags & REQUIRED & ~KNOWN:
            raise LoadError(
                f"{name}: its Multiboot header requires what is not offered here (flags "
                f"{unknown:#x}); clear them, a video mode is set through the BIOS"
            )
        if not flags & ADDRESSES:
            return Header(offset, flags)
        if offset + 32 > len(content):
            raise LoadError(f"{name}: its Multiboot header is cut off; copy the file again")
        return Header(offset, flags, *struct.unpack_from("<5I", content, offset + 12))
    return None


def load_by_header(content: bytes, header: Header, name: str, ram: int) -> KernelImage:
    """The kernel as its address fields say. Raises `LoadError` when they make no sense."""
    begin = header.offset - (header.header_addr - header.load_addr)
    end = begin + header.load_end_addr - header.load_addr if header.load_end_addr else len(content)
    where = f"{name}: its Multiboot header"
    if header.header_addr < header.load_addr or begin < 0 or end < begin:
        raise LoadError(f"{where} has addresses that contradict each other; build it again")
    if end > len(content):
        raise LoadError(f"{name}: is cut off: {len(content)} bytes of {end}; copy it again")
    size = end - begin
    lo, hi = header.load_addr, max(header.load_addr + size, header.bss_end_addr)
    if lo < RAM_LO or hi > ram or hi - lo > IMAGE_MAX:
        raise LoadError(
            f"{where} asks for {lo:#x}-{hi:#x}, a kernel may use {RAM_LO:#x}-{ram:#x} and "
            f"{IMAGE_MAX // MIB} MiB; link it there, or give the machine more --memory"
        )
    if not lo <= header.entry_addr < hi:
        raise LoadError(f"{where} has its entry {header.entry_addr:#x} outside of {lo:#x}-{hi:#x}")
    memory = content[begin:end].ljust(-(-(hi - lo) // 16) * 16, b"\0")
    digest = hashlib.sha256(content).hexdigest()
    return KernelImage(name, memory, lo, lo + len(memory), header.entry_addr, None, b"", digest)
