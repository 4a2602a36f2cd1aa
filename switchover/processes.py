"""Level 2 of a map's validation, processes: parents, waits, sessions, signals, calls to go on with.

Each function yields what is wrong with one kind of record.
"""

from __future__ import annotations

from collections.abc import Iterator

from .container import record_fault
from .errors import MapError
from .faults import Fault
from .records import Proc, ProcState, RestartFlag, Task, TimerKind, WaitFlag, WaitKind
from .savemap import SaveStateMap
from .schema import SectionType

_PROC, _TASK, _RESTART = SectionType.PROC, SectionType.TASK, SectionType.RESTART
_IN_A_CALL = (ProcState.BLOCKED, ProcState.STOPPED)
_SIGNALS = 64
_TOP = 1 << 32  # of linear addresses
_OF_PIPES = (WaitKind.PIPE_READ, WaitKind.PIPE_WRITE)
OF_FILES = (WaitKind.TIMER_READ, WaitKind.FLOCK, WaitKind.POSIX_LOCK)
_OF_TTYS = (WaitKind.TTY_READ, WaitKind.TTY_WRITE, WaitKind.TTY_DRAIN, WaitKind.TTY_STOP)


def process_faults(found: SaveStateMap) -> Iterator[MapError]:
    """Parents there are, and what blocked processes wait for is there, too."""
    pids = {proc.pid for proc in found.proc}
    for proc in found.proc:
        if proc.pid == 0:
            yield record_fault(Fault.VALUE, _PROC, proc, "0 is no pid")
        if proc.ppid and proc.ppid not in pids:
            yield record_fault(Fault.NO_PROC, _PROC, proc, f"parent {proc.ppid}")
        if proc.state == ProcState.BLOCKED and proc.wait_kind == WaitKind.NONE:
            yield record_fault(Fault.VALUE, _PROC, proc, "blocked on nothing")
        if proc.used_fpu > 1:
            yield record_fault(Fault.VALUE, _PROC, proc, f"used_fpu {proc.used_fpu}")
    yield from _waits(found, pids)
    yield from _groups(found)


def _waits(found: SaveStateMap, pids: set[int]) -> Iterator[MapError]:
    pipes = {pipe.id for pipe in found.pipe}
    files = {file.file_id for file in found.file}
    ttys = {0, *(tty.tty for tty in found.tty)}
    asleep = {timer.pid for timer in found.timer if timer.kind == TimerKind.SLEEP}
    for proc in found.proc:
        if not proc.wait_kind or proc.state not in _IN_A_CALL:
            continue
        kind, waits = proc.wait_kind, f"waits for {proc.wait_obj}"
        if kind in _OF_PIPES and proc.wait_obj not in pipes:
            yield record_fault(Fault.NO_PIPE, _PROC, proc, waits)
        elif kind in OF_FILES and proc.wait_obj not in files:
            yield record_fault(Fault.NO_FILE, _PROC, proc, waits)
        elif kind in _OF_TTYS and proc.wait_obj not in ttys:
            yield record_fault(Fault.NO_TTY, _PROC, proc, waits)
        elif kind == WaitKind.VFORK and proc.wait_obj not in pids:
            yield record_fault(Fault.NO_PROC, _PROC, proc, waits)
        elif kind == WaitKind.SLEEP and proc.pid not in asleep:
            yield record_fault(Fault.VALUE, _PROC, proc, "sleeps, but has no timer")


def _groups(found: SaveStateMap) -> Iterator[MapError]:
    """A process group is in one session; who leads a session leads a group, too."""
    session: dict[int, int] = {}
    for proc in found.proc:
        if proc.pgrp and session.setdefault(proc.pgrp, proc.sid) != proc.sid:
            split = f"group {proc.pgrp} is in session {session[proc.pgrp]}, this one in {proc.sid}"
            yield record_fault(Fault.SESSION, _PROC, proc, split)
        elif proc.pid == proc.sid != proc.pgrp:
            yield record_fault(Fault.SESSION, _PROC, proc, f"leads a session from {proc.pgrp}")


def task_faults(found: SaveStateMap) -> Iterator[MapError]:
    """TASK is of all processes or of none; its values, and whom it names."""
    if not found.task:
        return
    procs = {proc.pid: proc for proc in found.proc}
    tasks = {task.pid for task in found.task}
    sessions = {tty.tty: tty.sid for tty in found.tty}
    for each in found.proc:
        if each.pid not in tasks:
            yield record_fault(Fault.NO_PROC, _PROC, each, "the others have a TASK, it has none")
    for task in found.task:
        if (proc := procs.get(task.pid)) is None:
            yield record_fault(Fault.NO_PROC, _TASK, task, "no such process")
            continue
        if task.tgid not in procs:
            yield record_fault(Fault.NO_PROC, _TASK, task, f"thread group {task.tgid}")
        if task.tty and task.tty not in sessions:
            yield record_fault(Fault.NO_TTY, _TASK, task, f"tty {task.tty}")
        elif task.tty and sessions[task.tty] != proc.sid:
            other = f"tty {task.tty} is of session {sessions[task.tty]}, not {proc.sid}"
            yield record_fault(Fault.SESSION, _TASK, task, other)
        if task.vfork_parent:
            yield from _vfork(task, procs.get(task.vfork_parent))
        for wrong in _task_values(task, proc):
            yield record_fault(Fault.VALUE, _TASK, task, wrong)


