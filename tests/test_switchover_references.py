"""Level 2 of a map: everything it refers to is there, and nothing in it contradicts itself."""

import time
from collections.abc import Callable

import pytest

from hotswap.switchover.errors import MapError
from hotswap.switchover.faults import Fault
from hotswap.switchover.layout import Record
from hotswap.switchover.memory import MIB, plan_memory
from hotswap.switchover.records import (
    Dev,
    Fd,
    File,
    FileKind,
    Frame,
    Inode,
    Lock,
    LockKind,
    LockType,
    Pipe,
    PipeFlag,
    Proc,
    ProcState,
    Restart,
    Sigact,
    Siginfo,
    System,
    Task,
    Timer,
    Tty,
    Vma,
    WaitFlag,
    WaitKind,
    Xstate,
)
from hotswap.switchover.savemap import SaveStateMap, read, write
from hotswap.switchover.validate import faults, validate

PLAN = plan_memory(64 * MIB)


def test_the_fit_map_is_fit(fit_map: SaveStateMap) -> None:
    assert faults(write(fit_map), PLAN) == []
    assert validate(write(fit_map), PLAN).proc == fit_map.proc


def add_fd(found: SaveStateMap, fd: Fd) -> None:
    """One more descriptor, counted."""
    found.fd.append(fd)
    next(file for file in found.file if file.file_id == fd.file_id).refs += 1


def share_private(found: SaveStateMap) -> None:
    """Let a shared frame be the second of a private run."""
    found.frame[1].kind, found.frame[1].paddr = 0, 0x302000
    found.frame[3].kind, found.frame[3].paddr = 1, 0x303000


def move(found: SaveStateMap, address: int) -> None:
    """Say the map is at another physical address."""
    size = found.header.phys_hi - found.header.phys_lo
    found.header.phys_lo, found.header.phys_hi = address, address + size


def put(record: Record, **values: int) -> None:
    """Several fields of a record."""
    for name, value in values.items():
        setattr(record, name, value)


def add_proc(found: SaveStateMap, pid: int) -> None:
    """One more process, before the others, with all it needs."""
    found.proc.insert(0, Proc(pid))
    found.task.insert(0, Task(pid, pid))


def lock_again(found: SaveStateMap) -> None:
    """Open the file that is locked once more, and lock it for writing."""
    found.file.append(File(20, FileKind.REGULAR, dev_ino=3))
    found.lock.append(Lock(20, 0, LockKind.FLOCK, LockType.WRITE))


def wait(found: SaveStateMap, kind: WaitKind, what: int) -> None:
    """Let the first process wait for something else."""
    found.proc[0].wait_kind, found.proc[0].wait_obj = kind, what


