"""A DP8390D network interface controller with the memory behind it, without its card.

Names follow the National Semiconductor DP8390D data sheet. Frames are sent and received whole and
at once: there is no collision, no carrier lost and no bad CRC on this wire. The ring of 256-byte
pages runs from PSTART to PSTOP; CURR is where the next frame goes, BNRY the first page the driver
still wants. A frame in the ring:

    status (RSR), next page, byte count low, high, the frame, its CRC (4 bytes, counted)

CURR never catches up with BNRY: before it enters a page, or leaves it there, the chip compares
both, and a frame that gets so far is given up (OVW, RST) until the driver has made room.
"""

from __future__ import annotations

import zlib

import msgspec

from .dp8390_registers import CR, DCR, ISR, RCR, RD, RSR, TCR, TSR

PAGE = 256
RAM = range(0x4000, 0x8000)
"""What of the local address space can be written: 16 KiB."""
RUNT = 60
"""Bytes; a shorter frame is a runt. As everywhere here, the CRC is not counted."""
TALLY_MAX = 192
BROADCAST = b"\xff" * 6
LOOPED_TSR = {0x02: TSR.CRS | TSR.CDH, 0x04: TSR.CDH, 0x06: 0}
"""By loopback mode: the inputs that cannot be seen there."""


def crc_of(frame: bytes) -> bytes:
    """The four bytes of CRC as they follow `frame` on the wire."""
    return zlib.crc32(frame).to_bytes(4, "little")


def multicast_hash(address: bytes) -> int:
    """The bit of MAR0-7 that lets a group address pass: the top six bits of the CRC register."""
    low = ~zlib.crc32(address) & 0x3F  # zlib's register is mirrored and complemented
    return int(f"{low:06b}"[::-1], 2)


