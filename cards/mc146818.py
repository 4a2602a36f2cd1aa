"""MC146818 real-time clock plus RAM, without the board around it.

Names follow the Motorola MC146818A data sheet. The time is kept in the chip's own cells, as the
guest wrote it; once a second an update cycle adds one to them. Nothing runs for that: the chip
keeps where its divider chain started and does what is due when it is asked. `now` below is always
machine time in ns.

    cells       contents                          update cycle
    00-09       time, alarm, calendar             at every CLK_HZ pulses of the chain, unless SET
    0A-0D       registers A to D
    0E-7F       RAM (0x32: the century, which later chips and the BIOS count on)

Modelled with the 32.768 kHz time base of the PC: any DV but 010 holds the divider chain. Not made:
the SQW pin (no PC connects it) and daylight saving (DSE is kept, without effect).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import IntEnum, IntFlag

import msgspec

CLK_HZ = 32_768
NS = 1_000_000_000
DAY = 86_400  # seconds
UIP_PULSES = 8 + 65
"""UIP leads the update by t_BUC = 244 us and stays for its t_UC = 1984 us."""


class Cell(IntEnum):
    SECONDS = 0x00
    SECONDS_ALARM = 0x01
    MINUTES = 0x02
    MINUTES_ALARM = 0x03
    HOURS = 0x04
    HOURS_ALARM = 0x05
    DAY_OF_WEEK = 0x06  # 1 is Sunday
    DATE = 0x07
    MONTH = 0x08
    YEAR = 0x09
    A = 0x0A
    B = 0x0B
    C = 0x0C
    D = 0x0D
    CENTURY = 0x32


class A(IntFlag):
    UIP = 0x80  # r: an update is near or under way
    DV = 0x70
    RS = 0x0F  # rate of PF
    DV_32KHZ = 0x20


class B(IntFlag):
    SET = 0x80  # no updates: the program is writing the time
    PIE = 0x40
    AIE = 0x20
    UIE = 0x10
    SQWE = 0x08
    DM = 0x04  # 1 binary, 0 BCD
    HOURS_24 = 0x02
    DSE = 0x01


class C(IntFlag):
    IRQF = 0x80  # a flag and its enable in register B are both set
    PF = 0x40
    AF = 0x20
    UF = 0x10


VRT = 0x80
"""The one bit of register D: the battery never failed."""
INTERRUPTS = C.PF | C.AF | C.UF
DONT_CARE = 0xC0
"""An alarm cell from here on matches everything."""


class Mc146818(msgspec.Struct):
    """The cells, and how far the divider chain has been followed."""

    cells: bytearray = msgspec.field(default_factory=lambda: bytearray(128))
    origin: int = 0
    """Machine time in ns at which the divider chain was at 0."""
    pulses: int = 0
    """What the chain was at when it was last looked at; whole seconds are multiples of CLK_HZ."""

    # -- pins ---------------------------------------------------------------------------------

    @property
    def irq(self) -> bool:
        """True while the IRQ pin is asserted: until register C is read."""
        return bool(self.cells[Cell.C] & self.cells[Cell.B] & INTERRUPTS)

    def next_irq(self) -> int | None:
        """When the IRQ pin will next be asserted, ns of machine time; the chip is settled."""
        enabled, due = self.cells[Cell.B], []
        if self.irq or not self._running:
            return None
        if enabled & B.PIE and (period := self._period):
            due.append((self.pulses // period + 1) * period)
        if not enabled & B.SET:
            second = self.pulses // CLK_HZ
            if enabled & B.UIE:
                due.append((second + 1) * CLK_HZ)
            if enabled & B.AIE and (wait := self._seconds_to_alarm()) is not None:
                due.append((second + wait) * CLK_HZ)
        return self.origin - -min(due) * NS // CLK_HZ if due else None

    def reset(self) -> None:
        """The RESET pin: no interrupts. Time, alarm, calendar and RAM live on the battery."""
        self.cells[Cell.B] &= ~(B.PIE | B.AIE | B.UIE | B.SQWE) & 0xFF
        self.cells[Cell.C] = 0

    # -- cells --------------------------------------------------------------------------------

    def read(self, index: int, now: int) -> int:
        """A cell. Reading register C takes the interrupt request back."""
        self.settle(now)
        value = self.cells[index]
        match index:
            case Cell.A:
                return value | (A.UIP if self._updating else 0)
            case Cell.C:
                self.cells[Cell.C] = 0
                return value | (C.IRQF if value & self.cells[Cell.B] else 0)
            case Cell.D:
                return VRT
        return value

    def write(self, index: int, value: int, now: int) -> None:
        """Set a cell. Registers C, D, UIP and bit 7 of the seconds are read only."""
        self.settle(now)
        match index:
            case Cell.A:
                was_running = self._running
                self.cells[Cell.A] = value & ~A.UIP
                if self._running != was_running:  # the first update is half a second away
                    self.pulses, self.origin = CLK_HZ // 2, now - NS // 2
            case Cell.B:
                self.cells[Cell.B] = value & ~B.UIE if value & B.SET else value
            case Cell.C | Cell.D:
                pass
            case Cell.SECONDS:
                self.cells[Cell.SECONDS] = value & 0x7F
            case _:
                self.cells[index] = value

    def set_clock(self, time: datetime) -> None:
        """Write time, calendar and century as a program would, in the mode register B says."""
        self._store(time.date(), time.hour * 3600 + time.minute * 60 + time.second)
        self.cells[Cell.DAY_OF_WEEK] = time.isoweekday() % 7 + 1
        self.cells[Cell.CENTURY] = self._encode(time.year // 100)

    # -- the divider chain --------------------------------------------------------------------

    @property
    def _running(self) -> bool:
        return self.cells[Cell.A] & A.DV == A.DV_32KHZ

    @property
    def _updating(self) -> bool:
        near = self.pulses % CLK_HZ >= CLK_HZ - UIP_PULSES
        return near and self._running and not self.cells[Cell.B] & B.SET

    @property
    def _period(self) -> int:
        """Pulses between two PF, or 0. Rates 1 and 2 are those of 8 and 9."""
        rate = self.cells[Cell.A] & A.RS
        return 1 << (rate - 1 if rate > 2 else rate + 6) if rate else 0

    def settle(self, now: int) -> None:
        """Do what the divider chain has asked for since the last time."""
        if not self._running:
            return
        before, self.pulses = self.pulses, (now - self.origin) * CLK_HZ // NS
        period = self._period
        if period and self.pulses // period > before // period:
            self.cells[Cell.C] |= C.PF
        seconds = self.pulses // CLK_HZ - before // CLK_HZ
        if seconds and not self.cells[Cell.B] & B.SET:
            wait = self._seconds_to_alarm()
            if wait is not None and wait <= seconds:
                self.cells[Cell.C] |= C.AF
            self._count(seconds)
            self.cells[Cell.C] |= C.UF

    # -- time, calendar, alarm ----------------------------------------------------------------

    def _count(self, seconds: int) -> None:
        """So many update cycles. Every fourth year is a leap year, as the chip has it."""
        days, of_day = divmod(self._second_of_day() + seconds, DAY)
        month = min(max(self._decode(Cell.MONTH), 1), 12)
        first = date(2000 + self._decode(Cell.YEAR) % 100, month, 1)
        today = first + timedelta(max(self._decode(Cell.DATE), 1) - 1 + days)
        self._store(today, of_day)
        self.cells[Cell.DAY_OF_WEEK] = (self.cells[Cell.DAY_OF_WEEK] - 1 + days) % 7 + 1
        if today.year >= 2100:
            self.cells[Cell.CENTURY] = self._encode((self._decode(Cell.CENTURY) + 1) % 100)

    def _store(self, day: date, of_day: int) -> None:
        cells = self.cells
        cells[Cell.SECONDS] = self._encode(of_day % 60)
        cells[Cell.MINUTES] = self._encode(of_day // 60 % 60)
        cells[Cell.HOURS] = self._encode_hour(of_day // 3600)
        cells[Cell.DATE] = self._encode(day.day)
        cells[Cell.MONTH] = self._encode(day.month)
        cells[Cell.YEAR] = self._encode(day.year % 100)

    def _second_of_day(self) -> int:
        hours = self.cells[Cell.HOURS]
        if not self.cells[Cell.B] & B.HOURS_24:
            hours = self._decode(Cell.HOURS, 0x7F) % 12 + 12 * (hours >> 7)
        else:
            hours = self._decode(Cell.HOURS)
        return hours * 3600 + self._decode(Cell.MINUTES) * 60 + self._decode(Cell.SECONDS)

    def _seconds_to_alarm(self) -> int | None:
        """Update cycles until the alarm matches, 1 to DAY; None when its cells are no time."""
        hours = {h for h in range(24) if self._matches(Cell.HOURS_ALARM, self._encode_hour(h))}
        minutes = {m for m in range(60) if self._matches(Cell.MINUTES_ALARM, self._encode(m))}
        seconds = {s for s in range(60) if self._matches(Cell.SECONDS_ALARM, self._encode(s))}
        if not (hours and minutes and seconds):
            return None
        time = self._second_of_day()
        at = time + 1
        while True:
            if at % DAY // 3600 not in hours:
                at += 3600 - at % 3600
            elif at // 60 % 60 not in minutes:
                at += 60 - at % 60
            elif at % 60 not in seconds:
                at += 1
            else:
                return at - time

    def _matches(self, alarm: Cell, value: int) -> bool:
        return self.cells[alarm] >= DONT_CARE or self.cells[alarm] == value

    def _decode(self, cell: Cell, mask: int = 0xFF) -> int:
        value = self.cells[cell] & mask
        return value if self.cells[Cell.B] & B.DM else (value >> 4) * 10 + (value & 15)

    def _encode(self, value: int) -> int:
        return value if self.cells[Cell.B] & B.DM else value // 10 << 4 | value % 10

    def _encode_hour(self, hour: int) -> int:
        if self.cells[Cell.B] & B.HOURS_24:
            return self._encode(hour)
        return self._encode(hour % 12 or 12) | (0x80 if hour >= 12 else 0)
