"""The records of the Save State Map 1.0: what a kernel says about processes, files, pipes, timers.

Linear addresses are 32-bit user addresses, physical ones are RAM addresses; times are ns.
"""

from typing import Annotated

import msgspec

from hotswap.bus.choice import Choice

from .layout import U8, U16, U32, U64, X16, X32, X64, Bits, Bytes108, Record, Text16


class ProcState(Choice):
    """PROC.state."""

    RUNNABLE = 0, "running or waiting for the CPU"
    BLOCKED = 1, "waits for what wait_kind says"
    ZOMBIE = 2, "has ended, not waited for yet"
    STOPPED = 3, "stopped by a signal"


class WaitKind(Choice):
    """PROC.wait_kind, what a blocked process waits for; in brackets what wait_obj then holds."""

    NONE = 0, "nothing"
    SLEEP = 1, "nanosleep: the rest is in TIMER (0)"
    PIPE_READ = 2, "bytes in a pipe (pipe id)"
    PIPE_WRITE = 3, "room in a pipe (pipe id); progress = bytes already moved"
    TTY_READ = 4, "a line from the console (0)"
    WAIT4 = 5, "a child to end (the pid argument, sign extended)"
    PAUSE = 6, "a signal (0)"
    TIMER_READ = 7, "a timerfd to expire (file_id)"


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


class Time(Record):
    """The clock at the moment of SAVE; exactly one record."""

    mono_ns: Annotated[U64, "monotonic time now, ns (the card's TIME)"] = 0
    real_ns: Annotated[U64, "wall clock, ns since 1970"] = 0
    boot_ns: Annotated[U64, "mono_ns at boot: uptime = mono_ns - boot_ns"] = 0
    cmos_time_bcd: Annotated[X32, "CMOS time as 0x00HHMMSS"] = 0
    cmos_date_bcd: Annotated[X32, "CMOS date as 0xCCYYMMDD"] = 0
    tick_hz: Annotated[U32, "the writing kernel's timer ticks, Hz"] = 0
    switch_count: Annotated[U32, "switchovers since boot, this one not counted"] = 0


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


class Protection(Bits):
    """VMA.prot."""

    READ = 1, ""
    WRITE = 2, ""
    EXECUTE = 4, ""


class VmaKind(Choice):
    """VMA.kind."""

    ANON = 0, "anonymous memory"
    FILE = 1, "a mapped file"
    STACK = 2, "a stack"
    SHARED = 3, "shared with other processes"
    HEAP = 4, "brk_start to brk"


class Vma(Record):
    """One range of linear addresses of a process; disjoint, sorted by pid and start."""

    pid: Annotated[U32, "process"] = 0
    start: Annotated[X32, "linear address, page aligned"] = 0
    end: Annotated[X32, "first address after it, page aligned"] = 0
    prot: Annotated[U32, "", Protection] = 0
    kind: Annotated[U32, "", VmaKind] = 0
    file_id: Annotated[U32, "of a mapped file, 0 for none"] = 0
    file_off: Annotated[X64, "bytes into the file at start"] = 0


class FrameKind(Choice):
    """FRAME.kind."""

    PRIVATE = 0, "belongs to this process alone"
    SHARED = 1, "seen by several processes"
    COW = 2, "shared until someone writes"
    RAMDISK = 4, "the initrd's frames: pid 0, vaddr 0"


class Frame(Record):
    """A run of frames contiguous in linear and in physical addresses; sorted by pid and vaddr."""

    pid: Annotated[U32, "process, 0 for the ramdisk"] = 0
    vaddr: Annotated[X32, "linear address, page aligned"] = 0
    paddr: Annotated[X32, "physical address, page aligned"] = 0
    n_pages: Annotated[U32, "4 KiB pages"] = 0
    kind: Annotated[U32, "", FrameKind] = 0
    crc: Annotated[X32, "CRC-32 of the frames, 0 when not computed"] = 0