Change = Callable[[SaveStateMap], object]
BROKEN: list[tuple[str, Fault, str, Change]] = [
    ("map outside RAM", Fault.PHYS, "header", lambda m: move(m, 0x4000000)),
    ("map in the kernel range", Fault.PHYS, "header", lambda m: move(m, 0x180000)),
    ("map in SCRATCH", Fault.PHYS, "header", lambda m: move(m, PLAN.scratch.lo)),
    ("map not page aligned", Fault.PHYS, "header", lambda m: move(m, 0x2000010)),
    ("map too long for its frames", Fault.PHYS, "header",
     lambda m: setattr(m.header, "phys_hi", m.header.phys_lo)),
    ("state", Fault.CHOICE, "PROC pid 1", lambda m: setattr(m.proc[0], "state", 4)),
    ("wait kind", Fault.CHOICE, "PROC pid 2", lambda m: setattr(m.proc[1], "wait_kind", 99)),
    ("frame kind", Fault.CHOICE, "FRAME pid 1 vaddr 0x804a000",
     lambda m: setattr(m.frame[2], "kind", 3)),
    ("unsorted", Fault.ORDER, "PROC pid 1", lambda m: m.proc.append(Proc(1))),
    ("descriptor twice", Fault.ORDER, "FD pid 5 fd 3", lambda m: add_fd(m, Fd(5, 3, 10))),
    ("clock without ticks", Fault.VALUE, "TIME", lambda m: setattr(m.time, "tick_hz", 0)),
    ("boot after now", Fault.VALUE, "TIME", lambda m: setattr(m.time, "boot_ns", 1 << 60)),
    ("pid 0", Fault.VALUE, "PROC pid 0", lambda m: add_proc(m, 0)),
    ("no parent", Fault.NO_PROC, "PROC pid 3", lambda m: setattr(m.proc[2], "ppid", 99)),
    ("blocked on nothing", Fault.VALUE, "PROC pid 3", lambda m: setattr(m.proc[2], "state", 1)),
    ("no such pipe", Fault.NO_PIPE, "PROC pid 2", lambda m: setattr(m.proc[1], "wait_obj", 6)),
    ("no such timerfd", Fault.NO_FILE, "PROC pid 5", lambda m: setattr(m.proc[4], "wait_obj", 15)),
    ("sleeper's timer", Fault.VALUE, "PROC pid 4", lambda m: m.timer.pop(0)),
    ("action of nobody", Fault.NO_PROC, "SIGACT pid 9 signo 2",
     lambda m: m.sigact.append(Sigact(9, 2))),
    ("signal 65", Fault.VALUE, "SIGACT pid 1 signo 65", lambda m: m.sigact.append(Sigact(1, 65))),
    ("told to nobody", Fault.NO_PROC, "SIGINFO pid 9 seq 0",
     lambda m: m.siginfo.append(Siginfo(9, 0, 1))),
    ("told too early", Fault.VALUE, "SIGINFO pid 1 seq 1",
     lambda m: m.siginfo.append(Siginfo(1, 1, 1))),
    ("range of nobody", Fault.NO_PROC, "VMA pid 9 start 0x1000",
     lambda m: m.vma.append(Vma(9, 0x1000, 0x2000))),
    ("no mapped file", Fault.NO_FILE, "VMA pid 1 start 0x8048000",
     lambda m: setattr(m.vma[0], "file_id", 77)),
    ("empty range", Fault.RANGE, "VMA pid 1 start 0x804a000",
     lambda m: setattr(m.vma[1], "end", m.frame.pop(2).vaddr)),
    ("overlapping ranges", Fault.RANGE, "VMA pid 1 start 0x804a000",
     lambda m: setattr(m.vma[0], "end", 0x804B000)),
    ("run of no frames", Fault.RANGE, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: setattr(m.frame[3], "n_pages", 0)),
    ("run past 4 GiB", Fault.RANGE, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: setattr(m.frame[3], "n_pages", 1 << 20)),
    ("run outside every range", Fault.RANGE, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: m.vma.pop()),
    ("runs that overlap", Fault.RANGE, "FRAME pid 1 vaddr 0x8049000",
     lambda m: m.frame.insert(2, Frame(1, 0x8049000, 0x500000, 1))),
    ("ramdisk of a process", Fault.NO_PROC, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: setattr(m.frame[3], "kind", 4)),
    ("frame outside RAM", Fault.FRAME_PLACE, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: setattr(m.frame[3], "paddr", 64 * MIB)),
    ("frame in the kernel", Fault.FRAME_PLACE, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: setattr(m.frame[3], "paddr", 0x1FF000)),
    ("frame in SCRATCH", Fault.FRAME_PLACE, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: setattr(m.frame[3], "paddr", PLAN.scratch.hi - 4096)),
    ("frame in the map", Fault.FRAME_PLACE, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: setattr(m.frame[3], "paddr", 0x2000000)),
    ("private frame twice", Fault.FRAME_TWICE, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: setattr(m.frame[3], "paddr", 0x300000)),
    ("private frame of the ramdisk", Fault.FRAME_TWICE, "FRAME pid 2 vaddr 0xbffff000",
     lambda m: setattr(m.frame[3], "paddr", 0x1805000)),
    ("file 0", Fault.VALUE, "FILE file_id 0", lambda m: m.file.insert(0, File(0))),
    ("shared frame of a private run", Fault.FRAME_TWICE, "FRAME pid 2 vaddr 0xbffff000",
     share_private),
    ("too few refs", Fault.REFS, "FILE file_id 10", lambda m: setattr(m.file[0], "refs", 1)),
    ("too many refs", Fault.REFS, "FILE file_id 10", lambda m: setattr(m.file[0], "refs", 3)),
    ("path outside BLOB", Fault.NO_BLOB, "FILE file_id 10",
     lambda m: setattr(m.file[0], "path_len", 1000)),
    ("end of no pipe", Fault.NO_PIPE, "FILE file_id 13",
     lambda m: setattr(m.file[3], "dev_ino", 6)),
    ("descriptor of nobody", Fault.NO_PROC, "FD pid 9 fd 0",
     lambda m: add_fd(m, Fd(9, 0, 11))),
    ("descriptor of nothing", Fault.NO_FILE, "FD pid 5 fd 4",
     lambda m: m.fd.append(Fd(5, 4, 99))),
    ("pipe nobody holds", Fault.NO_FILE, "PIPE id 6", lambda m: m.pipe.append(Pipe(6))),
    ("timer of nobody", Fault.NO_PROC, "TIMER kind itimer_real pid 9 cookie 0",
     lambda m: m.timer.insert(2, Timer(9, 1))),
    ("timerfd of no file", Fault.NO_FILE, "TIMER kind timerfd pid 0 cookie 15",
     lambda m: m.timer.append(Timer(0, 2, cookie=15))),
    ("state outside BLOB", Fault.NO_BLOB, "DEV dev_id 2",
     lambda m: m.dev.append(Dev(2, blob_off=1000))),
    ("state changed", Fault.BLOB_CRC, "DEV dev_id 1", lambda m: setattr(m.dev[0], "crc", 1)),
    ("used_fpu", Fault.VALUE, "PROC pid 1", lambda m: setattr(m.proc[0], "used_fpu", 2)),
    ("stopped in a read of no pipe", Fault.NO_PIPE, "PROC pid 2",
     lambda m: put(m.proc[1], state=3, wait_obj=6)),
    ("waits for no lock", Fault.NO_FILE, "PROC pid 1", lambda m: wait(m, WaitKind.FLOCK, 77)),
    ("waits for no range", Fault.NO_FILE, "PROC pid 1", lambda m: wait(m, WaitKind.POSIX_LOCK, 0)),
    ("reads no terminal", Fault.NO_TTY, "PROC pid 1", lambda m: wait(m, WaitKind.TTY_READ, 2)),
    ("writes no terminal", Fault.NO_TTY, "PROC pid 1", lambda m: wait(m, WaitKind.TTY_WRITE, 2)),
    ("drains no terminal", Fault.NO_TTY, "PROC pid 1", lambda m: wait(m, WaitKind.TTY_DRAIN, 2)),
    ("stopped by no terminal", Fault.NO_TTY, "PROC pid 1", lambda m: wait(m, WaitKind.TTY_STOP, 2)),
    ("vfork of nobody", Fault.NO_PROC, "PROC pid 1", lambda m: wait(m, WaitKind.VFORK, 9)),
    ("sigsuspend without a mask", Fault.VALUE, "PROC pid 1",
     lambda m: wait(m, WaitKind.SIGSUSPEND, 0)),
    ("group in two sessions", Fault.SESSION, "PROC pid 5",
     lambda m: put(m.proc[4], pgrp=1, sid=6)),
    ("session led from another group", Fault.SESSION, "PROC pid 4",
     lambda m: setattr(m.proc[3], "sid", 4)),
    ("process without a task", Fault.NO_PROC, "PROC pid 6", lambda m: m.task.pop()),
    ("task of nobody", Fault.NO_PROC, "TASK pid 9", lambda m: m.task.append(Task(9, 1))),
    ("no thread group", Fault.NO_PROC, "TASK pid 6", lambda m: setattr(m.task[5], "tgid", 9)),
    ("no controlling terminal", Fault.NO_TTY, "TASK pid 2", lambda m: setattr(m.task[1], "tty", 2)),
    ("terminal of another session", Fault.SESSION, "TASK pid 1",
     lambda m: setattr(m.task[0], "tty", 1)),
    ("child of nobody's vfork", Fault.NO_PROC, "TASK pid 6",
     lambda m: setattr(m.task[5], "vfork_parent", 9)),
    ("child of a parent that goes on", Fault.VALUE, "TASK pid 6",
     lambda m: setattr(m.task[5], "vfork_parent", 3)),
    ("umask", Fault.VALUE, "TASK pid 6", lambda m: setattr(m.task[5], "umask", 0o1000)),
    ("alternate stack past 4 GiB", Fault.VALUE, "TASK pid 2",
     lambda m: setattr(m.task[1], "altstack_size", 0x40001001)),
    ("nice 20", Fault.VALUE, "TASK pid 6", lambda m: setattr(m.task[5], "nice", 20)),
    ("nice -21", Fault.VALUE, "TASK pid 6", lambda m: setattr(m.task[5], "nice", 2**32 - 21)),
    ("ends with signal 65", Fault.VALUE, "TASK pid 6",
     lambda m: setattr(m.task[5], "exit_signal", 65)),
    ("stopped by signal 65", Fault.VALUE, "TASK pid 6",
     lambda m: setattr(m.task[5], "stop_signal", 65)),
    ("a stop that is not", Fault.VALUE, "TASK pid 3",
     lambda m: setattr(m.task[2], "wait_flags", WaitFlag.STOP)),
    ("did_exec", Fault.VALUE, "TASK pid 3", lambda m: setattr(m.task[2], "did_exec", 2)),
    ("call of nobody", Fault.NO_PROC, "RESTART pid 9", lambda m: m.restart.append(Restart(9))),
    ("call of who runs", Fault.VALUE, "RESTART pid 3", lambda m: m.restart.insert(1, Restart(3))),
    ("another call", Fault.VALUE, "RESTART pid 2", lambda m: setattr(m.restart[0], "nr", 4)),
    ("time left without limit", Fault.VALUE, "RESTART pid 4",
     lambda m: setattr(m.restart[1], "flags", 0)),
    ("mask that is not valid", Fault.VALUE, "RESTART pid 4",
     lambda m: setattr(m.restart[1], "saved_mask", 1)),
    ("state of nobody's processor", Fault.NO_PROC, "XSTATE pid 9",
     lambda m: m.xstate.append(Xstate(9))),
    ("kind of processor state", Fault.CHOICE, "XSTATE pid 3",
     lambda m: setattr(m.xstate[0], "kind", 2)),
    ("more idle than there was time", Fault.VALUE, "TIME",
     lambda m: setattr(m.time, "idle_ns", m.time.mono_ns + 1)),
    ("CMOS two seconds late", Fault.VALUE, "TIME",
     lambda m: setattr(m.time, "cmos_time_bcd", 0x221318)),
    ("CMOS a day early", Fault.VALUE, "TIME",
     lambda m: setattr(m.time, "cmos_date_bcd", 0x20231113)),
    ("current directory outside BLOB", Fault.NO_BLOB, "TASK pid 1",
     lambda m: setattr(m.task[0], "cwd_off", 1000)),
    ("input outside BLOB", Fault.NO_BLOB, "TTY tty 1", lambda m: setattr(m.tty[0], "in_len", 1000)),
    ("file of no terminal", Fault.NO_TTY, "FILE file_id 11",
     lambda m: setattr(m.file[1], "dev_ino", 2)),
    ("open end that is closed", Fault.VALUE, "PIPE id 5",
     lambda m: setattr(m.pipe[0], "flags", PipeFlag.NO_READER)),
    ("other open end that is closed", Fault.VALUE, "PIPE id 5",
     lambda m: setattr(m.pipe[0], "flags", PipeFlag.NO_WRITER)),
    ("another argument", Fault.VALUE, "RESTART pid 4", lambda m: put(m.restart[1], arg0=1)),
    ("moved by one count only", Fault.VALUE, "RESTART pid 2", lambda m: put(m.restart[0], moved=1)),
    ("cookie of a sleep", Fault.VALUE, "TIMER kind sleep pid 4 cookie 1",
     lambda m: put(m.timer[0], cookie=1)),
    ("timerfd of a process", Fault.VALUE, "TIMER kind timerfd pid 1 cookie 14",
     lambda m: put(m.timer[2], pid=1)),
    ("part of no file", Fault.VALUE, "VMA pid 1 start 0x804a000",
     lambda m: put(m.vma[1], file_off=4096)),
    ("ramdisk from its middle on", Fault.RANGE, "FRAME pid 0 vaddr 0x1000",
     lambda m: put(m.frame[0], vaddr=0x1000)),
    ("second signal without a first", Fault.VALUE, "SIGINFO pid 1 seq 1",
     lambda m: put(m.siginfo[0], seq=1)),
    ("ino 0", Fault.VALUE, "INODE ino 0", lambda m: m.inode.insert(0, Inode(0))),
    ("a directory in itself", Fault.VALUE, "INODE ino 65537",
     lambda m: setattr(m.inode[0], "parent", m.inode[1].ino)),
    ("a file in the middle of a page", Fault.VALUE, "INODE ino 65538",
     lambda m: setattr(m.inode[1], "vaddr", m.inode[1].vaddr + 8)),
    ("a file beyond 4 GiB", Fault.VALUE, "INODE ino 65538",
     lambda m: setattr(m.inode[1], "size", 1 << 32)),
    ("in no directory", Fault.NO_FILE, "INODE ino 65538",
     lambda m: setattr(m.inode[1], "parent", 9)),
    ("nothing in /tmp", Fault.NO_FILE, "FILE file_id 20",
     lambda m: m.file.append(File(20, FileKind.TMP, dev_ino=9))),
    ("name outside BLOB", Fault.NO_BLOB, "INODE ino 65538",
     lambda m: setattr(m.inode[1], "name_off", 1000)),
    ("no console", Fault.NO_TTY, "SYSTEM", lambda m: setattr(m.system[0], "console", 2)),
    ("two command lines", Fault.ORDER, "SYSTEM", lambda m: m.system.append(System())),
    ("terminal 0", Fault.VALUE, "TTY tty 0", lambda m: m.tty.insert(0, Tty(0))),
    ("terminal of no session", Fault.SESSION, "TTY tty 2", lambda m: m.tty.append(Tty(2, sid=9))),
    ("foreground of another session", Fault.SESSION, "TTY tty 1",
     lambda m: setattr(m.tty[0], "pgrp", 1)),
    ("lock of no file", Fault.NO_FILE, "LOCK file_id 77 pid 0 start 0x0",
     lambda m: m.lock.append(Lock(77))),
    ("flock of a process", Fault.VALUE, "LOCK file_id 14 pid 3 start 0x0",
     lambda m: m.lock.append(Lock(14, 3))),
    ("flock of a part", Fault.VALUE, "LOCK file_id 14 pid 0 start 0x0",
     lambda m: m.lock.append(Lock(14, end=8))),
    ("lock of nobody", Fault.NO_PROC, "LOCK file_id 10 pid 9 start 0x0",
     lambda m: m.lock.append(Lock(10, 9, LockKind.POSIX))),
    ("empty lock", Fault.RANGE, "LOCK file_id 10 pid 5 start 0x8",
     lambda m: m.lock.append(Lock(10, 5, LockKind.POSIX, start=8, end=8))),
    ("two writers of a range", Fault.LOCK, "LOCK file_id 10 pid 5 start 0x1f",
     lambda m: m.lock.append(Lock(10, 5, LockKind.POSIX, start=31, end=40))),
    ("a range locked twice", Fault.LOCK, "LOCK file_id 10 pid 3 start 0x18",
     lambda m: m.lock.append(Lock(10, 3, LockKind.POSIX, LockType.WRITE, 24, 40))),
    ("two holders of a flock", Fault.LOCK, "LOCK file_id 20 pid 0 start 0x0",
     lock_again),
]  # fmt: skip


