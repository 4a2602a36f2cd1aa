"""The records of processes in the Save State Map: PROC, TASK, RESTART, SIGACT, XSTATE.

PROC is what every kernel has; TASK and RESTART, of 1.1, are what Linux programs see besides. Linear
addresses are 32-bit user addresses; times are ns.
"""

from typing import Annotated

import msgspec

from hotswap.bus.choice import Choice

from .layout import U32, U64, X16, X32, X64, Bits, Bytes108, Bytes512, Record, Text16


class ProcState(Choice):
    """PROC.state."""

    RUNNABLE = 0, "running or waiting for the CPU"
    BLOCKED = 1, "waits for what wait_kind says"
    ZOMBIE = 2, "has ended, not waited for yet"
    STOPPED = 3, "stopped by a signal; wait_kind is what it waits for once it is continued"


class WaitKind(Choice):
    """PROC.wait_kind, what a blocked process waits for; in brackets what wait_obj then holds."""

    NONE = 0, "nothing"
    SLEEP = 1, "nanosleep: the rest is in TIMER (0)"
    PIPE_READ = 2, "bytes in a pipe (pipe id)"
    PIPE_WRITE = 3, "room in a pipe (pipe id); progress = bytes already moved"
    TTY_READ = 4, "input from a terminal (TTY.tty, 0 is the first)"
    WAIT4 = 5, "a child to end (the pid argument, sign extended)"
    PAUSE = 6, "a signal (0)"
    TIMER_READ = 7, "a timerfd to expire (file_id)"
    POLL = 8, "poll: a file to be ready (0); since 1.1, as all that follow"
    SELECT = 9, "select: a file to be ready (0)"
    TTY_WRITE = 10, "room in a terminal's output (TTY.tty); progress = bytes already moved"
    TTY_DRAIN = 11, "a terminal's output to be sent (TTY.tty)"
    TTY_STOP = 12, "a terminal to be its own, as a background process (TTY.tty)"
    FLOCK = 13, "flock: the lock of an open file (file_id)"
    POSIX_LOCK = 14, "fcntl F_SETLKW: a range of a file (file_id); progress = pid that holds it"
    SIGSUSPEND = 15, "a signal; RESTART.saved_mask comes back after it (0)"
    SIGTIMEDWAIT = 16, "one of a set of signals (the set, bit n-1 = signal n)"
    VFORK = 17, "a child to execve or end (the child's pid)"


class Regs(Record):
    """User registers; in a blocked call eip is at the `int 0x80`, which will be run again."""

    eax: Annotated[X32, ""] = 0
    ebx: Annotated[X32, ""] = 0
    ecx: Annotated[X32, ""] = 0
    edx: Annotated[X32, ""] = 0
    esi: Annotated[X32, ""] = 0
    edi: Annotated[X32, ""] = 0
    ebp: Annotated[X32, ""] = 0
    esp: Annotated[X32, ""] = 0
    eip: Annotated[X32, ""] = 0
    eflags: Annotated[X32, ""] = 0
    cr3: Annotated[X32, "means nothing to the reader; 0 is best"] = 0
    cs: Annotated[X16, ""] = 0
    ds: Annotated[X16, ""] = 0
    es: Annotated[X16, ""] = 0
    fs: Annotated[X16, ""] = 0
    gs: Annotated[X16, ""] = 0
    ss: Annotated[X16, ""] = 0


class Proc(Record):
    """One process."""

    pid: Annotated[U32, "not 0"] = 0
    ppid: Annotated[U32, "the parent, 0 for none"] = 0
    name: Annotated[Text16, "NUL padded"] = b""
    state: Annotated[U32, "", ProcState] = 0
    wait_kind: Annotated[U32, "", WaitKind] = 0
    wait_obj: Annotated[U64, "as wait_kind says"] = 0
    regs: Annotated[Regs, "user registers"] = msgspec.field(default_factory=Regs)
    fpu: Annotated[Bytes108, "x87 image as fnsave stores it"] = bytes(108)
    used_fpu: Annotated[U32, "1 when fpu holds something"] = 0
    sig_pending: Annotated[X64, "bit n-1 = signal n"] = 0
    sig_mask: Annotated[X64, "bit n-1 = signal n"] = 0
    utime_ns: Annotated[U64, "time in user mode, ns"] = 0
    stime_ns: Annotated[U64, "time in the kernel, ns"] = 0
    progress: Annotated[U32, "bytes already moved by a blocked write"] = 0
    exit_code: Annotated[X32, "of a zombie, as wait4 returns it"] = 0
    brk_start: Annotated[X32, "linear address"] = 0
    brk: Annotated[X32, "linear address"] = 0
    pgrp: Annotated[U32, "process group"] = 0
    sid: Annotated[U32, "session"] = 0
    restart_nr: Annotated[U32, "the system call's number (orig eax) of a blocked call"] = 0
    rsvd: Annotated[U32, "0"] = 0


class WaitFlag(Bits):
    """TASK.wait_flags: what the parent has not been told by wait4 yet."""

    STOP = 1, "that it was stopped, by stop_signal"
    CONTINUE = 2, "that it was continued"


