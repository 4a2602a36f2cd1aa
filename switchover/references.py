"""Level 2 of a map's validation: everything named is there, nothing is there twice.

Each function yields what is wrong with one kind of record; `reference_faults` is their sum.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from operator import attrgetter

from .errors import MapError
from .faults import Fault
from .layout import Record, layout_of
from .memory import MemoryPlan, Span
from .records import FileKind, Frame, FrameKind, ProcState, TimerKind, WaitKind
from .savemap import SaveStateMap
from .schema import KINDS, PAGE, SectionType

_BUG = "the kernel that wrote the map has a bug there"
_TOP = 1 << 32


def reference_faults(found: SaveStateMap, plan: MemoryPlan | None = None) -> list[MapError]:
    """Everything of level 2 that is wrong; without `plan`, memory is not checked against RAM."""
    return [
        *_map_frames(found, plan),
        *_keys_and_choices(found),
        *_time(found),
        *_processes(found),
        *_address_spaces(found),
        *_frames(found, plan),
        *_files(found),
        *_pipes(found),
        *_timers(found),
        *_devices(found),
    ]


def _fault(code: Fault, section: SectionType, record: Record, what: str) -> MapError:
    """A fault of one record, which is named by its key."""
    key = " ".join(f"{name} {getattr(record, name):#x}" for name in KINDS[section].key)
    return MapError(code, f"section {section.name} {key}".rstrip(), what, _BUG)


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


def _keys_and_choices(found: SaveStateMap) -> Iterator[MapError]:
    """Records sorted by their keys, no key twice; every kind and state one that exists."""
    for kind in KINDS.values():
        if kind.section is SectionType.BLOB:
            continue
        records: Sequence[Record] = found.records(kind.section)
        if kind.key:
            key = attrgetter(*kind.key)
            for before, after in pairwise(records):
                if not key(before) < key(after):
                    yield _fault(Fault.ORDER, kind.section, after, "out of order or there twice")
        for field in layout_of(kind.record).fields:
            if field.choices is None:
                continue
            known = {int(choice) for choice in field.choices}
            for record in records:
                if (value := getattr(record, field.name)) not in known:
                    yield _fault(Fault.CHOICE, kind.section, record, f"{field.name} {value}")


def _time(found: SaveStateMap) -> Iterator[MapError]:
    time = found.time
    if time.tick_hz == 0:
        yield _fault(Fault.VALUE, SectionType.TIME, time, "tick_hz 0")
    if time.boot_ns > time.mono_ns:
        late = f"boot_ns {time.boot_ns} is after mono_ns {time.mono_ns}"
        yield _fault(Fault.VALUE, SectionType.TIME, time, late)


def _processes(found: SaveStateMap) -> Iterator[MapError]:
    pids = {proc.pid for proc in found.proc}
    pipes = {pipe.id for pipe in found.pipe}
    files = {file.file_id for file in found.file}
    asleep = {timer.pid for timer in found.timer if timer.kind == TimerKind.SLEEP}
    for proc in found.proc:
        waits = proc.wait_kind if proc.state == ProcState.BLOCKED else WaitKind.NONE
        if proc.pid == 0:
            yield _fault(Fault.VALUE, SectionType.PROC, proc, "0 is no pid")
        if proc.ppid and proc.ppid not in pids:
            yield _fault(Fault.NO_PROC, SectionType.PROC, proc, f"parent {proc.ppid}")
        if proc.state == ProcState.BLOCKED and waits == WaitKind.NONE:
            yield _fault(Fault.VALUE, SectionType.PROC, proc, "blocked, but waits for nothing")
        if waits in (WaitKind.PIPE_READ, WaitKind.PIPE_WRITE) and proc.wait_obj not in pipes:
            yield _fault(Fault.NO_PIPE, SectionType.PROC, proc, f"waits for {proc.wait_obj}")
        if waits == WaitKind.TIMER_READ and proc.wait_obj not in files:
            yield _fault(Fault.NO_FILE, SectionType.PROC, proc, f"waits for {proc.wait_obj}")
        if waits == WaitKind.SLEEP and proc.pid not in asleep:
            yield _fault(Fault.VALUE, SectionType.PROC, proc, "sleeps, but has no timer")
    for action in found.sigact:
        if action.pid not in pids:
            yield _fault(Fault.NO_PROC, SectionType.SIGACT, action, "no such process")
        if not 1 <= action.signo <= 64:
            yield _fault(Fault.VALUE, SectionType.SIGACT, action, "signals are 1 to 64")


def _address_spaces(found: SaveStateMap) -> Iterator[MapError]:
    pids = {proc.pid for proc in found.proc}
    files = {file.file_id for file in found.file}
    end: dict[int, int] = defaultdict(int)  # by pid, of the range before
    for vma in found.vma:
        if vma.pid not in pids:
            yield _fault(Fault.NO_PROC, SectionType.VMA, vma, "no such process")
        if vma.file_id and vma.file_id not in files:
            yield _fault(Fault.NO_FILE, SectionType.VMA, vma, f"file_id {vma.file_id}")
        if vma.start % PAGE or vma.end % PAGE or vma.start >= vma.end:
            yield _fault(Fault.RANGE, SectionType.VMA, vma, f"ends at {vma.end:#x}")
        elif vma.start < end[vma.pid]:
            yield _fault(Fault.RANGE, SectionType.VMA, vma, "overlaps the range before")
        end[vma.pid] = max(vma.end, end[vma.pid])


def _frames(found: SaveStateMap, plan: MemoryPlan | None) -> Iterator[MapError]:
    own = Span("the map", found.header.phys_lo, found.header.phys_hi)
    taken = (own, *plan.taken) if plan else (own,)
    ram = plan.ram if plan else _TOP
    mapped = _mapped(found)
    end: dict[int, int] = defaultdict(int)  # by pid, of the run before
    for frame in found.frame:
        length, ramdisk = frame.n_pages * PAGE, frame.kind == FrameKind.RAMDISK
        linear, physical = frame.vaddr + length, frame.paddr + length
        if length == 0 or frame.vaddr % PAGE or frame.paddr % PAGE or linear > _TOP:
            run = f"{frame.n_pages} pages at {frame.paddr:#x}"
            yield _fault(Fault.RANGE, SectionType.FRAME, frame, run)
            continue
        if ramdisk != (frame.pid == 0):
            yield _fault(Fault.NO_PROC, SectionType.FRAME, frame, "pid 0 is the ramdisk alone")
        elif not ramdisk:
            starts, ends = mapped[frame.pid]
            at = bisect_right(starts, frame.vaddr) - 1
            if at < 0 or linear > ends[at]:
                yield _fault(Fault.RANGE, SectionType.FRAME, frame, "outside every VMA")
            if frame.vaddr < end[frame.pid]:
                yield _fault(Fault.RANGE, SectionType.FRAME, frame, "overlaps the run before")
            end[frame.pid] = max(linear, end[frame.pid])
        if physical > ram:
            beyond = f"frames {frame.paddr:#x}-{physical:#x}, RAM ends at {ram:#x}"
            yield _fault(Fault.FRAME_PLACE, SectionType.FRAME, frame, beyond)
        for span in taken:
            if span.overlaps(frame.paddr, physical):
                inside = f"frames {frame.paddr:#x}-{physical:#x} inside {span}"
                yield _fault(Fault.FRAME_PLACE, SectionType.FRAME, frame, inside)
    yield from _private_frames(found.frame)


def _mapped(found: SaveStateMap) -> dict[int, tuple[list[int], list[int]]]:
    """By pid the starts and ends of its address space, adjacent ranges joined."""
    mapped: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for vma in found.vma:
        starts, ends = mapped[vma.pid]
        if ends and ends[-1] == vma.start:
            ends[-1] = vma.end
        else:
            starts.append(vma.start)
            ends.append(vma.end)
    return mapped


def _private_frames(frames: Sequence[Frame]) -> Iterator[MapError]:
    """A private frame is nowhere else; shared ones, and those of the ramdisk, may be."""
    end_private = end_any = 0
    for frame in sorted(frames, key=attrgetter("paddr")):
        private = frame.kind == FrameKind.PRIVATE
        if frame.paddr < (end_any if private else end_private):
            there = f"frame {frame.paddr:#x} is in another place too"
            yield _fault(Fault.FRAME_TWICE, SectionType.FRAME, frame, there)
        end_any = max(end_any, frame.paddr + frame.n_pages * PAGE)
        if private:
            end_private = max(end_private, frame.paddr + frame.n_pages * PAGE)


def _files(found: SaveStateMap) -> Iterator[MapError]:
    pids = {proc.pid for proc in found.proc}
    pipes = {pipe.id for pipe in found.pipe}
    refs = Counter(fd.file_id for fd in found.fd)
    for file in found.file:
        if file.file_id == 0:
            yield _fault(Fault.VALUE, SectionType.FILE, file, "0 is no file_id")
        if file.refs != refs.get(file.file_id, 0):
            count = f"refs {file.refs}, {refs.get(file.file_id, 0)} descriptors"
            yield _fault(Fault.REFS, SectionType.FILE, file, count)
        if file.path_off + file.path_len > len(found.blob):
            path = f"path at {file.path_off:#x}+{file.path_len:#x} of {len(found.blob):#x}"
            yield _fault(Fault.NO_BLOB, SectionType.FILE, file, path)
        if file.kind in (FileKind.PIPE_READ, FileKind.PIPE_WRITE) and file.dev_ino not in pipes:
            yield _fault(Fault.NO_PIPE, SectionType.FILE, file, f"pipe {file.dev_ino}")
    files = {file.file_id for file in found.file}
    for fd in found.fd:
        if fd.pid not in pids:
            yield _fault(Fault.NO_PROC, SectionType.FD, fd, "no such process")
        if fd.file_id not in files:
            yield _fault(Fault.NO_FILE, SectionType.FD, fd, f"file_id {fd.file_id}")


def _pipes(found: SaveStateMap) -> Iterator[MapError]:
    kinds = (FileKind.PIPE_READ, FileKind.PIPE_WRITE)
    ends = {file.dev_ino for file in found.file if file.kind in kinds}
    for pipe in found.pipe:
        if pipe.id not in ends:
            yield _fault(Fault.NO_FILE, SectionType.PIPE, pipe, "no end of it is open")


def _timers(found: SaveStateMap) -> Iterator[MapError]:
    pids = {proc.pid for proc in found.proc}
    timerfds = {file.file_id for file in found.file if file.kind == FileKind.TIMER}
    for timer in found.timer:
        if timer.kind == TimerKind.TIMERFD:
            if timer.cookie not in timerfds:
                yield _fault(Fault.NO_FILE, SectionType.TIMER, timer, "no such timerfd")
        elif timer.pid not in pids:
            yield _fault(Fault.NO_PROC, SectionType.TIMER, timer, "no such process")


def _devices(found: SaveStateMap) -> Iterator[MapError]:
    for dev in found.dev:
        end = dev.blob_off + dev.blob_len
        if end > len(found.blob):
            state = f"state at {dev.blob_off:#x}+{dev.blob_len:#x} of {len(found.blob):#x}"
            yield _fault(Fault.NO_BLOB, SectionType.DEV, dev, state)
        elif zlib.crc32(found.blob[dev.blob_off : end]) != dev.crc:
            yield _fault(Fault.BLOB_CRC, SectionType.DEV, dev, "its state has changed")
