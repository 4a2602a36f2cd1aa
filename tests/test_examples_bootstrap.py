"""The bootstrap's LZ4 decoder and CRC-32, compiled for this machine, against lz4 and zlib."""

import ctypes
import mmap
import random
import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import lz4.block
import pytest

BOOTSTRAP = Path(__file__).parent.parent / "examples" / "bootstrap"
BROKEN = 0xFFFFFFFF
PAGE = mmap.PAGESIZE
SIZES = [0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 64, 255, 270, 271, 4095, 65536, 200_000]
Decode = Callable[[bytes, int], bytes | None]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("NOT TESTED: the bootstrap's LZ4 and CRC-32 need gcc (apt install gcc)")
    shared = tmp_path_factory.mktemp("bootstrap") / "bootstrap.so"
    sources = [BOOTSTRAP / "lz4.c", BOOTSTRAP / "crc32.c"]
    subprocess.run([gcc, "-O2", "-shared", "-fPIC", "-o", shared, *sources], check=True)
    built = ctypes.CDLL(str(shared))
    built.lz4_decode.restype = built.crc32.restype = ctypes.c_uint32
    built.crc32_prepare()
    return built


class Guarded:
    """Bytes that end where the next byte may neither be read nor written."""

    def __init__(self, pages: int) -> None:
        self.size = pages * PAGE
        self.memory = mmap.mmap(-1, self.size + PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.start = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        libc = ctypes.CDLL(None, use_errno=True)
        end = ctypes.c_void_p(self.start + self.size)
        assert libc.mprotect(end, ctypes.c_size_t(PAGE), 0) == 0

    def put(self, content: bytes) -> ctypes.c_void_p:
        """Lay `content` against the end; returns its address."""
        self.memory[self.size - len(content) : self.size] = content
        return ctypes.c_void_p(self.start + self.size - len(content))

    def last(self, size: int) -> bytes:
        return self.memory[self.size - size : self.size]


@pytest.fixture(scope="module")
def decode(library: ctypes.CDLL) -> Decode:
    source, target = Guarded(64), Guarded(64)

    def call(block: bytes, room: int) -> bytes | None:
        margin = b"\xa5" * 16
        to = target.put(margin + b"\xee" * room)
        at = ctypes.c_void_p((to.value or 0) + len(margin))
        size = library.lz4_decode(source.put(block), len(block), at, room, None)
        assert target.last(room + len(margin))[: len(margin)] == margin
        assert size == BROKEN or size <= room
        return None if size == BROKEN else target.last(room)[:size]

    return call


def decode_by_the_book(block: bytes, room: int) -> bytes | None:
    """A decoder as lz4_Block_format.md says it, for its verdict."""
    out = bytearray()
    at = 0

    def length(nibble: int) -> int:
        nonlocal at
        total = nibble
        while nibble == 15:
            total += block[at]
            at += 1
            if block[at - 1] != 255:
                break
        return total

    try:
        while True:
            token = block[at]
            at += 1
            literals = length(token >> 4)
            if at + literals > len(block) or len(out) + literals > room:
                return None
            out += block[at : at + literals]
            at += literals
            if at == len(block):
                return bytes(out)
            distance = block[at] | block[at + 1] << 8
            at += 2
            match = 4 + length(token & 15)
            if not 0 < distance <= len(out) or len(out) + match > room:
                return None
            for _ in range(match):
                out.append(out[-distance])
    except IndexError:
        return None


def contents(seed: int, size: int) -> bytes:
    """Bytes between noise and monotony: some literals, matches of every distance, long runs."""
    source = random.Random(seed)
    out = bytearray(source.randbytes(min(size, 7)))
    while len(out) < size:
        if source.random() < 0.4:
            out += source.randbytes(source.choice([1, 3, 15, 16, 270, 600]))
        else:
            distance = source.choice([1, 2, 3, 4, 5, 7, 8, 100, 5000, 65535])
            piece = bytes(out[-distance:])
            length = source.choice([4, 5, 18, 19, 20, 273, 274, 3000])
            out += (piece * (length // len(piece) + 1))[:length]
    return bytes(out[:size])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["default", "high_compression"])
def test_a_block_decodes_to_what_was_compressed(decode: Decode, size: int, mode: str) -> None:
    for seed in range(8):
        plain = contents(seed, size)
        block = lz4.block.compress(plain, mode=mode, store_size=False)
        assert decode(block, size) == plain


def test_zeroed_memory_decodes(decode: Decode) -> None:
    plain = b"kernel" + bytes(150_000) + b"end"
    assert decode(lz4.block.compress(plain, store_size=False), len(plain)) == plain


@pytest.mark.parametrize("size", [s for s in SIZES if s > 0])
def test_a_block_with_more_than_there_is_room_for_is_refused(decode: Decode, size: int) -> None:
    block = lz4.block.compress(contents(1, size), store_size=False)
    assert decode(block, size - 1) is None


def test_a_block_cut_anywhere_is_not_the_whole(decode: Decode) -> None:
    plain = contents(2, 900)
    block = lz4.block.compress(plain, store_size=False)
    for cut in range(len(block)):
        assert decode(block[:cut], len(plain)) == decode_by_the_book(block[:cut], len(plain))
        assert decode(block[:cut], len(plain)) != plain


def test_broken_blocks_get_the_verdict_of_the_format(decode: Decode) -> None:
    source = random.Random(4)
    refused = 0
    for seed in range(4000):
        plain = contents(seed % 40, source.randrange(1, 700))
        block = bytearray(lz4.block.compress(plain, store_size=False))
        for _ in range(source.randrange(1, 4)):
            at = source.randrange(len(block))
            block[at] = source.choice([0, 0xF, 0xF0, 0xFF, source.randrange(256)])
        if source.random() < 0.2:
            del block[source.randrange(len(block)) :]
        broken, room = bytes(block), len(plain) + source.choice([0, 0, 30])
        mine = decode(broken, room)
        assert mine == decode_by_the_book(broken, room)
        refused += mine is None
        try:
            theirs = lz4.block.decompress(broken, uncompressed_size=room)
        except lz4.block.LZ4BlockError:
            continue  # it also refuses matches that end near the end of the block
        assert mine in {theirs, None}  # and lets a distance of 0 pass
    assert 500 < refused < 3500


def test_noise_is_decoded_within_bounds(decode: Decode) -> None:
    source = random.Random(5)
    for _ in range(4000):
        noise = source.randbytes(source.randrange(0, 60))
        assert decode(noise, 300) == decode_by_the_book(noise, 300)


def test_progress_is_told_each_64_kib(library: ctypes.CDLL) -> None:
    told: list[int] = []
    progress = ctypes.CFUNCTYPE(None, ctypes.c_uint32)(told.append)
    plain = contents(3, 500_000)
    block = lz4.block.compress(plain, store_size=False)
    room = ctypes.create_string_buffer(len(plain))
    assert library.lz4_decode(block, len(block), room, len(plain), progress) == len(plain)
    assert told == sorted(told)
    assert len(told) == len(plain) // 70_000


@pytest.mark.parametrize("size", SIZES)
def test_the_crc_is_zlibs(library: ctypes.CDLL, size: int) -> None:
    plain = contents(size, size)
    assert library.crc32(0, plain, size) == zlib.crc32(plain)
    assert library.crc32(zlib.crc32(b"before"), plain, size) == zlib.crc32(b"before" + plain)
