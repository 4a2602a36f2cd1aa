"""The container of a snapshot: an ELF32 core file, so that gdb and readelf open it as it is.

TIS ELF 1.2 and the i386 supplement of the System V ABI; notes as <sys/procfs.h> has them.

    ELF header
    program headers   one PT_NOTE; PT_LOADs: what the CPU sees, then RAM by physical address
    notes             HOTSWAP seal, CORE registers for debuggers, HOTSWAP machine
    RAM               from a page boundary on, the stored extents one after the other

Pages of zeros are not stored: p_memsz is larger than p_filesz there, and debuggers read zeros.
The seal is the first note, at a place that no version moves: it holds the version and the digest
of the whole file as it is with 32 zeros in the digest's place.
"""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from hotswap.bus import HotswapError

PAGE = 4096
OWNER = b"HOTSWAP\0"
NT_SEAL, NT_MACHINE = 0x48535701, 0x48535702  # no number another tool has a meaning for
NT_PRSTATUS, NT_PRFPREG, NT_PRPSINFO = 1, 2, 3
ET_CORE, EM_386, EV_CURRENT = 4, 3, 1
PT_LOAD, PT_NOTE = 1, 4
PF_RWX = 7
SEGMENTS_MAX = 0xFFFE
"""e_phnum counts no further; mappings beyond are left out for debuggers."""

_HEADER = struct.Struct("<4s5B7x2H5I6H")
_SEGMENT = struct.Struct("<8I")
_NOTE = struct.Struct("<3I")
_SEAL = struct.Struct("<II32s")
"""Version, file offset of RAM, digest."""
_IDENT = (b"\x7fELF", 1, 1, EV_CURRENT, 0, 0)  # 32 bit, little endian


class SnapshotError(HotswapError):
    """A snapshot cannot be taken, written, read or restored; then nothing was started."""


class Extent(NamedTuple):
    """Physical memory that is stored: `size` bytes from `start`, whole pages."""

    start: int
    size: int


class Mapping(NamedTuple):
    """`size` bytes of linear addresses from `linear`, which are RAM from `physical` on."""

    linear: int
    physical: int
    size: int


class Core(NamedTuple):
    """A core file taken apart: the machine note and where RAM begins in the file."""

    version: int
    machine: bytes
    ram_at: int


