"""Level 2 of a map's validation: everything named is there, nothing is there twice.

Each function yields what is wrong with one kind of record; `reference_faults` is their sum.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from operator import attrgetter

from .container import record_fault
from .errors import MapError
from .faults import Fault
from .frames import address_space_faults, frame_faults
from .layout import Bits, Record, blob_fields, layout_of
from .memory import MemoryPlan
from .open_files import (
    descriptor_faults,
    file_faults,
    inode_faults,
    lock_faults,
    pipe_faults,
    terminal_faults,
)
from .processes import (
    action_faults,
    process_faults,
    restart_faults,
    siginfo_faults,
    task_faults,
    xstate_faults,
)
from .records import FileKind, TimerKind
from .savemap import SaveStateMap
from .schema import KINDS, PAGE, SectionType

CMOS_LATE = 1
"""Seconds the CMOS may differ from the wall clock."""
_BUG = "the kernel that wrote the map has a bug there"


def reference_faults(
    found: SaveStateMap, plan: MemoryPlan | None = None, known: SaveStateMap | None = None
) -> list[MapError]:
    """Everything of level 2 that is wrong; without `plan`, memory is not checked against RAM.

    `known` is a map found sound, by the same plan, with which `found` shares records: what neither
    they nor those they refer to have changed since is not looked at again.
    """
    news = _news(found, known)
    faults = [*_map_frames(found, plan), *_keys_and_choices(found, news)]
    for check, sections in _CHECKS:
        if not news.isdisjoint(sections):
            faults += check(found)
    if not news.isdisjoint((SectionType.VMA, SectionType.FRAME)):
        faults += frame_faults(found, plan)
    return faults


def _news(found: SaveStateMap, known: SaveStateMap | None) -> set[SectionType | str]:
    """The sections that are not the known map's, and PIDS unless the processes are the same."""
    sections = {kind.section for kind in KINDS.values()}
    if known is None or _room(known) != _room(found):
        return {*sections, PIDS}
    news: set[SectionType | str] = {
        section for section in sections if not _same(found, known, section)
    }
    if SectionType.PROC in news and _pids(found) != _pids(known):
        news.add(PIDS)
    return news


def _same(found: SaveStateMap, known: SaveStateMap, section: SectionType) -> bool:
    if section is SectionType.BLOB:
        return found.blob == known.blob
    before, now = known.records(section), found.records(section)
    return now is before or not (now or before)


def _room(found: SaveStateMap) -> tuple[int, int]:
    return found.header.phys_lo, found.header.phys_hi


def _pids(found: SaveStateMap) -> list[int]:
    return [proc.pid for proc in found.proc]


def _map_frames(found: SaveStateMap, plan: MemoryPlan | None) -> Iterator[MapError]:
    lo, hi = found.header.phys_lo, found.header.phys_hi
    where = f"header: frames {lo:#x}-{hi:#x}"
    if lo % PAGE or hi % PAGE or hi - lo < found.header.total_len:
        length = f"not pages with room for {found.header.total_len} bytes"
        yield MapError(Fault.PHYS, where, length, _BUG)
    elif plan and hi > plan.ram:
        yield MapError(Fault.PHYS, where, f"RAM ends at {plan.ram:#x}", _BUG)
    elif plan:
        for span in plan.taken:
            if span.overlaps(lo, hi) and span != plan.echo:
                yield MapError(Fault.PHYS, where, f"inside {span}", _BUG)


def _keys_and_choices(
    found: SaveStateMap, news: Container[SectionType | str]
) -> Iterator[MapError]:
    """Records sorted by their keys, no key twice; every kind and state one that exists."""
    for kind in KINDS.values():
        if kind.section is SectionType.BLOB or kind.section not in news:
            continue
        records: Sequence[Record] = found.records(kind.section)
        if kind.key:
            keys = list(map(attrgetter(*kind.key), records))
            for before, after, record in zip(keys, keys[1:], records[1:], strict=False):
                if before >= after:
                    yield record_fault(Fault.ORDER, kind.section, record, "out of order, or twice")
        for field in layout_of(kind.record).fields:
            if field.choices is None or issubclass(field.choices, Bits):
                continue
            value = attrgetter(field.name)
            unknown = set(map(value, records)) - {int(choice) for choice in field.choices}
            for record in records if unknown else ():
                if value(record) in unknown:
                    what = f"{field.name} {value(record)}"
                    yield record_fault(Fault.CHOICE, kind.section, record, what)


def _time(found: SaveStateMap) -> Iterator[MapError]:
    now = found.time
    if now.tick_hz == 0:
        yield record_fault(Fault.VALUE, SectionType.TIME, now, "tick_hz 0")
    if now.boot_ns > now.mono_ns:
        late = f"boot_ns {now.boot_ns} is after mono_ns {now.mono_ns}"
        yield record_fault(Fault.VALUE, SectionType.TIME, now, late)
    if now.idle_ns > now.mono_ns:
        more = f"idle_ns {now.idle_ns} is more than mono_ns {now.mono_ns}"
        yield record_fault(Fault.VALUE, SectionType.TIME, now, more)
    given = now.cmos_date_bcd, now.cmos_time_bcd
    if any(given) and given not in set(map(_bcd, _about(now.real_ns))):
        cmos = f"CMOS {given[0]:08x} {given[1]:06x}, real_ns {now.real_ns}"
        yield record_fault(Fault.VALUE, SectionType.TIME, now, cmos)


