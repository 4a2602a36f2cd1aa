"""ATA disk drive: its registers, its data port and what BSY, DRQ and INTRQ do between commands.

A pure core, beside `ide` as the chip beside the card; `ata_commands` is its microcode. Names follow
ANSI X3.279 (ATA-2) and X3.298 (ATA-3). Without DMA, packets, or 48-bit addresses.

| phase | BSY | DRQ | ends when |
|-|-|-|-|
| IDLE | 0 | 0 | the host writes a command |
| COMMAND | 1 | 0 | the mechanism has carried it out |
| DATA_IN | 0 | 1 | the host has read the block; then INTRQ for the next one, or IDLE |
| DATA_OUT | 0 | 1 | the host has written the block |
| RECEIVED | 1 | 0 | the block is on the medium; then INTRQ, and DATA_OUT or IDLE |
| RESET | 1 | 0 | the host takes SRST back |
| STARTING | 1 | 0 | the drive has tested itself |
"""

from __future__ import annotations

from enum import Enum, IntEnum

import msgspec

from hotswap.bus import SECTOR

MULTIPLE = 16
"""Most sectors in a block of READ or WRITE MULTIPLE, and what it is after power-on.

ATA-2 has it off then; but drives came to have it on, and hosts that never ask profit from it.
"""


class Reg(IntEnum):
    """Offsets in the command block."""

    DATA = 0
    ERROR = 1  # r
    FEATURES = 1  # w
    SECTOR_COUNT = 2  # 0 is 256
    SECTOR_NUMBER = 3  # LBA 7:0
    CYLINDER_LOW = 4  # LBA 15:8
    CYLINDER_HIGH = 5  # LBA 23:16
    DEVICE_HEAD = 6  # LBA 27:24
    STATUS = 7  # r, takes INTRQ back
    COMMAND = 7  # w


class Status(IntEnum):
    ERR = 0x01
    DRQ = 0x08
    DSC = 0x10  # seek complete
    DF = 0x20  # device fault
    DRDY = 0x40
    BSY = 0x80


class Error(IntEnum):
    PASSED = 0x01  # after a reset or EXECUTE DEVICE DIAGNOSTIC
    ABRT = 0x04
    IDNF = 0x10  # no such sector
    UNC = 0x40  # reading: uncorrectable
    WP = 0x40  # writing: the medium is write-protected


class DeviceHead(IntEnum):
    HEAD = 0x0F
    DEV = 0x10
    LBA = 0x40
    ONES = 0xA0  # bits that always read so


class Power(IntEnum):
    """What CHECK POWER MODE puts into the sector count."""

    STANDBY = 0x00
    IDLE = 0x80
    ACTIVE = 0xFF
    SLEEP = 0x100  # answers nothing but a reset


class Phase(Enum):
    IDLE = "idle"
    COMMAND = "command"
    DATA_IN = "data in"
    DATA_OUT = "data out"
    RECEIVED = "received"
    RESET = "reset"
    STARTING = "starting"


BUSY = {Phase.COMMAND, Phase.RECEIVED, Phase.RESET, Phase.STARTING}


