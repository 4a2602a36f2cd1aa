"""82077AA floppy disk controller: its registers, its FIFO, and what it does without a drive.

A pure core, beside `fdc` as the chip beside the card; what moves sectors is in `i82077_transfer`.
Names follow the Intel 82077AA data sheet (290166). PC-AT mode, in which the status registers A and
B cannot be read. What is timing or magnetics (head load and unload, precompensation, PRETRK, gaps,
perpendicular recording, power down) is kept for DUMPREG and changes nothing.

| phase | RQM | DIO | CMD BSY | ends when |
|-|-|-|-|-|
| RESET | 0 | 0 | 0 | the host has taken reset back, and the chip has come up: INT, four senses |
| COMMAND | 1 | 0 | from the second byte on | the host has written the last byte |
| EXECUTION | by DMA 0, else when there is work | to the host 1 | 1 | the transfer has ended: INT |
| RESULT | 1 | 1 | 1 | the host has read the last byte; the first one takes INT back |

SEEK, RELATIVE SEEK and RECALIBRATE have no result: they go on in the COMMAND phase of others, the
drive's bit in the MSR set until SENSE INTERRUPT STATUS has fetched how they ended.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from .i82077_registers import (
    DOR,
    DRIVES,
    LENGTHS,
    MSR,
    ST0,
    TRANSFERS,
    Code,
    Config,
    Flag,
    decode,
)

VERSION = 0x90
UNREADABLE = 0xFF


class Phase(Enum):
    RESET = "reset"
    COMMAND = "command"
    EXECUTION = "execution"
    RESULT = "result"


class I82077(msgspec.Struct):
    """The chip. A host asks `phase` before it moves bytes of a sector."""

    dor: int = 0
    tdr: int = 0
    rate: int = 2
    """DRATE."""
    phase: Phase = Phase.RESET
    fifo: bytearray = msgspec.field(default_factory=bytearray)
    """Of a command or a result."""
    int_: bool = False
    """The pin; reaches the line while NDMAGATE is set."""
    polling: int = 0
    """Senses of the poll after reset that the host has not fetched."""
    ended: list[int] = msgspec.field(default_factory=list)
    """ST0 of each seek that has ended and was not sensed."""
    busy: int = 0
    """DRVn BUSY."""
    pcn: list[int] = msgspec.field(default_factory=lambda: [0] * DRIVES)
    """Present cylinder numbers: where the chip takes the heads to be."""
    specified: tuple[int, int] = (0, 0)
    config: int = Config.EFIFO
    pretrk: int = 0
    lock: bool = False
    perpendicular: int = 0
    last: int = 0
    """EOT or SC of the last transfer."""

    # -- registers ----------------------------------------------------------------------------

    @property
    def non_dma(self) -> bool:
        """ND of SPECIFY: the host moves every byte itself."""
        return bool(self.specified[1] & 1)

    @property
    def selected(self) -> int | None:
        """The drive whose select line is active: the one in the DOR, if its motor is on."""
        drive = self.dor & DOR.SEL
        return drive if self.dor & DOR.MOT0 << drive else None

    def status(self, ready: bool, to_host: bool) -> int:
        """The MSR. `ready`, `to_host`: in the execution phase, what the transfer waits for."""
        match self.phase:
            case Phase.RESET:
                return 0
            case Phase.COMMAND:
                return MSR.RQM | self.busy | (MSR.CMD_BSY if self.fifo else 0)
            case Phase.RESULT:
                return MSR.RQM | MSR.DIO | MSR.CMD_BSY | self.busy
            case Phase.EXECUTION:
                status = MSR.CMD_BSY | self.busy
                if self.non_dma:
                    status |= MSR.NON_DMA | (MSR.RQM if ready else 0) | (MSR.DIO if to_host else 0)
                return status

    def reset(self) -> None:
        """Software reset. SPECIFY stays, the FIFO's parameters if they are locked."""
        self.phase = Phase.RESET
        self.fifo.clear()
        self.ended.clear()
        self.int_ = False
        self.polling = self.busy = 0
        self.pcn = [0] * DRIVES
        self.perpendicular &= ~0x03  # GAP and WGATE
        if self.lock:
            self.config &= Config.EFIFO | Config.FIFOTHR
        else:
            self.config, self.pretrk = Config.EFIFO, 0

    def ready(self) -> None:
        """The chip has come up and polled the drives."""
        self.phase = Phase.COMMAND
        self.polling = DRIVES
        self.int_ = True

    # -- FIFO ---------------------------------------------------------------------------------

    def read_result(self) -> int:
        """The next byte of a result; nothing to read in other phases."""
        if self.phase is not Phase.RESULT:
            return UNREADABLE
        self.int_ = False
        value = self.fifo.pop(0)
        if not self.fifo:
            self.phase = Phase.COMMAND
            self.int_ = bool(self.ended)
        return value

    def write_command(self, value: int) -> bytes | None:
        """A byte of a command; returns the whole of one that a drive has to carry out."""
        if self.phase is not Phase.COMMAND:
            return None
        self.fifo.append(value)
        code = decode(self.fifo[0])
        if code is not None and len(self.fifo) < LENGTHS[code]:
            return None
        command = bytes(self.fifo)
        self.fifo.clear()
        if code in TRANSFERS:
            self.phase = Phase.EXECUTION
            return command
        return None if self._execute(code, command) else command

    def answer(self, *result: int) -> None:
        """Begin the result phase."""
        self.fifo[:] = bytes(result)
        self.phase = Phase.RESULT

    def seek_ended(self, drive: int, cylinder: int, status: int = 0) -> None:
        """The heads of `drive` are at `cylinder`; `status` in addition to SE."""
        self.pcn[drive] = cylinder
        self.ended.append(ST0.SE | status | drive)
        if self.phase is Phase.COMMAND:  # else when that has ended
            self.int_ = True

    # -- commands without a drive -------------------------------------------------------------

    def _execute(self, code: Code | None, command: bytes) -> bool:
        """Carry it out; False when it takes a drive."""
        match code:
            case Code.SENSE_INTERRUPT_STATUS:
                self._sense_interrupt()
            case Code.SPECIFY:
                self.specified = command[1], command[2]
            case Code.CONFIGURE:
                self.config, self.pretrk = command[2] & 0x7F, command[3]
            case Code.LOCK:
                self.lock = bool(command[0] & Flag.LOCK)
                self.answer(self.lock << 4)
            case Code.PERPENDICULAR_MODE:
                self._perpendicular(command[1])
            case Code.VERSION:
                self.answer(VERSION)
            case Code.DUMPREG:
                modes = self.lock << 7 | self.perpendicular
                self.answer(*self.pcn, *self.specified, self.last, modes, self.config, self.pretrk)
            case None:
                self.answer(ST0.INVALID)
            case _:
                return False
        return True

    def _sense_interrupt(self) -> None:
        """The next drive's status, or an invalid command when none has anything to say."""
        self.int_ = False
        if self.polling:
            drive = DRIVES - self.polling
            self.polling -= 1
            self.answer(ST0.POLLED | drive, self.pcn[drive])
        elif self.ended:
            status = self.ended.pop(0)
            drive = status & ST0.DS
            self.busy &= ~(MSR.DRV0_BUSY << drive)
            self.answer(status, self.pcn[drive])
        else:
            self.answer(ST0.INVALID)

    def _perpendicular(self, value: int) -> None:
        """D3 to D0 are taken over only with OW."""
        drives = value if value & 0x80 else self.perpendicular
        self.perpendicular = drives & 0x3C | value & 0x03
