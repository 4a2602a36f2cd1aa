"""PS/2 mouse with wheel and five buttons, as seen through its plug, a byte at a time.

IBM Personal System/2 Hardware Interface Technical Reference, "Mouse"; the wheel is Microsoft's
IntelliMouse: sample rates 200, 100, 80 in a row make packets of four bytes, and 200, 200, 80 after
that those of the IntelliMouse Explorer.

    command            argument             answer
    E6 E7                                   FA        scaling 1:1, 2:1
    E8                 resolution           FA, FA
    E9                                      FA, status, resolution, sample rate
    EA F0                                   FA        stream mode, remote mode
    EB                                      FA, packet
    EC EE                                   FA        end and begin wrap mode
    F2                                      FA, 00 or 03 or 04
    F3                 sample rate          FA, FA
    F4 F5 F6                                FA        report; do not; defaults
    FE                                      the last byte again
    FF                                      FA AA 00

    packet
    0   0 0 YS XS 1 M R L     signs of Y and X, buttons
    1   X, to the right
    2   Y, up
    3   Z, towards the user; with five buttons: 0 0 B5 B4 Z Z Z Z
"""

from __future__ import annotations

from enum import IntEnum

import msgspec


class Command(IntEnum):
    SCALING_1_1 = 0xE6
    SCALING_2_1 = 0xE7
    SET_RESOLUTION = 0xE8
    STATUS = 0xE9
    STREAM = 0xEA
    READ = 0xEB
    END_WRAP = 0xEC
    WRAP = 0xEE
    REMOTE = 0xF0
    READ_ID = 0xF2
    SET_RATE = 0xF3
    ENABLE = 0xF4
    DISABLE = 0xF5
    SET_DEFAULTS = 0xF6
    RESEND = 0xFE
    RESET = 0xFF


class Answer(IntEnum):
    ACK = 0xFA
    TEST_PASSED = 0xAA
    ERROR = 0xFC  # the second wrong byte in a row
    RESEND = 0xFE


class Button(IntEnum):
    LEFT = 0x01
    RIGHT = 0x02
    MIDDLE = 0x04
    FOURTH = 0x08
    FIFTH = 0x10


class Status(IntEnum):
    """The first byte of the answer to E9; bits 0 to 2 are the right, middle and left button."""

    SCALING_2_1 = 0x10
    ENABLED = 0x20
    REMOTE = 0x40


class Identity(IntEnum):
    STANDARD = 0
    WHEEL = 3
    FIVE_BUTTONS = 4


KNOCKS = {b"\xc8\x64\x50": Identity.WHEEL, b"\xc8\xc8\x50": Identity.FIVE_BUTTONS}
"""The last three sample rates: 200, 100, 80 and 200, 200, 80."""
RATES = (10, 20, 40, 60, 80, 100, 200)
SCALED = (0, 1, 1, 3, 6, 9)
"""Counts of 0 to 5 at a scaling of 2:1; from 6 on they are doubled."""
REACH = 255
"""Counts in one packet; what is beyond them goes into the next."""


class Moved(msgspec.Struct, frozen=True):
    """What a hand has done: counts to the right, up, of the wheel; `buttons` as they now are."""

    dx: int
    dy: int
    buttons: int
    wheel: int = 0


