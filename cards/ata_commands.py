"""The commands of an ATA disk drive, as its mechanism carries them out.

ATA-3 (X3.298), section 8; FLUSH CACHE from ATA-4. What is not in the table ends with ABRT.
What was written survives a power failure of the host after FLUSH CACHE or STANDBY, or at once when
the write cache is off. The standby timer never runs out: nothing turns.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from hotswap.bus import SECTOR, Disk, MediaError

from .ata import MULTIPLE, DeviceHead, Drive, Error, Power, Reg, Status
from .ata_identify import identify


class Command(IntEnum):
    NOP = 0x00  # always ABRT
    RECALIBRATE = 0x10  # to 0x1F
    READ_SECTORS = 0x20  # and without retry: the next code
    WRITE_SECTORS = 0x30
    READ_VERIFY = 0x40
    SEEK = 0x70  # to 0x7F
    EXECUTE_DEVICE_DIAGNOSTIC = 0x90
    INITIALIZE_DEVICE_PARAMETERS = 0x91
    STANDBY_IMMEDIATE = 0xE0  # the power commands also at their ATA-1 codes, from 0x94
    IDLE_IMMEDIATE = 0xE1
    STANDBY = 0xE2
    IDLE = 0xE3
    CHECK_POWER_MODE = 0xE5
    SLEEP = 0xE6
    READ_MULTIPLE = 0xC4
    WRITE_MULTIPLE = 0xC5
    SET_MULTIPLE_MODE = 0xC6
    FLUSH_CACHE = 0xE7
    IDENTIFY_DEVICE = 0xEC
    SET_FEATURES = 0xEF


class Feature(IntEnum):
    WRITE_CACHE = 0x02
    TRANSFER_MODE = 0x03
    NO_READ_AHEAD = 0x55
    KEEP_SETTINGS = 0x66
    NO_WRITE_CACHE = 0x82
    READ_AHEAD = 0xAA
    REVERT_SETTINGS = 0xCC


class Mechanism:
    """What moves under a drive's electronics: carries out commands, stores blocks."""

    def __init__(self, disk: Disk, cylinders: int, serial: str) -> None:
        self.disk = disk
        self._cylinders = cylinders
        self._serial = serial

    def execute(self, drive: Drive) -> None:
        """Carry out the command in the drive's registers."""
        command = drive.command
        if command & 0xF0 in (Command.RECALIBRATE, Command.SEEK):
            command &= 0xF0
        elif command in _ALIASES:
            command = _ALIASES[command]
        action = _ACTIONS.get(command)
        if action is None:
            drive.fail(Error.ABRT)
        else:
            action(self, drive)

    def store(self, drive: Drive) -> None:
        """Write the block the host has sent."""
        assert drive.lba is not None
        try:
            self.disk.write(drive.lba, bytes(drive.buffer))
            if not drive.write_cache:
                self.disk.flush()
        except MediaError:
            drive.fail(Error.ABRT, drive.lba, Status.ERR | Status.DF)
        else:
            drive.stored()

    # -- the medium ---------------------------------------------------------------------------

    def _run(self, drive: Drive) -> tuple[int, int] | None:
        """First sector and number of those there are; None when the command has failed.

        A run that leaves the disk ends there, with IDNF.
        """
        drive.power = Power.ACTIVE
        lba = drive.address(self.disk.sectors)
        if lba is None:
            drive.fail(Error.IDNF)
            return None
        count = drive.task_file[Reg.SECTOR_COUNT] or 256
        good = min(count, self.disk.sectors - lba)
        drive.last_error = Error.IDNF if good < count else 0
        return lba, good

    def _read_run(self, drive: Drive) -> tuple[int, bytes] | None:
        """First sector and content, as far as it can be read."""
        if (run := self._run(drive)) is None:
            return None
        lba, count = run
        try:
            return lba, self.disk.read(lba, count)
        except MediaError:
            pass
        content = b""
        try:
            for n in range(count):
                content += self.disk.read(lba + n, 1)
        except MediaError:
            drive.last_error = Error.UNC
        if content:
            return lba, content
        drive.fail(drive.last_error, lba)
        return None

    def read_sectors(self, drive: Drive) -> None:
        self._read(drive, SECTOR)

    def read_multiple(self, drive: Drive) -> None:
        if drive.multiple:
            self._read(drive, drive.multiple * SECTOR)
        else:
            drive.fail(Error.ABRT)

    def _read(self, drive: Drive, block: int) -> None:
        if found := self._read_run(drive):
            lba, content = found
            drive.send(content, block, lba)

    def read_verify(self, drive: Drive) -> None:
        if found := self._read_run(drive):
            lba, content = found
            end = lba + len(content) // SECTOR
            if drive.last_error:
                drive.fail(drive.last_error, end)
            else:
                drive.point_to(end - 1)
                drive.done()

    def write_sectors(self, drive: Drive) -> None:
        self._write(drive, SECTOR)

    def write_multiple(self, drive: Drive) -> None:
        if drive.multiple:
            self._write(drive, drive.multiple * SECTOR)
        else:
            drive.fail(Error.ABRT)

    def _write(self, drive: Drive, block: int) -> None:
        if self.disk.read_only:
            # ABRT for hosts that take WP, which is young, for UNC
            drive.fail(Error.WP | Error.ABRT)
        elif run := self._run(drive):
            drive.receive(*run, block)

    def seek(self, drive: Drive) -> None:
        drive.power = Power.ACTIVE
        if drive.address(self.disk.sectors) is None:
            drive.fail(Error.IDNF)
        else:
            drive.done()

    def recalibrate(self, drive: Drive) -> None:
        drive.power = Power.ACTIVE
        file = drive.task_file
        file[Reg.CYLINDER_LOW] = file[Reg.CYLINDER_HIGH] = 0
        drive.done()

    def flush_cache(self, drive: Drive) -> None:
        try:
            self.disk.flush()
        except MediaError:
            drive.fail(Error.ABRT, status=Status.ERR | Status.DF)
        else:
            drive.done()

    # -- settings -----------------------------------------------------------------------------

    def identify_device(self, drive: Drive) -> None:
        drive.send(identify(drive, self.disk.sectors, self._cylinders, self._serial), SECTOR)

    def initialize_device_parameters(self, drive: Drive) -> None:
        track = drive.task_file[Reg.SECTOR_COUNT]
        if not track:
            drive.fail(Error.ABRT)
            return
        drive.heads = (drive.task_file[Reg.DEVICE_HEAD] & DeviceHead.HEAD) + 1
        drive.track = track
        drive.done()

    def set_multiple_mode(self, drive: Drive) -> None:
        count = drive.task_file[Reg.SECTOR_COUNT]
        if count & (count - 1) or count > MULTIPLE:
            drive.multiple = 0
            drive.fail(Error.ABRT)
        else:
            drive.multiple = count
            drive.done()

    def set_features(self, drive: Drive) -> None:
        match drive.task_file[Reg.FEATURES]:
            case Feature.WRITE_CACHE:
                drive.write_cache = True
            case Feature.NO_WRITE_CACHE:
                drive.write_cache = False
                self.flush_cache(drive)
                return
            case Feature.KEEP_SETTINGS:
                drive.keeps_settings = True
            case Feature.REVERT_SETTINGS:
                drive.keeps_settings = False
            case Feature.READ_AHEAD | Feature.NO_READ_AHEAD:
                pass  # nothing to be seen of it
            case Feature.TRANSFER_MODE if drive.task_file[Reg.SECTOR_COUNT] in _PIO_MODES:
                pass  # the bus is as fast as it is
            case _:
                drive.fail(Error.ABRT)
                return
        drive.done()

    # -- power --------------------------------------------------------------------------------

    def standby(self, drive: Drive) -> None:
        self._power(drive, Power.STANDBY)

    def sleep(self, drive: Drive) -> None:
        self._power(drive, Power.SLEEP)

    def idle(self, drive: Drive) -> None:
        drive.power = Power.IDLE
        drive.done()

    def _power(self, drive: Drive, power: Power) -> None:
        self.flush_cache(drive)
        if not drive.failed:
            drive.power = power

    def check_power_mode(self, drive: Drive) -> None:
        drive.task_file[Reg.SECTOR_COUNT] = drive.power
        drive.done()