class Drive(msgspec.Struct):
    """One drive, everything it knows. A host asks `busy` before it writes registers."""

    default: tuple[int, int] = (16, 63)
    """Heads and sectors per track after power-on."""
    task_file: list[int] = msgspec.field(default_factory=lambda: [0, 0, 1, 1, 0, 0, 0, 0])
    """By `Reg`, as the host wrote it or the drive left it; its DATA is unused, COMMAND the last."""
    error: int = Error.PASSED
    failed: int = 0
    """ERR and DF of the status."""
    phase: Phase = Phase.IDLE
    intrq: bool = False
    """Pending; reaches the line while the drive is selected and nIEN is clear."""
    heads: int = 16
    track: int = 63
    """Sectors per track."""
    multiple: int = MULTIPLE
    write_cache: bool = True
    keeps_settings: bool = False
    """SET FEATURES 66h: a soft reset leaves the settings alone."""
    power: int = Power.ACTIVE
    buffer: bytearray = msgspec.field(default_factory=bytearray)
    at: int = 0
    """The data port's place in the buffer."""
    begin: int = 0
    end: int = 0
    """Where the block begins and ends in the buffer."""
    block: int = SECTOR
    """Bytes from one INTRQ to the next."""
    lba: int | None = None
    """Of the buffer's first sector; None when it is not of the medium."""
    left: int = 0
    """Sectors still to be written, those in the buffer included."""
    last_error: int = 0
    """What ends the command when the good sectors have been moved."""

    @property
    def busy(self) -> bool:
        """BSY."""
        return self.phase in BUSY

    @property
    def status(self) -> int:
        """The status register."""
        if self.busy:
            return Status.BSY
        moving = self.phase in (Phase.DATA_IN, Phase.DATA_OUT)
        return Status.DRDY | Status.DSC | self.failed | (Status.DRQ if moving else 0)

    @property
    def command(self) -> int:
        """The last command written."""
        return self.task_file[Reg.COMMAND]

    # -- what the host does -------------------------------------------------------------------

    def start(self, command: int) -> None:
        """The host writes the command register; what was under way is given up."""
        if self.power == Power.SLEEP:
            return
        self.task_file[Reg.COMMAND] = command
        self.intrq = False
        self.failed = self.error = 0
        self.phase = Phase.COMMAND

    def reset(self) -> None:
        """SRST is set."""
        self.phase = Phase.RESET
        self.intrq = False
        self.buffer.clear()

    def read_data(self, width: int) -> int:
        """`width` bytes of the block; in DATA_IN only."""
        at = self.at
        self.at = at + width
        value = int.from_bytes(self.buffer[at : at + width], "little")
        if self.at >= self.end:
            self._block_read()
        return value

    def write_data(self, width: int, value: int) -> bool:
        """`width` bytes of the block; in DATA_OUT only. True after the last of them: RECEIVED."""
        self.buffer += value.to_bytes(width, "little")
        if len(self.buffer) < self.end:
            return False
        del self.buffer[self.end :]
        self.phase = Phase.RECEIVED
        return True

    def next_words(self, width: int) -> bytes:
        """What `read_data` will give before the last word of this block, once one was read."""
        if self.phase is not Phase.DATA_IN or self.at == self.begin:
            return b""
        return bytes(self.buffer[self.at : self.at + _before_last(self.end - self.at, width)])

    def skip(self, size: int) -> None:
        """So many bytes of `next_words` were read."""
        self.at += size

    def room(self, width: int) -> int:
        """Bytes `write_data` will take before the last word of this block."""
        if self.phase is not Phase.DATA_OUT:
            return 0
        return _before_last(self.end - len(self.buffer), width)

    # -- what the mechanism does --------------------------------------------------------------

    def tested(self) -> None:
        """After a reset or EXECUTE DEVICE DIAGNOSTIC: passed, and the signature of a disk."""
        self.task_file = [0, 0, 1, 1, 0, 0, 0, 0]
        self.error, self.failed = Error.PASSED, 0
        self.power = Power.ACTIVE
        self.phase = Phase.IDLE

    def revert(self) -> None:
        """Settings as after power-on."""
        self.heads, self.track = self.default
        self.multiple, self.write_cache, self.keeps_settings = MULTIPLE, True, False

    def done(self) -> None:
        """The command has ended well."""
        self.phase = Phase.IDLE
        self.intrq = True

    def fail(self, error: int, lba: int | None = None, status: int = Status.ERR) -> None:
        """The command has ended with `error`, at sector `lba`."""
        self.error, self.failed = error, status
        self.point_to(lba)
        self.buffer.clear()
        self.done()

    def send(self, content: bytes, block: int, lba: int | None = None) -> None:
        """Let the host read `content`, `block` bytes at a time."""
        self.buffer = bytearray(content)
        self.end, self.block, self.lba = 0, block, lba
        self._next_block_in()

    def receive(self, lba: int, count: int, block: int) -> None:
        """Let the host write `count` sectors, `block` bytes at a time; no INTRQ for the first."""
        self.block, self.lba, self.left = block, lba, count
        self._next_block_out()

    def stored(self) -> None:
        """The block is on the medium."""
        assert self.lba is not None
        count = len(self.buffer) // SECTOR
        self.lba += count
        self.left -= count
        self._moved(count, self.lba)
        if self.left:
            self._next_block_out()
            self.intrq = True
        elif self.last_error:
            self.fail(self.last_error, self.lba)
        else:
            self.done()

    def _next_block_in(self) -> None:
        self.begin = self.at = self.end
        self.end = min(self.begin + self.block, len(self.buffer))
        self.phase = Phase.DATA_IN
        self.intrq = True

    def _next_block_out(self) -> None:
        self.buffer.clear()
        self.end = min(self.block, self.left * SECTOR)
        self.phase = Phase.DATA_OUT

    def _block_read(self) -> None:
        if self.lba is not None:
            self._moved((self.end - self.begin) // SECTOR, self.lba + self.end // SECTOR)
        if self.end < len(self.buffer):
            self._next_block_in()
        elif self.last_error and self.lba is not None:
            self.fail(self.last_error, self.lba + self.end // SECTOR)
        else:
            self.buffer.clear()
            self.phase = Phase.IDLE

    # -- addresses ----------------------------------------------------------------------------

    def cylinders(self, sectors: int) -> int:
        """Of a medium of that many sectors, by the current translation."""
        return max(1, min(sectors // (self.heads * self.track), 0xFFFF))

    def address(self, sectors: int) -> int | None:
        """LBA of the sector the registers name; None when there is no such one."""
        _, _, _, number, low, high, device, _ = self.task_file
        cylinder, head = high << 8 | low, device & DeviceHead.HEAD
        if device & DeviceHead.LBA:
            lba = head << 24 | cylinder << 8 | number
        elif 0 < number <= self.track and head < self.heads:
            lba = (cylinder * self.heads + head) * self.track + number - 1
        else:
            return None
        return lba if lba < sectors else None

    def point_to(self, lba: int | None) -> None:
        """Leave the address of a sector in the registers."""
        if lba is None:
            return
        file, device = self.task_file, self.task_file[Reg.DEVICE_HEAD]
        if device & DeviceHead.LBA:
            number, cylinder, head = lba & 0xFF, lba >> 8 & 0xFFFF, lba >> 24
        else:
            track, number = divmod(lba, self.track)
            cylinder, head = divmod(track, self.heads)
            number += 1
        file[Reg.SECTOR_NUMBER] = number
        file[Reg.CYLINDER_LOW], file[Reg.CYLINDER_HIGH] = cylinder & 0xFF, cylinder >> 8 & 0xFF
        file[Reg.DEVICE_HEAD] = device & ~DeviceHead.HEAD | head & DeviceHead.HEAD

    def _moved(self, count: int, end: int) -> None:
        """Another `count` sectors, up to sector `end`: the registers show the last of them."""
        self.task_file[Reg.SECTOR_COUNT] = self.task_file[Reg.SECTOR_COUNT] - count & 0xFF
        self.point_to(end - 1)


def _before_last(left: int, width: int) -> int:
    """Of `left` bytes those in words of `width` that do not end the block."""
    return (left - 1) // width * width
