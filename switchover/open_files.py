"""Level 2 of a map's validation, files: descriptors, pipes, terminals, locks.

Each function yields what is wrong with one kind of record.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from operator import attrgetter

from .container import record_fault
from .errors import MapError
from .faults import Fault
from .records import FileKind, Lock, LockKind, LockType, PipeFlag
from .savemap import SaveStateMap
from .schema import PAGE, SectionType

_FILE, _FD, _LOCK = SectionType.FILE, SectionType.FD, SectionType.LOCK
_ENDS = (FileKind.PIPE_READ, FileKind.PIPE_WRITE)
_HUNG_UP = 0xFFFFFFFF
_ALL = (1 << 64) - 1
_LAST_PAGE = (1 << 32) - PAGE


def file_faults(found: SaveStateMap) -> Iterator[MapError]:
    """Open files: counted right, and what they are an end of is there."""
    pipes = {pipe.id for pipe in found.pipe}
    ttys = {0, _HUNG_UP, *(tty.tty for tty in found.tty)}
    refs = Counter(fd.file_id for fd in found.fd)
    for file in found.file:
        if file.file_id == 0:
            yield record_fault(Fault.VALUE, _FILE, file, "0 is no file_id")
        if file.refs != refs.get(file.file_id, 0):
            count = f"refs {file.refs}, {refs.get(file.file_id, 0)} descriptors"
            yield record_fault(Fault.REFS, _FILE, file, count)
        if file.kind in _ENDS and file.dev_ino not in pipes:
            yield record_fault(Fault.NO_PIPE, _FILE, file, f"pipe {file.dev_ino}")
        if file.kind == FileKind.TTY and file.dev_ino not in ttys:
            yield record_fault(Fault.NO_TTY, _FILE, file, f"tty {file.dev_ino}")


def descriptor_faults(found: SaveStateMap) -> Iterator[MapError]:
    """Descriptors of processes there are, of files there are."""
    pids = {proc.pid for proc in found.proc}
    files = {file.file_id for file in found.file}
    for fd in found.fd:
        if fd.pid not in pids:
            yield record_fault(Fault.NO_PROC, _FD, fd, "no such process")
        if fd.file_id not in files:
            yield record_fault(Fault.NO_FILE, _FD, fd, f"file_id {fd.file_id}")


def inode_faults(found: SaveStateMap) -> Iterator[MapError]:
    """What is in /tmp is in a directory of it, and what is open of it is there."""
    numbers = {inode.ino for inode in found.inode}
    for inode in found.inode:
        if inode.ino == 0:
            yield record_fault(Fault.VALUE, SectionType.INODE, inode, "0 is no ino")
        if inode.parent and inode.parent not in numbers:
            yield record_fault(Fault.NO_FILE, SectionType.INODE, inode, f"directory {inode.parent}")
        if inode.vaddr % PAGE:
            place = f"vaddr {inode.vaddr:#x} is in the middle of a page"
            yield record_fault(Fault.VALUE, SectionType.INODE, inode, place)
        if inode.vaddr + inode.size > _LAST_PAGE:
            place = f"{inode.size} bytes from vaddr {inode.vaddr:#x} are more than 4 GiB hold"
            yield record_fault(Fault.VALUE, SectionType.INODE, inode, place)
    yield from _loops(found)
    for file in found.file:
        if file.kind == FileKind.TMP and file.dev_ino not in numbers:
            yield record_fault(Fault.NO_FILE, SectionType.FILE, file, f"ino {file.dev_ino}")


def _loops(found: SaveStateMap) -> Iterator[MapError]:
    """Directories that are in themselves: who goes up from there goes for ever."""
    above = {inode.ino: inode.parent for inode in found.inode if inode.parent != inode.ino}
    known: set[int] = set()  # the way up from there has been gone
    for inode in found.inode:
        way: set[int] = set()
        at = inode.ino
        while at in above and at not in known and at not in way:
            way.add(at)
            at = above[at]
        if at in way:
            yield record_fault(Fault.VALUE, SectionType.INODE, inode, "a directory inside itself")
        known |= way


def pipe_faults(found: SaveStateMap) -> Iterator[MapError]:
    """Pipes somebody holds; an end said to be closed is not open."""
    ends = {(file.kind, file.dev_ino) for file in found.file if file.kind in _ENDS}
    for pipe in found.pipe:
        readers, writers = [(kind, pipe.id) in ends for kind in _ENDS]
        if not readers and not writers:
            yield record_fault(Fault.NO_FILE, SectionType.PIPE, pipe, "no end of it is open")
        if (readers and pipe.flags & PipeFlag.NO_READER) or (
            writers and pipe.flags & PipeFlag.NO_WRITER
        ):
            closed = f"flags {pipe.flags:#x}, but that end is open"
            yield record_fault(Fault.VALUE, SectionType.PIPE, pipe, closed)


def terminal_faults(found: SaveStateMap) -> Iterator[MapError]:
    """Terminals of sessions there are; the foreground group is of that session."""
    sessions = {proc.sid for proc in found.proc}
    groups = {proc.pgrp: proc.sid for proc in found.proc}
    for tty in found.tty:
        if tty.tty == 0:
            yield record_fault(Fault.VALUE, SectionType.TTY, tty, "0 is no terminal")
        if tty.sid and tty.sid not in sessions:
            yield record_fault(Fault.SESSION, SectionType.TTY, tty, f"session {tty.sid}")
        elif tty.pgrp and groups.get(tty.pgrp, tty.sid) != tty.sid:
            group = f"group {tty.pgrp} is of session {groups[tty.pgrp]}, not {tty.sid}"
            yield record_fault(Fault.SESSION, SectionType.TTY, tty, group)


def lock_faults(found: SaveStateMap) -> Iterator[MapError]:
    """Locks of files and processes there are, none against another."""
    pids = {proc.pid for proc in found.proc}
    inodes = {file.file_id: (file.kind, file.dev_ino) for file in found.file}
    held: dict[tuple[int, tuple[int, int]], list[Lock]] = defaultdict(list)
    for lock in found.lock:
        inode = inodes.get(lock.file_id)
        if inode is None:
            yield record_fault(Fault.NO_FILE, _LOCK, lock, "no such file")
        elif lock.kind == LockKind.FLOCK and (lock.pid, lock.start, lock.end) != (0, 0, _ALL):
            yield record_fault(Fault.VALUE, _LOCK, lock, "flock locks all, for the open file")
        elif lock.kind == LockKind.POSIX and lock.pid not in pids:
            yield record_fault(Fault.NO_PROC, _LOCK, lock, "no such process")
        elif lock.start >= lock.end:
            yield record_fault(Fault.RANGE, _LOCK, lock, f"ends at {lock.end:#x}")
        else:
            held[lock.kind, inode].append(lock)
    for locks in held.values():
        yield from _conflicts(locks)


def _conflicts(locks: Sequence[Lock]) -> Iterator[MapError]:
    """Two locks of one file on the same bytes: by one holder, or not both to read.

    In order of their starts, each is held against the one that reaches furthest: a map may have
    any number of them.
    """
    of_holder: dict[int, Lock] = {}
    of_any: Lock | None = None
    of_writers: Lock | None = None
    for lock in sorted(locks, key=attrgetter("start")):
        writes, holder = lock.type == LockType.WRITE, _holder(lock)
        for other in (of_holder.get(holder), of_any if writes else of_writers):
            if other is not None and other.end > lock.start:
                yield record_fault(Fault.LOCK, _LOCK, lock, _against(other))
                break
        of_holder[holder] = _further(lock, of_holder.get(holder))
        of_any = _further(lock, of_any)
        of_writers = _further(lock, of_writers) if writes else of_writers


def _against(lock: Lock) -> str:
    return f"against that of file_id {lock.file_id} pid {lock.pid} from {lock.start:#x} on"


def _further(lock: Lock, other: Lock | None) -> Lock:
    return lock if other is None or lock.end > other.end else other


def _holder(lock: Lock) -> int:
    return lock.pid if lock.kind == LockKind.POSIX else lock.file_id
