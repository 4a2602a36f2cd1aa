"""A map made one of 1.0 by ssm_downgrade.h: what 1.0 can say it says, the rest it names."""

import ctypes
import struct
from collections.abc import Callable
from typing import TypeAlias

import pytest

from hotswap.switchover.memory import MIB, plan_memory
from hotswap.switchover.records import (
    FrameKind,
    Inode,
    Lock,
    ProcState,
    RestartFlag,
    Siginfo,
    Task,
    TimerKind,
    Tty,
    WaitKind,
    Xstate,
)
from hotswap.switchover.savemap import SaveStateMap, read, write
from hotswap.switchover.schema import KINDS, SectionType
from hotswap.switchover.validate import faults

Downgrade: TypeAlias = Callable[[SaveStateMap], tuple[bytes, tuple[int, int]]]
Compile = Callable[[str], ctypes.CDLL]
LFLAG = 0o13


@pytest.fixture
def downgrade(compile_c: Compile) -> Downgrade:
    """The bytes of a map made one of 1.0, and what cannot be said: section and key."""
    library = compile_c("""
        #include "ssm.h"
        #include "ssm_downgrade.h"
        uint32_t downgrade(void *map, uint32_t minor, struct ssm_unsaid *unsaid)
        { return ssm_downgrade(map, minor, unsaid); }""")

    def run(found: SaveStateMap) -> tuple[bytes, tuple[int, int]]:
        data = write(found)
        memory = ctypes.create_string_buffer(data, len(data))
        unsaid = ctypes.create_string_buffer(8)
        size = library.downgrade(memory, 0, unsaid)
        section, key = struct.unpack("<II", unsaid.raw)
        return memory.raw[:size], (section, key)

    return run


@pytest.fixture
def plain_map(fit_map: SaveStateMap) -> SaveStateMap:
    """A map of 1.1 that says nothing 1.0 could not."""
    fit_map.lock, fit_map.xstate, fit_map.inode, fit_map.siginfo = [], [], [], []
    for task in fit_map.task:
        for name in ("uid", "altstack_sp", "altstack_size", "dr0", "dr7", "tls0"):
            setattr(task, name, 0)
        task.umask = 0o022
    tty = fit_map.tty[0]
    tty.flags = tty.edit_len = tty.out_len = tty.escape_len = 0
    tty.lflag = LFLAG
    fit_map.tty.append(Tty(2))
    return fit_map


def test_a_map_of_1_0_has_its_sections_only_and_is_fit(
    downgrade: Downgrade, plain_map: SaveStateMap
) -> None:
    data, unsaid = downgrade(plain_map)
    assert unsaid == (0, 0)
    old = read(data)
    assert old.header.minor == 0
    assert {entry.type for entry in old.table} == {
        kind.section for kind in KINDS.values() if not kind.since
    }
    assert all(entry.rec_size == KINDS[entry.type].least for entry in old.table)
    assert faults(data, plan_memory(64 * MIB)) == []


def test_what_both_versions_know_is_kept(downgrade: Downgrade, plain_map: SaveStateMap) -> None:
    old = read(downgrade(plain_map)[0])
    for section in (
        SectionType.PROC,
        SectionType.VMA,
        SectionType.FRAME,
        SectionType.FD,
        SectionType.PIPE,
        SectionType.TIMER,
        SectionType.DEV,
        SectionType.SIGACT,
    ):
        assert old.records(section) == plain_map.records(section), section  # fmt: skip
    assert (old.time.mono_ns, old.time.real_ns) == (plain_map.time.mono_ns, plain_map.time.real_ns)
    assert (old.time.idle_ns, old.time.last_pid) == (0, 0)


def test_unread_input_is_where_1_0_looks_for_it(
    downgrade: Downgrade, plain_map: SaveStateMap
) -> None:
    old = read(downgrade(plain_map)[0])
    (console,) = (file for file in old.file if file.file_id == 11)
    assert old.text(console.path_off, console.path_len) == b"line\n"


def test_a_map_that_need_not_change_is_left_as_it_is(compile_c: Compile) -> None:
    library = compile_c("""
        #include "ssm.h"
        #include "ssm_downgrade.h"
        uint32_t downgrade(void *map)
        { struct ssm_unsaid unsaid; return ssm_downgrade(map, SSM_MINOR, &unsaid); }""")
    data = write(SaveStateMap())
    memory = ctypes.create_string_buffer(data, len(data))
    assert library.downgrade(memory) == len(data)
    assert memory.raw == data


