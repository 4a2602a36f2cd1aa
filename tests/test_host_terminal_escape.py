"""Ctrl-] and the key after it are for the host, all others for the machine."""

import pytest

from hotswap.host.terminal_escape import HELP, Command, Escapes


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (b"ls\x03\x1a\x1b[A", [b"ls\x03\x1a\x1b[A"]),
        (b"\x1dx", [Command.END]),
        (b"\x1dX", [Command.END]),
        (b"\x1d\x18", [Command.END]),
        (b"\x1d\x1a", [Command.SUSPEND]),
        (b"\x1dz", [Command.SUSPEND]),
        (b"\x1dd", [Command.CTRL_ALT_DEL]),
        (b"\x1dl", [Command.REDRAW]),
        (b"\x1d?", [Command.HELP]),
        (b"\x1dy", [Command.HELP]),
        (b"\x1d\x1d", [b"\x1d"]),
        (b"a\x1dlb\x1d\x1dc", [b"a", Command.REDRAW, b"b\x1dc"]),
        (b"", []),
    ],
)
def test_keys_and_commands_come_in_order(typed: bytes, found: list[bytes | Command]) -> None:
    assert Escapes().feed(typed) == found


def test_the_key_may_come_later_than_the_escape() -> None:
    escapes = Escapes()
    assert escapes.feed(b"a\x1d") == [b"a"]
    assert escapes.feed(b"x") == [Command.END]
    assert escapes.feed(b"x") == [b"x"]


def test_the_help_names_every_command() -> None:
    assert {line.split()[0] for line in HELP[2:]} == {
        "Ctrl-]",
        *(command.value for command in Command),
    }
