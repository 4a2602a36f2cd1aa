"""The records of memory in the Save State Map: VMA and FRAME.

Linear addresses are 32-bit user addresses, physical ones are RAM addresses.
"""

from typing import Annotated

from hotswap.bus.choice import Choice

from .layout import U32, X32, X64, Bits, Record


class Protection(Bits):
    """VMA.prot."""

    READ = 1, ""
    WRITE = 2, ""
    EXECUTE = 4, ""


class VmaKind(Choice):
    """VMA.kind."""

    ANON = 0, "anonymous memory"
    FILE = 1, "a mapped file"
    STACK = 2, "a stack"
    SHARED = 3, "shared with other processes"
    HEAP = 4, "brk_start to brk"


class Vma(Record):
    """One range of linear addresses of a process; disjoint, sorted by pid and start."""

    pid: Annotated[U32, "process"] = 0
    start: Annotated[X32, "linear address, page aligned"] = 0
    end: Annotated[X32, "first address after it, page aligned"] = 0
    prot: Annotated[U32, "", Protection] = 0
    kind: Annotated[U32, "", VmaKind] = 0
    file_id: Annotated[U32, "of a mapped file, 0 for none"] = 0
    file_off: Annotated[X64, "bytes into the file at start"] = 0


class FrameKind(Choice):
    """FRAME.kind."""

    PRIVATE = 0, "belongs to this process alone"
    SHARED = 1, "seen by several processes"
    COW = 2, "shared until someone writes"
    RAMDISK = 4, "the initrd's frames: pid 0, vaddr 0"
    TMP = 5, "a page of /tmp: pid 0, vaddr from INODE on; since 1.1"


class Frame(Record):
    """A run of frames contiguous in linear and in physical addresses; sorted by pid and vaddr."""

    pid: Annotated[U32, "process, 0 for the ramdisk and /tmp"] = 0
    vaddr: Annotated[X32, "linear address, page aligned"] = 0
    paddr: Annotated[X32, "physical address, page aligned"] = 0
    n_pages: Annotated[U32, "4 KiB pages"] = 0
    kind: Annotated[U32, "", FrameKind] = 0
    crc: Annotated[X32, "CRC-32 of the frames, 0 when not computed"] = 0
