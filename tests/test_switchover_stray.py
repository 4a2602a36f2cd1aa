"""How many pages of processes stray writes have reached."""

from __future__ import annotations

import time

from hotswap.switchover.memory import Span
from hotswap.switchover.records import Frame
from hotswap.switchover.schema import PAGE
from hotswap.switchover.stray import user_pages


def span(first: int, end: int) -> Span:
    return Span("stray write", first * PAGE, end * PAGE)


def frame(first: int, count: int) -> Frame:
    return Frame(1, 0, first * PAGE, count)


def test_only_pages_of_processes_count() -> None:
    frames = [frame(30, 2), frame(10, 10)]
    assert user_pages([span(0, 5), span(8, 12), span(19, 31), span(40, 41)], frames) == 4


def test_a_page_of_several_processes_counts_once() -> None:
    assert user_pages([span(10, 12)], [frame(10, 4), frame(10, 4), frame(11, 1)]) == 2


def test_a_run_ends_inside_a_stray_write_that_goes_on_in_the_next() -> None:
    assert user_pages([span(10, 20)], [frame(8, 4), frame(15, 10)]) == 7


def test_tens_of_thousands_of_each_are_counted_in_no_time() -> None:
    frames = [frame(n, 1) for n in range(0, 40_000, 2)]
    stray = [span(n, n + 1) for n in range(0, 40_000, 4)]
    began = time.process_time()
    assert user_pages(stray, frames) == 10_000
    assert time.process_time() - began < 5  # not each compared with each
