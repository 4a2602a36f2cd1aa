"""A map is fit only when nothing is wrong with it; Python and C agree on what is wrong first."""

import ctypes
import mmap
import random
import struct
import zlib
from collections import Counter
from collections.abc import Callable

import pytest

from hotswap.switchover.container import ENTRY, HEADER, header_crc, open_container
from hotswap.switchover.errors import MapError
from hotswap.switchover.faults import Fault
from hotswap.switchover.memory import MIB, plan_memory
from hotswap.switchover.savemap import SaveStateMap, read, write
from hotswap.switchover.schema import KINDS, SectionEntry, SectionType
from hotswap.switchover.validate import check, faults, validate

Compile = Callable[[str], ctypes.CDLL]
MakeMap = Callable[[random.Random], SaveStateMap]
PLAN = plan_memory(64 * MIB)


def sign(data: bytes | bytearray, leave: float = 0, chance: random.Random | None = None) -> bytes:
    """The map with its checksums made right again, each left alone with probability `leave`."""
    whole, draw = bytearray(data), chance.random if chance else lambda: 1.0
    if len(whole) < HEADER.size:
        return bytes(data)
    header = HEADER.unpack(bytes(data[: HEADER.size]))
    end = header.sect_off + header.sect_count * ENTRY.size
    if header.sect_count <= 64 and end <= len(whole):
        for at in range(header.sect_off, end, ENTRY.size):
            entry = ENTRY.unpack(bytes(whole[at : at + ENTRY.size]))
            if draw() >= leave:
                content = whole[entry.off : entry.off + entry.len]
                struct.pack_into("<I", whole, at + 24, zlib.crc32(content))
        if draw() >= leave:
            struct.pack_into("<I", whole, 88, zlib.crc32(whole[header.sect_off : end]))
    if draw() >= leave:
        struct.pack_into("<I", whole, 92, header_crc(bytes(whole[: HEADER.size])))
    return bytes(whole)