def wait(found: SaveStateMap, kind: WaitKind, state: ProcState = ProcState.BLOCKED) -> None:
    found.proc[0].wait_kind, found.proc[0].state = kind, state


Change = Callable[[SaveStateMap], object]
UNSAID: list[tuple[str, tuple[int, int], Change]] = [
    ("poll", (2, 1), lambda m: wait(m, WaitKind.POLL)),
    ("stopped in poll", (2, 1), lambda m: wait(m, WaitKind.POLL, ProcState.STOPPED)),
    ("pages of /tmp", (4, 0), lambda m: setattr(m.frame[0], "kind", FrameKind.TMP)),
    ("device", (6, 10), lambda m: setattr(m.file[0], "kind", 6)),
    ("second terminal", (6, 11), lambda m: setattr(m.file[1], "dev_ino", 2)),
    ("virtual timer", (11, 1), lambda m: setattr(m.timer[1], "kind", TimerKind.ITIMER_VIRTUAL)),
    ("mask", (18, 2), lambda m: setattr(m.restart[0], "flags", RestartFlag.MASK)),
    ("lock", (20, 10), lambda m: m.lock.append(Lock(10))),
    ("processor state", (21, 3), lambda m: m.xstate.append(Xstate(3))),
    ("what a signal tells", (24, 3), lambda m: m.siginfo.append(Siginfo(3, 0, 10))),
    ("something in /tmp", (22, 7), lambda m: m.inode.append(Inode(7))),
    *((f"task's {name}", (17, 6), lambda m, name=name, value=value: setattr(m.task[5], name, value))
      for name, value in {
          "tgid": 1, "tty": 2, "uid": 1, "euid": 1, "suid": 1, "fsuid": 1, "gid": 1, "egid": 1,
          "sgid": 1, "fsgid": 1, "umask": 0, "cwd_len": 2, "root_len": 2, "exit_signal": 0,
          "altstack_size": 4096, "vfork_parent": 1, "stop_signal": 19, "wait_flags": 1, "nice": 1,
          "tls0": 1, "tls1": 1, "tls2": 1, "dr0": 1, "dr1": 1, "dr2": 1, "dr3": 1, "dr7": 1,
      }.items()),
    *((f"terminal's {name}", (19, 1),
       lambda m, name=name, value=value: setattr(m.tty[0], name, value))
      for name, value in {
          "flags": 1, "edit_len": 1, "out_len": 1, "escape_len": 1, "lflag": LFLAG & ~2,
      }.items()),
    ("input with an end of file", (19, 1),
     lambda m: setattr(m, "blob", m.blob.replace(b"line", b"li\xff\0"))),
    ("input of a second terminal", (19, 2), lambda m: setattr(m.tty[1], "in_len", 1)),
    ("session of a second terminal", (19, 2), lambda m: setattr(m.tty[1], "sid", 2)),
]  # fmt: skip


@pytest.mark.parametrize(("unsaid", "change"), [row[1:] for row in UNSAID],
                         ids=[row[0] for row in UNSAID])  # fmt: skip
def test_what_1_0_has_no_words_for_is_named(
    downgrade: Downgrade, plain_map: SaveStateMap, unsaid: tuple[int, int], change: Change
) -> None:
    change(plain_map)
    assert downgrade(plain_map) == (b"", unsaid)


def test_nobody_hears_of_the_end_of_init(downgrade: Downgrade, plain_map: SaveStateMap) -> None:
    plain_map.task[0].exit_signal = 0
    assert downgrade(plain_map)[1] == (0, 0)


def test_every_field_of_a_task_is_looked_at_or_of_no_matter() -> None:
    tried = {row[0].removeprefix("task's ") for row in UNSAID if row[0].startswith("task's ")}
    of_no_matter = {
        "pid", "cwd_off", "root_off", "exe_off", "exe_len", "altstack_sp", "altstack_flags",
        "cutime_ns", "cstime_ns", "start_ns", "dr6", "minflt", "majflt", "did_exec", "rsvd",
    }  # fmt: skip
    assert tried | of_no_matter == set(Task.__struct_fields__) - {"extra"}
