"""The records of the machine in the Save State Map: TIME, TIMER, DEV, LOG, BLOB; times are ns."""

from typing import Annotated

from hotswap.bus.choice import Choice

from .layout import U8, U16, U32, U64, X16, X32, Record, Text16


class Time(Record):
    """The clock at the moment of SAVE; exactly one record."""

    mono_ns: Annotated[U64, "monotonic time now, ns (the card's TIME)"] = 0
    real_ns: Annotated[U64, "wall clock, ns since 1970"] = 0
    boot_ns: Annotated[U64, "mono_ns at boot: uptime = mono_ns - boot_ns"] = 0
    cmos_time_bcd: Annotated[X32, "CMOS time as 0x00HHMMSS"] = 0
    cmos_date_bcd: Annotated[X32, "CMOS date as 0xCCYYMMDD"] = 0
    tick_hz: Annotated[U32, "the writing kernel's timer ticks, Hz"] = 0
    switch_count: Annotated[U32, "switchovers since boot, this one not counted"] = 0
    idle_ns: Annotated[
        U64, "time without a process to run since boot, ns; since 1.1, as the rest"
    ] = 0
    last_pid: Annotated[U32, "the pid given last, 0 when not known: the next is above it"] = 0
    load1: Annotated[U32, "load averages as sysinfo gives them, 65536 for 1"] = 0
    load5: Annotated[U32, ""] = 0
    load15: Annotated[U32, ""] = 0


class TimerKind(Choice):
    """TIMER.kind."""

    SLEEP = 0, "nanosleep of pid; cookie 0"
    ITIMER_REAL = 1, "setitimer of pid; cookie 0"
    TIMERFD = 2, "pid 0; cookie = file_id"
    ITIMER_VIRTUAL = 3, "setitimer of pid, its user time; cookie 0; since 1.1"
    ITIMER_PROF = 4, "setitimer of pid, its user and kernel time; cookie 0; since 1.1"


class Timer(Record):
    """One armed timer."""

    pid: Annotated[U32, "process"] = 0
    kind: Annotated[U32, "", TimerKind] = 0
    left_ns: Annotated[U64, "until it expires, from mono_ns on, or of the process's time; ns"] = 0
    period_ns: Annotated[U64, "0 for once"] = 0
    cookie: Annotated[U64, "as kind says"] = 0


class DevPolicy(Choice):
    """DEV.policy."""

    CARRY = 0, "state, queue and lines go on as they are"
    REINITIALISE = 1, "begins anew with its settings; its connections stay"
    COLD_RESET = 2, "gets a RESET before the new kernel sees it"
    REFUSE = 3, "no switchover while it is plugged in"


class Dev(Record):
    """One card's state, written by the host."""

    dev_id: Annotated[U32, "slot number"] = 0
    bus: Annotated[X32, "IRQ << 16 | first port, 0 for none"] = 0
    driver: Annotated[Text16, "the card's name, NUL padded"] = b""
    state_ver: Annotated[U16, "version of the card's state"] = 0
    policy: Annotated[U16, "what the card wants done at a switchover", DevPolicy] = 0
    blob_off: Annotated[X32, "state: offset in BLOB"] = 0
    blob_len: Annotated[U32, "state: bytes"] = 0
    crc: Annotated[X32, "CRC-32 of the state"] = 0


class System(Record):
    """What the boot loader told the first kernel; at most one record."""

    console: Annotated[U32, "TTY.tty of /dev/console, where the kernel prints"] = 0
    rsvd: Annotated[U32, "0"] = 0
    cmdline_off: Annotated[X32, "command line: offset in BLOB"] = 0
    cmdline_len: Annotated[U32, "its bytes, no NUL"] = 0


class Log(Record):
    """One entry of the flight recorder."""

    phase: Annotated[U8, "phase of the switchover"] = 0
    source: Annotated[U8, "1 the old kernel, 2 the bootstrap, 3 the new kernel"] = 0
    code: Annotated[X16, "the writer's own code"] = 0
    value: Annotated[X32, "anything"] = 0


class Blob(Record):
    """Strings and blobs; other sections name them by offset and length. A record is a byte."""

    byte: Annotated[U8, ""] = 0
