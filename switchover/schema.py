"""The Save State Map 1.1, once: its container here, the records of its sections in `records`.

`savemap` (Python codec), `c_header` (examples/refkernel/include/ssm*.h) and the tables of
docs/map-records.md are all made from these classes. A minor version may add sections, append
fields to a record and use bits and values left free here; anything else is another major.
"""

from typing import Annotated

import msgspec

from hotswap.bus.choice import Choice

from .layout import U16, U32, U64, X16, X32, Bits, Bytes16, Record, layout_of
from .records import (
    Blob,
    Dev,
    Fd,
    File,
    Frame,
    Inode,
    Lock,
    Log,
    Pipe,
    Proc,
    Restart,
    Sigact,
    Siginfo,
    System,
    Task,
    Time,
    Timer,
    Tty,
    Vma,
    Xstate,
)

MAGIC = 0x4D53534B  # 'KSSM'
MAJOR, MINOR = 1, 1
SECTIONS_MAX = 64
PAGE = 4096


class SectionFlag(Bits):
    """Bits of a section entry's `flags`."""

    REQUIRED = 1, "a reader that does not know the section must refuse the map"
    INDIRECT = 2, "records refer to frames that stay where they are"


class Feature(Bits):
    """Bits of the header's `feat_required` and `feat_optional`."""

    IN_PLACE = 1, "user pages stay in their frames, the map holds their addresses only"


class Header(Record):
    """The first 96 bytes of a map, which starts on a page boundary."""

    magic: Annotated[X32, "'KSSM'"] = MAGIC
    major: Annotated[U16, "another major is refused"] = MAJOR
    minor: Annotated[U16, "never a reason to refuse"] = MINOR
    hdr_len: Annotated[X32, "bytes of header, 96 so far; a multiple of 8"] = 96
    total_len: Annotated[X32, "bytes of map in use, header included"] = 96
    sect_off: Annotated[X32, "offset of the section table; a multiple of 8"] = 96
    sect_count: Annotated[U16, "section entries, at most 64"] = 0
    sect_size: Annotated[U16, "bytes of a section entry: 32"] = 32
    flags: Annotated[X32, "0"] = 0
    txn: Annotated[U32, "the switchover this map was written for"] = 0
    feat_required: Annotated[U32, "features a reader must know", Feature] = Feature.IN_PLACE
    feat_optional: Annotated[U32, "features a reader may ignore", Feature] = 0
    generation: Annotated[U64, "maps written since the machine was powered on"] = 0
    src_build: Annotated[Bytes16, "first 16 bytes of the writing kernel's build-id"] = bytes(16)
    dst_build: Annotated[Bytes16, "the same of the kernel it is meant for, or 0"] = bytes(16)
    phys_lo: Annotated[X32, "physical address of the frames allocated for the map"] = 0
    phys_hi: Annotated[X32, "end of these frames"] = 0
    sect_crc: Annotated[X32, "CRC-32 of the section table"] = 0
    hdr_crc: Annotated[X32, "CRC-32 of these 96 bytes with this field 0"] = 0


class SectionEntry(Record):
    """One entry of the section table."""

    type: Annotated[U16, "section type"] = 0
    flags: Annotated[X16, "", SectionFlag] = 0
    ver: Annotated[U16, "1; another number is another meaning and is refused"] = 1
    rec_min: Annotated[U16, "bytes of a record a reader must know"] = 0
    off: Annotated[X32, "offset of the section in the map; a multiple of 8"] = 0
    len: Annotated[X32, "bytes of the section"] = 0
    count: Annotated[U32, "records"] = 0
    rec_size: Annotated[U16, "bytes of a record; of its fixed part when it carries bytes"] = 0
    rsvd: Annotated[U16, "0"] = 0
    crc: Annotated[X32, "CRC-32 of the section"] = 0
    rsvd2: Annotated[U32, "0"] = 0


class SectionType(Choice):
    """Section types; 5, 8, 9 and 14 are set aside, 17 to 24 are of 1.1, 25 and up extensions."""

    TIME = 1, "the clock"
    PROC = 2, "processes"
    VMA = 3, "their address spaces"
    FRAME = 4, "where their pages are"
    FILE = 6, "open files"
    FD = 7, "descriptors"
    PIPE = 10, "pipes and the bytes in them"
    TIMER = 11, "armed timers"
    DEV = 12, "the cards' states"
    BLOB = 13, "strings and blobs"
    LOG = 15, "the flight recorder"
    SIGACT = 16, "signal actions"
    TASK = 17, "what Linux keeps of processes"
    RESTART = 18, "blocked system calls"
    TTY = 19, "terminals"
    LOCK = 20, "file locks"
    XSTATE = 21, "processor state beyond the x87"
    INODE = 22, "what is in /tmp"
    SYSTEM = 23, "command line and console"
    SIGINFO = 24, "what pending signals tell"


class SectionKind(msgspec.Struct, frozen=True):
    """A section as this version knows it: its record, flags and key, and since when."""

    section: SectionType
    record: type[Record]
    key: tuple[str, ...]  # fields that tell records apart and by which they are sorted
    flags: int = 0  # a writer may add REQUIRED
    has_data: bool = False  # each record is followed by its `len` bytes
    since: int = 0  # the minor version that has it first
    first: int = 0  # bytes of a record in that version, 0 when it has not grown

    @property
    def size(self) -> int:
        """Bytes of a record as this version knows it."""
        return layout_of(self.record).size

    @property
    def least(self) -> int:
        """Bytes of a record in the version that had it first; no other may go below."""
        return self.first or self.size


KINDS: dict[int, SectionKind] = {
    kind.section: kind
    for kind in (
        SectionKind(SectionType.TIME, Time, (), SectionFlag.REQUIRED, first=40),
        SectionKind(SectionType.PROC, Proc, ("pid",), SectionFlag.REQUIRED),
        SectionKind(SectionType.VMA, Vma, ("pid", "start"), SectionFlag.REQUIRED),
        SectionKind(
            SectionType.FRAME, Frame, ("pid", "vaddr"), SectionFlag.REQUIRED | SectionFlag.INDIRECT
        ),
        SectionKind(SectionType.FILE, File, ("file_id",), SectionFlag.REQUIRED),
        SectionKind(SectionType.FD, Fd, ("pid", "fd"), SectionFlag.REQUIRED),
        SectionKind(SectionType.PIPE, Pipe, ("id",), SectionFlag.REQUIRED, has_data=True),
        SectionKind(SectionType.TIMER, Timer, ("kind", "pid", "cookie"), SectionFlag.REQUIRED),
        SectionKind(SectionType.DEV, Dev, ("dev_id",)),
        SectionKind(SectionType.BLOB, Blob, (), SectionFlag.REQUIRED),
        SectionKind(SectionType.LOG, Log, ()),
        SectionKind(SectionType.SIGACT, Sigact, ("pid", "signo"), SectionFlag.REQUIRED),
        SectionKind(SectionType.TASK, Task, ("pid",), since=1),
        SectionKind(SectionType.RESTART, Restart, ("pid",), since=1),
        SectionKind(SectionType.TTY, Tty, ("tty",), since=1),
        SectionKind(SectionType.LOCK, Lock, ("file_id", "pid", "start"), since=1),
        SectionKind(SectionType.XSTATE, Xstate, ("pid",), since=1),
        SectionKind(SectionType.INODE, Inode, ("ino",), since=1),
        SectionKind(SectionType.SYSTEM, System, (), since=1),
        SectionKind(SectionType.SIGINFO, Siginfo, ("pid", "seq"), since=1),
    )
}
