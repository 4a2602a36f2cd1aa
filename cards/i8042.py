"""One 8042 keyboard controller, with the keyboard and the mouse that are plugged into it.

IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device
Controller"; the chip is an Intel UPI-41 with IBM's program in it.

    64  read   status                      60  read   output buffer
    64  write  command                     60  write  argument of the command, else to the keyboard

    20-3F 60-7F     read and write controller RAM; byte 0 is the command byte
    A4              is there a password
    A7 A8 A9        mouse off, on, test of its lines
    AA              self test
    AB AD AE        test of the keyboard's lines, keyboard off, on
    C0 C1 C2        read the input port; its low or high half into the status
    D0 D1           read and write the output port
    D2 D3 D4        a byte as from the keyboard, as from the mouse, to the mouse
    DD DF           A20 off, on
    E0              test inputs
    F0-FF           pulse those of the output port's bits 3 to 0 that are 0: bit 0 is RESET

There is one output buffer. The controller's own answers are in it at once; a byte of a device
arrives `FRAME_NS` after the buffer was read, so a guest that reads twice for one interrupt gets the
same byte twice, as it expects.

At power-on it is as a BIOS leaves it, because kernels may be started by a loader: IRQ 1 enabled,
translating, the mouse off, A20 open.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from .ps2_keyboard import Keyboard, translate
from .ps2_mouse import Mouse
from .scancodes import BREAK, EXTENDED

FRAME_NS = 660_000
"""Eleven bits at 16.7 kHz, the fastest a device may clock them."""


class Status(IntEnum):
    OBF = 0x01  # output buffer full
    IBF = 0x02  # input buffer full: never, as every byte is taken at once
    SYS = 0x04  # the self test has passed
    CD = 0x08  # the last byte was written to port 0x64
    INH = 0x10  # the keyboard is not locked
    MOBF = 0x20  # the byte in the output buffer is the mouse's
    TO = 0x40
    PERR = 0x80


class CommandByte(IntEnum):
    """Byte 0 of the controller's RAM."""

    INT = 0x01  # IRQ 1 while the keyboard's byte is in the buffer
    INT2 = 0x02  # IRQ 12 while the mouse's is
    SYS = 0x04
    EN = 0x10  # 1: keyboard off
    EN2 = 0x20  # 1: mouse off
    XLATE = 0x40  # set 2 becomes set 1


class OutputPort(IntEnum):
    RESET = 0x01  # low: the CPU is held in reset
    A20 = 0x02
    MOUSE_DATA = 0x04
    MOUSE_CLOCK = 0x08
    IRQ_1 = 0x10
    IRQ_12 = 0x20
    KEYBOARD_CLOCK = 0x40
    KEYBOARD_DATA = 0x80


class Command(IntEnum):
    READ_RAM = 0x20  # to 0x3F
    WRITE_RAM = 0x60  # to 0x7F
    TEST_PASSWORD = 0xA4
    MOUSE_OFF = 0xA7
    MOUSE_ON = 0xA8
    TEST_MOUSE = 0xA9
    SELF_TEST = 0xAA
    TEST_KEYBOARD = 0xAB
    KEYBOARD_OFF = 0xAD
    KEYBOARD_ON = 0xAE
    READ_INPUT_PORT = 0xC0
    POLL_LOW = 0xC1
    POLL_HIGH = 0xC2
    READ_OUTPUT_PORT = 0xD0
    WRITE_OUTPUT_PORT = 0xD1
    WRITE_KEYBOARD_BUFFER = 0xD2
    WRITE_MOUSE_BUFFER = 0xD3
    WRITE_MOUSE = 0xD4
    A20_OFF = 0xDD
    A20_ON = 0xDF
    READ_TEST_INPUTS = 0xE0
    PULSE = 0xF0  # to 0xFF


TEST_PASSED = 0x55
LINE_GOOD = 0x00
NO_PASSWORD = 0xF1
INPUT_PORT = 0xB0
"""Keyboard unlocked, colour display, manufacturing jumper open, the second 256 KiB there."""
OUTPUT_PORT = (
    OutputPort.RESET | OutputPort.A20 | OutputPort.KEYBOARD_CLOCK | OutputPort.KEYBOARD_DATA
)


