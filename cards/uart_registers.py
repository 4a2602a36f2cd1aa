"""Registers of the NS16550A: National Semiconductor PC16550D data sheet, 8.0."""

from __future__ import annotations

from enum import IntEnum


class Reg(IntEnum):
    """Offsets from the base; RBR, THR and IER are DLL and DLM while DLAB is set."""

    RBR = 0  # r: received byte
    THR = 0  # w: byte to send
    IER = 1
    IIR = 2  # r
    FCR = 2  # w
    LCR = 3
    MCR = 4
    LSR = 5
    MSR = 6
    SCR = 7


class IER(IntEnum):
    ERBFI = 0x01  # received data, and time-out
    ETBEI = 0x02  # transmitter holding register empty
    ELSI = 0x04  # receiver line status
    EDSSI = 0x08  # modem status


class IIR(IntEnum):
    """Interrupt identification, most urgent first."""

    LINE_STATUS = 0x06
    RECEIVED_DATA = 0x04
    TIME_OUT = 0x0C
    THR_EMPTY = 0x02
    MODEM_STATUS = 0x00
    NONE = 0x01


class FCR(IntEnum):
    ENABLE = 0x01
    CLEAR_RECEIVER = 0x02
    CLEAR_TRANSMITTER = 0x04
    DMA_MODE = 0x08
    TRIGGER = 0xC0


class LCR(IntEnum):
    WLS = 0x03  # word length less 5
    STB = 0x04  # two stop bits
    PEN = 0x08  # parity bit
    BREAK = 0x40
    DLAB = 0x80


class MCR(IntEnum):
    DTR = 0x01
    RTS = 0x02
    OUT1 = 0x04
    OUT2 = 0x08  # on a PC: lets the interrupt out to the bus
    LOOP = 0x10


class LSR(IntEnum):
    DR = 0x01
    OE = 0x02
    PE = 0x04
    FE = 0x08
    BI = 0x10
    THRE = 0x20
    TEMT = 0x40


class MSR(IntEnum):
    DCTS = 0x01
    DDSR = 0x02
    TERI = 0x04
    DDCD = 0x08
    CTS = 0x10
    DSR = 0x20
    RI = 0x40
    DCD = 0x80