@pytest.mark.parametrize(("code", "where", "change"), [row[1:] for row in BROKEN],
                         ids=[row[0] for row in BROKEN])  # fmt: skip
def test_a_wrong_reference_is_found(
    fit_map: SaveStateMap, code: Fault, where: str, change: Change
) -> None:
    broken = read(write(fit_map))
    change(broken)
    found = faults(write(broken), PLAN)
    assert [(fault.code, fault.where.split(":")[0]) for fault in found] == [
        (code, where if where == "header" else f"section {where}")
    ]
    for like in (None, (validate(write(fit_map), PLAN), write(fit_map))):
        with pytest.raises(MapError) as caught:
            validate(write(broken), PLAN, like)
        assert caught.value.code == code


def test_what_refers_to_a_process_is_looked_at_again_when_it_has_gone(
    fit_map: SaveStateMap,
) -> None:
    fit = write(fit_map)
    gone = fit_map.proc.pop(2)  # it has a descriptor
    with pytest.raises(MapError, match=f"pid {gone.pid}.*no such process"):
        validate(write(fit_map), PLAN, (validate(fit, PLAN), fit))


def test_every_fault_of_level_2_is_tried() -> None:
    assert {row[1] for row in BROKEN} == {fault for fault in Fault if fault.level == 2}


