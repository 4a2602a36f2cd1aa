"""The user's terminal is taken over, and put back whatever happens."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import trio

from hotswap.host.terminal import ENTER, LEAVE, LEAVE_SECONDS, Terminal, TerminalError

from .terminal_user import TerminalUser

TALKATIVE = """
import os, sys, trio
from hotswap.host.terminal import open_terminal

async def main():
    async with open_terminal() as terminal:
        print("before", file=sys.stderr)
        with terminal.full_screen():
            print("careful", file=sys.stderr)
            os.write(2, b"look out\\n")
            await terminal.send(b"shown")

trio.run(main)
"""


@pytest.fixture
def user() -> Iterator[TerminalUser]:
    found = TerminalUser()
    yield found
    found.close()


@pytest.fixture
async def terminal(user: TerminalUser) -> AsyncIterator[Terminal]:
    fd = os.open(os.ttyname(user.slave), os.O_RDWR | os.O_NOCTTY)
    async with Terminal(fd) as found:
        yield found


async def test_keys_come_at_once_and_unchanged(user: TerminalUser, terminal: Terminal) -> None:
    with terminal.full_screen():
        for keys in (b"a", b"\x03", b"\x1a", b"\x1c", b"\r", b"\x13\x11", b"\xff\x7f"):
            user.type(keys)
            assert await terminal.receive() == keys
        await user.see(lambda: user.received == ENTER)  # no echo


async def test_what_is_sent_arrives_unchanged(user: TerminalUser, terminal: Terminal) -> None:
    with terminal.full_screen():
        await terminal.send(b"a\nb")
        await user.see(lambda: user.received.endswith(b"a\nb"))


async def test_a_slow_terminal_does_not_hold_up_others(
    user: TerminalUser, terminal: Terminal
) -> None:
    sent = bytes(range(65, 90)) * 4000
    done = []

    async def send() -> None:
        await terminal.send(sent)
        done.append(True)

    with terminal.full_screen():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            await trio.testing.wait_all_tasks_blocked()  # the send is one of them
            assert not done
            await user.see(lambda: user.received.endswith(sent))
    assert done


async def test_it_is_as_before_when_the_block_ends(user: TerminalUser, terminal: Terminal) -> None:
    with terminal.full_screen():
        assert termios.tcgetattr(user.slave) != user.modes
    await user.see(lambda: user.received == ENTER + LEAVE)
    assert user.restored


async def test_it_is_as_before_after_an_error_and_when_cancelled(
    user: TerminalUser, terminal: Terminal
) -> None:
    with contextlib.suppress(ZeroDivisionError), terminal.full_screen():
        assert termios.tcgetattr(user.slave) != user.modes
        raise ZeroDivisionError
    assert user.restored
    with trio.CancelScope() as scope, terminal.full_screen():
        assert termios.tcgetattr(user.slave) != user.modes
        scope.cancel()
        await terminal.receive()
    assert scope.cancelled_caught
    assert user.restored


def test_what_goes_to_stderr_meanwhile_appears_afterwards(user: TerminalUser) -> None:
    process = user.start([sys.executable, "-c", TALKATIVE])
    assert user.end(process) == 0
    during, _, after = user.received.rpartition(LEAVE)
    assert after == b"careful\r\nlook out\r\n"
    assert during == b"before\r\n" + ENTER + b"shown"
    assert user.restored


async def test_keys_nobody_has_read_are_forgotten_at_the_end(
    user: TerminalUser, terminal: Terminal
) -> None:
    with terminal.full_screen():
        user.type(b"rm -r .\r")
        await trio.lowlevel.wait_readable(user.slave)
    user.type(b"ls\r")
    await trio.lowlevel.wait_readable(user.slave)
    assert os.read(user.slave, 100) == b"ls\n"


async def test_a_terminal_that_is_stuck_does_not_hold_up_the_end_for_long(
    user: TerminalUser, terminal: Terminal
) -> None:
    with terminal.full_screen():
        while select.select([], [user.slave], [], 0.2)[1]:  # the kernel moves data meanwhile
            with trio.move_on_after(0.1):
                await terminal.send(bytes(1 << 20))
        began = time.monotonic()
    assert LEAVE_SECONDS <= time.monotonic() - began < LEAVE_SECONDS + 10
    assert termios.tcgetattr(user.slave) == user.modes


async def test_a_terminal_that_has_gone_is_an_error(user: TerminalUser, terminal: Terminal) -> None:
    with terminal.full_screen():
        user.close()
        with pytest.raises(TerminalError, match="gone"):
            await terminal.receive()
        with pytest.raises(TerminalError, match="gone"):
            await terminal.send(b"x")
    with pytest.raises(TerminalError, match="gone"), terminal.full_screen():
        pass


async def test_the_size_is_the_terminals(user: TerminalUser, terminal: Terminal) -> None:
    assert terminal.size() == (100, 30)
    user.resize(132, 43)
    assert terminal.size() == (132, 43)
    user.resize(0, 0)  # a serial line's
    assert terminal.size() == (80, 24)
