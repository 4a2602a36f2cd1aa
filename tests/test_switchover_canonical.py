"""Two maps are equal when no program could tell; every other difference is named."""

import copy
from collections.abc import Iterator

import msgspec
import pytest

from hotswap.switchover.canonical import canonical, difference
from hotswap.switchover.layout import Record, blob_fields, layout_of
from hotswap.switchover.records import Dev, Fd, File, Frame, Log, Sigact, Timer, TimerKind
from hotswap.switchover.savemap import SaveStateMap, read, write
from hotswap.switchover.schema import KINDS, SectionType

# What may differ between a map and its echo, and what is compared as a clock or as bytes.
FREE = {
    "TIME": {"mono_ns", "real_ns", "cmos_time_bcd", "cmos_date_bcd", "tick_hz", "idle_ns"},
    "PROC": {"regs.cr3", "utime_ns", "stime_ns"},
    "FRAME": {"crc"},
    "PIPE": {"len"},
    "TIMER": {"left_ns"},
    "RESTART": {"left_ns"},
}


def fields(record: Record, prefix: str = "") -> Iterator[tuple[Record, str, str]]:
    """(holder, field, full name) of everything in a record."""
    for field in layout_of(type(record)).fields:
        value = getattr(record, field.name)
        if field.nested:
            yield from fields(value, f"{field.name}.")
        else:
            yield record, field.name, prefix + field.name


def changed(value: object) -> object:
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:] if value else b"x"
    assert isinstance(value, int)
    return value + 1000


def test_a_map_is_the_same_as_itself(fit_map: SaveStateMap) -> None:
    assert difference(fit_map, read(write(fit_map))) == []
    assert canonical(fit_map) == canonical(read(write(fit_map)))


@pytest.mark.parametrize(
    "section", [kind.section for kind in KINDS.values() if kind.section.name not in
                ("BLOB", "DEV", "LOG")], ids=lambda section: section.name
)  # fmt: skip
def test_every_field_a_program_depends_on_is_compared(
    fit_map: SaveStateMap, section: SectionType
) -> None:
    free = FREE.get(section.name, set())
    sample = {SectionType.PROC: 2, SectionType.SIGACT: 0}.get(section, 0)
    record = fit_map.records(section)[sample]
    for _, _, name in fields(record):
        if name.startswith("rsvd") or name.endswith(("_off", "_len")):
            continue  # what is in BLOB has its own test
        other = copy.deepcopy(fit_map)
        holder, field = next(
            (holder, field)
            for holder, field, full in fields(other.records(section)[sample])
            if full == name
        )
        setattr(holder, field, changed(getattr(holder, field)))
        lines = [line for line in difference(fit_map, other) if line.startswith(section.name)]
        key = name in KINDS[section].key
        if name in free:
            assert lines == []
        elif key:
            assert any("is missing" in line for line in lines), name
            assert any("was not there before" in line for line in lines), name
        else:
            assert [name in line for line in lines] == [True], name


def test_a_difference_names_section_record_field_and_both_values(fit_map: SaveStateMap) -> None:
    other = copy.deepcopy(fit_map)
    other.proc[2].regs.eip += 2
    other.proc[1].state = 0
    other.fd.pop()
    other.pipe[0].data = b"help!"
    other.file[0].offset = 18
    assert difference(fit_map, other) == [
        "PROC pid 2: state blocked -> runnable",
        "PROC pid 3: regs.eip 0x8048123 -> 0x8048125",
        "FILE file_id 10: offset 17 -> 18",
        "FD pid 5 fd 3: is missing",
        "PIPE id 5: data 68656c6c6f -> 68656c7021, from byte 3 on",
    ]


def test_what_may_differ_does_not_count(fit_map: SaveStateMap) -> None:
    other = copy.deepcopy(fit_map)
    other.header = msgspec.structs.replace(
        other.header, generation=9, src_build=b"2" * 16, phys_lo=0x3F00000, phys_hi=0
    )
    other.dev, other.log = [Dev(7)], [Log(1)]
    other.blob = b"padding." + fit_map.blob
    for record in (*other.file, *other.task, *other.tty, *other.inode, *other.system):
        for name in blob_fields(type(record)):
            setattr(record, f"{name}_off", getattr(record, f"{name}_off") + 8)
    other.proc[0].regs.cr3 = 0x123000
    other.proc[0].fpu = b"\xff" * 108  # used_fpu is 0
    other.sigact.append(Sigact(2, 1, handler=0))
    other.vma.reverse()
    assert difference(fit_map, other) == []


def test_where_a_kernel_cuts_its_runs_does_not_count(fit_map: SaveStateMap) -> None:
    other = copy.deepcopy(fit_map)
    other.frame[1:2] = [
        Frame(1, 0x8048000, 0x1801000, 1, 1), Frame(1, 0x8049000, 0x1802000, 1, 1)
    ]  # fmt: skip
    assert difference(fit_map, other) == []
    other.frame[2].paddr += 0x1000
    assert any(
        line.startswith("FRAME pid 1 vaddr 0x8049000") for line in difference(fit_map, other)
    )