class Dp8390(msgspec.Struct):
    """The registers, and the local address space: PROM of the card, then RAM."""

    memory: bytearray = msgspec.field(default_factory=lambda: bytearray(b"\xff" * RAM.stop))
    cr: int = CR.STP | RD.ABORT
    isr: int = ISR.RST
    imr: int = 0
    dcr: int = 0
    tcr: int = 0
    rcr: int = 0
    tsr: int = 0
    rsr: int = 0
    pstart: int = 0
    pstop: int = 0
    bnry: int = 0
    curr: int = 0
    tpsr: int = 0
    tbcr: int = 0
    crda: int = 0
    """The remote DMA address: RSAR, then counting."""
    rbcr: int = 0
    rnpp: int = 0
    """The page after the frame a send command moves."""
    par: bytearray = msgspec.field(default_factory=lambda: bytearray(6))
    mar: bytearray = msgspec.field(default_factory=lambda: bytearray(8))
    tallies: bytearray = msgspec.field(default_factory=lambda: bytearray(3))
    fifo: bytearray = msgspec.field(default_factory=lambda: bytearray(8))
    fifo_at: int = 0

    def reset(self) -> None:
        """The RESET pin: what the data sheet lists; addresses and memory stay."""
        self.cr, self.isr, self.imr = CR.STP | RD.ABORT, ISR.RST, 0
        self.dcr &= ~DCR.LAS
        self.tcr &= ~TCR.LB

    @property
    def page(self) -> int:
        """Which registers are at offsets 1 to 15."""
        return self.cr >> 6

    @property
    def interrupt(self) -> bool:
        """The INT pin."""
        return self.isr & self.imr & ~ISR.RST != 0

    @property
    def started(self) -> bool:
        """On line, but perhaps in loopback."""
        return self.cr & (CR.STA | CR.STP) == CR.STA

    # -- the command register -----------------------------------------------------------------

    def command(self, value: int) -> None:
        """Write CR. The caller looks at `sending` afterwards."""
        rd = value & CR.RD or self.cr & CR.RD
        run = value & (CR.STA | CR.STP) or self.cr & (CR.STA | CR.STP)
        txp = (value | self.cr) & CR.TXP  # cannot be withdrawn
        self.cr = value & CR.PS | rd | txp | run
        if run & CR.STP:
            self.isr |= ISR.RST
        else:
            self.isr &= ~ISR.RST
        if value & CR.RD and not rd & RD.ABORT:
            self._start_remote(rd)

    def set_boundary(self, page: int) -> None:
        """Write BNRY: pages were read, so an overflow is over."""
        self.bnry = page
        if self.started:
            self.isr &= ~ISR.RST

    # -- remote DMA: the host side of the memory ----------------------------------------------

    def _start_remote(self, rd: int) -> None:
        if rd == RD.SEND and self.dcr & DCR.ARM:
            header = self.bnry * PAGE
            self.crda = header
            self.rnpp = self._load(header + 1)
            self.rbcr = self._load(header + 2) | self._load(header + 3) << 8
        if not self.rbcr:
            self._complete_remote()

    def _complete_remote(self) -> None:
        self.isr |= ISR.RDC
        if self.cr & CR.RD == RD.SEND:
            self.set_boundary(self.rnpp)
        self.cr = self.cr & ~CR.RD | RD.ABORT

    def remote_read(self) -> int:
        """One transfer to the data port, a byte or (WTS) a word; 0xffff when none is due."""
        if self.cr & CR.RD not in (RD.READ, RD.SEND):
            return 0xFFFF
        at = self.crda
        if self.dcr & DCR.WTS:
            value = (
                self.memory[at] | self.memory[at + 1] << 8
                if at < RAM.stop - 1
                else self._load(at) | self._load(at + 1) << 8
            )
            self._advance(2)
        else:
            value = self._load(at)
            self._advance(1)
        return value

    def remote_write(self, value: int) -> None:
        """One transfer from the data port; nothing happens when none is due."""
        if self.cr & CR.RD != RD.WRITE:
            return
        size = 2 if self.dcr & DCR.WTS else 1
        for at in range(self.crda, self.crda + size):
            if at in RAM:
                self.memory[at] = value & 0xFF
            value >>= 8
        self._advance(size)

    def read_run(self, size: int) -> bytes:
        """What a remote read gives in transfers of `size` that end neither it nor the ring."""
        if self.cr & CR.RD not in (RD.READ, RD.SEND):
            return b""
        return bytes(self.memory[self.crda : self.crda + self._run(size)])

    def write_run(self, size: int) -> int:
        """Bytes a remote write takes in such transfers."""
        return self._run(size) if self.cr & CR.RD == RD.WRITE and self.crda in RAM else 0

    def _run(self, size: int) -> int:
        stop = self.pstop * PAGE
        end = stop if self.crda < stop < RAM.stop else RAM.stop
        return max(min(end - self.crda, self.rbcr) - 1, 0) // size * size

    def skip(self, size: int) -> None:
        """So many bytes of a run were moved."""
        self.crda += size
        self.rbcr -= size

    def _advance(self, size: int) -> None:
        crda = self.crda + size & 0xFFFF
        self.crda = self.pstart * PAGE if crda == self.pstop * PAGE else crda
        self.rbcr = max(self.rbcr - size, 0)
        if not self.rbcr:
            self._complete_remote()

    def _load(self, at: int) -> int:
        return self.memory[at] if at < RAM.stop else 0xFF

    # -- transmitter --------------------------------------------------------------------------

    @property
    def sending(self) -> bool:
        """TXP is set and the chip on line: `transmit` is due."""
        return self.cr & CR.TXP != 0 and self.started

    def transmit(self) -> bytes | None:
        """Send from TPSR: the frame that leaves on the wire, without CRC, or None."""
        start, size = self.tpsr * PAGE, self.tbcr
        data = bytes(self.memory[start : start + size]).ljust(size, b"\xff")
        mode = self.tcr & TCR.LB
        self.tsr = TSR.PTX
        if mode:
            self.tsr |= LOOPED_TSR[mode]
            self._loop(data)
        self.isr |= ISR.PTX
        self.cr &= ~CR.TXP
        if mode and mode != TCR.LB:
            return None
        if self.tcr & TCR.CRC:  # the driver's own; nobody on the wire takes a wrong one
            frame, crc = data[:-4], data[-4:]
            return frame if crc == crc_of(frame) else None
        return data

    def _loop(self, data: bytes) -> None:
        """Loopback: bytes of one half of the bus go through the FIFO, none to memory."""
        if self.dcr & DCR.WTS:
            data = data[0 if self.dcr & DCR.BOS else 1 :: 2]
        inhibited = self.tcr & TCR.CRC  # then the receiver has the CRC logic, and checks
        bad = not inhibited or data[-4:] != crc_of(data[:-4])
        if not inhibited:
            data += crc_of(data)
        low, high = len(data) & 0xFF, len(data) >> 8
        for at, byte in enumerate(data + bytes((low, high, high))):
            self.fifo[at % 8] = byte
        self.fifo_at = 0
        accepted = self._accepts(data[:6])
        self.rsr = (RSR.CRC if bad else RSR.PRX) | (RSR.PHY if data[:1] and data[0] & 1 else 0)
        if accepted and bad:
            self.isr |= ISR.RXE

    def read_fifo(self) -> int:
        """The next byte of what was looped."""
        byte = self.fifo[self.fifo_at]
        self.fifo_at = (self.fifo_at + 1) % 8
        return byte

    # -- receiver -----------------------------------------------------------------------------

    @property
    def on_line(self) -> bool:
        """Whether frames from the wire reach the receiver."""
        return self.started and not self.tcr & TCR.LB

    def has_room(self, size: int) -> bool:
        """Whether the ring would take a frame of `size` bytes."""
        page = self.curr
        for _ in range(_pages(size)):
            page = self._next(page)
            if page == self.bnry:
                return False
        return not self.isr & ISR.RST

    def receive(self, frame: bytes) -> None:
        """A frame, without CRC, comes by on the wire."""
        runt = len(frame) < RUNT and not self.rcr & RCR.AR
        if not self.on_line or runt or not self._accepts(frame[:6]):
            return
        group = RSR.PHY if frame[0] & 1 else 0
        if self.rcr & RCR.MON:
            self._miss(RSR.DIS | group)
        elif not self.has_room(len(frame)):
            self.isr |= ISR.OVW | ISR.RST
            self._miss(group)
        else:
            self.rsr = RSR.PRX | group
            self._store(frame)
            self.isr |= ISR.PRX

    def _miss(self, status: int) -> None:
        self.rsr = RSR.MPA | status
        self.isr |= ISR.RXE
        self.tallies[2] = min(self.tallies[2] + 1, TALLY_MAX)
        if self.tallies[2] & 0x80:
            self.isr |= ISR.CNT

    def read_tally(self, number: int) -> int:
        """CNTR0 to CNTR2; reading clears."""
        count, self.tallies[number] = self.tallies[number], 0
        return count

    def _store(self, frame: bytes) -> None:
        size, first = len(frame) + 4, self.curr
        for _ in range(_pages(len(frame))):
            self.curr = self._next(self.curr)
        header = bytes((self.rsr, self.curr, size & 0xFF, size >> 8))
        content, page = header + frame + crc_of(frame), first
        for at in range(0, len(content), PAGE):
            start = page * PAGE
            if start in RAM:
                part = content[at : at + PAGE]
                self.memory[start : start + len(part)] = part
            page = self._next(page)

    def _next(self, page: int) -> int:
        following = page + 1 & 0xFF
        return self.pstart if following == self.pstop else following

    def _accepts(self, address: bytes) -> bool:
        """The address filter."""
        if not address[:1] or not address[0] & 1:
            return self.rcr & RCR.PRO != 0 or address == self.par
        if address == BROADCAST:
            return self.rcr & RCR.AB != 0
        bit = multicast_hash(address)
        return self.rcr & RCR.AM != 0 and self.mar[bit >> 3] >> (bit & 7) & 1 == 1


def _pages(size: int) -> int:
    """Pages a frame of `size` bytes takes, with header and CRC."""
    return (size + 8 + PAGE - 1) // PAGE