_PIO_MODES = {0x00, 0x01, *range(0x08, 0x0D)}

_ALIASES: dict[int, int] = {
    Command.READ_SECTORS + 1: Command.READ_SECTORS,
    Command.WRITE_SECTORS + 1: Command.WRITE_SECTORS,
    Command.READ_VERIFY + 1: Command.READ_VERIFY,
    0x94: Command.STANDBY_IMMEDIATE,
    0x95: Command.IDLE_IMMEDIATE,
    0x96: Command.STANDBY,
    0x97: Command.IDLE,
    0x98: Command.CHECK_POWER_MODE,
    0x99: Command.SLEEP,
}

_ACTIONS: dict[int, Callable[[Mechanism, Drive], None]] = {
    Command.RECALIBRATE: Mechanism.recalibrate,
    Command.READ_SECTORS: Mechanism.read_sectors,
    Command.WRITE_SECTORS: Mechanism.write_sectors,
    Command.READ_VERIFY: Mechanism.read_verify,
    Command.SEEK: Mechanism.seek,
    Command.INITIALIZE_DEVICE_PARAMETERS: Mechanism.initialize_device_parameters,
    Command.STANDBY_IMMEDIATE: Mechanism.standby,
    Command.IDLE_IMMEDIATE: Mechanism.idle,
    Command.STANDBY: Mechanism.standby,
    Command.IDLE: Mechanism.idle,
    Command.CHECK_POWER_MODE: Mechanism.check_power_mode,
    Command.SLEEP: Mechanism.sleep,
    Command.READ_MULTIPLE: Mechanism.read_multiple,
    Command.WRITE_MULTIPLE: Mechanism.write_multiple,
    Command.SET_MULTIPLE_MODE: Mechanism.set_multiple_mode,
    Command.FLUSH_CACHE: Mechanism.flush_cache,
    Command.IDENTIFY_DEVICE: Mechanism.identify_device,
    Command.SET_FEATURES: Mechanism.set_features,
}
