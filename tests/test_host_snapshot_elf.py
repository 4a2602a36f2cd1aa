"""The file of a snapshot: whatever is wrong with it is found, and other tools read it."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from pathlib import Path

import msgspec
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from hotswap.host.board import BoardConfig, open_board
from hotswap.host.guest import Guest
from hotswap.host.snapshot import Snapshot, read_core, read_snapshot, take_snapshot, write_snapshot
from hotswap.host.snapshot_elf import NT_MACHINE, NT_SEAL, OWNER, SnapshotError, build_core
from hotswap.host.snapshot_state import VERSION, encode_machine

RAM = b"every byte of RAM counts" * 500
RAM_AT = 0x7000
FILES = ["machine.snap", "machine.snap.zst"]


async def small_snapshot() -> Snapshot:
    """Of a machine that was never started, with a little in its RAM."""
    async with open_board(BoardConfig(memory=1, deterministic=True, switchover=False)) as board:
        board.processor.write_memory(RAM_AT, RAM, by="test")
        return await take_snapshot(board)


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return trio.run(small_snapshot)


@pytest.fixture(scope="module", params=FILES)
def saved(
    request: pytest.FixtureRequest, snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory
) -> bytes:
    """A good file."""
    path = tmp_path_factory.mktemp("good") / request.param
    write_snapshot(path, snapshot)
    assert read_snapshot(path).machine == snapshot.machine
    return bytes(path.read_bytes())


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a bad file goes."""
    return tmp_path_factory.mktemp("bad") / "bad.snap"


def refusal(path: Path, content: bytes) -> str:
    """What is said when `content` is read as a snapshot; that it is refused, and only thus."""
    path.write_bytes(content)
    with pytest.raises(SnapshotError) as refused:
        read_snapshot(path)
    return str(refused.value)


def flipped(content: bytes, at: int, bits: int) -> bytes:
    return content[:at] + bytes([content[at] ^ bits]) + content[at + 1 :]


@settings(max_examples=250)
@given(place=st.integers(0, 1 << 32), bits=st.integers(1, 255))
def test_a_byte_that_changed_anywhere_is_found(
    saved: bytes, bad: Path, place: int, bits: int
) -> None:
    """But for bits of a zstd frame that no decompressor looks at."""
    changed = flipped(saved, place % len(saved), bits)
    if means_the_same(changed, saved, bad):
        return
    why = refusal(bad, changed)
    assert re.search("damaged|no snapshot|cut short", why)
    assert str(bad) in why


def means_the_same(content: bytes, saved: bytes, bad: Path) -> bool:
    """Whether they are zstd frames around one and the same core."""
    if saved.startswith(b"\x7fELF"):
        return False
    cores = []
    for each in (saved, content):
        bad.write_bytes(each)
        try:
            cores.append(read_core(bad))
        except SnapshotError:
            return False
    return cores[0] == cores[1]


def test_each_bit_of_the_headers_counts(saved: bytes, bad: Path) -> None:
    for at in range(160):
        changed = flipped(saved, at, 1 << at % 8)
        if not means_the_same(changed, saved, bad):
            refusal(bad, changed)