def _ram() -> list[int]:
    return [CommandByte.INT | CommandByte.SYS | CommandByte.EN2 | CommandByte.XLATE] + [0] * 31


class I8042(msgspec.Struct):
    """The registers of an 8042. Times are ns of machine time."""

    ram: list[int] = msgspec.field(default_factory=_ram)
    output_port: int = OUTPUT_PORT
    """Without the bits that follow the output buffer."""
    flags: int = Status.INH
    """OBF, MOBF, CD and INH of the status."""
    polled: int = 0
    """The command that puts half of the input port into the status, or 0."""
    output: int = 0
    """The output buffer; it keeps its byte when it has been read."""
    answer: tuple[int, int] | None = None
    """A byte of the controller's that waits for the buffer, with the flags it sets."""
    expecting: int = 0
    """The command whose argument is the next byte at port 0x60, or 0."""
    breaking: bool = False
    """The translation has seen F0."""
    frame_ends: int | None = None
    """When the byte that is on its way from a device is in."""
    keyboard: Keyboard = msgspec.field(default_factory=Keyboard)
    mouse: Mouse = msgspec.field(default_factory=Mouse)

    # -- registers ----------------------------------------------------------------------------

    @property
    def status(self) -> int:
        """What port 0x64 reads."""
        status = self.flags | self.ram[0] & CommandByte.SYS
        match self.polled:
            case Command.POLL_LOW:
                return status & 0x0F | INPUT_PORT << 4 & 0xF0
            case Command.POLL_HIGH:
                return status & 0x0F | INPUT_PORT & 0xF0
        return status

    def read(self) -> int:
        """The byte in the output buffer, which is free then."""
        if self.flags & Status.OBF:
            self.flags &= ~(Status.OBF | Status.MOBF)
            self.frame_ends = None  # a device held up meanwhile begins again
        return self.output

    @property
    def interrupts(self) -> int:
        """The bits of the output port that are IRQ 1 and IRQ 12."""
        command = self.ram[0]
        if not self.flags & Status.OBF:
            return 0
        if self.flags & Status.MOBF:
            return OutputPort.IRQ_12 if command & CommandByte.INT2 else 0
        # what a guest asks the controller for while the keyboard is off is no key
        enabled = command & (CommandByte.INT | CommandByte.EN) == CommandByte.INT
        return OutputPort.IRQ_1 if enabled else 0

    # -- commands -----------------------------------------------------------------------------

    def command(self, value: int) -> int | None:
        """A byte at port 0x64. Returns what it puts on the output port, if anything."""
        self.flags |= Status.CD
        self.polled = self.expecting = 0
        match value:
            case _ if Command.READ_RAM <= value < Command.READ_RAM + 32:
                self._answer(self.ram[value - Command.READ_RAM])
            case _ if Command.WRITE_RAM <= value < Command.WRITE_RAM + 32:
                self.expecting = value
            case (
                Command.WRITE_OUTPUT_PORT
                | Command.WRITE_KEYBOARD_BUFFER
                | Command.WRITE_MOUSE_BUFFER
                | Command.WRITE_MOUSE
            ):
                self.expecting = value
            case Command.TEST_PASSWORD:
                self._answer(NO_PASSWORD)
            case Command.MOUSE_OFF:
                self.ram[0] |= CommandByte.EN2
            case Command.MOUSE_ON:
                self.ram[0] &= ~CommandByte.EN2
            case Command.KEYBOARD_OFF:
                self.ram[0] |= CommandByte.EN
            case Command.KEYBOARD_ON:
                self.ram[0] &= ~CommandByte.EN
            case Command.TEST_MOUSE | Command.TEST_KEYBOARD:
                self._answer(LINE_GOOD)
            case Command.SELF_TEST:
                self.ram[0] |= CommandByte.SYS
                self._answer(TEST_PASSED)
            case Command.READ_INPUT_PORT:
                self._answer(INPUT_PORT)
            case Command.POLL_LOW | Command.POLL_HIGH:
                self.polled = value
            case Command.READ_OUTPUT_PORT:
                self._answer(self.output_port | self.interrupts)
            case Command.A20_OFF:
                return self._drive(self.output_port & ~OutputPort.A20)
            case Command.A20_ON:
                return self._drive(self.output_port | OutputPort.A20)
            case Command.READ_TEST_INPUTS:
                self._answer(self._test_inputs())
            case _ if value >= Command.PULSE and not value & OutputPort.RESET:
                return self.output_port & ~OutputPort.RESET
        return None

    def data(self, value: int) -> int | None:
        """A byte at port 0x60. Returns what it puts on the output port, if anything."""
        self.flags &= ~Status.CD
        self.polled = 0
        command, self.expecting = self.expecting, 0
        match command:
            case Command.WRITE_OUTPUT_PORT:
                return self._drive(value)
            case Command.WRITE_KEYBOARD_BUFFER:
                self._answer(value)
            case Command.WRITE_MOUSE_BUFFER:
                self._answer(value, Status.MOBF)
            case Command.WRITE_MOUSE:
                self.ram[0] &= ~CommandByte.EN2  # who is spoken to may answer
                self.frame_ends = None
                self.mouse.receive(value)
            case 0:
                self.ram[0] &= ~CommandByte.EN
                self.frame_ends = None
                self.keyboard.receive(value)
            case _:
                self.ram[command - Command.WRITE_RAM] = value
        return None

    def _answer(self, value: int, source: int = 0) -> None:
        self.answer = value, source

    def _test_inputs(self) -> int:
        """The clock lines of keyboard and mouse; a device that is off has its line held low."""
        off = self.ram[0]
        return (0 if off & CommandByte.EN else 1) | (0 if off & CommandByte.EN2 else 2)

    def _drive(self, value: int) -> int:
        self.output_port = value & ~(OutputPort.IRQ_1 | OutputPort.IRQ_12) | OutputPort.RESET
        return value

    # -- the output buffer --------------------------------------------------------------------

    def settle(self, now: int, *, idle: bool) -> None:
        """Fill the buffer if it is free. `idle`: no key has changed that is not known here yet."""
        self.mouse.report(now)
        if idle:
            self.keyboard.repeat(now)
        if self.flags & Status.OBF:
            return
        if self.answer is not None:
            (self.output, source), self.answer = self.answer, None
            self.flags |= Status.OBF | source
            return
        if self.frame_ends is not None and now >= self.frame_ends:
            self.frame_ends = None
            self._take()
        free = not self.flags & Status.OBF and self.frame_ends is None
        if free and (self._keyboard_sends or self._mouse_sends):
            self.frame_ends = now + FRAME_NS

    def due(self, *, idle: bool) -> int | None:
        """When `settle` has something to do by itself."""
        frame_ends = None if self.flags & Status.OBF else self.frame_ends
        repeat_at = self.keyboard.repeat_at if idle else None
        times = (frame_ends, repeat_at, self.mouse.due)
        return min((time for time in times if time is not None), default=None)

    @property
    def _keyboard_sends(self) -> bool:
        return self.keyboard.ready and not self.ram[0] & CommandByte.EN

    @property
    def _mouse_sends(self) -> bool:
        return self.mouse.ready and not self.ram[0] & CommandByte.EN2

    def _take(self) -> None:
        """A frame is over: its byte goes into the buffer."""
        if self._keyboard_sends:
            value = self.keyboard.send()
            if self.ram[0] & CommandByte.XLATE:
                if value == BREAK:
                    self.breaking = True
                    return
                value = self._translate(value)
            self.output = value
            self.flags |= Status.OBF
        elif self._mouse_sends:
            self.output = self.mouse.send()
            self.flags |= Status.OBF | Status.MOBF

    def _translate(self, value: int) -> int:
        if value >= BREAK or value == EXTENDED:
            return value  # an answer may come between F0 and its code
        broken, self.breaking = self.breaking, False
        return translate(value) | (0x80 if broken else 0)
