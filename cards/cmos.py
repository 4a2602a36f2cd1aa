"""CMOS memory and real-time clock: ports 0x70-0x71, IRQ 8.

An MC146818 (in `mc146818`) with 128 cells, whose RAM tells a BIOS or kernel what is in the machine.
Port 0x70 chooses a cell, port 0x71 is that cell; the cells are those of the IBM PC/AT Technical
Reference, "System Board, Real-Time Clock and CMOS RAM". The clock shows UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from typing import Annotated, Any

import msgspec

from hotswap.bus import FLOATING, Card, Policy, PortRange, Settings, Slot, State, hookimpl

from .mc146818 import A, B, Cell, Mc146818

KIB_PER_64K, KIB_PER_MIB = 64, 1024


class Port(IntEnum):
    ADDRESS = 0x70  # w: bits 0 to 6 choose the cell, bit 7 masks NMI
    DATA = 0x71


class Ram(IntEnum):
    """Cells a BIOS sets up; the sizes are 16-bit, low byte first."""

    EQUIPMENT = 0x14
    BASE_MEMORY = 0x15  # KiB
    EXTENDED_MEMORY = 0x17  # KiB above 1 MiB, set by SETUP
    CHECKSUM = 0x2E  # high byte first: the sum of cells 0x10 to 0x2D
    EXTENDED_FOUND = 0x30  # KiB above 1 MiB, found by the power-on self test
    ABOVE_16_MIB = 0x34  # 64 KiB blocks above 16 MiB; later BIOSes


COPROCESSOR = 0x02
"""In EQUIPMENT. No diskettes, no disk, no display."""


class CmosSettings(Settings, frozen=True, forbid_unknown_fields=True):
    """What the battery has kept."""

    time: datetime = datetime(2000, 7, 1)
    """The clock at power-on, ISO 8601; without an offset it is UTC."""
    memory_kib: Annotated[int, msgspec.Meta(ge=0)] = 65_536
    """RAM in the machine."""


class CmosState(State):
    chip: Mc146818 = msgspec.field(default_factory=Mc146818)
    address: int = Cell.D
    """What was last written to port 0x70. Nothing on this board raises NMI through its mask."""


class Cmos(Card[CmosState]):
    """The clock runs on machine time: it shows `settings.time` at 0 and stands while that does."""

    name = "cmos"
    ports = PortRange(Port.ADDRESS, 2)
    irq = 8
    switchover = Policy.CARRY
    state_type = CmosState
    settings_type = CmosSettings
    settings: CmosSettings

    def __init__(self, settings: CmosSettings | None = None) -> None:
        self.state = CmosState()
        super().__init__(settings)
        self._set_up()

    def power_on(self) -> None:
        """A battery keeps the cells; only interrupts are off."""
        self.state.chip.reset()
        self.state.address = Cell.D

    def _set_up(self) -> None:
        """Leave the cells as a BIOS would."""
        chip, memory, time = self.state.chip, self.settings.memory_kib, self.settings.time
        if time.tzinfo is not None:
            time = time.astimezone(UTC)
        chip.cells[Cell.A] = A.DV_32KHZ | 6  # 1024 Hz
        chip.cells[Cell.B] = B.HOURS_24
        chip.set_clock(time)
        chip.origin = -time.microsecond * 1000
        chip.cells[Ram.EQUIPMENT] = COPROCESSOR
        extended = max(memory - KIB_PER_MIB, 0)
        above = max(memory - 16 * KIB_PER_MIB, 0) // KIB_PER_64K
        for cell, size in (
            (Ram.BASE_MEMORY, min(memory, 640)),
            (Ram.EXTENDED_MEMORY, extended),
            (Ram.EXTENDED_FOUND, extended),
            (Ram.ABOVE_16_MIB, above),
        ):
            chip.cells[cell : cell + 2] = min(size, 0xFFFF).to_bytes(2, "little")
        checksum = sum(chip.cells[0x10 : Ram.CHECKSUM])
        chip.cells[Ram.CHECKSUM : Ram.CHECKSUM + 2] = checksum.to_bytes(2, "big")

    # -- bus cycles ---------------------------------------------------------------------------

    def read(self, port: int, width: int) -> int:
        """The chosen cell; port 0x70 is write only."""
        if port != Port.DATA:
            return FLOATING[width]
        value = self.state.chip.read(self.state.address & 0x7F, self.slot.clock.now())
        self._drive()
        return value

    def write(self, port: int, width: int, value: int) -> None:
        """Choose a cell, or set it."""
        if port == Port.ADDRESS:
            self.state.address = value
        else:
            self.state.chip.write(self.state.address & 0x7F, value, self.slot.clock.now())
            self._drive()

    # -- IRQ 8 --------------------------------------------------------------------------------

    async def run(self, slot: Slot) -> None:
        """Raise IRQ 8 when the chip asks for it."""
        while True:
            self.state.chip.settle(slot.clock.now())
            self._drive()
            await slot.alarm.wait()

    def _drive(self) -> None:
        """IRQ 8 follows the chip; the alarm is set to when it will next rise."""
        slot, chip = self.slot, self.state.chip
        slot.irq.set(chip.irq)
        deadline = chip.next_irq()
        if deadline != slot.alarm.deadline:
            slot.alarm.set(deadline)


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return Cmos if name == Cmos.name else None
