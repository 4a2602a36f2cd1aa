"""Lengths of time as people write them."""

from __future__ import annotations

import click
import pytest

from hotswap.host.duration import as_duration, nanoseconds, words


@pytest.mark.parametrize(
    ("text", "ns"),
    [("100 ms", 100_000_000), ("1.5s", 1_500_000_000), (" 20 us ", 20_000), ("0 ns", 0),
     ("0.0000000014 s", 1), ("3us", 3_000)],
)  # fmt: skip
def test_a_length_of_time_is_read(text: str, ns: int) -> None:
    assert nanoseconds(text) == ns


@pytest.mark.parametrize("text", ["", "5", "ms", "-1 ms", "1 m", "1e3 s", "1 ms 2 us", "٣ ms"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no length of time; write e\.g\. 100 ms"):
        nanoseconds(text)
    parameter = click.Option(["--time"])
    with pytest.raises(click.BadParameter, match="is no length of time"):
        as_duration(click.Context(click.Command("wait")), parameter, text)


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0, "0 ns"), (999, "999 ns"), (1_500, "1.5 us"), (100_000_000, "100 ms"), (10**10, "10 s"),
     (1_234_567, "1.234567 ms")],
)  # fmt: skip
def test_a_length_is_written_in_the_unit_that_fits(ns: int, text: str) -> None:
    assert words(ns) == text
    assert nanoseconds(text) == ns
