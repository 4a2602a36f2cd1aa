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
from hotswap.switchover.records import Dev, Fd, File, Frame, Pipe, Proc, Sigact, Timer, Vma
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


# Level 2


def test_the_fit_map_is_fit(fit_map: SaveStateMap) -> None:
    assert faults(write(fit_map), PLAN) == []
    assert validate(write(fit_map), PLAN).proc == fit_map.proc


def add_fd(found: SaveStateMap, fd: Fd) -> None:
    """One more descriptor, counted."""
    found.fd.append(fd)
    next(file for file in found.file if file.file_id == fd.file_id).refs += 1


def share_private(found: SaveStateMap) -> None:
    """Let a shared frame be the second of a private run."""
    found.frame[1].kind, found.frame[1].paddr = 0, 0x302000
    found.frame[3].kind, found.frame[3].paddr = 1, 0x303000


def move(found: SaveStateMap, address: int) -> None:
    """Say the map is at another physical address."""
    size = found.header.phys_hi - found.header.phys_lo
    found.header.phys_lo, found.header.phys_hi = address, address + size


Change = Callable[[SaveStateMap], object]
BROKEN: list[tuple[str, Fault, str, Change]] = [
    ("map outside RAM", Fault.PHYS, "header", lambda m: move(m, 0x4000000)),
    ("map in the kernel range", Fault.PHYS, "header", lambda m: move(m, 0x180000)),
    ("map in SCRATCH", Fault.PHYS, "header", lambda m: move(m, PLAN.scratch.lo)),
    ("map not page aligned", Fault.PHYS, "header", lambda m: move(m, 0x2000010)),
    ("map too long for its frames", Fault.PHYS, "header",
     lambda m: setattr(m.header, "phys_hi", m.header.phys_lo)),
    ("state", Fault.CHOICE, "PROC pid 1", lambda m: setattr(m.proc[0], "state", 4)),
    ("wait kind", Fault.CHOICE, "PROC pid 2", lambda m: setattr(m.proc[1], "wait_kind", 99)),
    ("frame kind", Fault.CHOICE, "FRAME pid 1 vaddr 0x804a000",
     lambda m: setattr(m.frame[2], "kind", 3)),
    ("unsorted", Fault.ORDER, "PROC pid 1", lambda m: m.proc.append(Proc(1))),
    ("descriptor twice", Fault.ORDER, "FD pid 5 fd 3", lambda m: add_fd(m, Fd(5, 3, 10))),
    ("clock without ticks", Fault.VALUE, "TIME", lambda m: setattr(m.time, "tick_hz", 0)),
    ("boot after now", Fault.VALUE, "TIME", lambda m: setattr(m.time, "boot_ns", 1 << 60)),
    ("pid 0", Fault.VALUE, "PROC pid 0", lambda m: m.proc.insert(0, Proc(0))),
    ("no parent", Fault.NO_PROC, "PROC pid 3", lambda m: setattr(m.proc[2], "ppid", 99)),
    ("blocked on nothing", Fault.VALUE, "PROC pid 3", lambda m: setattr(m.proc[2], "state", 1)),
    ("no such pipe", Fault.NO_PIPE, "PROC pid 2", lambda m: setattr(m.proc[1], "wait_obj", 6)),
    ("no such timerfd", Fault.NO_FILE, "PROC pid 5", lambda m: setattr(m.proc[4], "wait_obj", 15)),
    ("sleeper's timer", Fault.VALUE, "PROC pid 4", lambda m: m.timer.pop(0)),
    ("action of nobody", Fault.NO_PROC, "SIGACT pid 9 signo 2",
     lambda m: m.sigact.append(Sigact(9, 2))),
    ("signal 65", Fault.VALUE, "SIGACT pid 1 signo 65", lambda m: m.sigact.append(Sigact(1, 65))),
    ("range of nobody", Fault.NO_PROC, "VMA pid 9 start 0x1000",
     lambda m: m.vma.append(Vma(9, 0x1000, 0x2000))),
    ("no mapped file", Fault.NO_FILE, "VMA pid 1 start 0x8048000",
     lambda m: setattr(m.vma[0], "file_id", 77)),
    ("empty range", Fault.RANGE, "VMA pid 1 start 0x804a000",
     lambda m: setattr(m.vma[1], "end", m.frame.pop(2).vaddr)),
    ("overlapping ranges", Fault.RANGE, "VMA pid 1 start 0x804a000",
     lambda m: setattr(m.vma[0], "end", 0x804B000)),
    ("run of no frames", Fault.RANGE, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: setattr(m.frame[3], "n_pages", 0)),
    ("run past 4 GiB", Fault.RANGE, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: setattr(m.frame[3], "n_pages", 1 << 20)),
    ("run outside every range", Fault.RANGE, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: m.vma.pop()),
    ("runs that overlap", Fault.RANGE, "FRAME pid 1 vaddr 0x8049000",
     lambda m: m.frame.insert(2, Frame(1, 0x8049000, 0x500000, 1))),
    ("ramdisk of a process", Fault.NO_PROC, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: setattr(m.frame[3], "kind", 4)),
    ("frame outside RAM", Fault.FRAME_PLACE, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: setattr(m.frame[3], "paddr", 64 * MIB)),
    ("frame in the kernel", Fault.FRAME_PLACE, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: setattr(m.frame[3], "paddr", 0x1FF000)),
    ("frame in SCRATCH", Fault.FRAME_PLACE, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: setattr(m.frame[3], "paddr", PLAN.scratch.hi - 4096)),
    ("frame in the map", Fault.FRAME_PLACE, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: setattr(m.frame[3], "paddr", 0x2000000)),
    ("private frame twice", Fault.FRAME_TWICE, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: setattr(m.frame[3], "paddr", 0x300000)),
    ("private frame of the ramdisk", Fault.FRAME_TWICE, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: setattr(m.frame[3], "paddr", 0x1805000)),
    ("file 0", Fault.VALUE, "FILE file_id 0", lambda m: m.file.insert(0, File(0))),
    ("shared frame of a private run", Fault.FRAME_TWICE, "FRAME pid 2 vaddr 0xbffff000",
     share_private),
    ("too few refs", Fault.REFS, "FILE file_id 10", lambda m: setattr(m.file[0], "refs", 1)),
    ("too many refs", Fault.REFS, "FILE file_id 10", lambda m: setattr(m.file[0], "refs", 3)),
    ("path outside BLOB", Fault.NO_BLOB, "FILE file_id 10",
     lambda m: setattr(m.file[0], "path_len", 1000)),
    ("end of no pipe", Fault.NO_PIPE, "FILE file_id 13",
     lambda m: setattr(m.file[3], "dev_ino", 6)),
    ("descriptor of nobody", Fault.NO_PROC, "FD pid 9 fd 0",
     lambda m: add_fd(m, Fd(9, 0, 11))),
    ("descriptor of nothing", Fault.NO_FILE, "FD pid 5 fd 4",
     lambda m: m.fd.append(Fd(5, 4, 99))),
    ("pipe nobody holds", Fault.NO_FILE, "PIPE id 6", lambda m: m.pipe.append(Pipe(6))),
    ("timer of nobody", Fault.NO_PROC, "TIMER kind itimer_real pid 9 cookie 0",
     lambda m: m.timer.insert(2, Timer(9, 1))),
    ("timerfd of no file", Fault.NO_FILE, "TIMER kind timerfd pid 0 cookie 15",
     lambda m: m.timer.append(Timer(0, 2, cookie=15))),
    ("state outside BLOB", Fault.NO_BLOB, "DEV dev_id 2",
     lambda m: m.dev.append(Dev(2, blob_off=1000, blob_len=1))),
    ("state changed", Fault.BLOB_CRC, "DEV dev_id 1", lambda m: setattr(m.dev[0], "crc", 1)),
]  # fmt: skip


