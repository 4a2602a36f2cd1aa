"""RAM's rollback point against a model, its bounds, and windows that can be taken back."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotswap.cpu import CommitError, MemoryBoundsError, Ram, RamWindow, Run
from hotswap.cpu.ram import HOLE

PAGE = 4096
SIZE = 8 << 20
USABLE = [page for page in range(SIZE // PAGE) if page * PAGE not in HOLE]


@pytest.fixture
def ram() -> Iterator[Ram]:
    memory = Ram(SIZE)
    yield memory
    memory.close()


def pages(runs: list[Run]) -> set[int]:
    return {page for run in runs for page in range(run.first, run.first + run.pages)}


STEP = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(USABLE), st.integers(1, 255)),
    st.tuples(st.just("read"), st.sampled_from(USABLE), st.just(0)),
    st.tuples(st.just("commit"), st.just(0), st.just(0)),
    st.tuples(st.just("roll back"), st.just(0), st.just(0)),
)


@given(steps=st.lists(STEP, max_size=60))
@settings(max_examples=60, deadline=None)
def test_commit_and_roll_back_are_those_of_a_model(steps: list[tuple[str, int, int]]) -> None:
    memory = Ram(SIZE)
    now: dict[int, int] = {}
    committed: dict[int, int] = {}
    dirty: set[int] = set()
    try:
        for what, page, value in steps:
            if what == "write":
                memory.store(page * PAGE + value, bytes([value]) * 8)
                now[page] = value
                dirty.add(page)
            elif what == "read":
                content = now.get(page, 0)
                assert memory.read(page * PAGE + content, 8) == bytes([content]) * 8
            elif what == "commit":
                assert memory.commit() == len(dirty)
                committed, dirty = dict(now), set()
            else:
                assert pages(memory.roll_back()) == dirty
                now, dirty = dict(committed), set()
            assert pages(memory.dirty_runs()) == dirty
        for page, value in now.items():
            assert memory.read(page * PAGE + value, 8) == bytes([value]) * 8
    finally:
        memory.close()


@pytest.mark.parametrize("runs", [1, 999, 1900])
def test_few_and_many_runs_are_rolled_back_alike(runs: int) -> None:
    memory = Ram(16 << 20)
    memory.store(0x100000, b"kept")
    memory.commit()
    written = range(256, 256 + 2 * runs, 2)
    for page in written:
        memory.store(page * PAGE, b"lost")
    assert memory.dirty_runs() == memory.roll_back() == [Run(page, 1) for page in written]
    assert memory.dirty_runs() == []
    assert memory.read(0x100000, 4) == b"kept"
    assert all(memory.read(page * PAGE, 4) == bytes(4) for page in written[1:])
    memory.close()


def test_a_file_is_where_it_starts_and_what_commit_writes() -> None:
    file = os.memfd_create("image")
    os.ftruncate(file, 1 << 20)
    os.pwrite(file, b"from the file", 0x5000)
    memory = Ram(1 << 20, file)
    assert memory.read(0x5000, 13) == b"from the file"
    memory.store(0x5000, b"to")
    assert os.pread(file, 4, 0x5000) == b"from"
    memory.commit()
    memory.close()
    assert os.pread(file, 4, 0x5000) == b"toom"
    os.close(file)


@pytest.mark.parametrize(
    ("start", "size"),
    [(SIZE - 1, 2), (-1, 1), (0, SIZE + 1), (0x9FFFF, 2), (0xA0000, 1), (0xBFFFF, 2), (5, -1)],
)
def test_what_is_not_ram_is_refused(ram: Ram, start: int, size: int) -> None:
    with pytest.raises(MemoryBoundsError):
        ram.read(start, size)
    if size > 0:
        with pytest.raises(MemoryBoundsError):
            ram.store(start, bytes(size))


def test_all_of_the_rest_is_ram(ram: Ram) -> None:
    for start, size in ((0, 0xA0000), (0xC0000, SIZE - 0xC0000), (SIZE, 0)):
        assert ram.read(start, size) == bytes(size)


@pytest.mark.parametrize("size", [0, 4096, (1 << 20) + 1, 1 << 32])
def test_sizes_no_board_has_are_refused(size: int) -> None:
    with pytest.raises(MemoryBoundsError):
        Ram(size)


def test_a_file_of_another_size_is_refused() -> None:
    file = os.memfd_create("image")
    with pytest.raises(MemoryBoundsError, match="0 bytes"):
        Ram(1 << 20, file)
    os.close(file)


def test_a_window_ends_where_it_was_cut_and_when_it_is_revoked(ram: Ram) -> None:
    window = RamWindow(ram, 0x3000, 0x100, ram.store)
    window.write(0xFC, b"last")
    assert ram.read(0x30FC, 4) == window.read(0xFC, 4) == b"last"
    for offset, size in ((0xFD, 4), (-1, 1), (0, 0x101)):
        with pytest.raises(MemoryBoundsError, match="outside the window"):
            window.read(offset, size)
        with pytest.raises(MemoryBoundsError, match="outside the window"):
            window.write(offset, bytes(size))
    window.revoke()
    with pytest.raises(MemoryBoundsError, match="revoked"):
        window.read(0, 1)
    with pytest.raises(MemoryBoundsError, match="revoked"):
        window.write(0, b"x")
    assert ram.read(0x3000, 1) == b"\0"


def test_no_window_reaches_beyond_ram(ram: Ram) -> None:
    with pytest.raises(MemoryBoundsError):
        RamWindow(ram, SIZE - 16, 32, ram.store)


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """Call it with a number of bytes: no file can be written beyond those. Undone at the end."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def allow(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield allow
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_commit_that_fails_half_way_leaves_the_rollback_point_as_it_was(
    tmp_path: Path, small_files: Callable[[int], None]
) -> None:
    with (tmp_path / "ram").open("w+b") as file:
        file.truncate(SIZE)
        memory = Ram(SIZE, file.fileno())
        low, high = 0x1000, 0x600000
        for address in (low, high):
            memory.store(address, b"point")
        memory.commit()
        for address in (low, high):
            memory.store(address, b"later")
        small_files(0x400000)
        for _ in range(2):  # a second failure must not take the first one's damage for the point
            with pytest.raises(CommitError, match="cannot be written to its file: File too large"):
                memory.commit()
            assert memory.read(low, 5) == memory.read(high, 5) == b"later"
        memory.roll_back()
        memory.roll_back()
        assert memory.read(low, 5) == memory.read(high, 5) == b"point"
        small_files(resource.RLIM_INFINITY)
        memory.commit()
        file.seek(low)
        assert file.read(5) == b"point"
        memory.close()


def test_each_commit_tells_what_is_in_the_file_now(tmp_path: Path) -> None:
    told: list[tuple[int, bytes]] = []
    with (tmp_path / "ram").open("w+b") as file:
        file.truncate(SIZE)
        memory = Ram(SIZE, file.fileno())
        memory.on_commit = lambda address, content: told.append((address, bytes(content)))
        memory.store(0x5000, b"x")
        memory.store(0x200FFF, b"yz")
        memory.commit()
        assert [(address, len(content)) for address, content in told] == [
            (0x5000, PAGE),
            (0x200000, 2 * PAGE),
        ]
        file.seek(0x200000)
        assert file.read(2 * PAGE) == told[1][1]
        memory.on_commit = None
        memory.close()
