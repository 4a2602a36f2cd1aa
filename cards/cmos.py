"""CMOS memory and real-time clock: ports 0x70-0x71, IRQ 8.

An MC146818 (in `mc146818`) with 128 cells, whose RAM tells a BIOS or kernel what is in the machine.
Port 0x70 chooses a cell, port 0x71 is that cell; the cells are those of the IBM PC/AT Technical
Reference, "System Board, Real-Time Clock and CMOS RAM". The clock shows UTC.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Annotated, Any, Literal, TypeAlias, get_args

import msgspec
import trio

from hotswap.bus import FLOATING, Card, Policy, PortRange, Settings, Slot, State, hookimpl

from .mc146818 import A, B, Cell, Mc146818

KIB_PER_64K, KIB_PER_MIB = 64, 1024


class Port(IntEnum):
    ADDRESS = 0x70  # w: bits 0 to 6 choose the cell, bit 7 masks NMI
    DATA = 0x71


class Ram(IntEnum):
    """Cells a BIOS sets up; the sizes are 16-bit, low byte first.

    0x38 to 0x3D are those of the Bochs BIOS, which SeaBIOS reads too.
    """

    DISKETTES = 0x10  # types of the drives: A in the high nibble, B in the low one
    DISKS = 0x12  # types likewise; 0xF: see the cells from 0x19
    EQUIPMENT = 0x14
    BASE_MEMORY = 0x15  # KiB
    EXTENDED_MEMORY = 0x17  # KiB above 1 MiB, set by SETUP
    DISK_TYPE = 0x19  # of the first disk, and in the next cell of the second
    DISK_GEOMETRY = 0x1B  # 9 cells of the first disk, then 9 of the second
    CHECKSUM = 0x2E  # high byte first: the sum of cells 0x10 to 0x2D
    EXTENDED_FOUND = 0x30  # KiB above 1 MiB, found by the power-on self test
    ABOVE_16_MIB = 0x34  # 64 KiB blocks above 16 MiB; later BIOSes
    BOOT_FLAGS = 0x38  # bit 0: boot diskettes without a signature; bits 4 to 7: third choice
    TRANSLATION = 0x39  # 2 bits a disk: 0 CHS as it is, 1 LBA
    BOOT_ORDER = 0x3D  # first choice in the low nibble, second in the high one


COPROCESSOR = 0x02
"""In EQUIPMENT; bit 0 says that there are diskette drives, bits 6 and 7 how many more than one."""
DISK_BY_GEOMETRY = 47
"""The type of a disk whose geometry is in the cells."""
CYLINDERS_MAX = 1024
"""Of INT 13h without translation."""

Diskette: TypeAlias = Literal["none", "360K", "1.2M", "720K", "1.44M", "2.88M"]
"""A diskette drive; its number here is its type."""
BootDevice: TypeAlias = Literal["none", "floppy", "disk", "cdrom", "network"]
"""What to boot from; its number here is its code."""


class Drive(msgspec.Struct, frozen=True):
    """Geometry of a hard disk."""

    cylinders: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    heads: Annotated[int, msgspec.Meta(ge=1, le=255)]
    sectors: Annotated[int, msgspec.Meta(ge=1, le=63)]


class CmosSettings(Settings, frozen=True, forbid_unknown_fields=True):
    """What the battery has kept."""

    time: datetime = datetime(2000, 7, 1)
    """The clock at power-on, ISO 8601; without an offset it is UTC."""
    memory_kib: Annotated[int, msgspec.Meta(ge=0)] = 65_536
    """RAM in the machine."""
    diskettes: Annotated[list[Diskette], msgspec.Meta(max_length=2)] = msgspec.field(
        default_factory=list
    )
    disks: Annotated[list[Drive | None], msgspec.Meta(max_length=4)] = msgspec.field(
        default_factory=list
    )
    """Masters and slaves of the two channels, None where there is no disk."""
    boot: Annotated[list[BootDevice], msgspec.Meta(max_length=3)] = msgspec.field(
        default_factory=list
    )
    """What a BIOS tries, in this order; set while the machine runs, at its next start."""


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
    settable = frozenset({"boot"})
    settings: CmosSettings

    def __init__(self, settings: CmosSettings | None = None) -> None:
        self.state = CmosState()
        super().__init__(settings)
        self._set_up()

    def power_on(self) -> None:
        """A battery keeps the cells; only interrupts are off."""
        self.state.chip.reset()
        self.state.address = Cell.D

    def change(self, settings: CmosSettings) -> None:
        """Choose another boot order, as in a BIOS's setup."""
        self.settings = settings
        _set_boot_order(self.state.chip.cells, settings.boot)

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
        self._set_up_drives(chip.cells)
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

    def _set_up_drives(self, cells: bytearray) -> None:
        settings = self.settings
        kinds = get_args(Diskette)
        types = [kinds.index(kind) for kind in settings.diskettes]
        first, second = (*types, 0, 0)[:2]
        cells[Ram.DISKETTES] = first << 4 | second
        if there := sum(kind > 0 for kind in (first, second)):
            cells[Ram.EQUIPMENT] |= 1 | there - 1 << 6
        for number, drive in enumerate(settings.disks):
            if drive is None:
                continue
            if drive.cylinders > CYLINDERS_MAX:
                cells[Ram.TRANSLATION] |= 1 << 2 * number
            if number < 2:
                cells[Ram.DISKS] |= 0xF0 >> 4 * number
                cells[Ram.DISK_TYPE + number] = DISK_BY_GEOMETRY
                at = Ram.DISK_GEOMETRY + 9 * number
                # no precompensation; control byte: more than 8 heads; landing zone: the end
                cells[at : at + 9] = struct.pack(
                    "<HBHBHB", drive.cylinders, drive.heads, 0xFFFF,
                    8 if drive.heads > 8 else 0, drive.cylinders, drive.sectors,
                )  # fmt: skip
        _set_boot_order(cells, settings.boot)

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
        with slot.calling(self._due):
            self._due()
            await trio.sleep_forever()

    def _due(self) -> None:
        self.state.chip.settle(self.slot.clock.now())
        self._drive()

    def _drive(self) -> None:
        """IRQ 8 follows the chip; the alarm is set to when it will next rise."""
        slot, chip = self.slot, self.state.chip
        slot.irq.set(chip.irq)
        deadline = chip.next_irq()
        if deadline != slot.alarm.deadline:
            slot.alarm.set(deadline)


def _set_boot_order(cells: bytearray, boot: Sequence[BootDevice]) -> None:
    order = [get_args(BootDevice).index(device) for device in boot]
    first, second, third = (*order, 0, 0, 0)[:3]
    cells[Ram.BOOT_ORDER] = second << 4 | first
    cells[Ram.BOOT_FLAGS] = third << 4 | 1 if order else 0


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return Cmos if name == Cmos.name else None
