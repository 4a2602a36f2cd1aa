"""One counter of an 8254 programmable interval timer, without its neighbours.

Names follow the Intel 8254 data sheet (231164): CR is the count register the CPU writes, CE the
counting element that is loaded from it, OL the output latch. Nothing is counted: the counter keeps
the CLK pulse at which CE was loaded, and count and OUT follow from the pulse it is asked about, so
a period never drifts. `clk` below is always a number of CLK pulses since power-on.

    mode                              OUT                                        GATE low
    0 interrupt on terminal count     low, high from the N-th pulse on           counting stops
    1 retriggerable one-shot          low for N pulses after a trigger           (rise: trigger)
    2 rate generator                  low for the last of every N pulses         OUT high, stops
    3 square wave                     high for (N+1)/2, low for N/2 pulses       OUT high, stops
    4 software triggered strobe       low for one pulse after N                  counting stops
    5 hardware triggered strobe       low for one pulse, N after a trigger       (rise: trigger)
"""

from __future__ import annotations

from enum import IntEnum

import msgspec


class Access(IntEnum):
    """RW1 and RW0 of the control word."""

    LATCH = 0
    LSB = 1
    MSB = 2
    LSB_THEN_MSB = 3


_ACCESS = tuple(Access)


class Status(IntEnum):
    """The status byte of the read-back command; the low six bits are the control word's."""

    OUT = 0x80
    NULL_COUNT = 0x40  # CR holds a count CE has not got yet


def from_bcd(value: int) -> int:
    """Four decades as a number."""
    return sum((value >> 4 * digit & 15) * 10**digit for digit in range(4))


