"""The words of the card author's bench, one step a line:

    in PORT [WIDTH]               an IN of 1, 2 or 4 bytes
    out PORT VALUE [WIDTH]        an OUT
    read ADDRESS [WIDTH]          a load
    write ADDRESS VALUE [WIDTH]   a store
    wait TIME                     let machine time pass: 20 (ms), 20 ms, 5us, 100ns, 1s
    input TEXT                    bytes for the card's connector; \\n, \\x41 and so on
    irq                           the levels of the card's lines
    screen FILE.png               save what its monitor shows
    quit

PORT=VALUE will do, too; # begins a comment.
"""

from __future__ import annotations

import re
from typing import TypeAlias

import msgspec

from hotswap.bus import FLOATING

from .errors import SdkError

WORDS = (__doc__ or "").partition("\n\n")[2]
UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "": 1_000_000}
ADDRESS_MAX = 0xFFFF_FFFF
PORT_MAX = 0xFFFF
TIME_MAX = 3600 * UNITS["s"]


class Cycle(msgspec.Struct, frozen=True):
    """A bus cycle of `width` bytes; `value` is what a write stores."""

    memory: bool
    address: int
    width: int
    value: int | None = None


class Wait(msgspec.Struct, frozen=True):
    """Machine time, ns."""

    ns: int


class Feed(msgspec.Struct, frozen=True):
    """Bytes for the card's connector."""

    content: bytes


class Lines(msgspec.Struct, frozen=True):
    """Say the levels."""


class Picture(msgspec.Struct, frozen=True):
    """Save the screen to `file`."""

    file: str


class Quit(msgspec.Struct, frozen=True):
    """Go no further."""


Step: TypeAlias = Cycle | Wait | Feed | Lines | Picture | Quit


def parse(line: str, where: str = "") -> Step | None:
    """The step in a line; None when there is none in it. Raises `SdkError`, naming `where`."""
    text = line.strip()
    word, _, rest = text.partition(" ")
    try:
        if word == "input":
            return Feed(_unescaped(rest))
        words = re.sub(r"#.*", "", rest).replace("=", " ").split()
        match word, words:
            case ("", _):
                return None
            case (_, _) if word.startswith("#"):
                return None
            case ("in" | "read", [address] | [address, _]):
                return _cycle(word, address, None, words[1:])
            case ("out" | "write", [address, value] | [address, value, _]):
                return _cycle(word, address, value, words[2:])
            case ("wait", [_] | [_, _]):
                return Wait(nanoseconds("".join(words)))
            case ("irq" | "drq", []):
                return Lines()
            case ("screen", [file]):
                return Picture(file)
            case ("quit" | "exit", []):
                return Quit()
    except ValueError as error:
        raise SdkError(f"{where}{text!r}: {error}") from error
    raise SdkError(
        f"{where}{text!r} is no step; there are: in PORT, out PORT VALUE, read ADDRESS, "
        "write ADDRESS VALUE, wait TIME, input TEXT, irq, screen FILE, quit"
    )


def _cycle(word: str, address: str, value: str | None, more: list[str]) -> Cycle:
    memory = word in {"read", "write"}
    width = _number(more[0], 4) if more else 1
    if width not in FLOATING:
        raise ValueError(f"a cycle of {width} bytes; there are those of 1, 2 and 4")
    place = _number(address, ADDRESS_MAX if memory else PORT_MAX)
    return Cycle(memory, place, width, None if value is None else _number(value, FLOATING[width]))


def _unescaped(text: str) -> bytes:
    """Bytes as they are in Python between quotes."""
    whole = text.encode("latin-1", "backslashreplace").decode("unicode_escape")
    return whole.encode("latin-1")


def _number(text: str, most: int) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        raise ValueError(f"{text!r} is no number, as 760 or 0x2f8") from None
    if not 0 <= number <= most:
        raise ValueError(f"{text} is not from 0 to {most:#x}")
    return number


def nanoseconds(text: str) -> int:
    """A time in ns; ms without a unit. Raises `ValueError`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ns|us|ms|s|)", text, re.ASCII)
    if found is None:
        raise ValueError(f"{text!r} is no time, as 20ms, 5us or 1.5s")
    number = round(float(found[1]) * UNITS[found[2]])
    if number > TIME_MAX:
        raise ValueError(f"{text} is more than an hour")
    return number
