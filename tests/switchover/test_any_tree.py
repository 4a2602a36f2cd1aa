"""Whatever processes, files, pipes and timers there are: a kernel takes them over and echoes them.

The map that the new kernel gets is not the old kernel's but one that hypothesis has drawn. It is
restored and echoed; then everything is undone, and the old kernel goes on.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import trio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hotswap.host.board import BoardConfig, open_board
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.switchover.conversation import PhaseFailed
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import RolledBack
from hotswap.switchover.memory import Span
from hotswap.switchover.options import Options
from hotswap.switchover.records import (
    Fd,
    File,
    FileKind,
    Frame,
    FrameKind,
    Pipe,
    Proc,
    ProcState,
    Regs,
    Restart,
    RestartFlag,
    Sigact,
    Task,
    Timer,
    TimerKind,
    Vma,
    VmaKind,
    WaitKind,
)
from hotswap.switchover.savemap import SaveStateMap, write
from hotswap.switchover.schema import PAGE
from hotswap.switchover.transcript import Transcript, complete
from hotswap.switchover.validate import validate

from .conftest import MS

DONE = "it said the same"
USER_CS, USER_DS = 0x73, 0x7B
USER_LO = 0x400000
FIRST_FRAME = 16 << 20  # of those the drawn processes have; nobody else has any from there on
FLAGS_MASK = 0x40CD5  # EFLAGS a program may set, but for TF
KEPT_SIGNALS = ~(1 << 8 | 1 << 18) & (1 << 64) - 1  # but for SIGKILL and SIGSTOP
HANDLED = [signo for signo in range(1, 65) if signo not in (9, 19)]
CALLS = {
    WaitKind.PAUSE: 29,
    WaitKind.SLEEP: 162,
    WaitKind.WAIT4: 114,
    WaitKind.SIGTIMEDWAIT: 177,
    WaitKind.SIGSUSPEND: 179,
}
PROGRAM = "still:20000"  # under the old kernel; of it are the inode and path of a regular file

u32 = st.integers(0, (1 << 32) - 1)
u64 = st.integers(0, (1 << 64) - 1)
ns = st.integers(0, 10**14)
pages = st.integers(1, 40)
names = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=15).map(str.encode)
identifiers = st.integers(1, (1 << 31) - 1)


class Tree(NamedTuple):
    """Drawn records; files say only their kind and, of a pipe's ends, which pipe."""

    proc: list[Proc]
    vma: list[Vma]
    frame: list[Frame]
    file: list[File]
    fd: list[Fd]
    pipe: list[Pipe]
    timer: list[Timer]
    sigact: list[Sigact]
    task: list[Task]
    restart: list[Restart]


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Processes, what they have open, and what they wait for."""
    tree = Tree(*([] for _ in Tree._fields))
    pids = sorted(draw(st.sets(st.integers(1, 32767), min_size=1, max_size=7)))
    gone = {pid for pid in pids[1:] if draw(st.integers(0, 5)) == 0}
    alive = [pid for pid in pids if pid not in gone]
    _open_files(draw, tree, alive)
    paddr = FIRST_FRAME
    for number, pid in enumerate(pids):
        parent = draw(st.sampled_from([0, *pids[:number]]))
        tree.task.append(draw(_task(pid)))
        if pid in gone:
            code = draw(st.integers(0, 0xFFFF))
            proc = Proc(
                pid, parent, draw(names), ProcState.ZOMBIE, regs=draw(_registers()), sid=1, pgrp=1
            )
            proc.exit_code = code
            tree.proc.append(proc)
            continue
        tree.proc.append(draw(_process(pid, parent, tree)))
        paddr = _memory(draw, tree, pid, paddr)
        for signo in sorted(draw(st.sets(st.sampled_from(HANDLED), max_size=4))):
            handler = draw(st.integers(1, (1 << 32) - 1))
            mask = draw(u64) & KEPT_SIGNALS
            tree.sigact.append(Sigact(pid, signo, handler, 0x04000000, draw(u32), mask=mask))
        if draw(st.booleans()):
            tree.timer.append(Timer(pid, TimerKind.ITIMER_REAL, draw(ns), draw(ns)))
    tree.timer.sort(key=lambda timer: (timer.kind, timer.pid, timer.cookie))
    return tree


def _open_files(draw: st.DrawFn, tree: Tree, alive: list[int]) -> None:
    """Every file has one descriptor or more; a pipe has both ends open."""
    for pipe in sorted(draw(st.sets(identifiers, max_size=3))):
        data = draw(st.binary(max_size=4096))
        tree.pipe.append(Pipe(pipe, len(data), draw(u32), data=data))
    kinds = [(FileKind.PIPE_READ, pipe.id) for pipe in tree.pipe]
    kinds += [(FileKind.PIPE_WRITE, pipe.id) for pipe in tree.pipe]
    others = st.sampled_from([FileKind.TTY, FileKind.TIMER, FileKind.REGULAR])
    kinds += [(kind, 0) for kind in draw(st.lists(others, max_size=4))]
    ids = st.lists(identifiers, min_size=len(kinds), max_size=len(kinds), unique=True)
    taken: set[tuple[int, int]] = set()
    for file_id, (kind, pipe_id) in sorted(zip(draw(ids), kinds, strict=True)):
        places = st.tuples(st.sampled_from(alive), st.integers(0, 31))
        found = draw(st.sets(places, min_size=1, max_size=3)) - taken
        if not found:
            found = {next((pid, fd) for pid in alive for fd in range(32) if (pid, fd) not in taken)}
        taken |= found
        tree.fd.extend(Fd(pid, fd, file_id, draw(st.integers(0, 1))) for pid, fd in found)
        offset = draw(st.integers(0, 1 << 31)) if kind is FileKind.REGULAR else 0
        flags = {FileKind.PIPE_READ: 0, FileKind.PIPE_WRITE: 1, FileKind.REGULAR: 0}.get(kind, 2)
        dev_ino = file_id if kind is FileKind.TIMER else pipe_id
        tree.file.append(File(file_id, kind, flags, len(found), dev_ino, offset))
        if kind is FileKind.TIMER and draw(st.booleans()):
            tree.timer.append(Timer(0, TimerKind.TIMERFD, draw(ns), draw(ns), file_id))
    tree.fd.sort(key=lambda fd: (fd.pid, fd.fd))


@st.composite
def _process(draw: st.DrawFn, pid: int, parent: int, tree: Tree) -> Proc:
    state = draw(st.sampled_from([ProcState.RUNNABLE, ProcState.BLOCKED, ProcState.STOPPED]))
    used_fpu = draw(st.integers(0, 1))
    proc = Proc(
        pid,
        parent,
        draw(names),
        state,
        regs=draw(_registers()),
        fpu=draw(st.binary(min_size=108, max_size=108)) if used_fpu else bytes(108),
        used_fpu=used_fpu,
        sig_pending=draw(u64) & KEPT_SIGNALS,
        sig_mask=draw(u64) & KEPT_SIGNALS,
        utime_ns=draw(ns),
        stime_ns=draw(ns),
        brk_start=0x9000000,
        brk=0x9000000 + draw(st.integers(0, 1 << 20)),
        pgrp=draw(st.sampled_from([1, pid, parent or pid])),
        sid=1,
    )
    if state is ProcState.BLOCKED:
        proc.wait_kind, proc.wait_obj, proc.restart_nr = draw(_waits(tree))
        tree.restart.append(_call_of(proc))
        if proc.wait_kind == WaitKind.SLEEP:
            tree.timer.append(Timer(pid, TimerKind.SLEEP, draw(ns)))
        if proc.wait_kind == WaitKind.PIPE_WRITE:
            proc.progress = tree.restart[-1].moved = draw(st.integers(0, 4096))
        if proc.wait_kind == WaitKind.SIGSUSPEND:
            tree.restart[-1].flags = RestartFlag.MASK
            tree.restart[-1].saved_mask = draw(u64) & KEPT_SIGNALS
        if proc.wait_kind == WaitKind.SIGTIMEDWAIT and draw(st.booleans()):
            tree.restart[-1].flags = RestartFlag.LEFT
            tree.restart[-1].left_ns = draw(ns)
    return proc


def _call_of(proc: Proc) -> Restart:
    """The arguments are in the registers, too."""
    regs = proc.regs
    arguments = (regs.ebx, regs.ecx, regs.edx, regs.esi, regs.edi, regs.ebp)
    return Restart(proc.pid, proc.restart_nr, *arguments)


@st.composite
def _task(draw: st.DrawFn, pid: int) -> Task:
    ids = ("uid", "euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid")
    values: dict[str, Any] = {name: draw(st.integers(0, 0xFFFF)) for name in ids}
    stack = draw(st.sampled_from([0, 0x5000]))
    return Task(
        pid,
        pid,
        **values,
        umask=draw(st.integers(0, 0o777)),
        altstack_sp=0x700000 if stack else 0,
        altstack_size=stack,
        nice=draw(st.integers(-20, 19)) & (1 << 32) - 1,
        cutime_ns=draw(ns),
        cstime_ns=draw(ns),
        start_ns=draw(st.integers(0, 10**7)),
        minflt=draw(u32),
        did_exec=draw(st.integers(0, 1)),
    )


@st.composite
def _registers(draw: st.DrawFn) -> Regs:
    general = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip")
    values: dict[str, Any] = {name: draw(u32) for name in general}
    for name in ("ds", "es", "fs", "gs"):
        values[name] = draw(st.sampled_from([0, USER_DS]))
    values["eflags"] = draw(u32) & FLAGS_MASK | 0x202
    return Regs(**values, cs=USER_CS, ss=USER_DS)


@st.composite
def _waits(draw: st.DrawFn, tree: Tree) -> tuple[WaitKind, int, int]:
    """Kind, object and the number of the call, of something there is to wait for."""
    kinds = [*CALLS]
    timers = [file.file_id for file in tree.file if file.kind == FileKind.TIMER]
    kinds += [WaitKind.PIPE_READ, WaitKind.PIPE_WRITE] if tree.pipe else []
    kinds += [WaitKind.TIMER_READ] if timers else []
    kind = draw(st.sampled_from(kinds))
    if kind in (WaitKind.PIPE_READ, WaitKind.PIPE_WRITE):
        pipe = draw(st.sampled_from([pipe.id for pipe in tree.pipe]))
        return kind, pipe, 3 if kind is WaitKind.PIPE_READ else 4
    if kind is WaitKind.TIMER_READ:
        return kind, draw(st.sampled_from(timers)), 3
    if kind is WaitKind.WAIT4:
        return kind, draw(st.sampled_from([(1 << 64) - 1, 5, 0])), CALLS[kind]
    return kind, 0, CALLS[kind]


def _memory(draw: st.DrawFn, tree: Tree, pid: int, paddr: int) -> int:
    """Ranges with gaps between them, and some of their pages; returns the next free frame."""
    at = USER_LO
    for _ in range(draw(st.integers(0, 5))):
        start = at + draw(pages) * PAGE
        at = start + draw(pages) * PAGE
        kind = draw(st.sampled_from([VmaKind.ANON, VmaKind.STACK]))
        tree.vma.append(Vma(pid, start, at, draw(st.integers(0, 7)), kind))
        page = start
        while (page := page + draw(st.integers(0, 6)) * PAGE) < at:
            length = min(draw(st.integers(1, 12)), (at - page) // PAGE)
            tree.frame.append(Frame(pid, page, paddr, length))
            paddr += (length + draw(st.integers(0, 2))) * PAGE
            page += length * PAGE
    return paddr


def grafted(tree: Tree, own: SaveStateMap) -> SaveStateMap:
    """The old kernel's map with the drawn processes instead of its own."""
    file = next(file for file in own.file if file.kind == FileKind.REGULAR)
    ramdisk = [frame for frame in own.frame if frame.kind == FrameKind.RAMDISK]
    tty = next(file for file in own.file if file.kind == FileKind.TTY)
    for drawn in tree.file:
        if drawn.kind == FileKind.REGULAR:
            drawn.dev_ino = file.dev_ino
            drawn.path_off, drawn.path_len = file.path_off, file.path_len
        elif drawn.kind == FileKind.TTY:
            drawn.dev_ino = tty.dev_ino
            drawn.path_off, drawn.path_len = tty.path_off, tty.path_len
    for task in tree.task:
        task.cwd_off, task.cwd_len = own.task[0].cwd_off, own.task[0].cwd_len
    return SaveStateMap(
        header=own.header, time=own.time, tty=own.tty, system=own.system, inode=own.inode,
        blob=own.blob, task=tree.task, restart=tree.restart, proc=tree.proc,
        vma=tree.vma, frame=ramdisk + tree.frame,
        file=tree.file, fd=tree.fd, pipe=tree.pipe, timer=tree.timer, sigact=tree.sigact,
    )  # fmt: skip


