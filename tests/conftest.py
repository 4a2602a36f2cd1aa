"""What several test files share."""

import ctypes
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from hotswap.host.loader import LoadError
from hotswap.host.logs import configure
from hotswap.host.rom import BIOS, find_rom
from hotswap.switchover.layout import Record, layout_of
from hotswap.switchover.records import (
    Dev,
    Fd,
    File,
    FileKind,
    Frame,
    FrameKind,
    Inode,
    Lock,
    LockKind,
    LockType,
    Log,
    Pipe,
    Proc,
    ProcState,
    Regs,
    Restart,
    RestartFlag,
    Sigact,
    System,
    Task,
    Time,
    Timer,
    TimerKind,
    Tty,
    TtyFlag,
    Vma,
    VmaKind,
    WaitKind,
    Xstate,
)
from hotswap.switchover.savemap import SaveStateMap
from hotswap.switchover.schema import KINDS, Header, SectionType

settings.register_profile("usual", deadline=None)  # test hosts are slow and busy
settings.load_profile("usual")
settings.register_profile("campaign", max_examples=10_000, deadline=None)  # nox -s campaign
INCLUDE = Path(__file__).parents[1] / "examples" / "refkernel" / "include"


@pytest.fixture
def fit_map() -> SaveStateMap:
    """A map with something in every section and nothing wrong with it."""
    found = SaveStateMap(
        header=Header(txn=7, generation=3, src_build=b"1" * 16, phys_lo=0x2000000),
        time=Time(
            9_000_000_000,
            1_700_000_000_000_000_000,
            5_000_000,
            0x221320,
            0x20231114,
            100,
            2,
            idle_ns=7_000_000_000,
            last_pid=6,
            load1=0x8000,
        ),
        proc=[
            Proc(1, 0, b"init", ProcState.BLOCKED, WaitKind.PAUSE, regs=Regs(eax=29), pgrp=1),
            Proc(
                2,
                1,
                b"reader",
                ProcState.BLOCKED,
                WaitKind.PIPE_READ,
                5,
                brk=0x8060000,
                pgrp=2,
                sid=2,
                restart_nr=3,
            ),
            Proc(
                3,
                2,
                b"x87",
                used_fpu=1,
                fpu=bytes(range(108)),
                regs=Regs(eip=0x8048123),
                pgrp=2,
                sid=2,
            ),
            Proc(4, 1, b"sleeper", ProcState.BLOCKED, WaitKind.SLEEP, restart_nr=162),
            Proc(5, 1, b"clock", ProcState.BLOCKED, WaitKind.TIMER_READ, 14),
            Proc(6, 1, b"gone", ProcState.ZOMBIE, exit_code=0x100),
        ],
        vma=[
            Vma(1, 0x8048000, 0x804A000, 5, VmaKind.FILE, 10),
            Vma(1, 0x804A000, 0x804B000, 3, VmaKind.HEAP),
            Vma(2, 0xBFFFF000, 0xC0000000, 3, VmaKind.STACK),
        ],
        frame=[
            Frame(0, 0, 0x1800000, 64, FrameKind.RAMDISK),
            Frame(1, 0x8048000, 0x1801000, 2, FrameKind.SHARED),
            Frame(1, 0x804A000, 0x300000, 1),
            Frame(2, 0xBFFFF000, 0x301000, 1),
        ],
        file=[
            File(10, FileKind.REGULAR, refs=2, dev_ino=3, offset=17, path_off=0, path_len=9),
            File(11, FileKind.TTY, refs=1),
            File(12, FileKind.PIPE_READ, refs=1, dev_ino=5),
            File(13, FileKind.PIPE_WRITE, refs=1, dev_ino=5),
            File(14, FileKind.TIMER, refs=1, dev_ino=1),
        ],
        fd=[Fd(1, 0, 10), Fd(1, 1, 11), Fd(2, 0, 12), Fd(2, 1, 13), Fd(3, 0, 10), Fd(5, 3, 14)],
        pipe=[Pipe(5, seq=99, data=b"hello")],
        timer=[
            Timer(4, TimerKind.SLEEP, 250_000_000),
            Timer(1, TimerKind.ITIMER_REAL, 10_000_000, 20_000_000),
            Timer(0, TimerKind.TIMERFD, 5_000_000, 0, 14),
        ],
        log=[Log(2, 1, 0x10, 0x1234)],
        sigact=[Sigact(1, 14, 0x8048200, 4, mask=1 << 13)],
        task=[
            Task(1, 1, cwd_off=9, cwd_len=1, exe_off=10, exe_len=9, start_ns=5_000_000),
            Task(2, 2, tty=1, uid=1000, altstack_sp=0xBFFFF000, altstack_size=0x800),
            Task(3, 3, tty=1, dr7=1, dr0=0x8048123, tls0=0x00CFF2000000FFFF),
            Task(4, 4),
            Task(5, 5, umask=0o077),
            Task(6, 6),
        ],
        restart=[
            Restart(2, 3, 0, 0xBFFFF100, 512, moved=3),
            Restart(4, 162, 0xBFFFF000, left_ns=250_000_000, flags=RestartFlag.LEFT),
        ],
        tty=[
            Tty(
                1,
                0x500,
                5,
                0xBF,
                0x8A3B,
                cc=b"\x03\x1c\x7f\x15\x04" + bytes(27),
                rows=25,
                cols=80,
                sid=2,
                pgrp=2,
                flags=TtyFlag.STOPPED,
                column=7,
                in_off=19,
                in_len=5,
                edit_off=24,
                edit_len=2,
                out_off=26,
                out_len=3,
                line_column=3,
                escape_off=27,
                escape_len=1,
            ),
        ],
        lock=[
            Lock(10, 0, LockKind.FLOCK, LockType.READ),
            Lock(10, 3, LockKind.POSIX, LockType.WRITE, 16, 32),
        ],
        xstate=[Xstate(3, data=bytes(range(256)) * 2)],
        inode=[
            Inode(0x10001, mode=0o40700, name_off=29, name_len=3),
            Inode(
                0x10002,
                0x10001,
                0o100600,
                vaddr=0x40000000,
                size=5000,
                mtime_ns=1 << 60,
                name_off=32,
                name_len=4,
            ),
            Inode(0x10003, 0, 0o120777, size=3, name_off=36, name_len=4, link_off=29, link_len=3),
        ],
        system=[System(1, 0, 40, 5)],
        blob=b"/etc/motd//bin/initline\nhaoutdirfilelinkquiet",
    )
    found.put_device(Dev(1, 4 << 16 | 0x3F8, b"uart", 1), b"\x81\xa4data\x07")
    return found


