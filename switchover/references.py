"""Level 2 of a map's validation: everything named is there, nothing is there twice.

Each function yields what is wrong with one kind of record; `reference_faults` is their sum.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from operator import attrgetter

from .container import record_fault
from .errors import MapError
from .faults import Fault
from .frames import address_space_faults, frame_faults
from .layout import Bits, Record, layout_of
from .memory import MemoryPlan
from .records import FileKind, ProcState, TimerKind, WaitKind
from .savemap import SaveStateMap
from .schema import KINDS, PAGE, SectionType

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
    time = found.time
    if time.tick_hz == 0:
        yield record_fault(Fault.VALUE, SectionType.TIME, time, "tick_hz 0")
    if time.boot_ns > time.mono_ns:
        late = f"boot_ns {time.boot_ns} is after mono_ns {time.mono_ns}"
        yield record_fault(Fault.VALUE, SectionType.TIME, time, late)


def _processes(found: SaveStateMap) -> Iterator[MapError]:
    pids = {proc.pid for proc in found.proc}
    pipes = {pipe.id for pipe in found.pipe}
    files = {file.file_id for file in found.file}
    asleep = {timer.pid for timer in found.timer if timer.kind == TimerKind.SLEEP}
    for proc in found.proc:
        waits = proc.wait_kind if proc.state == ProcState.BLOCKED else WaitKind.NONE
        if proc.pid == 0:
            yield record_fault(Fault.VALUE, SectionType.PROC, proc, "0 is no pid")
        if proc.ppid and proc.ppid not in pids:
            yield record_fault(Fault.NO_PROC, SectionType.PROC, proc, f"parent {proc.ppid}")
        if proc.state == ProcState.BLOCKED and waits == WaitKind.NONE:
            yield record_fault(Fault.VALUE, SectionType.PROC, proc, "blocked on nothing")
        if waits in (WaitKind.PIPE_READ, WaitKind.PIPE_WRITE) and proc.wait_obj not in pipes:
            yield record_fault(Fault.NO_PIPE, SectionType.PROC, proc, f"waits for {proc.wait_obj}")
        if waits == WaitKind.TIMER_READ and proc.wait_obj not in files:
            yield record_fault(Fault.NO_FILE, SectionType.PROC, proc, f"waits for {proc.wait_obj}")
        if waits == WaitKind.SLEEP and proc.pid not in asleep:
            yield record_fault(Fault.VALUE, SectionType.PROC, proc, "sleeps, but has no timer")


def _actions(found: SaveStateMap) -> Iterator[MapError]:
    pids = {proc.pid for proc in found.proc}
    for action in found.sigact:
        if action.pid not in pids:
            yield record_fault(Fault.NO_PROC, SectionType.SIGACT, action, "no such process")
        if not 1 <= action.signo <= 64:
            yield record_fault(Fault.VALUE, SectionType.SIGACT, action, "signals are 1 to 64")


def _files(found: SaveStateMap) -> Iterator[MapError]:
    pids = {proc.pid for proc in found.proc}
    pipes = {pipe.id for pipe in found.pipe}
    refs = Counter(fd.file_id for fd in found.fd)
    for file in found.file:
        if file.file_id == 0:
            yield record_fault(Fault.VALUE, SectionType.FILE, file, "0 is no file_id")
        if file.refs != refs.get(file.file_id, 0):
            count = f"refs {file.refs}, {refs.get(file.file_id, 0)} descriptors"
            yield record_fault(Fault.REFS, SectionType.FILE, file, count)
        if file.path_off + file.path_len > len(found.blob):
            path = f"path at {file.path_off:#x}+{file.path_len:#x} of {len(found.blob):#x}"
            yield record_fault(Fault.NO_BLOB, SectionType.FILE, file, path)
        if file.kind in (FileKind.PIPE_READ, FileKind.PIPE_WRITE) and file.dev_ino not in pipes:
            yield record_fault(Fault.NO_PIPE, SectionType.FILE, file, f"pipe {file.dev_ino}")
    files = {file.file_id for file in found.file}
    for fd in found.fd:
        if fd.pid not in pids:
            yield record_fault(Fault.NO_PROC, SectionType.FD, fd, "no such process")
        if fd.file_id not in files:
            yield record_fault(Fault.NO_FILE, SectionType.FD, fd, f"file_id {fd.file_id}")


def _inodes(found: SaveStateMap) -> Iterator[MapError]:
    """What is in /tmp is in a directory of it, and what is open of it is there."""
    numbers = {inode.ino for inode in found.inode}
    for inode in found.inode:
        if inode.ino == 0:
            yield record_fault(Fault.VALUE, SectionType.INODE, inode, "0 is no ino")
        if inode.parent and inode.parent not in numbers:
            yield record_fault(Fault.NO_FILE, SectionType.INODE, inode, f"directory {inode.parent}")
    for file in found.file:
        if file.kind == FileKind.TMP and file.dev_ino not in numbers:
            yield record_fault(Fault.NO_FILE, SectionType.FILE, file, f"ino {file.dev_ino}")


def _pipes(found: SaveStateMap) -> Iterator[MapError]:
    kinds = (FileKind.PIPE_READ, FileKind.PIPE_WRITE)
    ends = {file.dev_ino for file in found.file if file.kind in kinds}
    for pipe in found.pipe:
        if pipe.id not in ends:
            yield record_fault(Fault.NO_FILE, SectionType.PIPE, pipe, "no end of it is open")


def _timers(found: SaveStateMap) -> Iterator[MapError]:
    pids = {proc.pid for proc in found.proc}
    timerfds = {file.file_id for file in found.file if file.kind == FileKind.TIMER}
    for timer in found.timer:
        if timer.kind == TimerKind.TIMERFD:
            if timer.cookie not in timerfds:
                yield record_fault(Fault.NO_FILE, SectionType.TIMER, timer, "no such timerfd")
        elif timer.pid not in pids:
            yield record_fault(Fault.NO_PROC, SectionType.TIMER, timer, "no such process")


def _devices(found: SaveStateMap) -> Iterator[MapError]:
    for dev in found.dev:
        end = dev.blob_off + dev.blob_len
        if end > len(found.blob):
            state = f"state at {dev.blob_off:#x}+{dev.blob_len:#x} of {len(found.blob):#x}"
            yield record_fault(Fault.NO_BLOB, SectionType.DEV, dev, state)
        elif zlib.crc32(found.blob[dev.blob_off : end]) != dev.crc:
            yield record_fault(Fault.BLOB_CRC, SectionType.DEV, dev, "its state has changed")


PIDS = "PIDS"
"""Among sections: which processes there are, whatever else PROC says of them."""
_CHECKS: tuple[
    tuple[Callable[[SaveStateMap], Iterable[MapError]], tuple[SectionType | str, ...]], ...
] = (
    (_time, (SectionType.TIME,)),
    (_processes, (SectionType.PROC, SectionType.PIPE, SectionType.FILE, SectionType.TIMER)),
    (_actions, (PIDS, SectionType.SIGACT)),
    (address_space_faults, (PIDS, SectionType.VMA, SectionType.FILE)),
    (_files, (PIDS, SectionType.FILE, SectionType.FD, SectionType.PIPE, SectionType.BLOB)),
    (_inodes, (SectionType.INODE, SectionType.FILE)),
    (_pipes, (SectionType.PIPE, SectionType.FILE)),
    (_timers, (PIDS, SectionType.TIMER, SectionType.FILE)),
    (_devices, (SectionType.DEV, SectionType.BLOB)),
)
"""Each check with the sections it reads."""
