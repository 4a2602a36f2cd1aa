"""ISA IDE: one channel with up to two ATA drives, ports 0x1F0-0x1F7 and 0x3F6, IRQ 14.

A second card is the second channel: base 0x170, control 0x376, IRQ 15. One card a channel because
nothing is shared between two: each has its own ports, line, drives and task. Port 0x3F7 belongs to
the floppy controller. The data port takes 32-bit cycles, too, as two words, as on VLB; what ANSI
X3.279 (ATA-2) says of a channel is here, the drives are in `ata` and `ata_commands`.
"""

from __future__ import annotations

from enum import IntEnum
from functools import partial
from typing import Any

import trio

from hotswap.bus import (
    FLOATING,
    Card,
    Policy,
    PortRange,
    Resources,
    Settings,
    Slot,
    State,
    hookimpl,
)

from .ata import DeviceHead, Drive, Phase, Reg
from .ata_commands import Command, Mechanism

ABSENT = ~0x80
"""Where no drive answers DD7 is pulled down, so that nobody waits for BSY."""


class DeviceControl(IntEnum):
    """The control port, written; read, it is the alternate status, which leaves INTRQ alone."""

    NIEN = 0x02  # INTRQ does not reach the bus
    SRST = 0x04  # both drives are in reset while it is set


Geometry = tuple[int, int, int]
"""Cylinders (1-65535), heads (1-16) and sectors per track (1-255)."""


class IdeSettings(Settings, frozen=True):
    """The jumpers; geometries other than 16 heads of 63 sectors, by drive."""

    base: int = 0x1F0
    control: int = 0x3F6
    irq: int = 14
    geometry0: Geometry | None = None
    geometry1: Geometry | None = None


class IdeState(State):
    drives: tuple[Drive, Drive]
    selected: int = 0
    control: int = 0