def _random_record(record: type[Record], chance: random.Random) -> Record:
    values: list[object] = []
    for field in layout_of(record).fields:
        if field.nested:
            values.append(_random_record(field.nested, chance))
        elif field.word.length:
            values.append(chance.randbytes(field.size - 1) + b"\1")
        else:
            values.append(chance.choice([0, 1, chance.getrandbits(8 * field.size)]))
    return record(*values)


@pytest.fixture(scope="session")
def random_map() -> Callable[[random.Random], SaveStateMap]:
    """Makes maps with random sections of random records: well formed, but without sense."""

    def make(chance: random.Random) -> SaveStateMap:
        found = SaveStateMap(blob=chance.randbytes(chance.choice([0, 1, 8, 99])))
        for kind in KINDS.values():
            count = chance.choice([0, 0, 1, 2, 3])
            records = [_random_record(kind.record, chance) for _ in range(count)]
            if kind.section is SectionType.TIME:
                found.time = Time(mono_ns=chance.getrandbits(64))
            elif kind.section is not SectionType.BLOB:
                setattr(found, kind.section.name.lower(), records)
        for pipe in found.pipe:
            pipe.data = chance.randbytes(chance.choice([0, 1, 7, 8, 9, 100]))
            pipe.len = len(pipe.data)
        return found

    return make


@pytest.fixture(scope="session")
def compile_c(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ctypes.CDLL]:
    """Compiles C that includes ssm.h and loads it; skips where there is no gcc (CI has one)."""
    if not shutil.which("gcc"):
        pytest.skip("NOT TESTED: gcc is missing, so ssm.h was not compiled")
    folder = tmp_path_factory.mktemp("c")

    def build(source: str) -> ctypes.CDLL:
        number = len(list(folder.iterdir()))
        text, library = folder / f"{number}.c", folder / f"{number}.so"
        text.write_text("#define SSM_SOFT_CRC\n" + source)
        warnings = ["-Wall", "-Wextra", "-Werror"]
        subprocess.run(
            ["gcc", "-O1", "-shared", "-fPIC", *warnings, f"-I{INCLUDE}", "-o", library, text],
            check=True,
        )
        return ctypes.CDLL(str(library))

    return build


@pytest.fixture(autouse=True, scope="session")
def quiet_log() -> None:
    """Only errors are logged, to stderr: tests read what they want to know."""
    configure("error")


@pytest.fixture(scope="session")
def seabios() -> Path:
    """SeaBIOS for a test that boots by it; skips, or fails where the gate wants everything."""
    try:
        return find_rom(BIOS, "boot.bios")
    except LoadError as error:
        said = f"NOT TESTED: {error}"
        if os.environ.get("HOTSWAP_HOST_WORKLOADS_REQUIRED"):
            pytest.fail(said)
        pytest.skip(said)