def _about(real_ns: int) -> range:
    """Seconds since 1970 the CMOS may hold: it has no fractions of one."""
    second = real_ns // 10**9
    return range(second - CMOS_LATE, second + CMOS_LATE + 1)


def _bcd(second: int) -> tuple[int, int]:
    """A date and a time of day as CMOS has them; impossible ones for years it cannot hold."""
    try:
        when = time.gmtime(second)
    except (OverflowError, ValueError, OSError):
        return (-1, -1)
    date, clock = time.strftime("%Y%m%d", when), time.strftime("%H%M%S", when)
    return int(date, 16), int(clock, 16)


def _blobs(found: SaveStateMap) -> Iterator[MapError]:
    """What records name in BLOB is there."""
    end = len(found.blob)
    for section in _NAMING:
        for name in blob_fields(KINDS[section].record):
            values = attrgetter(f"{name}_off", f"{name}_len")
            for record in found.records(section):
                start, length = values(record)
                if start + length > end:
                    where = f"{name} at {start:#x}+{length:#x} of {end:#x}"
                    yield record_fault(Fault.NO_BLOB, section, record, where)


def _system(found: SaveStateMap) -> Iterator[MapError]:
    ttys = {0, *(tty.tty for tty in found.tty)}
    for system in found.system:
        if system.console not in ttys:
            yield record_fault(Fault.NO_TTY, SectionType.SYSTEM, system, f"tty {system.console}")
    if len(found.system) > 1:
        several = f"{len(found.system)} records"
        yield record_fault(Fault.ORDER, SectionType.SYSTEM, found.system[0], several)


def _timers(found: SaveStateMap) -> Iterator[MapError]:
    pids = {proc.pid for proc in found.proc}
    timerfds = {file.file_id for file in found.file if file.kind == FileKind.TIMER}
    for timer in found.timer:
        if timer.kind == TimerKind.TIMERFD:
            if timer.cookie not in timerfds:
                yield record_fault(Fault.NO_FILE, SectionType.TIMER, timer, "no such timerfd")
            if timer.pid:
                yield record_fault(Fault.VALUE, SectionType.TIMER, timer, "a timerfd is of no pid")
            continue
        if timer.pid not in pids:
            yield record_fault(Fault.NO_PROC, SectionType.TIMER, timer, "no such process")
        if timer.cookie:
            yield record_fault(Fault.VALUE, SectionType.TIMER, timer, "a cookie of no timerfd")


def _devices(found: SaveStateMap) -> Iterator[MapError]:
    for dev in found.dev:
        if zlib.crc32(found.blob[dev.blob_off : dev.blob_off + dev.blob_len]) != dev.crc:
            yield record_fault(Fault.BLOB_CRC, SectionType.DEV, dev, "its state has changed")


_NAMING = tuple(kind.section for kind in KINDS.values() if blob_fields(kind.record))
PIDS = "PIDS"
"""Among sections: which processes there are, whatever else PROC says of them."""
_CHECKS: tuple[
    tuple[Callable[[SaveStateMap], Iterable[MapError]], tuple[SectionType | str, ...]], ...
] = (
    (_time, (SectionType.TIME,)),
    (process_faults, (SectionType.PROC, SectionType.PIPE, SectionType.FILE, SectionType.TIMER,
                      SectionType.TTY)),
    (task_faults, (SectionType.PROC, SectionType.TASK, SectionType.TTY)),
    (restart_faults, (SectionType.PROC, SectionType.RESTART)),
    (action_faults, (PIDS, SectionType.SIGACT)),
    (siginfo_faults, (SectionType.PROC, SectionType.SIGINFO)),
    (xstate_faults, (PIDS, SectionType.XSTATE)),
    (address_space_faults, (PIDS, SectionType.VMA, SectionType.FILE)),
    (file_faults, (SectionType.FILE, SectionType.FD, SectionType.PIPE, SectionType.TTY)),
    (descriptor_faults, (PIDS, SectionType.FILE, SectionType.FD)),
    (inode_faults, (SectionType.INODE, SectionType.FILE)),
    (pipe_faults, (SectionType.PIPE, SectionType.FILE)),
    (terminal_faults, (SectionType.PROC, SectionType.TTY)),
    (lock_faults, (PIDS, SectionType.FILE, SectionType.LOCK)),
    (_system, (SectionType.SYSTEM, SectionType.TTY)),
    (_timers, (PIDS, SectionType.TIMER, SectionType.FILE)),
    (_blobs, (*_NAMING, SectionType.BLOB)),
    (_devices, (SectionType.DEV, SectionType.BLOB)),
)  # fmt: skip
"""Each check with the sections it reads."""
