"""One 8259A programmable interrupt controller, without its neighbours.

Names follow the Intel 8259A data sheet (231468): IRR, ISR and IMR are its three registers, ICW1 to
ICW4 the words that initialise it, OCW1 to OCW3 the words that operate it. The chip has two
addresses, A0 = 0 and A0 = 1.

    A0  write                                                read
    0   ICW1 (D4 = 1), OCW2 (D4 = D3 = 0), OCW3 (D3 = 1)     IRR or ISR, as OCW3 chose
    1   ICW2, ICW3, ICW4 while initialising, else OCW1       IMR
        After OCW3 with P = 1 the next read of either address is the poll word.

Two points where it follows the PC's practice: an edge stays latched when its line drops before
INTA (guests that mask a busy line count on it), and ICW1 also clears the ISR. The vectors of the
8085 (ICW4 with uPM = 0) are not made; a PC never asks for them.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec


class ICW1(IntEnum):
    IC4 = 0x01  # ICW4 will follow
    SNGL = 0x02  # alone: no ICW3
    ADI = 0x04  # 8085 only
    LTIM = 0x08  # level triggered
    INIT = 0x10  # what makes it an ICW1


class ICW4(IntEnum):
    UPM = 0x01  # 8086 mode
    AEOI = 0x02  # automatic end of interrupt
    MS = 0x04  # buffered mode only
    BUF = 0x08
    SFNM = 0x10  # special fully nested mode


class OCW2(IntEnum):
    """The three bits R, SL, EOI."""

    ROTATE_IN_AEOI_CLEAR = 0b000
    NON_SPECIFIC_EOI = 0b001
    NO_OPERATION = 0b010
    SPECIFIC_EOI = 0b011
    ROTATE_IN_AEOI_SET = 0b100
    ROTATE_ON_NON_SPECIFIC_EOI = 0b101
    SET_PRIORITY = 0b110
    ROTATE_ON_SPECIFIC_EOI = 0b111


class OCW3(IntEnum):
    RIS = 0x01  # with RR: read the ISR, not the IRR
    RR = 0x02
    P = 0x04  # poll
    SELECT = 0x08  # what makes it an OCW3
    SMM = 0x20  # with ESMM: special mask mode on or off
    ESMM = 0x40


class I8259(msgspec.Struct):
    """The registers and latches of one 8259A."""

    sp: bool = True
    """The SP/EN pin: high on the chip that has others on its inputs."""
    lines: int = 0
    """Levels of IR0 to IR7."""
    edges: int = 0
    """Edge sense latches; the IRR of an edge triggered chip."""
    isr: int = 0
    imr: int = 0xFF  # undefined at power-on; masked keeps an uninitialised chip quiet
    vector: int = 0
    """ICW2: the vector of IR0."""
    icw3: int = 0
    expecting: int = 0
    """The ICW that the next write with A0 = 1 is, or 0 when it is OCW1."""
    icw1: int = ICW1.INIT
    icw4: int = ICW4.UPM
    lowest: int = 7
    """The input with the lowest priority; the next one has the highest."""
    rotate_in_aeoi: bool = False
    special_mask: bool = False
    read_isr: bool = False
    poll: bool = False
    int_out: bool = False
    """The INT pin."""

    @property
    def irr(self) -> int:
        """Interrupt request register: latched edges, or the levels themselves."""
        return self.lines if self.icw1 & ICW1.LTIM else self.edges

    @property
    def cascades(self) -> int:
        """Inputs that another 8259A is on."""
        return self.icw3 if self.sp and not self.icw1 & ICW1.SNGL else 0

    # -- inputs -------------------------------------------------------------------------------

    def drive(self, line: int, level: bool) -> None:
        """Input IR`line` changes to `level`."""
        bit = 1 << line
        if level:
            if not self.lines & bit:
                self.edges |= bit
            self.lines |= bit
        else:
            self.lines &= ~bit
        # A level that goes away before INTA leaves INT up: INTA then finds the default IR7.
        waiting = self.int_out and bool(self.icw1 & ICW1.LTIM)
        self.int_out = waiting or self._requested() is not None

    def _requested(self) -> int | None:
        """The input that asks for service: unmasked, and above all that are in service."""
        asking = self.irr & ~self.imr
        if not asking:
            return None
        blocking = self.isr
        if self.special_mask:
            blocking &= ~self.imr
        if self.icw4 & ICW4.SFNM:
            blocking &= ~self.cascades  # the other chip may have something still more urgent
        for step in range(1, 9):
            line = (self.lowest + step) & 7
            if blocking >> line & 1:
                return None
            if asking >> line & 1:
                return line
        return None

    # -- INTA ---------------------------------------------------------------------------------

    def pending(self) -> int:
        """The input INTA would serve now: the most urgent request, or the default IR7."""
        line = self._requested()
        return 7 if line is None else line

    def acknowledge(self) -> int:
        """INTA: the input served. The default IR7 sets no ISR bit."""
        line = self._requested()
        if line is None:
            self.int_out = False
            return 7
        self.edges &= ~(1 << line)
        if self.icw4 & ICW4.AEOI:
            if self.rotate_in_aeoi:
                self.lowest = line
        else:
            self.isr |= 1 << line
        self._settle()
        return line

    def _settle(self) -> None:
        self.int_out = self._requested() is not None

    # -- the CPU's side -----------------------------------------------------------------------

    def read(self, a0: int) -> int:
        """One read cycle."""
        if self.poll:
            self.poll = False
            return 0x80 | self.acknowledge() if self._requested() is not None else 0
        if a0:
            return self.imr
        return self.isr if self.read_isr else self.irr

    def write(self, a0: int, value: int) -> None:
        """One write cycle."""
        if a0:
            if self.expecting:
                self._initialise(value)
            else:  # OCW1
                self.imr = value
                self._settle()
        elif value & ICW1.INIT:
            self._begin(value)
        elif value & OCW3.SELECT:
            self._ocw3(value)
        else:
            self._ocw2(OCW2(value >> 5), value & 7)
            self._settle()

    def _begin(self, value: int) -> None:
        """ICW1 and what the data sheet lets follow from it (a to f)."""
        self.icw1 = value
        self.edges = self.isr = self.imr = 0
        self.lowest = 7
        self.special_mask = self.read_isr = self.poll = self.rotate_in_aeoi = False
        self.icw3 = self.icw4 = 0
        self.expecting = 2
        self.int_out = False

    def _initialise(self, value: int) -> None:
        if self.expecting == 2:
            self.vector = value & 0xF8
            self.expecting = 4 if self.icw1 & ICW1.SNGL else 3
        elif self.expecting == 3:
            self.icw3 = value
            self.expecting = 4
        else:
            self.icw4 = value
            self.expecting = 0
        if self.expecting == 4 and not self.icw1 & ICW1.IC4:
            self.expecting = 0
        self._settle()

    def _ocw2(self, command: OCW2, level: int) -> None:
        if command is OCW2.ROTATE_IN_AEOI_CLEAR:
            self.rotate_in_aeoi = False
        elif command is OCW2.ROTATE_IN_AEOI_SET:
            self.rotate_in_aeoi = True
        elif command is OCW2.SET_PRIORITY:
            self.lowest = level
        elif command in (OCW2.SPECIFIC_EOI, OCW2.ROTATE_ON_SPECIFIC_EOI):
            self.isr &= ~(1 << level)
            if command is OCW2.ROTATE_ON_SPECIFIC_EOI:
                self.lowest = level
        elif command is not OCW2.NO_OPERATION and (served := self._in_service()) is not None:
            self.isr &= ~(1 << served)
            if command is OCW2.ROTATE_ON_NON_SPECIFIC_EOI:
                self.lowest = served

    def _in_service(self) -> int | None:
        """What a non-specific EOI ends; in special mask mode never an input that is masked."""
        candidates = self.isr & ~self.imr if self.special_mask else self.isr
        for step in range(1, 9):
            line = (self.lowest + step) & 7
            if candidates >> line & 1:
                return line
        return None

    def _ocw3(self, value: int) -> None:
        if value & OCW3.P:
            self.poll = True
        elif value & OCW3.RR:
            self.read_isr = bool(value & OCW3.RIS)
        if value & OCW3.ESMM:
            self.special_mask = bool(value & OCW3.SMM)
            self._settle()
