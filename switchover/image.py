"""Kernel images: an ELF32 i386 executable, bare or in an LZ4 frame, made into the bytes to load.

Everything about the file is checked here, before anything is touched; whatever the bytes are, the
only way out but success is ImageError. What a switchover asks beyond a cold boot is `switchable`.
"""

from __future__ import annotations

import hashlib
import io
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lz4.frame
import msgspec
from elftools.common.exceptions import ELFError
from elftools.construct import ConstructError
from elftools.elf.elffile import ELFFile

from . import blame
from .capabilities import Tables, read_tables
from .errors import ImageError
from .layout import layout_of
from .memory import KERNEL, MIB, RAM_MIN, plan_memory
from .protocol import NOTE_NAME, NOTE_TYPE, Note
from .schema import MAJOR, Feature

IMAGE_MAX = 64 * MIB  # of a file, of a decoded frame and of a loaded image
RAM_LO = 0x100000  # below are bootstrap, boot information and the adapter area
_SEGMENTS_MAX = 64
_NOTES_MAX = 1 << 16
_LZ4_MAGIC = b"\x04\x22\x4d\x18"
_GNU, _BUILD_ID_TYPE = b"GNU\0", 3  # NT_GNU_BUILD_ID
_LKUS = NOTE_NAME.encode() + b"\0"
_NOTE = layout_of(Note)
_NOTE_LEAST = 60  # bytes of the note in 1.0
# what pyelftools raises besides its own errors when tables contradict each other
MALFORMED = (
    ELFError, ConstructError, struct.error, ArithmeticError, AssertionError, AttributeError,
    LookupError, TypeError, ValueError,
)  # fmt: skip

REBUILD = "build the kernel again"
GIVE = "give a kernel image", blame.OPERATOR


class KernelImage(msgspec.Struct, frozen=True):
    """A kernel ready to load: `content` is memory [load_lo, load_hi) with zeroed bss.

    `entry` is the ELF entry, for a cold boot; `note` says the rest, None when there is none.
    `load_hi` is rounded up to 16. `build_id` is empty when the linker gave none, `sha256` that of
    the ELF.
    """

    name: str
    content: bytes
    load_lo: int
    load_hi: int
    entry: int
    note: Note | None
    build_id: bytes
    sha256: str
    elf: bytes = b""
    """The whole file, for its symbols; empty for a kernel from a snapshot."""
    tables: Tables = Tables()
    """What it reads and drives; empty when its note does not say."""
    signature: str = ""
    """Whose signature it has, when that was asked for."""
    path: str = ""
    """The file it was read from; empty when its bytes were given."""

    def __str__(self) -> str:
        version = self.note.version.decode("ascii", "replace") if self.note else "no LKUS note"
        return f"{self.name} ({version}) {self.load_lo:#x}-{self.load_hi:#x}"