def build_core(
    version: int,
    debugger_notes: Sequence[bytes],
    machine: bytes,
    mappings: Iterable[Mapping],
    extents: Sequence[Extent],
    ram: Sequence[memoryview],
) -> list[bytes | memoryview]:
    """The file, in pieces: `ram` is what the extents hold, in their order."""
    loads = _loads(mappings, extents)[:SEGMENTS_MAX]
    notes_at = _HEADER.size + _SEGMENT.size * (1 + len(loads))
    notes_size = len(_sealed(version, 0, bytes(32))) + sum(map(len, debugger_notes))
    notes_size += len(note(OWNER, NT_MACHINE, machine))
    ram_at = -(-(notes_at + notes_size) // PAGE) * PAGE
    segments = [_SEGMENT.pack(PT_NOTE, notes_at, 0, 0, notes_size, 0, 0, 4)]
    for at, load in loads:
        offset, stored = (ram_at + at, load.size) if at >= 0 else (ram_at, 0)
        segments.append(
            _SEGMENT.pack(
                PT_LOAD, offset, load.linear, load.physical, stored, load.memory, PF_RWX, PAGE
            )
        )
    header = _HEADER.pack(
        *_IDENT, ET_CORE, EM_386, EV_CURRENT, 0, _HEADER.size, 0, 0,
        _HEADER.size, _SEGMENT.size, len(segments), 0, 0, 0,
    )  # fmt: skip
    rest = b"".join((*debugger_notes, note(OWNER, NT_MACHINE, machine)))
    rest += bytes(ram_at - notes_at - notes_size)
    before = header + b"".join(segments)
    digest = _digest((before, _sealed(version, ram_at, bytes(32)), rest, *ram))
    return [before, _sealed(version, ram_at, digest), rest, *ram]


class _Load(NamedTuple):
    linear: int
    physical: int
    size: int
    memory: int


def _loads(mappings: Iterable[Mapping], extents: Sequence[Extent]) -> list[tuple[int, _Load]]:
    """The PT_LOADs, each with its offset in the stored RAM, or -1 for one of nothing but zeros."""
    offsets = [0, *accumulate(extent.size for extent in extents)]
    ends = [extent.start + extent.size for extent in extents]
    loads: list[tuple[int, _Load]] = []
    for mapping in mappings:
        delta, end = mapping.linear - mapping.physical, mapping.physical + mapping.size
        pieces: list[tuple[int, int, int]] = []
        number = bisect_right(ends, mapping.physical)
        while number < len(extents) and extents[number].start < end:
            low = max(extents[number].start, mapping.physical)
            offset = offsets[number] + low - extents[number].start
            pieces.append((offset, low, min(ends[number], end)))
            number += 1
        first = pieces[0][1] if pieces else end
        if first > mapping.physical:
            zeros = first - mapping.physical
            loads.append((-1, _Load(mapping.linear, mapping.physical, 0, zeros)))
        for number, (offset, low, high) in enumerate(pieces):
            until = pieces[number + 1][1] if number + 1 < len(pieces) else end
            loads.append((offset, _Load(low + delta, low, high - low, until - low)))
    return loads


def note(owner: bytes, kind: int, content: bytes) -> bytes:
    """A note as it stands in the file; `owner` with its NUL."""
    head = _NOTE.pack(len(owner), len(content), kind)
    return head + owner + bytes(-len(owner) % 4) + content + bytes(-len(content) % 4)


def _sealed(version: int, ram_at: int, digest: bytes) -> bytes:
    return note(OWNER, NT_SEAL, _SEAL.pack(version, ram_at, digest))


def _digest(pieces: Iterable[bytes | memoryview]) -> bytes:
    digest = hashlib.blake2b(digest_size=32)
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


# -- reading ------------------------------------------------------------------------------------


def open_core(content: bytes, name: str, version: int) -> Core:
    """Check the file as a whole and find its parts. Raises `SnapshotError`.

    `version` is the newest that is understood here.
    """
    view = memoryview(content)
    found = list(_notes(view, name))
    seals = [(at, body) for at, owner, kind, body in found if (owner, kind) == (OWNER, NT_SEAL)]
    if not seals or len(seals[0][1]) != _SEAL.size:
        raise SnapshotError(f"{name}: a core file, but no snapshot; give one that was saved here")
    at, body = seals[0]
    written, ram_at, digest = _SEAL.unpack(body)
    hole = at + _SEAL.size - len(digest)
    if _digest((view[:hole], bytes(32), view[hole + 32 :])) != digest:
        raise SnapshotError(f"{name}: damaged, its checksum is wrong; use another copy")
    if written > version:
        raise SnapshotError(
            f"{name}: version {written} is newer than {version}; use a newer hotswap-host"
        )
    for _, owner, kind, body in found:
        if (owner, kind) == (OWNER, NT_MACHINE):
            return Core(written, bytes(body), ram_at)
    raise SnapshotError(f"{name}: has no machine in it; save it again")


def _notes(view: memoryview, name: str) -> Iterator[tuple[int, bytes, int, memoryview]]:
    """Every note of the first PT_NOTE: where its content is, its owner, its type, its content."""
    try:
        header = _HEADER.unpack_from(view)
        if header[: len(_IDENT)] != _IDENT or header[6:8] != (ET_CORE, EM_386):
            raise SnapshotError(f"{name}: is no snapshot; give a file `snapshot save` has written")
        at = header[10]
        kind, offset, _, _, size, *_ = _SEGMENT.unpack_from(view, at)
        end = offset + size
        while kind == PT_NOTE and offset < end:
            owner_size, content_size, note_type = _NOTE.unpack_from(view, offset)
            owner_at = offset + _NOTE.size
            content_at = owner_at + -(-owner_size // 4) * 4
            offset = content_at + -(-content_size // 4) * 4
            if offset > min(end, len(view)):
                break
            owner = bytes(view[owner_at : owner_at + owner_size])
            yield content_at, owner, note_type, view[content_at : content_at + content_size]
    except struct.error:
        raise SnapshotError(f"{name}: cut short, {len(view)} bytes; use another copy") from None