def to_bcd(value: int) -> int:
    """A number below 10000 as four decades."""
    return sum(value // 10**digit % 10 << 4 * digit for digit in range(4))


class Counter(msgspec.Struct):
    """The registers of one counter."""

    control: int = 0x36
    """RW, M and BCD bits of the control word; a counter never programmed idles in mode 3."""
    gate: bool = True
    cr: int | None = None
    """The count last written, as a number of pulses, or None since the control word."""
    n: int = 0
    """What CE was loaded with."""
    start: int | None = None
    """The pulse that loaded CE, or None while CE is not counting."""
    load_at: int | None = None
    """The pulse at which CE will be loaded from CR."""
    stopped: int | None = None
    """Pulses counted when GATE stopped modes 0 and 4."""
    held: int = 0
    """What CE shows while it is not counting."""
    null_count: bool = True
    """CE has not got the last count written yet."""
    low_byte: int | None = None
    """First byte of a two-byte count."""
    read_msb: bool = False
    latched: int | None = None
    status: int | None = None

    @property
    def mode(self) -> int:
        """0 to 5; M2 is a don't-care in modes 2 and 3."""
        mode = self.control >> 1 & 7
        return mode - 4 if mode > 5 else mode

    @property
    def access(self) -> Access:
        """Which bytes of the count are moved."""
        return _ACCESS[self.control >> 4 & 3]

    @property
    def modulus(self) -> int:
        """Counts of a full turn: what a count of 0 stands for."""
        return 10000 if self.control & 1 else 0x10000

    # -- what a pulse finds -------------------------------------------------------------------

    def _elapsed(self, clk: int) -> int | None:
        if self.start is None:
            return None
        return clk - self.start if self.stopped is None else self.stopped

    def out(self, clk: int) -> bool:
        """The OUT pin."""
        self.advance(clk)
        elapsed = self._elapsed(clk)
        if elapsed is None:
            return self.mode != 0
        match self.mode:
            case 0 | 1:
                return elapsed >= self.n
            case 2:
                return elapsed % self.n != self.n - 1
            case 3:
                return elapsed % self.n < (self.n + 1) // 2
            case _:
                return elapsed != self.n

    def count(self, clk: int) -> int:
        """CE as the CPU reads it, in binary or BCD."""
        self.advance(clk)
        value = self._ce(clk) % self.modulus
        return to_bcd(value) if self.control & 1 else value

    def _ce(self, clk: int) -> int:
        elapsed = self._elapsed(clk)
        if elapsed is None:
            return self.held
        if self.mode == 2:
            return self.n - elapsed % self.n
        if self.mode == 3:  # by twos from an even number, once for either half
            phase, half = elapsed % self.n, (self.n + 1) // 2
            return (self.n & ~1) - 2 * (phase if phase < half else phase - half)
        return self.n - elapsed

    def advance(self, clk: int) -> None:
        """Load CE if that pulse has come."""
        if self.load_at is not None and self.load_at <= clk:
            self.start = self._start_after_load(self.load_at)
            self.n = self._next_n()
            self.stopped = 0 if not self.gate and self.mode in (0, 4) else None
            self.load_at, self.null_count = None, False

    def _next_n(self) -> int:
        return self.n if self.cr is None else self.cr

    def _start_after_load(self, at: int) -> int:
        """A square wave reloaded in its middle goes on with the low half of the new count."""
        elapsed = None if self.start is None else at - self.start
        if self.mode == 3 and elapsed is not None and elapsed % self.n:
            return at - (self._next_n() + 1) // 2
        return at

    def next_rise(self, clk: int) -> int | None:
        """The first pulse after `clk` at which OUT rises, if nothing is written before."""
        self.advance(clk)
        rise = self._rise(clk, self.start, self.n)
        if self.load_at is None or (rise is not None and rise <= self.load_at):
            return rise
        if self.mode == 4 and not self.out(clk):
            return self.load_at  # GATE fell during the strobe; the load ends it
        return self._rise(self.load_at, self._start_after_load(self.load_at), self._next_n())

    def _rise(self, clk: int, start: int | None, n: int) -> int | None:
        if start is None or (self.mode in (0, 4) and not self.gate):
            return None
        if self.mode in (2, 3):  # a count of 1 is not allowed there: OUT stays as it is
            return start + ((clk - start) // n + 1) * n if n > 1 else None
        rise = start + n + (self.mode > 3)
        return rise if rise > clk else None

    @property
    def period(self) -> int | None:
        """Pulses between two rises of OUT, or None when it does not repeat."""
        return self._next_n() if self.mode in (2, 3) else None

    # -- what the CPU does --------------------------------------------------------------------

    def program(self, control: int, clk: int) -> None:
        """Write the control word."""
        self._stop(clk)
        self.control = control & 0x3F
        self.cr = self.low_byte = self.latched = self.status = None
        self.null_count, self.read_msb = True, False

    def write(self, value: int, clk: int) -> None:
        """Write a byte of the count."""
        self.advance(clk)
        if self.access is Access.LSB_THEN_MSB and self.low_byte is None:
            self.low_byte = value
            if self.mode == 0:  # the first byte stops the counter and takes OUT low
                self._stop(clk)
            return
        if self.access is Access.LSB_THEN_MSB:
            value, self.low_byte = value << 8 | (self.low_byte or 0), None
        elif self.access is Access.MSB:
            value <<= 8
        self.cr = (from_bcd(value) if self.control & 1 else value) or self.modulus
        self.null_count = True
        if self.mode in (1, 5) or (self.mode in (2, 3) and not self.gate):
            return  # the trigger will load it
        if self.mode in (2, 3) and self.start is not None:
            self.load_at = self._next_reload(self.start, clk)
            return
        if self.mode == 0:
            self._stop(clk)
        self.load_at = clk + 1

    def _next_reload(self, start: int, clk: int) -> int:
        """Where a running mode 2 or 3 takes a new count: the end of the period or half period."""
        turns, phase = divmod(clk - start, self.n)
        half = (self.n + 1) // 2
        if self.mode == 3 and phase < half < self.n:
            return start + turns * self.n + half
        return start + (turns + 1) * self.n

    def _stop(self, clk: int) -> None:
        self.advance(clk)
        self.held = self._ce(clk)
        self.start = self.load_at = self.stopped = None

    def set_gate(self, gate: bool, clk: int) -> None:
        """The GATE pin changes."""
        self.advance(clk)
        if gate == self.gate:
            return
        self.gate = gate
        if self.mode in (1, 5):
            if gate and self.cr is not None:
                self.load_at = clk + 1
        elif self.mode in (2, 3):
            if not gate:
                self._stop(clk)
            elif self.cr is not None:
                self.load_at = clk + 1
        elif self.start is not None:
            if gate:
                self.start, self.stopped = clk - (self.stopped or 0), None
            else:
                self.stopped = clk - self.start

    def latch_count(self, clk: int) -> None:
        """Counter latch command; a count already latched and not yet read stays."""
        if self.latched is None:
            self.latched = self.count(clk)

    def latch_status(self, clk: int) -> None:
        """Read-back command with STATUS; likewise."""
        if self.status is None:
            out = Status.OUT if self.out(clk) else 0
            null = Status.NULL_COUNT if self.null_count else 0
            self.status = self.control | out | null

    def read(self, clk: int) -> int:
        """Read a byte: latched status first, then the latched or the running count."""
        if self.status is not None:
            status, self.status = self.status, None
            return status
        value = self.count(clk) if self.latched is None else self.latched
        if self.access is Access.LSB_THEN_MSB:
            msb, self.read_msb = self.read_msb, not self.read_msb
            last = msb
        else:
            msb, last = self.access is Access.MSB, True
        if last:
            self.latched = None
        return value >> 8 if msb else value & 0xFF
