"""The register file of a DP8390D: what is at each offset of pages 0 to 2 but CR itself."""

from __future__ import annotations

from .dp8390 import Dp8390
from .dp8390_registers import ISR, R0, R1, R2, W0

ID = b"Pp"
"""8019ID0 and 8019ID1: an RTL8019AS."""


def read_register(chip: Dp8390, offset: int) -> int:
    """The register at `offset` (0 to 15) of the page CR selects."""
    if offset == R0.CR:
        return chip.cr
    match chip.page:
        case 0:
            return _read_page_0(chip, offset)
        case 1:
            return _read_page_1(chip, offset)
        case 2:
            return _read_page_2(chip, offset)
        case _:
            return 0xFF


def write_register(chip: Dp8390, offset: int, value: int) -> None:
    """As `read_register`; page 2 is for factory testing."""
    match chip.page:
        case 0:
            _write_page_0(chip, offset, value)
        case 1:
            _write_page_1(chip, offset, value)
        case _:
            pass


def _read_page_0(chip: Dp8390, offset: int) -> int:
    match offset:
        case R0.CLDA1:
            return chip.curr
        case R0.BNRY:
            return chip.bnry
        case R0.TSR:
            return chip.tsr
        case R0.FIFO:
            return chip.read_fifo()
        case R0.ISR:
            return chip.isr
        case R0.CRDA0:
            return chip.crda & 0xFF
        case R0.CRDA1:
            return chip.crda >> 8
        case R0.ID0 | R0.ID1:
            return ID[offset - R0.ID0]
        case R0.RSR:
            return chip.rsr
        case R0.CNTR0 | R0.CNTR1 | R0.CNTR2:
            return chip.read_tally(offset - R0.CNTR0)
        case _:
            return 0  # CLDA0: frames begin with a page; NCR: nobody collides


def _write_page_0(chip: Dp8390, offset: int, value: int) -> None:
    match offset:
        case W0.PSTART:
            chip.pstart = value
        case W0.PSTOP:
            chip.pstop = value
        case W0.BNRY:
            chip.set_boundary(value)
        case W0.TPSR:
            chip.tpsr = value
        case W0.TBCR0:
            chip.tbcr = chip.tbcr & 0xFF00 | value
        case W0.TBCR1:
            chip.tbcr = chip.tbcr & 0xFF | value << 8
        case W0.ISR:  # writing 1 clears
            chip.isr &= ~value | ISR.RST
        case W0.RSAR0:
            chip.crda = chip.crda & 0xFF00 | value
        case W0.RSAR1:
            chip.crda = chip.crda & 0xFF | value << 8
        case W0.RBCR0:
            chip.rbcr = chip.rbcr & 0xFF00 | value
        case W0.RBCR1:
            chip.rbcr = chip.rbcr & 0xFF | value << 8
        case W0.RCR:
            chip.rcr = value & 0x3F
        case W0.TCR:
            chip.tcr = value & 0x1F
        case W0.DCR:
            chip.dcr = value & 0x7F
        case _:
            chip.imr = value & 0x7F


def _read_page_1(chip: Dp8390, offset: int) -> int:
    if offset >= R1.MAR0:
        return chip.mar[offset - R1.MAR0]
    return chip.curr if offset == R1.CURR else chip.par[offset - R1.PAR0]


def _write_page_1(chip: Dp8390, offset: int, value: int) -> None:
    if offset >= R1.MAR0:
        chip.mar[offset - R1.MAR0] = value
    elif offset == R1.CURR:
        chip.curr = value
    else:
        chip.par[offset - R1.PAR0] = value


def _read_page_2(chip: Dp8390, offset: int) -> int:
    match offset:
        case R2.PSTART:
            return chip.pstart
        case R2.PSTOP:
            return chip.pstop
        case R2.RNPP:
            return chip.rnpp
        case R2.TPSR:
            return chip.tpsr
        case R2.LNPP:
            return chip.curr
        case R2.AC_UPPER:
            return chip.crda >> 8
        case R2.AC_LOWER:
            return chip.crda & 0xFF
        case R2.RCR:
            return chip.rcr | 0xC0
        case R2.TCR:
            return chip.tcr | 0xE0
        case R2.DCR:
            return chip.dcr | 0x80
        case R2.IMR:
            return chip.imr | 0x80
        case _:
            return 0xFF