def test_the_echo_may_be_where_echoes_are(fit_map: SaveStateMap) -> None:
    echo = read(write(fit_map))
    move(echo, PLAN.echo.lo)
    assert faults(write(echo), PLAN) == []


def test_shared_frames_may_be_in_several_places(fit_map: SaveStateMap) -> None:
    fit_map.vma.insert(2, Vma(2, 0x8048000, 0x8049000, 5))
    fit_map.frame.insert(3, Frame(2, 0x8048000, 0x1801000, 1, 1))
    assert faults(write(fit_map), PLAN) == []


def test_locks_that_agree_are_fit(fit_map: SaveStateMap) -> None:
    fit_map.file.append(File(20, FileKind.REGULAR, dev_ino=3))
    fit_map.file.append(File(21, FileKind.REGULAR, dev_ino=4))
    fit_map.lock += [
        Lock(10, 4, LockKind.POSIX, LockType.WRITE, 32, 40),
        Lock(20, 0, LockKind.FLOCK, LockType.READ),
        Lock(21, 0, LockKind.FLOCK, LockType.WRITE),
        Lock(21, 3, LockKind.POSIX, LockType.WRITE, 0, 8),
        Lock(21, 3, LockKind.POSIX, LockType.READ, 8, 16),
    ]
    assert faults(write(fit_map), PLAN) == []


