"""What is typed in the terminal: for the machine, but for Ctrl-] and the key after it."""

from __future__ import annotations

from enum import Enum

ESCAPE = 0x1D
"""Ctrl-], as in telnet."""


class Command(Enum):
    """What the key after Ctrl-] asks for."""

    END = "x"
    SUSPEND = "z"
    CTRL_ALT_DEL = "d"
    REDRAW = "l"
    HELP = "?"


HELP = (
    "Every key goes to the machine, Ctrl-C and Ctrl-Z too. After Ctrl-]:",
    "",
    "  x       end the machine",
    "  z       suspend it, and hotswap-host; `fg` lets both go on",
    "  d       type Ctrl-Alt-Del",
    "  l       draw the screen anew",
    "  Ctrl-]  type Ctrl-]",
    "  ?       this",
)


class Escapes:
    """Takes the commands out of what is typed."""

    def __init__(self) -> None:
        self._pending = False

    def feed(self, typed: bytes) -> list[bytes | Command]:
        """Bytes for the machine and commands, in order. A key that is no command asks for help."""
        found: list[bytes | Command] = []
        plain = bytearray()
        for byte in typed:
            if not self._pending:
                if byte == ESCAPE:
                    self._pending = True
                else:
                    plain.append(byte)
                continue
            self._pending = False
            if byte == ESCAPE:
                plain.append(byte)
                continue
            if plain:
                found.append(bytes(plain))
                plain.clear()
            found.append(_command(byte))
        if plain:
            found.append(bytes(plain))
        return found


def _command(byte: int) -> Command:
    key = chr(byte).lower()
    if byte < 0x20:  # Ctrl was still held
        key = chr(byte | 0x60)
    return next((command for command in Command if command.value == key), Command.HELP)
