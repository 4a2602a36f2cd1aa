"""Terminals: settings, half-typed lines, stopped output and waiting reads are kept."""

import re

import pytest

from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import SwitchKernel

from .conftest import MS, Survive

SHELL = ["getty:/dev/ttyS0:/bin/sh"]


async def commit(switchover: SwitchKernel, kernel: int) -> None:
    report = await switchover(kernel)
    assert report.outcome == "committed", report.reason


async def test_a_half_typed_line_goes_on_and_can_be_erased_to_the_column(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(SHELL)
    await guest.expect(r"\$ $")
    guest.type("echo a\tbc")
    await guest.expect(r"echo a\tbc$")
    await commit(switchover, 2)
    before = len(guest.text)
    guest.type("\x7f\x7f\x7f")  # b, c, and a tab that went from column 8 to 16
    await guest.expect("\b \b\b \b" + "\b" * 8 + "$")
    assert guest.text[before:] == "\b \b\b \b" + "\b" * 8
    guest.type("\x17one")  # ^W erases the word a
    await commit(switchover, 1)
    guest.type(" two\n")
    await guest.expect(r"^one two$")


async def test_a_line_being_killed_and_the_next_one_literal(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(SHELL)
    await guest.expect(r"\$ $")
    guest.type("nonsense\x16")  # ^V
    await guest.expect(r"nonsense\^\x08$")
    await commit(switchover, 2)
    guest.type("\x15")  # ^U, taken as it is
    await guest.expect(r"\^U$")
    guest.type("\x15echo killed\n")
    await guest.expect(r"^killed$")
    assert "not found" not in guest.text


async def test_stopped_output_stays_stopped_and_nothing_of_it_is_lost(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["ticker:60:5"])
    await guest.pass_time(40 * MS)
    guest.type("\x13")
    await guest.pass_time(10 * MS)
    stopped = guest.text
    for kernel in (2, 1):
        await commit(switchover, kernel)
        await guest.pass_time(60 * MS)
        assert guest.text == stopped
    guest.type("\x11")
    words = await guest.reported()
    assert words["ticker"].startswith("ok")
    numbers = [int(n) for n in re.findall(r"^tick (\d+) of", guest.text, re.MULTILINE)]
    assert numbers == list(range(1, 61))


@pytest.mark.parametrize(
    ("waits_for", "typed", "rest"),
    [
        ("3 bytes", "a\x7f", "c"),
        ("none for 300 ms", "", ""),
        ("bytes without a pause", "x", "y"),
        ("a literal end of file", "z\x16", "\x04\n"),
        ("part of a line", "p", "q\x04"),
        ("an end of file", "", "\x04"),
    ],
)
async def test_a_read_that_waits_gets_what_is_typed_before_and_after(
    guest: Guest, switchover: SwitchKernel, waits_for: str, typed: str, rest: str
) -> None:
    answers = {
        "3 bytes": "a\x7fc",
        "none for 300 ms": "",
        "bytes without a pause": "xy",
        "a literal end of file": "z\x16\x04\n",
        "part of a line": "pq\x04",
        "an end of file": "\x04",
    }
    guest.boot(["typist"])
    for wanted, answer in answers.items():
        await guest.expect(f"typist wants {wanted}$")
        await guest.pass_time(20 * MS)
        if wanted != waits_for:
            guest.type(answer)
            continue
        guest.type(typed)
        await guest.pass_time(20 * MS)
        await commit(switchover, 2)
        await guest.pass_time(20 * MS)
        guest.type(rest)
    words = await guest.reported()
    assert words["typist"].startswith("ok"), words


async def test_settings_and_whose_terminal_it_is_are_the_same_in_the_next_map(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot([*SHELL, "typist"])
    await guest.expect("typist wants 3 bytes$")
    before = (await guest.examine()).map
    assert (before.tty[0].rows, before.tty[0].cols) == (50, 132)
    assert before.tty[0].sid == before.tty[0].pgrp != 0
    for kernel in (2, 1):
        await commit(switchover, kernel)
    after = (await guest.examine()).map
    assert after.tty == before.tty
    assert [task.tty for task in after.task] == [task.tty for task in before.task]


@pytest.mark.parametrize(("kernels", "start"), [((2, 1), 1), ((1, 2), 2)])
async def test_who_writes_from_the_background_is_stopped_and_the_foreground_is_hung_up(
    survive: Survive, guest: Guest, kernels: tuple[int, int], start: int
) -> None:
    """The first switchover finds a writer stopped, the second one a reader in the foreground."""
    words = await survive("hangup:/dev/ttyS0:300", kernels=kernels, start=start, after_ms=250)
    assert words["hangup"].startswith("ok"), words
    assert re.search("^<>$", guest.text, re.MULTILINE)