class Task(Record):
    """What Linux keeps of a process besides PROC. None for any, or one for each PROC."""

    pid: Annotated[U32, "process"] = 0
    tgid: Annotated[U32, "thread group: what getpid returns"] = 0
    tty: Annotated[U32, "controlling terminal: TTY.tty, 0 for none"] = 0
    uid: Annotated[U32, ""] = 0
    euid: Annotated[U32, ""] = 0
    suid: Annotated[U32, ""] = 0
    fsuid: Annotated[U32, ""] = 0
    gid: Annotated[U32, ""] = 0
    egid: Annotated[U32, ""] = 0
    sgid: Annotated[U32, ""] = 0
    fsgid: Annotated[U32, ""] = 0
    umask: Annotated[X32, "bits creat leaves out"] = 0o022
    cwd_off: Annotated[X32, "current directory: offset in BLOB"] = 0
    cwd_len: Annotated[U32, "its bytes, no NUL; 0 for /"] = 0
    root_off: Annotated[X32, "root directory: offset in BLOB"] = 0
    root_len: Annotated[U32, "its bytes, no NUL; 0 for /"] = 0
    exe_off: Annotated[X32, "path of the program: offset in BLOB"] = 0
    exe_len: Annotated[U32, "its bytes, no NUL; 0 when not known"] = 0
    exit_signal: Annotated[U32, "signal to the parent at the end"] = 17
    altstack_sp: Annotated[X32, "linear address, as sigaltstack was given it"] = 0
    altstack_size: Annotated[X32, "bytes, 0 for none"] = 0
    altstack_flags: Annotated[X32, "SS_ flags, Linux i386 values"] = 0
    vfork_parent: Annotated[U32, "pid that waits in vfork for this one, 0 for none"] = 0
    stop_signal: Annotated[U32, "signal that stopped it, as wait4 reports it; 0 for none"] = 0
    wait_flags: Annotated[U32, "", WaitFlag] = 0
    nice: Annotated[U32, "-20 to 19, 32-bit two's complement"] = 0
    cutime_ns: Annotated[U64, "user time of children waited for, ns"] = 0
    cstime_ns: Annotated[U64, "kernel time of children waited for, ns"] = 0
    start_ns: Annotated[U64, "monotonic time of its birth, ns"] = 0
    tls0: Annotated[X64, "GDT entry 6 as set_thread_area made it, 0 for none"] = 0
    tls1: Annotated[X64, "GDT entry 7"] = 0
    tls2: Annotated[X64, "GDT entry 8"] = 0
    dr0: Annotated[X32, "debug registers"] = 0
    dr1: Annotated[X32, ""] = 0
    dr2: Annotated[X32, ""] = 0
    dr3: Annotated[X32, ""] = 0
    dr6: Annotated[X32, ""] = 0
    dr7: Annotated[X32, ""] = 0
    minflt: Annotated[U32, "page faults without input"] = 0
    majflt: Annotated[U32, "page faults with input"] = 0
    did_exec: Annotated[U32, "1 when it has called execve: no setpgid by the parent"] = 0
    rsvd: Annotated[U32, "0"] = 0


class RestartFlag(Bits):
    """RESTART.flags."""

    LEFT = 1, "the call has a time limit, left_ns is what is left of it"
    MASK = 2, "saved_mask is valid"


class Restart(Record):
    """What a blocked system call needs besides the registers to be gone on with."""

    pid: Annotated[U32, "a process that is blocked, or stopped in a call"] = 0
    nr: Annotated[U32, "the call's number, as PROC.restart_nr"] = 0
    arg0: Annotated[X32, "arguments as the call was made with: ebx"] = 0
    arg1: Annotated[X32, "ecx"] = 0
    arg2: Annotated[X32, "edx"] = 0
    arg3: Annotated[X32, "esi"] = 0
    arg4: Annotated[X32, "edi"] = 0
    arg5: Annotated[X32, "ebp"] = 0
    left_ns: Annotated[U64, "from mono_ns until its time limit, ns"] = 0
    moved: Annotated[U64, "bytes already moved"] = 0
    saved_mask: Annotated[X64, "PROC.sig_mask when the call ends; bit n-1 = signal n"] = 0
    flags: Annotated[X32, "", RestartFlag] = 0
    rsvd: Annotated[U32, "0"] = 0


class Sigact(Record):
    """What a process wants done at a signal; signals at their default have no record."""

    pid: Annotated[U32, "process"] = 0
    signo: Annotated[U32, "1 to 64"] = 0
    handler: Annotated[X32, "linear address; 1 ignores the signal"] = 0
    flags: Annotated[X32, "SA_ flags, Linux i386 values"] = 0
    restorer: Annotated[X32, "linear address, or 0"] = 0
    rsvd: Annotated[U32, "0"] = 0
    mask: Annotated[X64, "signals blocked meanwhile; bit n-1 = signal n"] = 0


class Siginfo(Record):
    """What a pending signal tells its handler; one that tells nothing is in PROC alone."""

    pid: Annotated[U32, "process it is pending for"] = 0
    seq: Annotated[U32, "its place in the order they came, from 0"] = 0
    signo: Annotated[U32, "1 to 64; its bit is set in PROC.sig_pending"] = 0
    code: Annotated[X32, "si_code, 32-bit two's complement"] = 0
    from_pid: Annotated[U32, "si_pid"] = 0
    from_uid: Annotated[U32, "si_uid"] = 0
    value: Annotated[X32, "si_value, or si_status of a child"] = 0
    rsvd: Annotated[U32, "0"] = 0


class XstateKind(Choice):
    """XSTATE.kind."""

    FXSAVE = 1, "as fxsave stores it: XMM registers and MXCSR; the x87 is taken from PROC.fpu"


class Xstate(Record):
    """Processor state that fnsave does not store."""

    pid: Annotated[U32, "process"] = 0
    kind: Annotated[U32, "", XstateKind] = XstateKind.FXSAVE
    data: Annotated[Bytes512, "as kind says"] = bytes(512)