def test_each_part_of_the_file_counts(saved: bytes, bad: Path) -> None:
    if saved.startswith(b"\x7fELF"):
        parts = {
            "seal": saved.index(OWNER) + len(OWNER),
            "machine": saved.index(b"written_by"),
            "ram": saved.index(RAM[:24]),
            "last": len(saved) - 1,
        }
    else:
        parts = {"magic": 0, "size": 5, "block": len(saved) // 2, "checksum": len(saved) - 1}
    for at in parts.values():
        refusal(bad, flipped(saved, at, 0x10))


@settings(max_examples=100)
@given(place=st.integers(0, 1 << 32))
def test_a_file_that_is_cut_short_is_found(saved: bytes, bad: Path, place: int) -> None:
    refusal(bad, saved[: place % len(saved)])


@settings(max_examples=100)
@given(content=st.binary(max_size=300))
def test_what_never_was_a_snapshot_is_refused(bad: Path, content: bytes) -> None:
    refusal(bad, content)
    refusal(bad, b"\x7fELF" + content)
    refusal(bad, b"\x28\xb5\x2f\xfd" + content)


def test_what_was_appended_is_found(saved: bytes, bad: Path) -> None:
    if saved.startswith(b"\x7fELF"):
        assert "damaged" in refusal(bad, saved + b"more")


def core(snapshot: Snapshot, version: int, machine: bytes) -> bytes:
    """A file with this machine note, whole and sealed."""
    return b"".join(build_core(version, [], machine, [], snapshot.machine.ram, snapshot.ram))


def test_a_newer_version_is_refused_by_its_number(snapshot: Snapshot, bad: Path) -> None:
    why = refusal(bad, core(snapshot, VERSION + 1, encode_machine(snapshot.machine)))
    assert f"version {VERSION + 1} is newer than {VERSION}; use a newer hotswap-host" in why


def test_a_machine_note_that_does_not_fit_is_refused(snapshot: Snapshot, bad: Path) -> None:
    fields = msgspec.msgpack.decode(encode_machine(snapshot.machine))
    del fields["cpu"]
    why = refusal(bad, core(snapshot, VERSION, msgspec.msgpack.encode(fields)))
    assert "does not fit this hotswap-host" in why
    assert "`cpu`" in why


def test_ram_that_is_missing_is_refused(snapshot: Snapshot, bad: Path) -> None:
    less = snapshot._replace(ram=[part[:-4096] for part in snapshot.ram])
    assert "cut short" in refusal(bad, core(less, VERSION, encode_machine(snapshot.machine)))


def test_fields_this_version_does_not_know_are_passed_over(snapshot: Snapshot, bad: Path) -> None:
    """That is how fields are added without a new version."""
    fields = msgspec.msgpack.decode(encode_machine(snapshot.machine)) | {"later": [1, 2, 3]}
    bad.write_bytes(core(snapshot, VERSION, msgspec.msgpack.encode(fields)))
    assert read_snapshot(bad).machine == snapshot.machine


# -- other tools --------------------------------------------------------------------------------


async def running_machine() -> tuple[Snapshot, int]:
    """The reference kernel with paging on, and where it stands."""
    async with open_board(BoardConfig(deterministic=True)) as board:
        guest = Guest(board)
        guest.boot(["pipes:20"])
        await guest.pass_time(20_000_000)
        taken = await take_snapshot(board)
        return taken, taken.machine.cpu.cs.base + taken.machine.cpu.eip


@pytest.fixture(scope="module")
def core_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Snapshot, int]:
    snapshot, eip = trio.run(running_machine)
    path = tmp_path_factory.mktemp("core") / "machine.snap"
    write_snapshot(path, snapshot)
    return path, snapshot, eip


def output_of(*command: str | Path) -> str:
    done = subprocess.run(
        command, capture_output=True, check=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    return done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("readelf"), reason="NOT TESTED: readelf is missing")
def test_readelf_reads_it(core_file: tuple[Path, Snapshot, int]) -> None:
    path, snapshot, _ = core_file
    said = output_of("readelf", "--wide", "-h", "-l", "-n", path)
    assert "CORE (Core file)" in said
    assert "Intel 80386" in said
    assert "NT_PRSTATUS" in said
    assert "NT_FPREGSET" in said
    for kind in (NT_SEAL, NT_MACHINE):
        assert re.search(rf"HOTSWAP\s+0x[0-9a-f]+.*\(0x{kind:08x}\)", said)
    loads = re.findall(r"^\s+LOAD\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)", said, re.MULTILINE)
    identity = [load for load in loads if load[1] == load[2]]
    assert sum(int(load[4], 16) for load in identity) >= snapshot.machine.ram_size
    assert "Warning" not in said
    assert "Error" not in said


@pytest.mark.skipif(not shutil.which("gdb"), reason="NOT TESTED: gdb is missing")
def test_gdb_sees_the_registers_and_what_the_guest_sees(
    core_file: tuple[Path, Snapshot, int],
) -> None:
    path, snapshot, eip = core_file
    cpu = snapshot.machine.cpu
    asked = ("p/x $eip", "p/x $esp", "p/x $cs", f"x/2xw {eip}")
    commands = [f"-ex={line}" for line in asked]
    said = output_of("gdb", "-nx", "-batch", "-ex=set arch i386", *commands, f"--core={path}")
    assert f"= {eip:#x}\n" in said
    assert f"= {(cpu.ss.base + cpu.esp) & 0xFFFFFFFF:#x}\n" in said
    assert f"= {cpu.cs.selector:#x}\n" in said
    (words,) = re.findall(rf"^{eip:#x}:\s+(\S+)\s+(\S+)$", said, re.MULTILINE)
    code = struct.pack("<2I", *(int(word, 16) for word in words))
    assert code in b"".join(snapshot.ram)