class FileKind(Choice):
    """FILE.kind; in brackets what dev_ino holds."""

    REGULAR = 0, "a file of the initrd, named by its path (inode)"
    TTY = 1, "the console (0); its path is the input nobody has read yet"
    PIPE_READ = 2, "the end to read from (pipe id)"
    PIPE_WRITE = 3, "the end to write to (pipe id)"
    TIMER = 4, "a timerfd (timer id)"
    DIRECTORY = 5, "a directory of the initrd (inode)"


class File(Record):
    """One open file, shared by all descriptors that dup and fork made of it."""

    file_id: Annotated[U32, "kept across switchovers; not 0"] = 0
    kind: Annotated[U32, "", FileKind] = 0
    flags: Annotated[X32, "open flags, Linux i386 values"] = 0
    refs: Annotated[U32, "number of FD records that name it"] = 0
    dev_ino: Annotated[U64, "as kind says"] = 0
    offset: Annotated[U64, "position, bytes"] = 0
    path_off: Annotated[X32, "path, or console input: offset in BLOB"] = 0
    path_len: Annotated[U32, "its bytes, no NUL; 0 for none"] = 0


class Fd(Record):
    """One descriptor of a process."""

    pid: Annotated[U32, "process"] = 0
    fd: Annotated[U32, "descriptor number"] = 0
    file_id: Annotated[U32, "the open file"] = 0
    flags: Annotated[X32, "1 close on exec"] = 0


class Pipe(Record):
    """One pipe: these 16 bytes, then the `len` bytes it holds, padded with zeros to 8."""

    id: Annotated[U32, "kept across switchovers; not 0"] = 0
    len: Annotated[U32, "bytes in the pipe"] = 0
    seq: Annotated[U32, "bytes read from it so far, mod 2^32"] = 0
    flags: Annotated[X32, "0"] = 0
    data: bytes = b""


class TimerKind(Choice):
    """TIMER.kind."""

    SLEEP = 0, "nanosleep of pid; cookie 0"
    ITIMER_REAL = 1, "setitimer of pid; cookie 0"
    TIMERFD = 2, "pid 0; cookie = file_id"


class Timer(Record):
    """One armed timer."""

    pid: Annotated[U32, "process"] = 0
    kind: Annotated[U32, "", TimerKind] = 0
    left_ns: Annotated[U64, "from mono_ns until it expires, ns"] = 0
    period_ns: Annotated[U64, "0 for once"] = 0
    cookie: Annotated[U64, "as kind says"] = 0


class Dev(Record):
    """One card's state, written by the host."""

    dev_id: Annotated[U32, "slot number"] = 0
    bus: Annotated[X32, "IRQ << 16 | first port, 0 for none"] = 0
    driver: Annotated[Text16, "the card's name, NUL padded"] = b""
    state_ver: Annotated[U16, "version of the card's state"] = 0
    policy: Annotated[U16, "what the card wants done at a switchover"] = 0
    blob_off: Annotated[X32, "state: offset in BLOB"] = 0
    blob_len: Annotated[U32, "state: bytes"] = 0
    crc: Annotated[X32, "CRC-32 of the state"] = 0


class Log(Record):
    """One entry of the flight recorder."""

    phase: Annotated[U8, "phase of the switchover"] = 0
    source: Annotated[U8, "1 the old kernel, 2 the bootstrap, 3 the new kernel"] = 0
    code: Annotated[X16, "the writer's own code"] = 0
    value: Annotated[X32, "anything"] = 0


class Sigact(Record):
    """What a process wants done at a signal; signals at their default have no record."""

    pid: Annotated[U32, "process"] = 0
    signo: Annotated[U32, "1 to 64"] = 0
    handler: Annotated[X32, "linear address; 1 ignores the signal"] = 0
    flags: Annotated[X32, "SA_ flags, Linux i386 values"] = 0
    restorer: Annotated[X32, "linear address, or 0"] = 0
    rsvd: Annotated[U32, "0"] = 0
    mask: Annotated[X64, "signals blocked meanwhile; bit n-1 = signal n"] = 0


class Blob(Record):
    """Strings and blobs; other sections name them by offset and length. A record is a byte."""

    byte: Annotated[U8, ""] = 0
