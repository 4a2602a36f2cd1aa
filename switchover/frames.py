"""Level 2 of a map's validation, memory: address spaces, and the frames under them."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import attrgetter

from .container import record_fault
from .errors import MapError
from .faults import Fault
from .memory import MemoryPlan, Span
from .records import Frame, FrameKind
from .savemap import SaveStateMap
from .schema import PAGE, SectionType

_TOP = 1 << 32  # of linear and physical addresses


class _Ranges:
    """Disjoint ranges in rising order; those that touch are joined."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []

    def add(self, start: int, end: int) -> None:
        if self.ends and self.ends[-1] == start:
            self.ends[-1] = end
        else:
            self.starts.append(start)
            self.ends.append(end)

    def hold(self, start: int, end: int) -> bool:
        at = bisect_right(self.starts, start) - 1
        return at >= 0 and end <= self.ends[at]


def address_space_faults(found: SaveStateMap) -> Iterator[MapError]:
    """VMAs of processes there are, page aligned, disjoint."""
    pids = {proc.pid for proc in found.proc}
    files = {file.file_id for file in found.file}
    end: dict[int, int] = defaultdict(int)  # by pid, of the range before
    for vma in found.vma:
        if vma.pid not in pids:
            yield record_fault(Fault.NO_PROC, SectionType.VMA, vma, "no such process")
        if vma.file_id and vma.file_id not in files:
            yield record_fault(Fault.NO_FILE, SectionType.VMA, vma, f"file_id {vma.file_id}")
        if vma.file_off and not vma.file_id:
            yield record_fault(Fault.VALUE, SectionType.VMA, vma, "file_off without a file")
        if vma.start % PAGE or vma.end % PAGE or vma.start >= vma.end:
            yield record_fault(Fault.RANGE, SectionType.VMA, vma, f"ends at {vma.end:#x}")
        elif vma.start < end[vma.pid]:
            yield record_fault(Fault.RANGE, SectionType.VMA, vma, "overlaps the range before")
        end[vma.pid] = max(vma.end, end[vma.pid])


def frame_faults(found: SaveStateMap, plan: MemoryPlan | None = None) -> Iterator[MapError]:
    """Runs of frames inside VMAs, in memory a switchover leaves alone, each private one once."""
    sound: list[Frame] = []
    for frame in found.frame:
        end = frame.vaddr + frame.n_pages * PAGE
        if frame.n_pages and end <= _TOP and not (frame.vaddr | frame.paddr) % PAGE:
            sound.append(frame)
        else:
            run = f"{frame.n_pages} pages at {frame.paddr:#x}"
            yield record_fault(Fault.RANGE, SectionType.FRAME, frame, run)
    yield from _linear(found, sound)
    yield from _physical(found, sound, plan)
    yield from _private(sound)


def _linear(found: SaveStateMap, frames: Sequence[Frame]) -> Iterator[MapError]:
    mapped: dict[int, _Ranges] = defaultdict(_Ranges)
    for vma in found.vma:
        mapped[vma.pid].add(vma.start, vma.end)
    end: dict[int, int] = defaultdict(int)  # by pid, of the run before
    ramdisk = next((frame for frame in frames if frame.kind == FrameKind.RAMDISK), None)
    if ramdisk and ramdisk.vaddr:
        yield record_fault(Fault.RANGE, SectionType.FRAME, ramdisk, "the ramdisk begins at vaddr 0")
    for frame in frames:
        linear = frame.vaddr + frame.n_pages * PAGE
        if (frame.kind in (FrameKind.RAMDISK, FrameKind.TMP)) != (frame.pid == 0):
            alone = "pid 0 is the ramdisk's and /tmp's, and they have no other"
            yield record_fault(Fault.NO_PROC, SectionType.FRAME, frame, alone)
        elif frame.pid and not mapped[frame.pid].hold(frame.vaddr, linear):
            yield record_fault(Fault.RANGE, SectionType.FRAME, frame, "outside every VMA")
        if frame.vaddr < end[frame.pid]:
            yield record_fault(Fault.RANGE, SectionType.FRAME, frame, "overlaps the run before")
        end[frame.pid] = max(linear, end[frame.pid])


def _physical(
    found: SaveStateMap, frames: Sequence[Frame], plan: MemoryPlan | None
) -> Iterator[MapError]:
    own = Span("the map", found.header.phys_lo, found.header.phys_hi)
    taken = (own, *plan.taken) if plan else (own,)
    ram = plan.ram if plan else _TOP
    free, at = _Ranges(), 0
    for span in (*sorted(taken, key=attrgetter("lo")), Span("the end of RAM", ram, _TOP)):
        if span.lo > at:
            free.add(at, span.lo)
        at = max(at, span.hi)
    for frame in frames:
        end = frame.paddr + frame.n_pages * PAGE
        if free.hold(frame.paddr, end):
            continue
        inside = [str(span) for span in taken if span.overlaps(frame.paddr, end)]
        what = f"inside {', '.join(inside)}" if inside else f"RAM ends at {ram:#x}"
        where = f"frames {frame.paddr:#x}-{end:#x}: {what}"
        yield record_fault(Fault.FRAME_PLACE, SectionType.FRAME, frame, where)


def _private(frames: Sequence[Frame]) -> Iterator[MapError]:
    """A private frame is nowhere else; shared ones, and those of the ramdisk, may be."""
    end_private = end_any = 0
    for frame in sorted(frames, key=attrgetter("paddr")):
        private = frame.kind in (FrameKind.PRIVATE, FrameKind.TMP)
        end = frame.paddr + frame.n_pages * PAGE
        if frame.paddr < (end_any if private else end_private):
            there = f"frame {frame.paddr:#x} is in another place too"
            yield record_fault(Fault.FRAME_TWICE, SectionType.FRAME, frame, there)
        end_any = max(end_any, end)
        if private:
            end_private = max(end_private, end)
