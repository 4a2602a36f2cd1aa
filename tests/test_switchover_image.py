"""Only a sound kernel image is loaded; whatever else is given is refused by name."""

import os
import random
import struct
import tracemalloc
import zlib
from pathlib import Path

import lz4.block
import lz4.frame
import pytest
from msgspec.structs import replace

from hotswap.switchover.errors import ImageError, Refused
from hotswap.switchover.image import IMAGE_MAX, load_image, switchable
from hotswap.switchover.layout import layout_of
from hotswap.switchover.memory import MIB, plan_memory
from hotswap.switchover.packed import pack_image
from hotswap.switchover.protocol import Note

CODE = bytes(range(256)) * 20
NOTE = Note(
    load_lo=0x100000, load_hi=0x104000, entry_switch=0x100020, ram_min=16 * MIB, features=1,
    version=b"1.0.0-test",
)  # fmt: skip

Segment = tuple[int, int, bytes, int]  # type (1 load, 4 note), physical address, bytes, memory size


def note(name: bytes, kind: int, content: bytes) -> bytes:
    padded = (name + b"\0").ljust(-(-(len(name) + 1) // 4) * 4, b"\0")
    head = struct.pack("<III", len(name) + 1, len(content), kind)
    return head + padded + content.ljust(-(-len(content) // 4) * 4, b"\0")


def elf(
    segments: list[Segment], entry: int = 0x100010, machine: int = 3, kind: int = 2,
    ident: bytes = b"\x7fELF\1\1\1",
) -> bytes:  # fmt: skip
    """An ELF32 file of program headers and their bytes, without sections."""
    offset, table, content = 52 + 32 * len(segments), b"", b""
    for type_, address, data, size in segments:
        at = offset + len(content)
        table += struct.pack("<8I", type_, at, address, address, len(data), size, 7, 4)
        content += data
    head = struct.pack(
        "<16sHHIIIIIHHHHHH",
        ident, kind, machine, 1, entry, 52, 0, 0, 52, 32, len(segments), 40, 0, 0,
    )  # fmt: skip
    return head + table + content


def kernel(
    info: Note | None = NOTE, entry: int = 0x100010, machine: int = 3, kind: int = 2
) -> bytes:
    """A small kernel: code, data with bss, and its notes."""
    notes = note(b"GNU", 3, bytes(range(20)))
    if info is not None:
        notes += note(b"LKUS", 1, layout_of(Note).pack(info))
    segments: list[Segment] = [
        (1, 0x100000, CODE, len(CODE)), (1, 0x102000, b"data", 0x1234), (4, 0, notes, len(notes))
    ]  # fmt: skip
    return elf(segments, entry, machine, kind)


def compressed(data: bytes, **options: bool) -> bytes:
    options.setdefault("content_checksum", True)
    frame: bytes = lz4.frame.compress(data, **options)
    return frame


def test_the_image_is_memory_with_zeroed_bss() -> None:
    image = load_image(kernel())
    assert (image.load_lo, image.load_hi, image.entry) == (0x100000, 0x103240, 0x100010)
    assert image.content[: len(CODE)] == CODE
    assert image.content[0x2000:0x2004] == b"data"
    assert image.content[0x2004:] == bytes(0x123C)
    assert len(image.content) == image.load_hi - image.load_lo
    assert image.build_id == bytes(range(20))
    assert image.note == NOTE
    assert switchable(image) == NOTE


def test_a_frame_of_it_is_the_same_image() -> None:
    plain, packed = load_image(kernel()), load_image(compressed(kernel()))
    assert packed == plain


def test_an_image_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "v1.elf").write_bytes(kernel())
    image = load_image(tmp_path / "v1.elf")
    assert str(image) == "v1.elf (1.0.0-test) 0x100000-0x103240"


def test_an_entry_named_by_its_linear_address_is_made_physical() -> None:
    data = bytearray(kernel(entry=0xC0000010))
    struct.pack_into("<I", data, 52 + 8, 0xC0000000)
    assert load_image(bytes(data)).entry == 0x100010


def test_a_kernel_without_a_note_boots_but_does_not_take_over() -> None:
    image = load_image(kernel(None))
    assert image.note is None
    with pytest.raises(ImageError, match=r"has no LKUS note"):
        switchable(image)


REFUSED = {
    "nothing": (b"", "neither an ELF"),
    "text": (b"#!/bin/sh\n", "neither an ELF"),
    "64 bit": (elf([], ident=b"\x7fELF\2\1\1").ljust(80, b"\0"), "class ELF64"),
    "big endian": (elf([], ident=b"\x7fELF\1\2\1"), "byte order big"),
    "ARM": (kernel(machine=40), "machine EM_ARM"),
    "shared object": (kernel(kind=3), "type ET_DYN"),
    "only a header": (kernel()[:52], "damaged or cut off"),
    "cut in the code": (kernel()[:2000], "is cut off in the file"),
    "nothing to load": (elf([(4, 0, b"1234", 4)]), "nothing to load"),
    "overlap": (elf([(1, 0x100000, CODE, 0x2000), (1, 0x101FFF, b"x", 1)]), "overlaps"),
    "below 1 MiB": (elf([(1, 0x8000, CODE, 0x2000)], 0x8000), "outside the RAM"),
    "above RAM": (elf([(1, 0x4000000, CODE, 0x2000)], 0x4000000), "outside the RAM"),
    "into RESERVE": (elf([(1, 0x37FF000, CODE, 0x2000)], 0x37FF000), "outside the RAM"),
    "around 4 GiB": (elf([(1, 0xFFFFF000, CODE, 0x2000)], 0xFFFFF000), "outside the RAM"),
    "huge bss": (elf([(1, 0x100000, CODE, 0xFFF00000)]), "outside the RAM"),
    "more in the file": (elf([(1, 0x100000, CODE, 8)]), "is cut off"),
    "entry outside": (kernel(entry=0x200000), "entry 0x200000 is outside"),
    "100 segments": (elf([(1, 0x100000 + i, b"", 1) for i in range(100)]), "100 segments"),
    "short note": (
        elf([(1, 0x100000, CODE, 8192), (4, 0, note(b"LKUS", 1, bytes(59)), 72)]),
        "has 59 bytes, at least 60",
    ),
    "huge notes": (
        elf([(1, 0x100000, CODE, 8192), (4, 0, bytes(70000), 70000)]), "the notes are 70000 bytes"
    ),
    "frame cut off": (compressed(kernel())[:-100], "cut off"),
    "frame without checksum": (compressed(kernel(), content_checksum=False), "no content checksum"),
    "frame of a frame": (compressed(compressed(kernel())), "neither an ELF"),
    "bytes after the frame": (compressed(kernel()) + b"x", "bytes follow"),
    "damaged frame": (
        (frame := compressed(kernel()))[:-1] + bytes([frame[-1] ^ 1]), "the LZ4 frame is damaged"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "reason"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError) as caught:
        load_image(data)
    assert reason in str(caught.value)
    assert "image" in caught.value.where
    assert caught.value.todo
    assert isinstance(caught.value, Refused)


def test_a_decompression_bomb_is_stopped() -> None:
    bomb = compressed(bytes(IMAGE_MAX + 2))
    assert len(bomb) < 1 << 20
    with pytest.raises(ImageError, match="decodes to more than 64 MiB"):
        load_image(bomb)


def test_a_bomb_is_not_unpacked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hotswap.switchover.image.IMAGE_MAX", MIB)
    bomb = compressed(bytes(32 * MIB))
    tracemalloc.start()
    try:
        with pytest.raises(ImageError, match="decodes to more than 1 MiB"):
            load_image(bomb)
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()


def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="No such file"):
        load_image(tmp_path / "v9.elf")
    with pytest.raises(ImageError, match="Is a directory"):
        load_image(tmp_path)
    os.mkfifo(tmp_path / "pipe")  # nobody will ever write to it
    with pytest.raises(ImageError, match="is no regular file"):
        load_image(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        (replace(NOTE, ssm_major=2), "reads maps of version 2.x"),
        (replace(NOTE, features=2), "feature 0x1"),
        (replace(NOTE, card_abi=2), "ABI 2"),
        (replace(NOTE, load_hi=0x103000), "its note says 0x100000-0x103000"),
        (replace(NOTE, load_lo=0x101000), "its note says"),
        (replace(NOTE, load_hi=0x200001), "its note says"),
        (replace(NOTE, entry_switch=0x180000), "its entry for a switchover, 0x180000"),
        (replace(NOTE, ram_min=65 * MIB), "needs 65 MiB of RAM, there are 64"),
    ],
)
def test_a_note_that_does_not_fit_is_refused(info: Note, reason: str) -> None:
    image = load_image(kernel(info))
    with pytest.raises(ImageError) as caught:
        switchable(image)
    assert reason in str(caught.value)


def test_a_kernel_outside_the_kernel_range_cannot_take_over() -> None:
    notes = note(b"LKUS", 1, layout_of(Note).pack(NOTE))
    far: list[Segment] = [(1, 0x1FF000, CODE, 8192), (4, 0, notes, len(notes))]
    image = load_image(elf(far, 0x1FF000))
    with pytest.raises(ImageError, match="is not inside the kernel range"):
        switchable(image)


def test_a_small_machine_is_refused() -> None:
    image = load_image(kernel(), ram=8 * MIB)
    with pytest.raises(ImageError, match="needs 16 MiB of RAM, there are 8"):
        switchable(image, ram=8 * MIB)
    with pytest.raises(Refused, match="start the machine with more memory"):
        plan_memory(16 * MIB - 1)


@pytest.mark.parametrize(
    ("ram", "reserve"), [(16, 4), (31, 4), (32, 8), (64, 8), (128, 16), (512, 64)]
)
def test_the_top_of_ram_is_divided(ram: int, reserve: int) -> None:
    plan = plan_memory(ram * MIB)
    assert plan.reserve.size == reserve * MIB
    assert plan.reserve.hi == ram * MIB
    assert plan.scratch.hi == plan.stage.lo
    assert plan.scratch.size == reserve * MIB // 2
    assert plan.stage.hi == plan.echo.lo
    assert plan.stage.size == 3 * plan.echo.size


def test_the_packed_image_decodes_to_the_image() -> None:
    image = load_image(kernel())
    packed = pack_image(image)
    decode = lz4.block.decompress
    assert decode(packed.block, uncompressed_size=packed.ulen) == image.content
    assert (packed.ccrc, packed.ucrc) == (zlib.crc32(packed.block), zlib.crc32(image.content))
    assert (packed.dest, packed.clen) == (0x100000, len(packed.block))
    assert packed.clen < packed.ulen
    assert pack_image(load_image(kernel())) is packed


@pytest.mark.parametrize("seed", range(3))
def test_no_bytes_do_anything_but_load_or_be_refused(seed: int) -> None:
    chance, sound = random.Random(seed), [kernel(), compressed(kernel())]
    outcomes = {True: 0, False: 0}
    for _ in range(700):
        data = bytearray(sound[chance.random() < 0.3])
        for _ in range(chance.choice([1, 1, 2, 4])):
            at = chance.randrange(chance.choice([52, 52 + 96, len(data)]))
            data[at] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        if chance.random() < 0.1:
            del data[chance.randrange(len(data)) :]
        try:
            switchable(load_image(bytes(data)))
            outcomes[True] += 1
        except ImageError:
            outcomes[False] += 1
    assert min(outcomes.values()) > 50
