"""PS/2 keyboard: a 101-key keyboard as seen through its plug, a byte at a time.

IBM Personal System/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-Key)". What
the keys do comes in as scan codes of set 2; they leave in the set the system chose. Two points
where it is kinder than a real one: the basic assurance test takes no time, and it has run when the
machine is switched on.

    command            argument             answer
    ED                 LEDs                 FA, FA
    EE                                      EE
    F0                 set, 0 to ask        FA, FA [set]
    F2                                      FA AB 83
    F3                 rate and delay       FA, FA
    F4 F5 F6                                FA        scan; defaults and stop; defaults
    F7 F8 F9 FA                             FA        type of every key of set 3
    FB FC FD           codes of set 3       FA each   type of these keys
    FE                                      the last byte again
    FF                                      FA AA
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from .scancodes import (
    BREAK,
    EXTENDED,
    PAUSE_PREFIX,
    SET_1,
    SET_3_BY_SET_2,
    SET_3_MAKE,
    SET_3_MAKE_BREAK,
)

BUFFER = 16
"""Bytes; what comes then is replaced by one overrun code."""
ROOM = 8
"""Bytes of the longest key."""
FAKE_SHIFTS = (0x12, 0x59)
"""With E0 before them they are no key: set 2 puts them around the keys the 84-key one had not."""


class Command(IntEnum):
    SET_LEDS = 0xED
    ECHO = 0xEE
    SELECT_SET = 0xF0
    READ_ID = 0xF2
    SET_RATE = 0xF3
    ENABLE = 0xF4
    DEFAULT_DISABLE = 0xF5
    SET_DEFAULT = 0xF6
    ALL_TYPEMATIC = 0xF7
    ALL_MAKE_BREAK = 0xF8
    ALL_MAKE = 0xF9
    ALL_TYPEMATIC_MAKE_BREAK = 0xFA
    KEY_TYPEMATIC = 0xFB
    KEY_MAKE_BREAK = 0xFC
    KEY_MAKE = 0xFD
    RESEND = 0xFE
    RESET = 0xFF


class Answer(IntEnum):
    ECHO = 0xEE
    ACK = 0xFA
    TEST_PASSED = 0xAA
    RESEND = 0xFE


class KeyType(IntEnum):
    """What a key of set 3 does beside sending its make code."""

    MAKE = 0
    BREAK = 1
    TYPEMATIC = 2


IDENTITY = b"\xab\x83"
DEFAULT_RATE = 0x2B
"""10.9 a second after 500 ms."""
OVERRUN = {1: 0xFF, 2: 0x00, 3: 0x00}
KEY_TYPES = {
    Command.ALL_TYPEMATIC: KeyType.TYPEMATIC,
    Command.ALL_MAKE_BREAK: KeyType.BREAK,
    Command.ALL_MAKE: KeyType.MAKE,
    Command.ALL_TYPEMATIC_MAKE_BREAK: KeyType.TYPEMATIC | KeyType.BREAK,
    Command.KEY_TYPEMATIC: KeyType.TYPEMATIC,
    Command.KEY_MAKE_BREAK: KeyType.BREAK,
    Command.KEY_MAKE: KeyType.MAKE,
}


def _default_type(code: int) -> KeyType:
    if code in SET_3_MAKE_BREAK:
        return KeyType.BREAK
    return KeyType.MAKE if code in SET_3_MAKE else KeyType.TYPEMATIC


DEFAULT_TYPES = bytes(_default_type(code) for code in range(256))


class Keyboard(msgspec.Struct):
    """The registers and buffers of a keyboard. Times are ns of machine time."""

    replies: bytes = b""
    """Answers to commands; they go before the codes."""
    codes: bytes = b""
    """Scan codes not sent yet."""
    overrun: bool = False
    """The overrun code is the last of `codes`."""
    last: int = 0
    """The byte sent last."""
    expecting: int = 0
    """The command whose argument comes next, or 0."""
    scanning: bool = True
    leds: int = 0
    """Scroll Lock, Num Lock, Caps Lock from bit 0 on."""
    rate: int = DEFAULT_RATE
    code_set: int = 2
    key_types: bytes = DEFAULT_TYPES
    """`KeyType` by code of set 3."""
    partial: bytes = b""
    """The beginning of what a key sends."""
    held: bytes = b""
    """The code of set 2 that is repeated."""
    repeat_at: int | None = None

    # -- the plug -----------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """There is a byte to send."""
        return bool(self.replies or self.codes)

    def send(self) -> int:
        """The next byte; there must be one."""
        if self.replies:
            self.last, self.replies = self.replies[0], self.replies[1:]
        else:
            self.last, self.codes = self.codes[0], self.codes[1:]
            self.overrun = self.overrun and bool(self.codes)
        return self.last

    def receive(self, value: int) -> None:
        """A byte from the system; it breaks off the answer to the one before."""
        self.replies = b""
        expecting, self.expecting = self.expecting, 0
        if value < Command.SET_LEDS and expecting:  # else a command in place of the argument
            self._argument(expecting, value)
        else:
            self._command(value)

    def _answer(self, *values: int) -> None:
        self.replies += bytes(values)

    def _command(self, value: int) -> None:
        match value:
            case Command.SET_LEDS | Command.SELECT_SET | Command.SET_RATE:
                self.expecting = value
            case Command.ECHO:
                self._answer(Answer.ECHO)
                return
            case Command.READ_ID:
                self._answer(Answer.ACK, *IDENTITY)
                return
            case Command.ENABLE:
                self._clear()
                self.scanning = True
            case Command.DEFAULT_DISABLE:
                self._set_defaults()
                self.scanning = False
            case Command.SET_DEFAULT:
                self._set_defaults()
            case Command.KEY_TYPEMATIC | Command.KEY_MAKE_BREAK | Command.KEY_MAKE:
                self._clear()
                self.expecting, self.scanning = value, False
            case Command.RESEND:
                self._answer(self.last)
                return
            case Command.RESET:
                self._set_defaults()
                self._answer(Answer.ACK, Answer.TEST_PASSED)
                return
            case _ if value in KEY_TYPES:
                self.key_types = bytes((KEY_TYPES[Command(value)],)) * 256
            case _:
                self._answer(Answer.RESEND)
                return
        self._answer(Answer.ACK)

    def _argument(self, command: int, value: int) -> None:
        self._answer(Answer.ACK)
        match command:
            case Command.SET_LEDS:
                self.leds = value & 7
            case Command.SET_RATE:
                self.rate = value & 0x7F
            case Command.SELECT_SET if value == 0:
                self._answer(self.code_set)
            case Command.SELECT_SET if value <= 3:
                self.code_set = value
                self._clear()
            case Command.SELECT_SET:
                self.replies = bytes((Answer.RESEND,))
            case _:
                types = bytearray(self.key_types)
                types[value] = KEY_TYPES[Command(command)]
                self.key_types, self.expecting = bytes(types), command

    def _clear(self) -> None:
        self.codes, self.overrun = b"", False
        self.held, self.repeat_at = b"", None

    def _set_defaults(self) -> None:
        self._clear()
        self.scanning, self.leds, self.rate, self.code_set = True, 0, DEFAULT_RATE, 2
        self.key_types = DEFAULT_TYPES

    # -- the keys -----------------------------------------------------------------------------

    @property
    def room(self) -> bool:
        """Whatever key comes next fits into the buffer."""
        return len(self.codes) + ROOM <= BUFFER

    def key(self, byte: int, now: int) -> None:
        """The next byte of set 2 from the keys, at `now`."""
        self.partial += bytes((byte,))
        codes = self.partial.translate(None, bytes((EXTENDED, PAUSE_PREFIX, BREAK)))
        if len(codes) < (2 if self.partial[0] == PAUSE_PREFIX else 1):
            return
        stroke, self.partial = self.partial, b""
        if self.scanning:
            self._stroke(stroke, now)

    def _stroke(self, stroke: bytes, now: int) -> None:
        made = stroke.replace(bytes((BREAK,)), b"")
        if made[0] == EXTENDED and made[1] in FAKE_SHIFTS:
            self._store(self._coded(stroke))
        elif made != stroke:
            if made == self.held:
                self.held, self.repeat_at = b"", None
            if self._type(made) & KeyType.BREAK:
                self._store(self._coded(stroke))
        else:
            self._store(self._coded(stroke))
            if self._type(made) & KeyType.TYPEMATIC:
                self.held, self.repeat_at = made, now + self.delay

    def _type(self, made: bytes) -> int:
        if self.code_set == 3:
            return self.key_types[SET_3_BY_SET_2.get(made, 0)]
        return KeyType.TYPEMATIC | KeyType.BREAK

    def _coded(self, stroke: bytes) -> bytes:
        """A stroke of set 2 in the set in use."""
        match self.code_set:
            case 1:
                return set_1(stroke)
            case 2:
                return stroke
            case _:
                made = stroke.replace(bytes((BREAK,)), b"")
                code = SET_3_BY_SET_2.get(made)
                if code is None:
                    return b""
                return bytes((code,)) if made == stroke else bytes((BREAK, code))

    def _store(self, codes: bytes) -> None:
        if self.overrun:
            return
        if len(self.codes) + len(codes) > BUFFER:
            self.overrun, codes = True, bytes((OVERRUN[self.code_set],))
        self.codes += codes

    # -- typematic ----------------------------------------------------------------------------

    @property
    def delay(self) -> int:
        """From the make code to the first repetition, in ns."""
        return 250_000_000 * (1 + (self.rate >> 5))

    @property
    def period(self) -> int:
        """Between two repetitions, in ns."""
        return (8 + (self.rate & 7)) * (1 << (self.rate >> 3 & 3)) * 4_170_000

    def repeat(self, now: int) -> None:
        """Repeat the key that is held, if it is time."""
        if self.repeat_at is not None and now >= self.repeat_at:
            self._store(self._coded(self.held))
            self.repeat_at += self.period * max(1, -(-(now - self.repeat_at) // self.period))


def set_1(stroke: bytes) -> bytes:
    """A stroke of set 2 in set 1: F0 becomes the top bit of the code after it."""
    coded, broken = bytearray(), 0
    for byte in stroke:
        if byte == BREAK:
            broken = 0x80
        else:
            coded.append(translate(byte) | broken if byte < EXTENDED else byte)
            broken = 0 if byte < EXTENDED else broken
    return bytes(coded)


def translate(byte: int) -> int:
    """The 8042's translation of one byte; those that are no scan code go through."""
    return SET_1[byte] if byte < len(SET_1) else byte