def _vfork(task: Task, parent: Proc | None) -> Iterator[MapError]:
    if parent is None:
        yield record_fault(Fault.NO_PROC, _TASK, task, f"vfork of {task.vfork_parent}")
    elif parent.wait_kind != WaitKind.VFORK or parent.wait_obj != task.pid:
        waits = f"{parent.pid} does not wait for its vfork"
        yield record_fault(Fault.VALUE, _TASK, task, waits)


def _task_values(task: Task, proc: Proc) -> Iterator[str]:
    if task.umask > 0o777:
        yield f"umask {task.umask:#o}"
    if task.altstack_sp + task.altstack_size > _TOP:
        yield f"alternate stack {task.altstack_sp:#x}+{task.altstack_size:#x}"
    if task.nice + 20 & 0xFFFFFFFF > 39:
        yield f"nice {task.nice:#x}"
    if task.exit_signal > _SIGNALS or task.stop_signal > _SIGNALS:
        yield f"signals {task.exit_signal}, {task.stop_signal}: they are 1 to {_SIGNALS}"
    if task.wait_flags & WaitFlag.STOP and proc.state != ProcState.STOPPED:
        yield "its stop is still to be reported, but it is not stopped"
    if task.did_exec > 1:
        yield f"did_exec {task.did_exec}"


def restart_faults(found: SaveStateMap) -> Iterator[MapError]:
    """Calls to go on with are those the processes are in."""
    procs = {proc.pid: proc for proc in found.proc}
    masks = {call.pid for call in found.restart if call.flags & RestartFlag.MASK}
    for call in found.restart:
        if (proc := procs.get(call.pid)) is None:
            yield record_fault(Fault.NO_PROC, _RESTART, call, "no such process")
            continue
        if not proc.restart_nr or proc.state == ProcState.ZOMBIE:
            yield record_fault(Fault.VALUE, _RESTART, call, "it is in no call")
        elif call.nr != proc.restart_nr:
            other = f"call {call.nr}, PROC says {proc.restart_nr}"
            yield record_fault(Fault.VALUE, _RESTART, call, other)
        regs = proc.regs
        made = (call.arg0, call.arg1, call.arg2, call.arg3, call.arg4, call.arg5)
        if made != (regs.ebx, regs.ecx, regs.edx, regs.esi, regs.edi, regs.ebp):
            yield record_fault(
                Fault.VALUE, _RESTART, call, "arguments that are not in the registers"
            )
        if call.moved != proc.progress:
            moved = f"moved {call.moved}, PROC.progress {proc.progress}"
            yield record_fault(Fault.VALUE, _RESTART, call, moved)
        if call.left_ns and not call.flags & RestartFlag.LEFT:
            yield record_fault(Fault.VALUE, _RESTART, call, "left_ns without a time limit")
        if call.saved_mask and not call.flags & RestartFlag.MASK:
            yield record_fault(Fault.VALUE, _RESTART, call, "saved_mask, but it is not valid")
    for proc in found.proc:
        if (
            proc.wait_kind == WaitKind.SIGSUSPEND
            and proc.state in _IN_A_CALL
            and proc.pid not in masks
        ):
            yield record_fault(Fault.VALUE, _PROC, proc, "in sigsuspend, but no saved_mask")


def action_faults(found: SaveStateMap) -> Iterator[MapError]:
    """Signal actions of processes there are, of signals there are."""
    pids = {proc.pid for proc in found.proc}
    for action in found.sigact:
        if action.pid not in pids:
            yield record_fault(Fault.NO_PROC, SectionType.SIGACT, action, "no such process")
        if not 1 <= action.signo <= _SIGNALS:
            yield record_fault(Fault.VALUE, SectionType.SIGACT, action, "signals are 1 to 64")


def siginfo_faults(found: SaveStateMap) -> Iterator[MapError]:
    """What signals tell is of signals that are pending, in the order they came."""
    came: dict[int, int] = {}
    pending: dict[int, int] = {}
    for proc in found.proc:
        pending[proc.pid] = pending.get(proc.pid, 0) | proc.sig_pending
    for info in found.siginfo:
        if info.seq != came.get(info.pid, 0):
            what = f"{came.get(info.pid, 0)} came before it"
            yield record_fault(Fault.VALUE, SectionType.SIGINFO, info, what)
        came[info.pid] = info.seq + 1
        if info.pid not in pending:
            yield record_fault(Fault.NO_PROC, SectionType.SIGINFO, info, "no such process")
        elif not (1 <= info.signo <= _SIGNALS and pending[info.pid] >> (info.signo - 1) & 1):
            what = f"signal {info.signo} is not pending"
            yield record_fault(Fault.VALUE, SectionType.SIGINFO, info, what)


def xstate_faults(found: SaveStateMap) -> Iterator[MapError]:
    """Processor state of processes there are."""
    pids = {proc.pid for proc in found.proc}
    for state in found.xstate:
        if state.pid not in pids:
            yield record_fault(Fault.NO_PROC, SectionType.XSTATE, state, "no such process")