@pytest.mark.parametrize(("code", "where", "change"), [row[1:] for row in BROKEN],
                         ids=[row[0] for row in BROKEN])  # fmt: skip
def test_a_wrong_reference_is_found(
    fit_map: SaveStateMap, code: Fault, where: str, change: Change
) -> None:
    broken = read(write(fit_map))
    change(broken)
    found = faults(write(broken), PLAN)
    assert [(fault.code, fault.where.split(":")[0]) for fault in found] == [
        (code, where if where == "header" else f"section {where}")
    ]
    for like in (None, (validate(write(fit_map), PLAN), write(fit_map))):
        with pytest.raises(MapError) as caught:
            validate(write(broken), PLAN, like)
        assert caught.value.code == code


def test_what_refers_to_a_process_is_looked_at_again_when_it_has_gone(
    fit_map: SaveStateMap,
) -> None:
    fit = write(fit_map)
    gone = fit_map.proc.pop(2)  # it has a descriptor
    with pytest.raises(MapError, match=f"pid {gone.pid}.*no such process"):
        validate(write(fit_map), PLAN, (validate(fit, PLAN), fit))


def test_every_fault_of_level_2_is_tried() -> None:
    assert {row[1] for row in BROKEN} == {fault for fault in Fault if fault.level == 2}


def test_the_echo_may_be_where_echoes_are(fit_map: SaveStateMap) -> None:
    echo = read(write(fit_map))
    move(echo, PLAN.echo.lo)
    assert faults(write(echo), PLAN) == []


def test_shared_frames_may_be_in_several_places(fit_map: SaveStateMap) -> None:
    fit_map.vma.insert(2, Vma(2, 0x8048000, 0x8049000, 5))
    fit_map.frame.insert(3, Frame(2, 0x8048000, 0x1801000, 1, 1))
    assert faults(write(fit_map), PLAN) == []
