"""The controller as a driver without DMA uses it, and a diskette in its drive."""

from __future__ import annotations

from hotswap.bus import SECTOR, Backplane, MediaError, Slot
from hotswap.cards.fdc import Fdc, FdcSettings
from hotswap.host.pytest_plugin import Ports, VirtualClock

DOR, TDR, MSR, DSR, FIFO, DIR, CCR = 0x3F2, 0x3F3, 0x3F4, 0x3F4, 0x3F5, 0x3F7, 0x3F7
RQM, DIO, NON_DMA, CMD_BSY = 0x80, 0x40, 0x20, 0x10
SPECIFY, SENSE_DRIVE, RECALIBRATE, SENSE, SEEK, CONFIGURE = 0x03, 0x04, 0x07, 0x08, 0x0F, 0x13
READ, READ_MT, READ_SK, READ_DELETED, READ_DELETED_SK = 0x46, 0xC6, 0x66, 0x4C, 0x6C
WRITE, WRITE_MT, WRITE_DELETED, READ_ID, FORMAT = 0x45, 0xC5, 0x49, 0x4A, 0x4D
READ_TRACK, VERIFY, INWARD, OUTWARD = 0x42, 0x56, 0xCF, 0x8F
MA, NW, ND, OR, DE, EN = 0x01, 0x02, 0x04, 0x10, 0x20, 0x80
WC, BC, DD, CM = 0x10, 0x02, 0x20, 0x40
MS, SECOND = 1_000_000, 1_000_000_000
SIZES = {"360K": 720, "720K": 1440, "1.2M": 2400, "1.44M": 2880, "2.88M": 5760}
RATES = {500: 0, 300: 1, 250: 2, 1000: 3}


class Diskette:
    """Every sector holds its number; some cannot be read."""

    read_only = False
    identity = "diskette"

    def __init__(self, sectors: int = 2880) -> None:
        self.sectors = sectors
        self.content = bytearray(b"".join(map(numbered, range(sectors))))
        self.bad: set[int] = set()
        self.full = False
        self.flushes = 0

    def read(self, lba: int, count: int) -> bytes:
        if self.bad & set(range(lba, lba + count)):
            raise MediaError("a scratch")
        return bytes(self.content[lba * SECTOR : (lba + count) * SECTOR])

    def write(self, lba: int, content: bytes) -> None:
        if self.full:
            raise MediaError("No space left on device")
        self.content[lba * SECTOR : lba * SECTOR + len(content)] = content

    def flush(self) -> None:
        self.flushes += 1
        if self.full:
            raise MediaError("No space left on device")


def numbered(lba: int) -> bytes:
    return lba.to_bytes(4, "little") * (SECTOR // 4)


class Controller:
    """The controller as a driver without DMA uses it."""

    def __init__(self, slot: Slot, ports: Ports, clock: VirtualClock) -> None:
        self.slot, self.ports, self.clock = slot, ports, clock

    @property
    def irq(self) -> bool:
        return self.slot.irq.level

    @property
    def msr(self) -> int:
        return self.ports.read(MSR)

    @property
    def changed(self) -> bool:
        return bool(self.ports.read(DIR) & 0x80)

    def out(self, *whole: int) -> None:
        """The bytes of a command, as the MSR asks for them."""
        for byte in whole:
            assert self.msr & (RQM | DIO) == RQM
            self.ports.write(FIFO, byte)

    def result(self) -> list[int]:
        found = []
        while self.msr & (DIO | CMD_BSY | NON_DMA) == DIO | CMD_BSY:
            found.append(self.ports.read(FIFO))
        return found

    def ask(self, *whole: int) -> list[int]:
        """The result of a command that has it at once."""
        self.out(*whole)
        return self.result()

    async def start(self, rate: int = 500, drive: int = 0) -> None:
        """Out of reset, motor on, heads at cylinder 0, without DMA."""
        self.ports.write(DOR, 0)
        self.ports.write(DOR, 0x0C | 0x10 << drive | drive)
        await self.clock.advance(MS)
        for _ in range(4):
            self.ask(SENSE)
        self.ports.write(CCR, RATES[rate])
        self.ask(SPECIFY, 0xDF, 0x03)
        await self.recalibrate(drive)

    async def recalibrate(self, drive: int = 0) -> list[int]:
        self.out(RECALIBRATE, drive)
        await self.clock.advance(SECOND)
        assert self.irq
        return self.ask(SENSE)

    async def seek(self, cylinder: int, drive: int = 0) -> list[int]:
        self.out(SEEK, drive, cylinder)
        await self.clock.advance(SECOND)
        assert self.irq
        return self.ask(SENSE)

    def move(self, content: bytes = b"") -> bytes:
        """What the MSR asks for, out of `content` or into the answer, until it asks no more."""
        at, found = 0, bytearray()
        while self.msr & (RQM | NON_DMA) == RQM | NON_DMA:
            if self.msr & DIO:
                found.append(self.ports.read(FIFO))
            else:
                self.ports.write(FIFO, content[at])
                at += 1
        return bytes(found)

    async def transfer(
        self, code: int, *rest: int, content: bytes = b""
    ) -> tuple[bytes, list[int]]:
        """Run a command to its end: what was read, and the result."""
        self.out(code, *rest)
        moved = bytearray()
        for _ in range(200):
            await self.clock.advance(20 * MS)
            if self.msr & (NON_DMA | RQM) == RQM:
                break
            moved += self.move(content)
            content = content[SECTOR:] if code & 0x1F != FORMAT & 0x1F else content
        return bytes(moved), self.result()

    async def read(
        self, c: int, h: int, r: int, eot: int, code: int = READ, head: int | None = None,
        drive: int = 0,
    ) -> tuple[bytes, list[int]]:  # fmt: skip
        head = h if head is None else head
        return await self.transfer(code, head << 2 | drive, c, h, r, 2, eot, 0x1B, 0xFF)


def lba(c: int, h: int, r: int, track: int = 18) -> int:
    return (c * 2 + h) * track + r - 1


async def with_drive(
    backplane: Backplane, ports: Ports, clock: VirtualClock, kind: str, sectors: int, rate: int
) -> Controller:
    """One drive of `kind` with a diskette of `sectors`, started at `rate`."""
    slot = await backplane.insert(Fdc(FdcSettings([kind])))  # type: ignore[list-item]
    slot.disks[0].change(Diskette(sectors))
    controller = Controller(slot, ports, clock)
    await controller.start(rate)
    return controller


def ids(c: int, h: int, track: int = 18, n: int = 2) -> bytes:
    order = [r for first in (1, 2) for r in range(first, track + 1, 2)]  # interleaved
    return b"".join(bytes((c, h, r, n)) for r in order)