class Mouse(msgspec.Struct):
    """The registers and counters of a mouse. Times are ns of machine time."""

    replies: bytes = b""
    """Answers to commands; they go before the packet."""
    packet: bytes = b""
    """What is left of the packet that is being sent."""
    last: bytes = b""
    """The answer or packet sent last, as far as it has been sent."""
    expecting: int = 0
    """The command whose argument comes next, or 0."""
    wrong: bool = False
    """The byte received last was no command."""
    enabled: bool = False
    """Reports in stream mode."""
    remote: bool = False
    wrap: bool = False
    doubled: bool = False
    """Scaling 2:1."""
    resolution: int = 2
    """Log2 of the counts per mm."""
    rate: int = 100
    """Packets a second at most."""
    rates: bytes = b""
    """The last three, for the knock."""
    identity: int = Identity.STANDARD
    dx: int = 0
    dy: int = 0
    dz: int = 0
    buttons: int = 0
    moved: bool = False
    """There is something to report."""
    report_at: int = 0
    """The next packet may go."""

    # -- the plug -----------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """There is a byte to send."""
        return bool(self.replies or self.packet)

    def send(self) -> int:
        """The next byte; there must be one."""
        if self.replies:
            value, self.replies = self.replies[0], self.replies[1:]
        else:
            value, self.packet = self.packet[0], self.packet[1:]
        self.last += bytes((value,))
        return value

    def receive(self, value: int) -> None:
        """A byte from the system; what was being sent is broken off."""
        self.replies, self.packet = b"", b""
        if value != Command.RESEND:
            self.last = b""
        expecting, self.expecting = self.expecting, 0
        if self.wrap and value not in {Command.END_WRAP, Command.RESET}:
            self._answer(value)
        elif expecting:
            self._argument(expecting, value)
        else:
            self._command(value)

    def _answer(self, *values: int) -> None:
        self.replies += bytes(values)

    def _command(self, value: int) -> None:
        was_wrong, self.wrong = self.wrong, False
        match value:
            case Command.SCALING_1_1 | Command.SCALING_2_1:
                self.doubled = value == Command.SCALING_2_1
            case Command.SET_RESOLUTION | Command.SET_RATE:
                self.expecting = value
            case Command.STATUS:
                self._answer(Answer.ACK, self._status(), self.resolution, self.rate)
                return
            case Command.STREAM | Command.REMOTE:
                self.remote = value == Command.REMOTE
                self._stop()
            case Command.READ:
                self._answer(Answer.ACK, *self._report(doubled=False))
                return
            case Command.WRAP | Command.END_WRAP:
                self.wrap = value == Command.WRAP
                self._stop()
            case Command.READ_ID:
                self._answer(Answer.ACK, self.identity)
                return
            case Command.ENABLE | Command.DISABLE:
                self.enabled = value == Command.ENABLE
                self._stop()
            case Command.SET_DEFAULTS:
                self._set_defaults()
            case Command.RESEND:
                self.replies, self.last = self.last, b""
                return
            case Command.RESET:
                self._set_defaults()
                self.identity, self.wrap = Identity.STANDARD, False
                self._answer(Answer.ACK, Answer.TEST_PASSED, self.identity)
                return
            case _:
                self._reject(was_wrong)
                return
        self._answer(Answer.ACK)

    def _argument(self, command: int, value: int) -> None:
        was_wrong, self.wrong = self.wrong, False
        if command == Command.SET_RESOLUTION and value <= 3:
            self.resolution = value
        elif command == Command.SET_RATE and value in RATES:
            self.rate, self.rates = value, (self.rates + bytes((value,)))[-3:]
            self.identity = KNOCKS.get(self.rates, self.identity)
        else:
            self.expecting = command  # the right one may still come
            self._reject(was_wrong)
            return
        self._answer(Answer.ACK)

    def _reject(self, again: bool) -> None:
        self.wrong = not again
        if again:
            self.expecting = 0
        self._answer(Answer.ERROR if again else Answer.RESEND)

    def _status(self) -> int:
        status = Status.REMOTE if self.remote else 0
        status |= Status.ENABLED if self.enabled else 0
        status |= Status.SCALING_2_1 if self.doubled else 0
        for bit, button in enumerate((Button.RIGHT, Button.MIDDLE, Button.LEFT)):
            status |= 1 << bit if self.buttons & button else 0
        return status

    def _stop(self) -> None:
        self.dx = self.dy = self.dz = 0
        self.moved = False

    def _set_defaults(self) -> None:
        self._stop()
        self.enabled = self.remote = self.doubled = False
        self.resolution, self.rate, self.rates = 2, 100, b""

    # -- the ball and the buttons -------------------------------------------------------------

    def move(self, motion: Moved) -> None:
        """The mouse was moved or a button has changed."""
        self.dx += motion.dx
        self.dy += motion.dy
        self.dz += motion.wheel
        moving = motion.dx or motion.dy or motion.wheel
        self.moved = self.moved or bool(moving) or motion.buttons != self.buttons
        self.buttons = motion.buttons

    @property
    def due(self) -> int | None:
        """When the next packet is to be made, in ns; None: when there is something to report."""
        reporting = self.enabled and not self.remote and not self.wrap
        return self.report_at if reporting and self.moved and not self.ready else None

    def report(self, now: int) -> None:
        """Make a packet, if it is time."""
        if (due := self.due) is not None and now >= due:
            self.packet, self.last = self._report(doubled=self.doubled), b""
            self.report_at = now + 1_000_000_000 // self.rate

    def _report(self, *, doubled: bool) -> bytes:
        reach = 127 if doubled else REACH
        dx, dy = (max(-reach, min(reach, counts)) for counts in (self.dx, self.dy))
        dz = max(-8, min(7, self.dz))
        self.dx, self.dy, self.dz = self.dx - dx, self.dy - dy, self.dz - dz
        if self.identity == Identity.STANDARD:
            self.dz = 0  # there is no wheel
        self.moved = bool(self.dx or self.dy or self.dz)
        if doubled:
            dx, dy = _double(dx), _double(dy)
        first = 0x08 | (dx < 0) << 4 | (dy < 0) << 5 | self.buttons & 7
        packet = bytes((first, dx & 0xFF, dy & 0xFF))
        match self.identity:
            case Identity.WHEEL:
                packet += bytes((dz & 0xFF,))
            case Identity.FIVE_BUTTONS:
                packet += bytes((dz & 0x0F | self.buttons << 1 & 0x30,))
        return packet


def _double(counts: int) -> int:
    scaled = SCALED[abs(counts)] if abs(counts) < len(SCALED) else 2 * abs(counts)
    return scaled if counts > 0 else -scaled
