"""The shipped initrd: what is in it, and that its programs say `ok` under this machine's Linux.

What runs natively here runs on the example kernels later, so a failure there is the kernel's.
"""

import hashlib
import os
import platform
import pty
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
ARCHIVE = ROOT / "switchover" / "guest" / "initrd.cpio"
README = ROOT / "examples" / "initrd" / "README.md"
KLIBC = README.parent / "klibc"
SECONDS = 60
# command -> checks it makes; every program ends, with or without a kernel below it that changes
PROGRAMS = {
    "memory 2 8": 81,
    "registers 2 100000": 60,
    "x87 4": 44,
    "repeater 1 4": 12,
    "repeater 2 4": 12,
    "repeater 3 4": 16,
    "interrupted 20": 58,
    "poller 50": 23,
    "ppoller 50": 59,
    "errors": 117,
    "xmm 4": 37,
    "pipes 3 20": 1860,
    "sleeper 4": 14,
    "timer 3 10": 21,
    "waiter 1": 28,
    "files 2": 88,
    "clock 3": 37,
    "ticker 3": 3,
    "forker 1": 8,
    "sorter 1": 3,
    "catter 1": 20,
    "faults 1": 54,
    "signals 1": 29,
    "selfmod 2": 3,
    "bugcheck 2 1": 4,
    "dirty 8 5": 6,
    "busy 8 5": 7,
    "still 200": 11370,
}


class Entry(NamedTuple):
    path: str
    mode: int
    numbers: list[int]
    content: bytes


def entries(archive: bytes) -> Iterator[Entry]:
    """Walk a cpio archive in the "new ASCII" format (cpio(5))."""
    at = 0
    while True:
        assert archive[at : at + 6] == b"070701"
        numbers = [int(archive[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        name_at, size, name_size = at + 110, numbers[6], numbers[11]
        content_at = (name_at + name_size + 3) & ~3
        path = archive[name_at : name_at + name_size - 1].decode()
        if path == "TRAILER!!!":
            return
        yield Entry(path, numbers[1], numbers, archive[content_at : content_at + size])
        at = (content_at + size + 3) & ~3


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("initrd")
    (root / "tmp").mkdir()
    for entry in entries(ARCHIVE.read_bytes()):
        if entry.mode & 0o040000:
            (root / entry.path).mkdir()
        else:
            (root / entry.path).write_bytes(entry.content)
            (root / entry.path).chmod(entry.mode & 0o777)
    return root


@pytest.fixture(scope="module")
def natively(tree: Path) -> list[str]:
    """The command that runs a program with the initrd as its root folder."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("NOT TESTED: i386 programs run natively on x86-64 Linux only")
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("NOT TESTED: unshare(1) of util-linux is missing")
    inside = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = [unshare, *inside, f"--root={tree}"]
    probe = subprocess.run([*command, "/bin/ticker", "1"], check=False, capture_output=True)
    if probe.returncode:
        pytest.skip(f"NOT TESTED: {' '.join(command)} /bin/ticker: {probe.stderr.decode()}")
    return command


def run(natively: list[str], program: str) -> tuple[int, str]:
    name, *words = program.split()
    command = [*natively, f"/bin/{name}", *words]
    done = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=SECONDS
    )
    return done.returncode, done.stdout.decode()


def test_the_archive_tells_nothing_of_where_and_when_it_was_made() -> None:
    for entry in entries(ARCHIVE.read_bytes()):
        uid, gid, _links, mtime = entry.numbers[2:6]
        assert (uid, gid, mtime) == (0, 0, 0)
        assert str(ROOT).encode() not in entry.content
        assert b"GCC:" not in entry.content or "klibc" in entry.path or entry.path == "bin/cat"


def test_inode_numbers_differ_and_folders_come_first() -> None:
    found = list(entries(ARCHIVE.read_bytes()))
    assert len({entry.numbers[0] for entry in found}) == len(found)
    seen = {"."}
    for entry in found:
        assert os.path.dirname(entry.path) in seen | {""}  # noqa: PTH120
        seen.add(entry.path)


def test_the_klibc_files_are_debians(tree: Path) -> None:
    told = dict(re.findall(r"`klibc/([\w.-]+)`.*\| `([0-9a-f]{64})`", README.read_text()))
    assert set(told) == {file.name for file in KLIBC.iterdir()}
    for name, digest in told.items():
        path = tree / ("lib" if name.endswith(".so") else "bin") / name
        if name == "copyright":
            path = tree / "etc" / "copyright.klibc"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, name


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_checks_itself(natively: list[str], program: str) -> None:
    status, output = run(natively, program)
    name, *_ = program.split()
    assert output.splitlines()[-1:] == [f"{name} ok {PROGRAMS[program]}"]
    assert status == 0


def test_a_tick_carries_the_checksum_of_all_before_it(natively: list[str]) -> None:
    _, output = run(natively, "ticker 5")
    crc, ticks = 0, output.splitlines()[:-1]
    assert len(ticks) == 5
    for number, line in enumerate(ticks, start=1):
        text = f"tick {number:06} of 000005 "
        crc = zlib.crc32(text.encode(), crc)
        assert line == f"{text}{crc:08x}"


def test_bugcheck_finds_linux_without_v1s_bug(natively: list[str]) -> None:
    assert run(natively, "bugcheck 3 1") == (0, "bugcheck: fixed\nbugcheck ok 6\n")


def test_init_starts_what_it_is_told_and_counts(natively: list[str]) -> None:
    status, output = run(natively, "init sorter:1 dirty*3:4:2")
    assert output.splitlines()[-1] == "init: all ok 4 programs"
    assert output.count("dirty ok 3\n") == 3
    assert status == 0


def test_init_starts_the_inittab_when_it_is_told_nothing(natively: list[str]) -> None:
    status, output = run(natively, "init")
    assert output.splitlines()[-1] == "init: all ok 13 programs"
    assert status == 0


def test_init_tells_of_failures(natively: list[str]) -> None:
    status, output = run(natively, "init sorter:1:99999999 nothing sorter:1")
    assert "sorter FAILED 99999999 words are not 1 to 65536\n" in output
    assert "init: sorter exits with 1\n" in output
    assert "init: nothing cannot be started: error 2\n" in output
    assert output.splitlines()[-1] == "init: 2 of 3 programs failed"
    assert status == 1


def test_cat_is_a_program_like_any_other(natively: list[str], tree: Path) -> None:
    assert run(natively, "cat /etc/motd") == (0, (tree / "etc" / "motd").read_text())


def test_the_reader_takes_lines_from_a_terminal(natively: list[str]) -> None:
    typist, console = pty.openpty()
    reader = subprocess.Popen(
        [*natively, "/bin/reader", "3"], stdin=console, stdout=subprocess.PIPE
    )
    os.close(console)
    os.write(typist, b"line 1\nline 2\nlinx\x7fe 3\n")
    output, _ = reader.communicate(timeout=SECONDS)
    os.close(typist)
    assert output == b"reader waits for 3 lines\nreader ok 3\n"


def test_a_held_program_stays(natively: list[str]) -> None:
    with subprocess.Popen([*natively, "/bin/sorter", "1", "hold"], stdout=subprocess.PIPE) as held:
        assert held.stdout is not None
        assert held.stdout.readline() == b"sorter ok 3\n"
        state = "R"
        while state == "R":
            state = Path(f"/proc/{held.pid}/stat").read_text().rpartition(") ")[2][0]
        held.kill()
        assert state == "S"  # in pause(); a program that ends shows Z
