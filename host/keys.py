"""Typing: text, key names and a terminal's escape sequences as what a US keyboard sends.

All functions give make and break codes of set 2, as card `kbc` wants them on its `slot.input`. In
text that is typed `<...>` names a key or a chord: `root<enter>`, `<ctrl-alt-del>`, `<f1>`; the
character itself is `<lt>`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from hotswap.bus import HotswapError
from hotswap.cards.scancodes import KEYS, break_code

SHIFTED = dict(
    zip('~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:"ZXCVBNM<>?',
        "`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./", strict=True)
)  # fmt: skip
"""The key that with Shift gives a character."""
CONTROLS = {" ": "space", "\n": "enter", "\r": "enter", "\t": "tab", "\x08": "backspace",
            "\x7f": "backspace", "\x1b": "esc"}  # fmt: skip
ALIASES = {
    "del": "delete", "ins": "insert", "escape": "esc", "return": "enter", "bs": "backspace",
    "pgup": "page-up", "pgdn": "page-down", "pageup": "page-up", "pagedown": "page-down",
    "control": "ctrl", "altgr": "right-alt", "caps": "capslock", "prtsc": "print",
    "sysrq": "print", "scroll": "scrolllock", "num": "numlock", "102nd": "<",
}  # fmt: skip
MODIFIERS = ("ctrl", "shift", "alt", "win", "control", "altgr",
             "right-ctrl", "right-shift", "right-alt", "right-win")  # fmt: skip
CSI_LETTERS = {"A": "up", "B": "down", "C": "right", "D": "left", "E": "keypad-5", "F": "end",
               "H": "home", "M": "keypad-enter", "P": "f1", "Q": "f2", "R": "f3",
               "S": "f4"}  # fmt: skip
CSI_NUMBERS = {1: "home", 2: "insert", 3: "delete", 4: "end", 5: "page-up", 6: "page-down",
               7: "home", 8: "end", 11: "f1", 12: "f2", 13: "f3", 14: "f4", 15: "f5", 17: "f6",
               18: "f7", 19: "f8", 20: "f9", 21: "f10", 23: "f11", 24: "f12"}  # fmt: skip
SEQUENCE = re.compile(r"\x1b(?:O([A-Z])|\[([0-9;]*)([A-Za-z~])|\[\[([A-E]))")
"""SS3 of the keypad's application mode, CSI, and the Linux console's F1 to F5."""
UNFINISHED = re.compile(r"\x1b(?:O|\[[0-9;]*|\[\[)\Z")


class KeysError(HotswapError):
    """A text names a key or has a character that a US keyboard has not: what to write instead."""


def chord(*names: str) -> bytes:
    """Keys pressed one after the other, let go in reverse. They are names of `KEYS`."""
    keys = [KEYS[name] for name in names]
    made = b"".join(key.make for key in keys)
    return made + b"".join(break_code(key) for key in reversed(keys))


def key(name: str) -> bytes:
    """The key or chord of this name, as `f1`, `del` or `ctrl-alt-del`. Raises `KeysError`."""
    rest, names = name.lower(), list[str]()
    while modifier := next((m for m in MODIFIERS if rest.startswith(f"{m}-") and rest != m), None):
        names.append(ALIASES.get(modifier, modifier))
        rest = rest[len(modifier) + 1 :]
    if rest == "lt" or rest in SHIFTED:
        return chord(*names, *_with_shift("<" if rest == "lt" else rest))
    rest = ALIASES.get(rest, rest)
    if rest not in KEYS:
        near = difflib.get_close_matches(rest, [*KEYS, *ALIASES], n=1)
        hint = f"; did you mean <{near[0]}>?" if near else "; see docs/control.md for the names"
        raise KeysError(f"there is no key <{name}>{hint}")
    return chord(*names, rest)


def character(char: str) -> bytes:
    """The key, perhaps with Shift, that gives this character. Raises `KeysError`."""
    if char in CONTROLS:
        return chord(CONTROLS[char])
    if char in SHIFTED:
        return chord("shift", SHIFTED[char])
    if char in KEYS and char.isprintable():
        return chord(char)
    raise KeysError(f"a US keyboard has no key for {char!r}; leave it out")


def text(typed: str) -> bytes:
    """Characters, and names of keys in angle brackets. Raises `KeysError`."""
    return b"".join(_strokes(typed))


def _strokes(typed: str) -> Iterator[bytes]:
    position = 0
    while position < len(typed):
        end = typed.find(">", position + 2) if typed[position] == "<" else -1
        if typed[position] == "<" and end < 0:
            raise KeysError(
                f"{typed[position:]!r} names no key: end it with >, or write <lt> for <"
            )
        if end > 0:
            yield key(typed[position + 1 : end])
            position = end + 1
        else:
            yield character(typed[position])
            position += 1


class TerminalKeys:
    """Turns what a terminal sends for its keys into what a keyboard sends.

    A sequence that is cut in two is waited for; ESC alone is the key, as no terminal cuts there.
    """

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, received: bytes) -> bytes:
        """The next bytes from the terminal. What a US keyboard cannot type is left out."""
        codes, position = bytearray(), 0
        received_text = self._rest + received.decode("utf-8", "ignore")
        self._rest = ""
        while position < len(received_text):
            if sequence := SEQUENCE.match(received_text, position):
                codes += _sequence(sequence)
                position = sequence.end()
            elif UNFINISHED.match(received_text, position):
                self._rest = received_text[position:]
                break
            elif received_text[position] == "\x1b" and position + 1 < len(received_text):
                codes += _plain(received_text[position + 1], "alt")
                position += 2
            else:
                codes += _plain(received_text[position])
                position += 1
        return bytes(codes)


def _sequence(found: re.Match[str]) -> bytes:
    application, numbers, letter, console = found.groups()
    parameters = [int(number or 0) for number in (numbers or "").split(";")]
    if console:
        name = f"f{'ABCDE'.index(console) + 1}"
    elif letter == "~":
        name = CSI_NUMBERS.get(parameters[0], "")
    elif letter == "Z":
        return chord("shift", "tab")
    else:
        name = CSI_LETTERS.get(application or letter, "")
    if not name:
        return b""
    held = parameters[1] - 1 if len(parameters) > 1 and parameters[1] else 0
    modifiers = ((1, "shift"), (2, "alt"), (4, "ctrl"))
    return chord(*(modifier for bit, modifier in modifiers if held & bit), name)


def _plain(char: str, *modifiers: str) -> bytes:
    """A character as a terminal sends it: control characters are letters with Ctrl."""
    if char < " " and char not in CONTROLS:
        letter = chr(ord(char) + 0x40).lower()
        return chord("ctrl", *modifiers, *_with_shift("space" if letter == "@" else letter))
    names = _with_shift(CONTROLS.get(char, char))
    return chord(*modifiers, *names) if names[-1] in KEYS else b""


def _with_shift(name: str) -> tuple[str, ...]:
    return ("shift", SHIFTED[name]) if name in SHIFTED else (name,)
