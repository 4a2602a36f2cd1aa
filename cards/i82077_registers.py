"""Registers, status bytes and command codes of the 82077AA.

Intel 82077AA data sheet (290166), sections 2.1 (registers), 5 (commands) and 6 (status bytes).
"""

from __future__ import annotations

from enum import IntEnum

DRIVES = 4


class Reg(IntEnum):
    """Ports, as offsets from 0x3F0."""

    DOR = 2
    TDR = 3
    MSR = 4  # r
    DSR = 4  # w
    FIFO = 5
    DIR = 7  # r
    CCR = 7  # w


class DOR(IntEnum):
    """Digital output register."""

    SEL = 0x03
    NRESET = 0x04
    NDMAGATE = 0x08  # 1: INT and DRQ reach the bus
    MOT0 = 0x10  # to 0x80, by drive


class MSR(IntEnum):
    """Main status register."""

    DRV0_BUSY = 0x01  # to 0x08, by drive
    CMD_BSY = 0x10
    NON_DMA = 0x20
    DIO = 0x40  # the host is to read
    RQM = 0x80


class DSR(IntEnum):
    """Data rate select register."""

    DRATE = 0x03  # CCR has it, too
    SW_RESET = 0x80  # clears itself


RATES = (500, 300, 250, 1000)
"""Kbit/s by DRATE."""


class ST0(IntEnum):
    DS = 0x03
    H = 0x04
    EC = 0x10  # equipment check: no track 0 after 79 steps
    SE = 0x20  # seek end
    ABNORMAL = 0x40
    INVALID = 0x80
    POLLED = 0xC0  # a drive's ready state has changed: after reset


class ST1(IntEnum):
    MA = 0x01  # missing address mark
    NW = 0x02  # not writable
    ND = 0x04  # no such sector on the track
    OR = 0x10  # overrun, underrun
    DE = 0x20  # CRC
    EN = 0x80  # beyond the end of the cylinder, without TC


class ST2(IntEnum):
    MD = 0x01  # missing data address mark
    BC = 0x02  # bad cylinder
    WC = 0x10  # wrong cylinder
    DD = 0x20  # CRC of the data field
    CM = 0x40  # control mark: deleted where it should not be, or the other way round


class ST3(IntEnum):
    DS = 0x03
    HD = 0x04
    ONES = 0x28
    T0 = 0x10
    WP = 0x40


class Config(IntEnum):
    """The second byte of CONFIGURE."""

    FIFOTHR = 0x0F
    POLL = 0x10  # polling disabled
    EFIFO = 0x20  # FIFO disabled
    EIS = 0x40  # implied seeks


class Code(IntEnum):
    """Commands."""

    READ_TRACK = 0x02
    SPECIFY = 0x03
    SENSE_DRIVE_STATUS = 0x04
    WRITE_DATA = 0x05
    READ_DATA = 0x06
    RECALIBRATE = 0x07
    SENSE_INTERRUPT_STATUS = 0x08
    WRITE_DELETED_DATA = 0x09
    READ_ID = 0x0A
    READ_DELETED_DATA = 0x0C
    FORMAT_TRACK = 0x0D
    DUMPREG = 0x0E
    SEEK = 0x0F
    VERSION = 0x10
    PERPENDICULAR_MODE = 0x12
    CONFIGURE = 0x13
    LOCK = 0x14
    VERIFY = 0x16
    RELATIVE_SEEK = 0x8F


LENGTHS = {
    Code.READ_TRACK: 9, Code.SPECIFY: 3, Code.SENSE_DRIVE_STATUS: 2, Code.WRITE_DATA: 9,
    Code.READ_DATA: 9, Code.RECALIBRATE: 2, Code.SENSE_INTERRUPT_STATUS: 1,
    Code.WRITE_DELETED_DATA: 9, Code.READ_ID: 2, Code.READ_DELETED_DATA: 9, Code.FORMAT_TRACK: 6,
    Code.DUMPREG: 1, Code.SEEK: 3, Code.VERSION: 1, Code.PERPENDICULAR_MODE: 2, Code.CONFIGURE: 4,
    Code.LOCK: 1, Code.VERIFY: 9, Code.RELATIVE_SEEK: 3,
}  # fmt: skip
"""Bytes of a command."""
TRANSFERS = {
    Code.READ_TRACK, Code.WRITE_DATA, Code.READ_DATA, Code.WRITE_DELETED_DATA, Code.READ_ID,
    Code.READ_DELETED_DATA, Code.FORMAT_TRACK, Code.VERIFY,
}  # fmt: skip
"""Have an execution phase and seven bytes of result. MT, MFM, SK where of no use are ignored."""


class Flag(IntEnum):
    """In the first byte."""

    SK = 0x20
    MFM = 0x40
    MT = 0x80
    LOCK = 0x80
    INWARD = 0x40  # RELATIVE SEEK: to higher cylinders


def decode(first: int) -> Code | None:
    """The command that begins with this byte; None when there is no such one (SCAN, for one)."""
    code = first & 0x1F
    if code not in TRANSFERS:
        code = first
        if first & ~Flag.LOCK == Code.LOCK:
            code = Code.LOCK
        elif first & ~Flag.INWARD == Code.RELATIVE_SEEK:
            code = Code.RELATIVE_SEEK
    return Code(code) if code in LENGTHS else None
