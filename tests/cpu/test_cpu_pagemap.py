"""The page map: which pages were written to, by the quick way and by the old one."""

import ctypes
import os
import random
from collections.abc import Iterator

import pytest

from hotswap.cpu.host_memory import PAGE, drop_pages, map_pages, unmap_pages
from hotswap.cpu.pagemap import Pagemap, Run, runs_of

PAGES = 4096


@pytest.fixture
def mapped() -> Iterator[int]:
    """The address of a private mapping of a file; every other page has been read already."""
    file = os.memfd_create("pages")
    os.ftruncate(file, PAGES * PAGE)
    address = map_pages(PAGES * PAGE, file)
    os.close(file)
    for page in range(0, PAGES, 2):
        ctypes.string_at(address + page * PAGE, 1)
    yield address
    unmap_pages(address, PAGES * PAGE)


@pytest.fixture(params=["scan", "read"])
def pagemap(request: pytest.FixtureRequest) -> Iterator[Pagemap]:
    pagemap = Pagemap()
    if request.param == "read":
        pagemap._can_scan = False
    elif tuple(map(int, os.uname().release.split(".")[:2])) < (6, 7):
        pytest.skip("PAGEMAP_SCAN came with Linux 6.7")
    yield pagemap
    pagemap.close()


def write(address: int, page: int) -> None:
    ctypes.memset(address + page * PAGE, 1, 1)


def test_a_page_that_was_only_read_is_the_files(pagemap: Pagemap, mapped: int) -> None:
    assert pagemap.written(mapped, PAGES * PAGE) == []


def test_neighbours_are_one_run(pagemap: Pagemap, mapped: int) -> None:
    for page in (0, 1, 7, PAGES - 1):
        write(mapped, page)
    assert pagemap.written(mapped, PAGES * PAGE) == [Run(0, 2), Run(7, 1), Run(PAGES - 1, 1)]
    assert pagemap.written(mapped + PAGE, 7 * PAGE) == [Run(0, 1), Run(6, 1)]


def test_a_dropped_page_is_the_files_again(pagemap: Pagemap, mapped: int) -> None:
    write(mapped, 5)
    drop_pages(mapped + 5 * PAGE, PAGE)
    assert pagemap.written(mapped, PAGES * PAGE) == []


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_any_set_of_pages_is_found(pagemap: Pagemap, mapped: int, share: float) -> None:
    """Also when it takes more regions than one scan gives."""
    chance = random.Random(share)
    marks = bytearray(chance.random() < share for _ in range(PAGES))
    for page in range(PAGES):
        if marks[page]:
            write(mapped, page)
    found = bytearray(PAGES)
    for first, pages in pagemap.written(mapped, PAGES * PAGE):
        found[first : first + pages] = b"\1" * pages
    assert found == marks
    if share < 0.02:
        assert pagemap.written(mapped, PAGES * PAGE) == runs_of(marks)


def test_a_kernel_without_the_scan_is_asked_the_old_way(
    mapped: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_such_call(*_: object) -> int:
        raise OSError(25, "Inappropriate ioctl for device")

    monkeypatch.setattr("hotswap.cpu.pagemap.fcntl.ioctl", no_such_call)
    pagemap = Pagemap()
    write(mapped, 3)
    assert pagemap.written(mapped, PAGES * PAGE) == [Run(3, 1)]
    pagemap.close()
