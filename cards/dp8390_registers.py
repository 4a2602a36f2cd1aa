"""Registers and bits of the DP8390D, by the names of its data sheet, and the RTL8019AS's own page.

offset   page 0 read    page 0 write    page 1         page 2 read    page 3 (RTL8019AS)
0        CR             CR              CR             CR             CR
1        CLDA0          PSTART          PAR0           PSTART         9346CR
2        CLDA1          PSTOP           PAR1           PSTOP          BPAGE
3        BNRY           BNRY            PAR2           RNPP           CONFIG0
4        TSR            TPSR            PAR3           TPSR           CONFIG1
5        NCR            TBCR0           PAR4           LNPP           CONFIG2
6        FIFO           TBCR1           PAR5           AC upper       CONFIG3
7        ISR            ISR             CURR           AC lower
8        CRDA0          RSAR0           MAR0
9        CRDA1          RSAR1           MAR1
A        8019ID0 "P"    RBCR0           MAR2
B        8019ID1 "p"    RBCR1           MAR3
C        RSR            RCR             MAR4           RCR
D        CNTR0          TCR             MAR5           TCR
E        CNTR1          DCR             MAR6           DCR
F        CNTR2          IMR             MAR7           IMR
"""

from __future__ import annotations

from enum import IntEnum


class R0(IntEnum):
    """Page 0, read."""

    CR = 0
    CLDA0 = 1  # current local DMA address
    CLDA1 = 2
    BNRY = 3
    TSR = 4
    NCR = 5  # collisions
    FIFO = 6
    ISR = 7
    CRDA0 = 8  # current remote DMA address
    CRDA1 = 9
    ID0 = 10
    ID1 = 11
    RSR = 12
    CNTR0 = 13  # frame alignment errors
    CNTR1 = 14  # CRC errors
    CNTR2 = 15  # missed frames


class W0(IntEnum):
    """Page 0, write."""

    CR = 0
    PSTART = 1  # first page of the receive ring
    PSTOP = 2  # the page after its last
    BNRY = 3  # first page not yet read
    TPSR = 4
    TBCR0 = 5
    TBCR1 = 6
    ISR = 7
    RSAR0 = 8
    RSAR1 = 9
    RBCR0 = 10
    RBCR1 = 11
    RCR = 12
    TCR = 13
    DCR = 14
    IMR = 15


class R1(IntEnum):
    """Page 1: ranges from PAR0 to PAR5 and from MAR0 to MAR7."""

    PAR0 = 1
    CURR = 7
    MAR0 = 8


class R2(IntEnum):
    """Page 2, read; writing is for factory testing."""

    PSTART = 1
    PSTOP = 2
    RNPP = 3  # remote next packet pointer
    TPSR = 4
    LNPP = 5  # local next packet pointer
    AC_UPPER = 6
    AC_LOWER = 7
    RCR = 12
    TCR = 13
    DCR = 14
    IMR = 15


class R3(IntEnum):
    """Page 3, of the RTL8019AS: what the jumpers say."""

    CONFIG0 = 3
    CONFIG1 = 4


class CR(IntEnum):
    STP = 0x01
    STA = 0x02
    TXP = 0x04
    RD = 0x38
    PS = 0xC0


class RD(IntEnum):
    """The remote DMA command in CR; 0 is not allowed and changes nothing."""

    READ = 0x08
    WRITE = 0x10
    SEND = 0x18
    ABORT = 0x20  # or complete; the bits below do not matter then


class ISR(IntEnum):
    """The same bits but RST enable an interrupt in IMR."""

    PRX = 0x01
    PTX = 0x02
    RXE = 0x04
    TXE = 0x08
    OVW = 0x10  # the receive ring has overflowed
    CNT = 0x20  # a tally counter has reached 128
    RDC = 0x40  # remote DMA complete
    RST = 0x80  # stopped, or the ring has overflowed: a state, and no interrupt


class DCR(IntEnum):
    WTS = 0x01  # words, not bytes
    BOS = 0x02
    LAS = 0x04
    LS = 0x08  # 0: loopback
    ARM = 0x10  # remote DMA initialises itself: the send command is allowed


class TCR(IntEnum):
    CRC = 0x01  # inhibited
    LB = 0x06  # loopback mode 1 (the chip), 2 (the encoder) or 3 (the wire)


class TSR(IntEnum):
    PTX = 0x01
    CRS = 0x10  # carrier lost
    CDH = 0x40  # no heartbeat


class RCR(IntEnum):
    SEP = 0x01  # save frames with errors
    AR = 0x02  # accept runts
    AB = 0x04  # broadcasts
    AM = 0x08  # multicasts that pass the hash
    PRO = 0x10  # all physical addresses
    MON = 0x20  # check, do not store


class RSR(IntEnum):
    PRX = 0x01
    CRC = 0x02
    MPA = 0x10  # missed
    PHY = 0x20  # a group address
    DIS = 0x40  # monitor mode