def load_image(source: bytes | Path, *, name: str = "image", ram: int = 64 * MIB) -> KernelImage:
    """Read and check a kernel image for a machine with `ram` bytes of RAM. Raises ImageError.

    `name` is what to call one whose bytes are given.
    """
    name = name if isinstance(source, bytes) else source.name
    content = source if isinstance(source, bytes) else read_file(source)
    if content[:4] == _LZ4_MAGIC:
        content = _decompress(content, name)
    if content[:4] != b"\x7fELF":
        raise ImageError(
            "is neither an ELF file nor an LZ4 frame of one", name, "give a kernel's ELF file"
        )
    try:
        elf = ELFFile(io.BytesIO(content))
        _check_kind(elf, name)
        segments = _segments(elf, name)
        memory, lo = _load(segments, content, name, ram)
        entry = _physical_entry(segments, elf["e_entry"], name)
        note, tables, build_id = _notes(segments, name)
    except MALFORMED as error:
        raise ImageError(
            f"its ELF tables are damaged or cut off ({error})", name, "copy or build it again"
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    end = lo + len(memory)
    return KernelImage(
        name, memory, lo, end, entry, note, build_id, digest, content, tables,
        path="" if isinstance(source, bytes) else str(source),
    )  # fmt: skip


def switchable(image: KernelImage, *, ram: int = 64 * MIB) -> Note:
    """The note of an image that may replace a running kernel. Raises ImageError otherwise."""
    note, name = image.note, image.name
    if note is None:
        raise ImageError(
            "has no LKUS note, so it cannot take over a running machine",
            f"{name}, section .note.lkus",
            "add the note or boot the kernel with `hotswap-host run`",
        )
    if note.ssm_major != MAJOR:
        raise ImageError(
            f"reads maps of version {note.ssm_major}.x, maps here are {MAJOR}.x",
            f"{name}, LKUS note",
            "use a kernel for this version",
        )
    if missing := Feature.IN_PLACE & ~note.features:
        raise ImageError(
            f"does not know the map's feature {missing:#x}", f"{name}, LKUS note", REBUILD
        )
    if note.card_abi != 1:
        raise ImageError(
            f"wants a switchover card of ABI {note.card_abi}, here it is 1",
            f"{name}, LKUS note",
            "use a kernel for this card",
        )
    where = f"{name}, {image.load_lo:#x}-{image.load_hi:#x}"
    if not KERNEL.holds(image.load_lo, image.load_hi):
        raise ImageError(f"is not inside the {KERNEL}", where, "link it there")
    if not (note.load_lo <= image.load_lo and image.load_hi <= note.load_hi <= KERNEL.hi):
        claim = f"{note.load_lo:#x}-{note.load_hi:#x}"
        raise ImageError(f"its note says {claim}", where, REBUILD)
    if not image.load_lo <= note.entry_switch < image.load_hi:
        entry = f"its entry for a switchover, {note.entry_switch:#x}, is outside"
        raise ImageError(entry, where, REBUILD)
    if ram < max(note.ram_min, RAM_MIN):
        needed = f"needs {-(-max(note.ram_min, RAM_MIN) // MIB)} MiB of RAM, there are"
        raise ImageError(f"{needed} {ram // MIB}", name, "start the machine with more memory")
    return note


def read_file(path: Path) -> bytes:
    """The bytes of an image file, once. Raises ImageError."""
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # reading a pipe may take for ever
            raise ImageError("is no regular file", str(path), *GIVE)
        with path.open("rb") as file:
            content = file.read(IMAGE_MAX + 1)
    except OSError as error:
        raise ImageError(error.strerror or str(error), str(path), *GIVE) from error
    if len(content) > IMAGE_MAX:
        raise ImageError(f"is larger than {IMAGE_MAX // MIB} MiB", str(path), "strip it")
    return content


def _decompress(frame: bytes, name: str) -> bytes:
    again = "compress it again with `lz4 --content-checksum`"
    decoder: Any = lz4.frame.LZ4FrameDecompressor()
    try:
        checksummed = lz4.frame.get_frame_info(frame)["content_checksum"]
        content: bytes = decoder.decompress(frame, max_length=IMAGE_MAX + 1)
    except (RuntimeError, ValueError, EOFError) as error:
        raise ImageError(f"the LZ4 frame is damaged ({error})", name, again) from error
    if len(content) > IMAGE_MAX:
        raise ImageError(f"decodes to more than {IMAGE_MAX // MIB} MiB", name, "is it a kernel?")
    if not checksummed:
        raise ImageError("the LZ4 frame has no content checksum", name, again)
    if not decoder.eof:
        raise ImageError("the LZ4 frame is cut off", name, "copy it again")
    if decoder.unused_data:
        raise ImageError("bytes follow the LZ4 frame", name, again)
    return content


def _check_kind(elf: Any, name: str) -> None:
    """ELF32, i386, statically linked executable."""
    todo = "build it with gcc -m32, link it statically with ld -m elf_i386"
    kinds = {
        "class": (f"ELF{elf.elfclass}", "ELF32"),
        "byte order": ("little" if elf.little_endian else "big", "little"),
        "machine": (elf["e_machine"], "EM_386"),
        "type": (elf["e_type"], "ET_EXEC"),
    }
    for kind, (found, wanted) in kinds.items():
        if found != wanted:
            raise ImageError(f"has {kind} {found}, not {wanted}", f"{name}, ELF header", todo)


def _segments(elf: Any, name: str) -> list[Any]:
    """The segments that say something, by physical address."""
    if elf.num_segments() > _SEGMENTS_MAX:
        count = f"has {elf.num_segments()} segments, more than {_SEGMENTS_MAX}"
        raise ImageError(count, f"{name}, ELF header", REBUILD)
    segments = [segment for segment in elf.iter_segments() if segment["p_memsz"]]
    return sorted(segments, key=lambda segment: segment["p_paddr"])


def _load(segments: list[Any], content: bytes, name: str, ram: int) -> tuple[bytes, int]:
    """The memory of all PT_LOAD segments, and its physical address."""
    segments = [segment for segment in segments if segment["p_type"] == "PT_LOAD"]
    if not segments:
        raise ImageError("has nothing to load", f"{name}, program headers", REBUILD)
    top = plan_memory(ram).reserve.lo if ram >= RAM_MIN else ram
    end = 0
    for segment in segments:
        lo, size, stored = segment["p_paddr"], segment["p_memsz"], segment["p_filesz"]
        where = f"{name}, segment {lo:#x}-{lo + size:#x}"
        if stored > size or segment["p_offset"] + stored > len(content):
            raise ImageError("is cut off in the file", where, "copy or build it again")
        if lo < end:
            raise ImageError("overlaps the one before", where, "correct the linker script")
        end = lo + size
        if lo < RAM_LO or end > top:
            free = f"lies outside the RAM a kernel may use, {RAM_LO:#x}-{top:#x}"
            raise ImageError(free, where, "link it there, or give the machine more memory")
    lo = segments[0]["p_paddr"]
    if end - lo > IMAGE_MAX:
        raise ImageError(f"spans more than {IMAGE_MAX // MIB} MiB", name, "link it closer together")
    memory = bytearray(-(-(end - lo) // 16) * 16)
    for segment in segments:
        at, begin = segment["p_paddr"] - lo, segment["p_offset"]
        memory[at : at + segment["p_filesz"]] = content[begin : begin + segment["p_filesz"]]
    return bytes(memory), lo


def _physical_entry(segments: list[Any], entry: int, name: str) -> int:
    """The entry: most kernels name it by its linear address, Linux by its physical one."""
    loaded = [segment for segment in segments if segment["p_type"] == "PT_LOAD"]
    for address in ("p_vaddr", "p_paddr"):
        for segment in loaded:
            if 0 <= entry - segment[address] < segment["p_memsz"]:
                return int(entry - segment[address] + segment["p_paddr"])
    raise ImageError(
        f"its entry {entry:#x} is outside what is loaded",
        f"{name}, ELF header",
        "name the entry in the linker script",
    )


def _notes(segments: list[Any], name: str) -> tuple[Note | None, Tables, bytes]:
    """The LKUS note with its tables, and the build-id."""
    note, tables, build_id = None, Tables(), b""
    for segment in segments:
        if segment["p_type"] != "PT_NOTE":
            continue
        if segment["p_filesz"] > _NOTES_MAX:
            size = f"the notes are {segment['p_filesz']} bytes, more than {_NOTES_MAX}"
            raise ImageError(size, f"{name}, program headers", REBUILD)
        for owner, kind, content in _note_entries(segment.data()):
            if (owner, kind) == (_GNU, _BUILD_ID_TYPE):
                build_id = content
            elif (owner, kind) == (_LKUS, NOTE_TYPE):
                if len(content) < _NOTE_LEAST:
                    size = f"has {len(content)} bytes, at least {_NOTE_LEAST} are needed"
                    raise ImageError(size, f"{name}, LKUS note", REBUILD)
                note = _NOTE.unpack(content[: _NOTE.size])
                try:
                    tables = read_tables(content, note)
                except ValueError as error:
                    what = f"is cut off: {error}"
                    raise ImageError(what, f"{name}, LKUS note", REBUILD) from error
    return note, tables, build_id


def _note_entries(notes: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """(owner, type, content) of each note, both padded to 4.

    By hand: pyelftools names types without looking at the owner, so ours would be NT_GNU_ABI_TAG.
    """
    at = 0
    while at + 12 <= len(notes):
        owner_len, content_len, kind = struct.unpack_from("<3I", notes, at)
        begin = at + 12 + -(-owner_len // 4) * 4
        yield notes[at + 12 : at + 12 + owner_len], kind, notes[begin : begin + content_len]
        at = begin + -(-content_len // 4) * 4
