"""Diskette controller: an 82077AA at ports 0x3F2-0x3F5 and 0x3F7, IRQ 6, DRQ 2, with two drives.

IBM PC/AT Technical Reference, "Fixed Disk and Diskette Drive Adapter"; port 0x3F6 belongs to the
fixed disk. The chip is in `i82077`, the drives are in `fdc_drives` and `diskette`. As on the PC's
cable a drive is there for the chip while the DOR selects it and its motor is on; motors are at
their speed at once. What was written survives a power failure of the host after the motor is
switched off.

Without DMA there is one interrupt for a sector, whatever CONFIGURE says of the FIFO: the host moves
bytes while RQM is set.

A new kernel never sees what the old one has begun (COLD_RESET): the DMA controller, which is reset
as well, could not finish it.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec

from hotswap.bus import FLOATING, Card, Policy, PortRange, Resources, Settings, Slot, hookimpl

from .diskette import Drive, Kind, Mechanism
from .fdc_drives import SETTLE_NS, Drives, FdcState
from .i82077 import UNREADABLE, Phase
from .i82077_registers import DOR, DSR, Reg
from .i82077_transfer import Transfer

BASE = 0x3F0
CHANGED = 0x80
"""DSKCHG in the DIR; the other bits are the fixed disk's."""


class FdcSettings(Settings, frozen=True):
    """The drives on the cable, A first, and how many times as fast as real ones they are."""

    drives: Annotated[list[Kind], msgspec.Meta(max_length=2)] = msgspec.field(
        default_factory=lambda: ["1.44M", "1.44M"]
    )
    speed: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 16