class Ide(Card[IdeState]):
    """One IDE channel; `slot.disks` are its drives 0 and 1, a drive without a medium is absent."""

    name = "ide"
    cycle_width = 4
    switchover = Policy.CARRY
    state_type = IdeState
    settings_type = IdeSettings
    settings: IdeSettings

    def __init__(self, settings: Any = None) -> None:
        super().__init__(settings)
        self._base: int = self.settings.base
        self._mechanisms: list[Mechanism] = []
        self._work = trio.Event()

    def resources(self) -> Resources:
        """The command block, the control port and one line."""
        settings = self.settings
        for geometry in (settings.geometry0, settings.geometry1):
            if geometry is not None:
                _check(geometry)
        return Resources(
            ports=(PortRange(settings.base, 8), PortRange(settings.control, 1)),
            irqs=(settings.irq,),
            cycle_width=self.cycle_width,
            disks=2,
        )

    def power_on(self) -> None:
        """Two drives that have passed their test."""
        self.state = IdeState((self._drive(0), self._drive(1)))

    def _geometry(self, number: int) -> Geometry:
        """Cylinders 0: as many as the medium has."""
        settings = self.settings
        return (settings.geometry1 if number else settings.geometry0) or (0, 16, 63)

    def _drive(self, number: int) -> Drive:
        _, heads, track = self._geometry(number)
        return Drive((heads, track), heads=heads, track=track)

    def plugged(self, slot: Slot) -> None:
        """Put the drives' mechanisms to their disks."""
        for number, disk in enumerate(slot.disks):
            serial = f"{self.settings.base:04X}-{number}"
            self._mechanisms.append(Mechanism(disk, self._geometry(number)[0], serial))
            disk.on_change = partial(self._changed, number)
            disk.on_room = self._has_room

    def _changed(self, number: int) -> None:
        """A drive was put in or taken out: it is as after power-on."""
        drives = list(self.state.drives)
        drives[number] = self._drive(number)
        self.state.drives = drives[0], drives[1]
        self._interrupt()

    def _has_room(self) -> None:
        """A write that waited for the end of a switchover can be made."""
        self._work.set()

    # -- bus cycles ---------------------------------------------------------------------------

    @property
    def _present(self) -> list[Drive]:
        drives = zip(self.state.drives, self.slot.disks, strict=True)
        return [drive for drive, disk in drives if disk.sectors]

    def read(self, port: int, width: int) -> int:
        """The data port, or one register."""
        reg = port - self._base
        if reg == Reg.DATA:
            return self._read_data(port, width)
        if width > 1:  # no IOCS16 here: the bus makes 8-bit cycles of it
            return sum(self.read(port + n, 1) << 8 * n for n in range(width))
        state = self.state
        drive = state.drives[state.selected]
        if not self.slot.disks[state.selected].sectors:
            # drive 0 answers for a drive 1 that is not there, with a status of zero
            if not (state.selected and self.slot.disks[0].sectors):
                return FLOATING[1] & ABSENT
            drive = state.drives[0]
            if reg == Reg.STATUS or port == self.settings.control:
                return 0
        if port == self.settings.control:
            return drive.status
        if reg == Reg.STATUS:
            drive.intrq = False
            self._interrupt()
            return drive.status
        if drive.busy:
            return drive.status
        if reg == Reg.ERROR:
            return drive.error
        if reg == Reg.DEVICE_HEAD:  # an absent drive 1 is still the one that was selected
            dev = DeviceHead.DEV if state.selected else 0
            return drive.task_file[reg] & ~DeviceHead.DEV | dev | DeviceHead.ONES
        return drive.task_file[reg]

    def write(self, port: int, width: int, value: int) -> None:
        """The data port, or one register."""
        reg = port - self._base
        if reg == Reg.DATA:
            self._write_data(port, width, value)
        elif width > 1:
            for n in range(width):
                self.write(port + n, 1, value >> 8 * n & 0xFF)
        elif port == self.settings.control:
            self._write_control(value)
        elif not any(drive.busy for drive in self._present):
            if reg == Reg.COMMAND:
                self._write_command(value)
            else:
                self._write_register(reg, value)

    def _read_data(self, port: int, width: int) -> int:
        state = self.state
        drive = state.drives[state.selected]
        if drive.phase is not Phase.DATA_IN:
            there = self.slot.disks[state.selected].sectors
            return FLOATING[width] & (-1 if there else ABSENT)
        value = drive.read_data(width)
        if drive.intrq:  # for the next block
            self._interrupt()
        if words := drive.next_words(width):
            self.slot.burst_in(port, width, words)
        return value

    def _write_data(self, port: int, width: int, value: int) -> None:
        drive = self.state.drives[self.state.selected]
        if drive.phase is not Phase.DATA_OUT:
            return
        if drive.write_data(width, value):
            self._wake()
        elif room := drive.room(width):
            self.slot.burst_out(port, width, room)

    def burst_read(self, port: int, size: int) -> None:
        """Words that did not end the block."""
        self.state.drives[self.state.selected].skip(size)

    def burst_written(self, port: int, content: bytes) -> None:
        """As `burst_read`."""
        self.state.drives[self.state.selected].buffer += content

    def _write_register(self, reg: int, value: int) -> None:
        """Both drives hear it."""
        for drive in self.state.drives:
            drive.task_file[reg] = value
        if reg == Reg.DEVICE_HEAD:
            self.state.selected = int(bool(value & DeviceHead.DEV))
            self._interrupt()

    def _write_command(self, value: int) -> None:
        state = self.state
        if value == Command.EXECUTE_DEVICE_DIAGNOSTIC:
            state.selected = 0
            for drive in self._present:
                drive.start(value)
        elif self.slot.disks[state.selected].sectors:
            state.drives[state.selected].start(value)
        self._interrupt()
        self._wake()

    def _write_control(self, value: int) -> None:
        state = self.state
        before, state.control = state.control, value
        if value & DeviceControl.SRST:
            for drive in state.drives:
                drive.reset()
        elif before & DeviceControl.SRST:
            for drive in state.drives:
                drive.phase = Phase.STARTING
            state.selected = 0
            self._wake()
        self._interrupt()

    def _interrupt(self) -> None:
        """The line follows the selected drive's INTRQ."""
        state = self.state
        enabled = not state.control & DeviceControl.NIEN
        self.slot.irq.set(enabled and state.drives[state.selected].intrq)

    def _wake(self) -> None:
        """A drive is busy: give `run` its turn."""
        self._work.set()
        self.slot.backplane.kick()

    # -- the card's own task ------------------------------------------------------------------

    async def run(self, slot: Slot) -> None:
        """What BSY stands for. A drive is busy until it is done, across any freeze."""
        while True:
            self._work = trio.Event()
            for drive, mechanism in zip(self.state.drives, self._mechanisms, strict=True):
                self._serve(drive, mechanism)
            self._interrupt()
            await self._work.wait()

    def _serve(self, drive: Drive, mechanism: Mechanism) -> None:
        match drive.phase:
            case Phase.COMMAND if drive.command == Command.EXECUTE_DEVICE_DIAGNOSTIC:
                drive.tested()
                drive.intrq = drive is self.state.drives[0]
            case Phase.COMMAND:
                mechanism.execute(drive)
            case Phase.RECEIVED if not mechanism.disk.full:  # else BSY until a switchover ends
                mechanism.store(drive)
            case Phase.STARTING:
                if not drive.keeps_settings:
                    drive.revert()
                drive.tested()
            case _:
                pass


def _check(geometry: Geometry) -> None:
    cylinders, heads, track = geometry
    if not (0 < cylinders <= 0xFFFF and 0 < heads <= 16 and 0 < track <= 0xFF):
        raise ValueError(
            f"geometry {cylinders}/{heads}/{track} is none of an ATA drive (65535/16/255 at most)"
        )


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return Ide if name == Ide.name else None