def test_a_record_that_is_there_twice_counts(fit_map: SaveStateMap) -> None:
    other = copy.deepcopy(fit_map)
    other.fd.append(other.fd[0])
    assert difference(fit_map, other) == ["FD pid 1 fd 0 again: was not there before"]


def test_an_echo_of_one_record_many_times_is_compared_in_no_time(fit_map: SaveStateMap) -> None:
    other = copy.deepcopy(fit_map)
    other.fd += [fit_map.fd[0]] * 20_000  # 2,000 took 32 s, and it grew with their third power
    changed = difference(fit_map, other)
    assert len(changed) == 20_000
    assert "FD pid 1 fd 0 again 20000: was not there before" in changed


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (b"motd", b"mote",
         "FILE file_id 10: path 2f6574632f6d6f7464 -> 2f6574632f6d6f7465, from byte 8 on"),
        (b"init", b"inet",
         "TASK pid 1: exe 2f62696e2f696e6974 -> 2f62696e2f696e6574, from byte 7 on"),
        (b"line", b"lime", "TTY tty 1: in 6c696e650a -> 6c696d650a, from byte 2 on"),
        (b"ha", b"ho", "TTY tty 1: edit 6861 -> 686f, from byte 1 on"),
        (b"out", b"our", "TTY tty 1: out 6f7574 -> 6f7572, from byte 2 on"),
    ],
)  # fmt: skip
def test_other_bytes_in_blob_count(
    fit_map: SaveStateMap, old: bytes, new: bytes, line: str
) -> None:
    other = copy.deepcopy(fit_map)
    other.blob = other.blob.replace(old, new, 1)
    assert difference(fit_map, other) == [line]


def later(fit_map: SaveStateMap, passed: int) -> SaveStateMap:
    """The map as written `passed` ns later by a kernel that has kept everything."""
    other = copy.deepcopy(fit_map)
    other.time.mono_ns += passed
    other.time.real_ns += passed
    other.time.tick_hz = 250
    for timer in other.timer:
        timer.left_ns = max(0, timer.left_ns - passed)
    for call in other.restart:
        call.left_ns = max(0, call.left_ns - passed)
    return other


@pytest.mark.parametrize("passed", [0, 3_000_000, 30_000_000, 10**9])
def test_time_goes_on_between_the_maps(fit_map: SaveStateMap, passed: int) -> None:
    assert difference(fit_map, later(fit_map, passed)) == []


def test_a_clock_that_stood_still_counts(fit_map: SaveStateMap) -> None:
    other = later(fit_map, 30_000_000)
    other.time.real_ns -= 30_000_000
    assert difference(fit_map, other) == ["TIME: the wall clock moved by -30000000 ns"]


@pytest.mark.parametrize("shift", [-15_000_000, 15_000_000])
def test_a_timer_moved_by_more_than_a_tick_of_each_kernel_counts(
    fit_map: SaveStateMap, shift: int
) -> None:
    other = later(fit_map, 5_000_000)
    other.timer[0].left_ns += shift
    assert difference(fit_map, other) == [
        f"TIMER kind sleep pid 4 cookie 0: expires {shift} ns later than before"
    ]
    other.timer[0].left_ns -= shift // 15 * 2
    assert difference(fit_map, other) == []


def test_the_time_limit_of_a_call_moved_counts(fit_map: SaveStateMap) -> None:
    other = later(fit_map, 5_000_000)
    other.restart[1].left_ns += 15_000_000
    assert difference(fit_map, other) == ["RESTART pid 4: expires 15000000 ns later than before"]


@pytest.mark.parametrize("kind", [TimerKind.ITIMER_VIRTUAL, TimerKind.ITIMER_PROF])
def test_a_timer_of_process_time_stands_still(fit_map: SaveStateMap, kind: TimerKind) -> None:
    fit_map.timer.append(Timer(1, kind, 40_000_000))
    other = later(fit_map, 30_000_000)
    assert any("ns later" in line for line in difference(fit_map, other))
    other.timer[-1].left_ns = 40_000_000
    assert difference(fit_map, other) == []


def test_idle_time_grown_in_the_switchover_counts(fit_map: SaveStateMap) -> None:
    other = copy.deepcopy(fit_map)
    other.time.idle_ns += 21_000_000
    assert difference(fit_map, other) == ["TIME: idle_ns 7000000000 -> 7021000000"]


def test_a_process_charged_for_the_switchover_counts(fit_map: SaveStateMap) -> None:
    other = copy.deepcopy(fit_map)
    other.proc[0].stime_ns += 21_000_000
    assert difference(fit_map, other) == ["PROC pid 1: stime_ns 0 -> 21000000"]


def test_records_only_one_side_has_are_named(fit_map: SaveStateMap) -> None:
    other = copy.deepcopy(fit_map)
    other.fd.append(Fd(6, 0, 11))
    other.file.append(File(20))
    assert difference(fit_map, other) == [
        "FILE file_id 20: was not there before",
        "FD pid 6 fd 0: was not there before",
    ]