class Fdc(Card[FdcState]):
    """The controller; `slot.disks` are its drives."""

    name = "fdc"
    ports = (PortRange(BASE + Reg.DOR, 4), PortRange(BASE + Reg.DIR, 1))
    irq = 6
    drq = 2
    switchover = Policy.COLD_RESET
    state_type = FdcState
    settings_type = FdcSettings
    settings: FdcSettings

    def __init__(self, settings: Any = None) -> None:
        super().__init__(settings)
        self._drives = Drives((), self.settings.speed)
        self._armed: int | None = None

    def resources(self) -> Resources:
        """Ports, lines and a place for a diskette in every drive."""
        disks = len(self.settings.drives)
        return msgspec.structs.replace(super().resources(), disks=disks)

    def power_on(self) -> None:
        """In reset, heads at the outermost cylinder."""
        self.state = FdcState([Drive() for _ in self.settings.drives])

    def plugged(self, slot: Slot) -> None:
        """Put the drives' mechanisms to their disks."""
        kinds = self.settings.drives
        mechanisms = [Mechanism(*pair) for pair in zip(slot.disks, kinds, strict=True)]
        self._drives = Drives(mechanisms, self.settings.speed)
        for number, disk in enumerate(slot.disks):
            disk.on_change = partial(self._changed, number)

    def _changed(self, number: int) -> None:
        drive = self.state.drives[number]
        drive.changed, drive.unsaved = True, False
        drive.deleted.clear()

    # -- registers ----------------------------------------------------------------------------

    def read(self, port: int, width: int) -> int:
        """One register."""
        state, chip = self.state, self.state.chip
        match port - BASE:
            case Reg.DOR:
                return chip.dor
            case Reg.TDR:
                return chip.tdr | FLOATING[1] & ~3
            case Reg.MSR:
                transfer = state.transfer
                ready = transfer is not None and transfer.ready
                return chip.status(ready, transfer is not None and transfer.to_host)
            case Reg.FIFO:
                value = self._read_fifo()
                self._settle()
                return value
            case _:
                there = self._drives.selected(state)
                changed = there is not None and there[0].changed
                return FLOATING[1] & ~CHANGED | (CHANGED if changed else 0)

    def write(self, port: int, width: int, value: int) -> None:
        """One register."""
        chip = self.state.chip
        match port - BASE:
            case Reg.DOR:
                self._write_dor(value)
            case Reg.TDR:
                chip.tdr = value & 3
            case Reg.DSR:
                chip.rate = value & DSR.DRATE
                if value & DSR.SW_RESET:
                    self._reset()
            case Reg.FIFO:
                self._write_fifo(value)
            case Reg.CCR:
                chip.rate = value & DSR.DRATE
        self._settle()

    def _write_dor(self, value: int) -> None:
        chip = self.state.chip
        changed, chip.dor = chip.dor ^ value, value
        if changed & DOR.NRESET:
            self._reset()

    def _reset(self) -> None:
        """A reset begins, or is taken back; one by the DSR is both at once."""
        state = self.state
        state.chip.reset()
        state.seeks.clear()
        state.transfer = None
        state.up = self._now() + SETTLE_NS if state.chip.dor & DOR.NRESET else None

    # -- FIFO ---------------------------------------------------------------------------------

    def _read_fifo(self) -> int:
        if self.state.chip.phase is not Phase.EXECUTION:
            return self.state.chip.read_result()
        transfer = self._asking(dma=False)
        if transfer is None or not transfer.to_host:
            return UNREADABLE
        value = transfer.read(1)[0]
        self._moved(transfer)
        return value

    def _write_fifo(self, value: int) -> None:
        if self.state.chip.phase is not Phase.EXECUTION:
            if command := self.state.chip.write_command(value):
                self._drives.begin(self.state, command, self._now())
        elif (transfer := self._asking(dma=False)) and not transfer.to_host:
            transfer.write(bytes((value,)))
            self._moved(transfer)

    def _asking(self, *, dma: bool) -> Transfer | None:
        """The transfer that waits for the host, or (with `dma`) for DACK."""
        transfer = self.state.transfer
        ready = transfer is not None and transfer.ready and self.state.chip.non_dma != dma
        return transfer if ready else None

    def _moved(self, transfer: Transfer) -> None:
        """The host has moved something; without DMA, INT stays up until there is no more."""
        if transfer.complete:
            self.state.chip.int_ = False
            self._drives.execution(self.state, transfer).host_done(self._now())

    # -- DMA ----------------------------------------------------------------------------------

    def dma_read(self, line: int, size: int) -> bytes:
        """Bytes of a sector, for memory."""
        transfer = self._asking(dma=True)
        if transfer is None or not transfer.to_host:
            return b""
        content = transfer.read(size)
        self._moved(transfer)
        self._settle()
        return content

    def dma_write(self, line: int, content: bytes, terminal: bool) -> int:
        """Bytes from memory, for a sector or the IDs of a track."""
        transfer = self._asking(dma=True)
        if transfer is None or transfer.to_host:
            return 0
        taken = transfer.write(content)
        self._moved(transfer)
        self._settle()
        return taken

    def dma_end(self, line: int) -> None:
        """TC: the command ends with this sector."""
        transfer = self.state.transfer
        if transfer is None or self.state.chip.non_dma:
            return
        transfer.tc = True
        if transfer.ready:
            self._moved(transfer)
        self._settle()

    # -- lines and time -----------------------------------------------------------------------

    def _now(self) -> int:
        return self.slot.clock.now()

    def _settle(self) -> None:
        """After a change: drive the lines, and have `run` woken when something is due."""
        gate = bool(self.state.chip.dor & DOR.NDMAGATE)
        self.slot.irq.set(gate and self.state.chip.int_)
        self.slot.drq.set(gate and self._asking(dma=True) is not None)
        self._arm()

    def _arm(self) -> None:
        due = self._drives.due(self.state)
        if due != self._armed:  # else setting it would take back a ring that `run` has yet to hear
            self._armed = due
            self.slot.alarm.set(due)

    async def run(self, slot: Slot) -> None:
        """Do what is due. All of it is in the state, so a freeze at any instant loses nothing."""
        self._armed = None
        slot.alarm.set(None)
        self._arm()
        while True:
            await slot.alarm.wait()
            self._armed = None
            transfer = self.state.transfer
            self._drives.serve(self.state, self._now())
            if self.state.transfer is not transfer:
                slot.irq.set(False)  # the result is an edge of its own, be it after an overrun
            self._settle()


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return Fdc if name == Fdc.name else None