# Levels 0 and 1: ssm_check and Python against each other


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A map with up to four places changed, mostly in header and section table, mostly signed."""
    whole = bytearray(data)
    front = min(len(whole), HEADER.size + ENTRY.size * HEADER.unpack(data[:96]).sect_count)
    for _ in range(chance.choice([0, 1, 1, 1, 1, 2, 4])):
        at = chance.randrange(front if chance.random() < 0.8 else len(whole))
        match chance.randrange(4):
            case 0:
                whole[at] ^= 1 << chance.randrange(8)
            case 1:
                whole[at] = chance.choice([0, 1, 2, 8, 13, 0x7F, 0x80, 0xFF])
            case 2:  # a section that agrees with itself, but has other records
                entry = chance.randrange(HEADER.size, front, ENTRY.size)
                (rec_size,) = struct.unpack_from("<H", whole, entry + 20)
                count = chance.randrange(3)
                struct.pack_into("<II", whole, entry + 12, count * rec_size, count)
            case _:
                size = len(whole)
                words = [0, 1, 8, 40, 96, size, size - 8, 1 << 31, (1 << 32) - 8, (1 << 32) - 1]
                struct.pack_into("<I", whole, at & ~3, chance.choice(words))
    if chance.random() < 0.9:
        whole[:] = sign(bytes(whole), 0.05, chance)
    if chance.random() < 0.05:
        del whole[chance.randrange(len(whole)) :]
    return bytes(whole)


class GuardedMemory:
    """Bytes that end where a page without access begins: a read too far is a crash."""

    def __init__(self, size: int) -> None:
        self._map = mmap.mmap(-1, size + mmap.PAGESIZE)
        self._base = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        self._end = size
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        assert libc.mprotect(self._base + size, mmap.PAGESIZE, 0) == 0

    def put(self, data: bytes) -> ctypes.c_void_p:
        """Store `data` so that it ends at the guard page; its address."""
        ctypes.memmove(self._base + self._end - len(data), data, len(data))
        return ctypes.c_void_p(self._base + self._end - len(data))


def test_c_and_python_agree_on_thousands_of_broken_maps(
    compile_c: Compile, random_map: MakeMap
) -> None:
    library = compile_c("""
        #include "ssm.h"
        int check(const void *map, uint32_t len) { return ssm_check(map, len); }
        uint32_t walk(const void *map) {
            uint32_t records = 0;
            uint8_t record[600];
            for (uint32_t type = 0; type <= SSM_TYPE_MAX + 1; type++) {
                struct ssm_cursor at = ssm_open(map, type);
                while (type != SSM_BLOB && ssm_next(&at, record, sizeof record)) {
                    records++;
                    if (at.has_data)
                        for (uint32_t i = 0; i < ((struct ssm_pipe *)record)->len; i++)
                            records += at.data[i] & 0;
                }
            }
            return records;
        }""")
    chance = random.Random(2024)
    memory = GuardedMemory(1 << 14)
    verdicts: Counter[int] = Counter()
    for _ in range(6000):
        data = mutated(write(random_map(chance)), chance)
        place = memory.put(data)
        verdict = library.check(place, len(data))
        assert verdict == check(data), open_container(data).faults
        verdicts[verdict] += 1
        if verdict == 0:
            table = [entry for entry in read(data).table if entry.type in WALKED]
            assert library.walk(place) == sum(entry.count for entry in table)
    low = {-fault for fault in Fault if fault.level < 2}
    assert set(verdicts) == low | {0}, low - set(verdicts)
    assert verdicts[0] > 300


WALKED = set(KINDS) - {SectionType.BLOB}


@pytest.mark.parametrize("length", [6, 9, 16, 0x7FFFFFFF, 0xFFFFFFF8, 0xFFFFFFF9, 0xFFFFFFFF])
def test_a_pipe_longer_than_its_section_is_refused(
    compile_c: Compile, fit_map: SaveStateMap, length: int
) -> None:
    library = compile_c(
        '#include "ssm.h"\nint check(const void *m, uint32_t n) { return ssm_check(m, n); }'
    )
    data = bytearray(write(fit_map))
    pipe = next(entry for entry in open_container(bytes(data)).entries if entry.type == 10)
    struct.pack_into("<I", data, pipe.off + 4, length)
    expected = 0 if length == 6 else -Fault.DATA  # 6 bytes end in the padding of 5
    assert check(sign(data)) == expected
    assert library.check(sign(data), len(data)) == expected


def test_any_bytes_get_a_verdict() -> None:
    chance = random.Random(3)
    for size in [0, 1, 95, 96, 97, 4096]:
        assert check(chance.randbytes(size)) < 0


def test_all_faults_of_a_level_are_listed(fit_map: SaveStateMap) -> None:
    data = bytearray(write(fit_map))
    table = open_container(bytes(data)).entries
    for entry in table[:3]:
        data[entry.off] ^= 1
    found = faults(bytes(data))
    assert [fault.code for fault in found] == [Fault.SECTION_CRC] * 3
    assert [fault.where for fault in found] == ["section TIME", "section PROC", "section VMA"]


def test_a_fault_says_what_where_and_what_to_do() -> None:
    with pytest.raises(MapError) as caught:
        validate(b"not a map" * 20)
    assert str(caught.value) == ("L0 MAGIC: header: magic 0x20746f6e; this is no map")


def test_another_major_is_refused_and_another_minor_is_not(fit_map: SaveStateMap) -> None:
    fit_map.header.minor = 7
    assert faults(write(fit_map), PLAN) == []
    fit_map.header.major = 2
    assert [fault.code for fault in faults(write(fit_map), PLAN)] == [Fault.MAJOR]


@pytest.mark.parametrize(("flags", "expected"), [(0, []), (1, [Fault.UNKNOWN_SECTION])])
def test_an_unknown_section_is_skipped_unless_required(
    fit_map: SaveStateMap, flags: int, expected: list[Fault]
) -> None:
    fit_map = read(write(fit_map))
    fit_map.table.append(SectionEntry(0x8000, flags, rec_size=3))
    fit_map.unknown = [b"abc"]
    assert [fault.code for fault in faults(write(fit_map), PLAN)] == expected


def test_a_shorter_reader_is_warned_by_rec_min(fit_map: SaveStateMap) -> None:
    fit_map = read(write(fit_map))
    fit_map.table[1].rec_size = fit_map.table[1].rec_min = 280
    assert [fault.code for fault in faults(write(fit_map))] == [Fault.REC_MIN]
    fit_map.table[1].rec_min = 272
    assert faults(write(fit_map)) == []