def test_a_parent_waits_for_its_vfork(fit_map: SaveStateMap) -> None:
    wait(fit_map, WaitKind.VFORK, 5)
    fit_map.task[4].vfork_parent = 1
    assert faults(write(fit_map), PLAN) == []


def test_a_stop_may_still_have_to_be_reported(fit_map: SaveStateMap) -> None:
    fit_map.proc[2].state = ProcState.STOPPED
    fit_map.task[2].stop_signal, fit_map.task[2].wait_flags = 19, WaitFlag.STOP
    assert faults(write(fit_map), PLAN) == []


def test_a_map_of_1_0_has_neither_tasks_nor_terminals(fit_map: SaveStateMap) -> None:
    fit_map.task, fit_map.tty, fit_map.system = [], [], []
    assert faults(write(fit_map), PLAN) == []


@pytest.mark.parametrize("second", [-1, 0, 1])
def test_the_cmos_may_be_a_second_off(fit_map: SaveStateMap, second: int) -> None:
    fit_map.time.real_ns += second * 10**9
    assert faults(write(fit_map), PLAN) == []


def test_a_kernel_need_not_say_what_the_cmos_has(fit_map: SaveStateMap) -> None:
    fit_map.time.cmos_date_bcd = fit_map.time.cmos_time_bcd = 0
    assert faults(write(fit_map), PLAN) == []


def test_any_number_of_locks_is_held_against_each_other_in_no_time(fit_map: SaveStateMap) -> None:
    read_lock = [Lock(10, 3, LockKind.POSIX, LockType.READ, n, n + 1) for n in range(100, 20_100)]
    fit_map.lock = [*read_lock[:-1], Lock(10, 5, LockKind.POSIX, LockType.WRITE, 20_098, 20_100)]
    began = time.process_time()
    found = [fault.where for fault in faults(write(fit_map), PLAN)]
    assert found == ["section LOCK file_id 10 pid 5 start 0x4e82"]
    assert time.process_time() - began < 5  # not each compared with each
