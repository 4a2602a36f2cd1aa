"""Scan codes of the 101-key keyboard, by key.

IBM Personal System/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-Key)": code
sets 1, 2 and 3, and the default key types of set 3. Keys are named by what is on a US keycap.
"""

from __future__ import annotations

from typing import NamedTuple

EXTENDED, PAUSE_PREFIX, BREAK = 0xE0, 0xE1, 0xF0


class Key(NamedTuple):
    """`make` as set 2 has it, with its prefix; `set_3` is one byte, its break is F0 before it."""

    make: bytes
    set_3: int


def _key(make: int, set_3: int | None = None) -> Key:
    size = (make.bit_length() + 7) // 8
    return Key(make.to_bytes(size, "big"), make if set_3 is None else set_3)


# fmt: off
KEYS = {
    "`": _key(0x0E), "1": _key(0x16), "2": _key(0x1E), "3": _key(0x26), "4": _key(0x25),
    "5": _key(0x2E), "6": _key(0x36), "7": _key(0x3D), "8": _key(0x3E), "9": _key(0x46),
    "0": _key(0x45), "-": _key(0x4E), "=": _key(0x55), "backspace": _key(0x66),
    "tab": _key(0x0D), "q": _key(0x15), "w": _key(0x1D), "e": _key(0x24), "r": _key(0x2D),
    "t": _key(0x2C), "y": _key(0x35), "u": _key(0x3C), "i": _key(0x43), "o": _key(0x44),
    "p": _key(0x4D), "[": _key(0x54), "]": _key(0x5B), "\\": _key(0x5D, 0x5C),
    "capslock": _key(0x58, 0x14), "a": _key(0x1C), "s": _key(0x1B), "d": _key(0x23),
    "f": _key(0x2B), "g": _key(0x34), "h": _key(0x33), "j": _key(0x3B), "k": _key(0x42),
    "l": _key(0x4B), ";": _key(0x4C), "'": _key(0x52), "enter": _key(0x5A),
    "shift": _key(0x12), "<": _key(0x61, 0x13), "z": _key(0x1A), "x": _key(0x22), "c": _key(0x21),
    "v": _key(0x2A), "b": _key(0x32), "n": _key(0x31), "m": _key(0x3A), ",": _key(0x41),
    ".": _key(0x49), "/": _key(0x4A), "right-shift": _key(0x59),
    "ctrl": _key(0x14, 0x11), "win": _key(0xE01F, 0x8B), "alt": _key(0x11, 0x19),
    "space": _key(0x29), "right-alt": _key(0xE011, 0x39), "right-win": _key(0xE027, 0x8C),
    "menu": _key(0xE02F, 0x8D), "right-ctrl": _key(0xE014, 0x58),
    "insert": _key(0xE070, 0x67), "delete": _key(0xE071, 0x64), "home": _key(0xE06C, 0x6E),
    "end": _key(0xE069, 0x65), "page-up": _key(0xE07D, 0x6F), "page-down": _key(0xE07A, 0x6D),
    "up": _key(0xE075, 0x63), "down": _key(0xE072, 0x60), "left": _key(0xE06B, 0x61),
    "right": _key(0xE074, 0x6A),
    "numlock": _key(0x77, 0x76), "keypad-/": _key(0xE04A, 0x77), "keypad-*": _key(0x7C, 0x7E),
    "keypad--": _key(0x7B, 0x84), "keypad-+": _key(0x79, 0x7C), "keypad-enter": _key(0xE05A, 0x79),
    "keypad-.": _key(0x71), "keypad-0": _key(0x70), "keypad-1": _key(0x69),
    "keypad-2": _key(0x72), "keypad-3": _key(0x7A), "keypad-4": _key(0x6B),
    "keypad-5": _key(0x73), "keypad-6": _key(0x74), "keypad-7": _key(0x6C),
    "keypad-8": _key(0x75), "keypad-9": _key(0x7D),
    "esc": _key(0x76, 0x08), "f1": _key(0x05, 0x07), "f2": _key(0x06, 0x0F),
    "f3": _key(0x04, 0x17), "f4": _key(0x0C, 0x1F), "f5": _key(0x03, 0x27),
    "f6": _key(0x0B, 0x2F), "f7": _key(0x83, 0x37), "f8": _key(0x0A, 0x3F),
    "f9": _key(0x01, 0x47), "f10": _key(0x09, 0x4F), "f11": _key(0x78, 0x56),
    "f12": _key(0x07, 0x5E), "print": _key(0xE012E07C, 0x57), "scrolllock": _key(0x7E, 0x5F),
    "pause": _key(0xE11477E1F014F077, 0x62),
}

SET_1 = bytes.fromhex(
    "ff 43 41 3f 3d 3b 3c 58  64 44 42 40 3e 0f 29 59"
    "65 38 2a 70 1d 10 02 5a  66 71 2c 1f 1e 11 03 5b"
    "67 2e 2d 20 12 05 04 5c  68 39 2f 21 14 13 06 5d"
    "69 31 30 23 22 15 07 5e  6a 72 32 24 16 08 09 5f"
    "6b 33 25 17 18 0b 0a 60  6c 34 35 26 27 19 0c 61"
    "6d 73 28 74 1a 0d 62 6e  3a 36 1c 1b 75 2b 63 76"
    "55 56 77 78 79 7a 0e 7b  7c 4f 7d 4b 47 7e 7f 6f"
    "52 53 50 4c 4d 48 01 45  57 4e 51 4a 37 49 46 54"
    "80 81 82 41 54"
)
"""Set 1 by the code of set 2, 0x00 to 0x84: what the 8042's translation makes of a byte."""
# fmt: on

SET_3_MAKE_BREAK = frozenset(
    KEYS[name].set_3 for name in ("ctrl", "shift", "right-shift", "alt", "capslock")
)
SET_3_MAKE = frozenset(
    key.set_3
    for name, key in KEYS.items()
    if (name.startswith(("keypad-", "page-")) and name != "keypad-+")
    or (name[0] == "f" and name[1:].isdecimal())
    or name in {"right-ctrl", "right-alt", "insert", "home", "end", "numlock", "esc", "print"}
    or name in {"scrolllock", "pause", "win", "right-win", "menu"}
)
"""By default the keys of neither set are typematic: they repeat and send no break code."""

SET_3_BY_SET_2 = {
    key.make: key.set_3 for name, key in KEYS.items() if name not in {"print", "pause"}
} | {
    b"\xe0\x7c": KEYS["print"].set_3,
    b"\x84": KEYS["print"].set_3,  # with Alt
    b"\xe1\x14\x77": KEYS["pause"].set_3,
    b"\xe0\x7e": KEYS["pause"].set_3,  # with Ctrl
}
"""Set 3 by the make code of set 2. The shifts that set 2 wraps around some keys are in neither."""


def break_code(key: Key) -> bytes:
    """What set 2 sends when `key` is let go; nothing for Pause."""
    if key.make[0] == PAUSE_PREFIX:
        return b""
    codes = key.make.split(bytes((EXTENDED,)))
    prefix = bytes((EXTENDED, BREAK)) if len(codes) > 1 else bytes((BREAK,))
    return b"".join(prefix + code for code in reversed(codes) if code)