class Grafted(Switchover):
    """A switchover in which the new kernel gets another map than the old one has written."""

    def __init__(self, guest: Guest, version: int, tree: Tree) -> None:
        super().__init__(guest.board.machine, refkernel(version), Options(patience=PATIENCE))
        self.tree = tree

    async def _save(self) -> tuple[Transcript, Span]:
        script, _ = await super()._save()
        script.map.dev.clear()
        found = grafted(self.tree, script.map)
        found = validate(write(found), self.machine.plan)
        script = Transcript(found, write(found), script.room)
        self.map = complete(script, self._backplane)
        self._put(script.room.lo, self.map)
        self.report.map_bytes = len(self.map)
        lo = script.room.lo
        return script, Span("the map", lo, lo + -(-len(self.map) // PAGE) * PAGE)

    async def _echo(self, script: Transcript, place: Span) -> None:
        await super()._echo(script, place)
        raise PhaseFailed(DONE)


async def restored_and_echoed(tree: Tree, version: int) -> None:
    async with open_board(BoardConfig(deterministic=True)) as board:
        guest = Guest(board)
        guest.boot([PROGRAM])
        await guest.pass_time(150 * MS)
        with pytest.raises(RolledBack) as caught:
            await Grafted(guest, version, tree).run()
        assert caught.value.reason == DONE


@pytest.mark.parametrize("version", [1, 2])
@settings(
    max_examples=15,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # an example is a boot: no shrinking
    suppress_health_check=[HealthCheck.too_slow],
)
@given(tree=trees())
def test_any_tree_of_objects_is_restored_and_echoed(version: int, tree: Tree) -> None:
    trio.run(restored_and_echoed, tree, version)
