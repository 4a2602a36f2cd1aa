"""The diskette controller: registers, drives and data byte by byte, as a PC's programs use them."""

from __future__ import annotations

import pytest
from trio.testing import wait_all_tasks_blocked as settle

from hotswap.bus import SECTOR, Backplane, BusError, MediaError, Policy, PortRange, Slot
from hotswap.cards.fdc import Fdc, FdcSettings
from hotswap.cards.ide import Ide
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


@pytest.fixture
def diskette() -> Diskette:
    return Diskette()


@pytest.fixture
async def fdc(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock, diskette: Diskette
) -> Controller:
    """Two 1.44M drives, started; a diskette is in A."""
    slot = await backplane.insert(Fdc())
    slot.disks[0].change(diskette)
    controller = Controller(slot, ports, virtual_clock)
    await controller.start()
    return controller


async def with_drive(
    backplane: Backplane, ports: Ports, clock: VirtualClock, kind: str, sectors: int, rate: int
) -> Controller:
    """One drive of `kind` with a diskette of `sectors`, started at `rate`."""
    slot = await backplane.insert(Fdc(FdcSettings([kind])))  # type: ignore[list-item]
    slot.disks[0].change(Diskette(sectors))
    controller = Controller(slot, ports, clock)
    await controller.start(rate)
    return controller


# -- the card ---------------------------------------------------------------------------------


async def test_it_leaves_port_3f6_to_the_fixed_disk(backplane: Backplane) -> None:
    await backplane.insert(Fdc())
    await backplane.insert(Ide())
    resources = Fdc().resources()
    assert resources.ports == (PortRange(0x3F2, 4), PortRange(0x3F7, 1))
    assert (resources.irqs, resources.drqs, resources.disks) == ((6,), (2,), 2)
    with pytest.raises(BusError, match="0x03f2"):
        await backplane.insert(Fdc())


async def test_a_new_kernel_finds_it_as_after_power_on(backplane: Backplane) -> None:
    assert Fdc.switchover is Policy.COLD_RESET
    assert Fdc(FdcSettings(["1.2M"])).resources().disks == 1


async def test_after_power_on_it_is_in_reset_with_its_motors_off(
    backplane: Backplane, ports: Ports
) -> None:
    slot = await backplane.insert(Fdc())
    assert [ports.read(port) for port in (DOR, TDR, MSR)] == [0, 0xFC, 0]
    assert not slot.irq.level


async def test_registers_that_read_back(fdc: Controller) -> None:
    fdc.ports.write(DOR, 0x2D)
    fdc.ports.write(TDR, 0xFE)
    assert [fdc.ports.read(port) for port in (DOR, TDR)] == [0x2D, 0xFE]


# -- reset ------------------------------------------------------------------------------------


async def test_coming_out_of_reset_interrupts_but_not_at_once(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    fdc = Controller(await backplane.insert(Fdc()), ports, virtual_clock)
    ports.write(DOR, 0x0C)
    assert (fdc.irq, fdc.msr) == (False, 0)
    await virtual_clock.advance(MS)
    assert (fdc.irq, fdc.msr) == (True, RQM)
    assert [fdc.ask(SENSE) for _ in range(5)] == [
        [0xC0, 0],
        [0xC1, 0],
        [0xC2, 0],
        [0xC3, 0],
        [0x80],
    ]
    assert not fdc.irq


async def test_a_reset_that_is_not_taken_back_lasts(fdc: Controller) -> None:
    fdc.ports.write(DOR, 0x18)
    await fdc.clock.advance(SECOND)
    assert (fdc.irq, fdc.msr) == (False, 0)
    fdc.ports.write(DSR, 0x80)
    await fdc.clock.advance(SECOND)
    assert fdc.msr == 0


async def test_the_dsr_resets_and_takes_it_back_itself(fdc: Controller) -> None:
    fdc.out(SEEK, 0, 40)
    fdc.ports.write(DSR, 0x80)
    assert fdc.msr == 0
    await fdc.clock.advance(SECOND)
    assert fdc.msr == RQM
    assert fdc.irq
    assert fdc.ask(SENSE) == [0xC0, 0]


async def test_a_reset_ends_a_transfer(fdc: Controller) -> None:
    fdc.out(READ, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF)
    await fdc.clock.advance(20 * MS)
    assert fdc.irq
    fdc.ports.write(DOR, 0x18)
    assert (fdc.irq, fdc.msr) == (False, 0)
    fdc.ports.write(DOR, 0x1C)
    await fdc.clock.advance(SECOND)
    assert fdc.ask(SENSE) == [0xC0, 0]


async def test_interrupts_reach_the_bus_while_the_dor_lets_them(fdc: Controller) -> None:
    fdc.ports.write(DOR, 0x14)
    fdc.out(SEEK, 0, 3)
    await fdc.clock.advance(SECOND)
    assert not fdc.irq
    fdc.ports.write(DOR, 0x1C)
    assert fdc.irq
    fdc.ports.write(DOR, 0x14)
    assert not fdc.irq


# -- seeks ------------------------------------------------------------------------------------


async def test_a_seek_takes_as_long_as_its_steps(fdc: Controller) -> None:
    fdc.out(SEEK, 0, 32)  # 3 ms a step, 16 times as fast
    assert fdc.msr == RQM | 0x01
    await fdc.clock.advance(6 * MS)
    assert not fdc.irq
    assert fdc.msr == RQM | 0x01
    await fdc.clock.advance(MS)
    assert fdc.irq
    assert fdc.msr == RQM | 0x01
    assert fdc.ask(SENSE) == [0x20, 32]
    assert fdc.msr == RQM


async def test_a_drive_as_fast_as_a_real_one(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    slot = await backplane.insert(Fdc(FdcSettings(["1.44M"], speed=1)))
    slot.disks[0].change(Diskette())
    fdc = Controller(slot, ports, virtual_clock)
    await fdc.start()
    fdc.out(SEEK, 0, 10)
    await virtual_clock.advance(29 * MS)
    assert not fdc.irq
    await virtual_clock.advance(2 * MS)
    assert fdc.ask(SENSE) == [0x20, 10]
    fdc.out(VERIFY, 0, 10, 0, 1, 2, 18, 0x1B, 0xFF)
    await virtual_clock.advance(199 * MS)
    assert not fdc.irq
    await virtual_clock.advance(13 * MS)
    assert fdc.irq


async def test_relative_seeks_go_both_ways(fdc: Controller) -> None:
    await fdc.seek(10)
    fdc.out(INWARD, 0, 5)
    await fdc.clock.advance(SECOND)
    assert fdc.ask(SENSE) == [0x20, 15]
    fdc.out(OUTWARD, 0, 7)
    await fdc.clock.advance(SECOND)
    assert fdc.ask(SENSE) == [0x20, 8]
    assert (await fdc.read(8, 0, 1, 1))[0] == numbered(lba(8, 0, 1))


async def test_recalibrate_finds_track_0(fdc: Controller) -> None:
    await fdc.seek(79)
    assert await fdc.recalibrate() == [0x20, 0]
    assert fdc.ask(SENSE_DRIVE, 0) == [0x38]


async def test_recalibrate_takes_as_long_as_the_steps_to_track_0(fdc: Controller) -> None:
    await fdc.seek(8)
    fdc.out(RECALIBRATE, 0)
    await fdc.clock.advance(MS)
    assert not fdc.irq
    await fdc.clock.advance(MS)
    assert fdc.irq


async def test_recalibrate_gives_up_after_79_steps(fdc: Controller) -> None:
    await fdc.seek(81)
    assert await fdc.recalibrate() == [0x70, 0]
    assert await fdc.recalibrate() == [0x20, 0]


async def test_recalibrate_fails_on_a_drive_whose_motor_is_off(fdc: Controller) -> None:
    await fdc.seek(5)
    fdc.ports.write(DOR, 0x0C)
    assert await fdc.recalibrate() == [0x70, 0]
    fdc.ports.write(DOR, 0x1C)
    assert fdc.ask(SENSE_DRIVE, 0) == [0x28]


async def test_after_a_reset_the_chip_no_longer_knows_where_the_heads_are(fdc: Controller) -> None:
    await fdc.seek(20)
    fdc.ports.write(DSR, 0x80)
    await fdc.clock.advance(SECOND)
    for _ in range(4):
        fdc.ask(SENSE)
    await fdc.seek(10)
    assert (await fdc.read(10, 0, 1, 1))[1][:3] == [0x40, ND, WC]
    assert (await fdc.read(30, 0, 1, 1))[0] == numbered(lba(30, 0, 1))


async def test_two_drives_seek_one_after_the_other_and_report_both(fdc: Controller) -> None:
    fdc.ports.write(DOR, 0x3C)
    fdc.out(SEEK, 0, 3)
    fdc.out(SEEK, 1, 2)
    assert fdc.msr == RQM | 0x03
    await fdc.clock.advance(SECOND)
    first, second = fdc.ask(SENSE), fdc.ask(SENSE)
    assert {tuple(first), tuple(second)} == {(0x20, 3), (0x21, 2)}
    assert fdc.ask(SENSE_DRIVE, 1) == [0x29]


# -- drive status, disk change ----------------------------------------------------------------


async def test_drive_status_has_track_0_write_protection_and_head(
    fdc: Controller, diskette: Diskette
) -> None:
    assert fdc.ask(SENSE_DRIVE, 4) == [0x3C]
    await fdc.seek(1)
    assert fdc.ask(SENSE_DRIVE, 0) == [0x28]
    diskette.read_only = True
    assert fdc.ask(SENSE_DRIVE, 0) == [0x68]
    assert fdc.ask(SENSE_DRIVE, 2) == [0x2A]


async def test_a_step_clears_the_change_line_if_there_is_a_diskette(
    fdc: Controller, diskette: Diskette
) -> None:
    assert fdc.changed
    await fdc.recalibrate()  # it is there: no step
    assert fdc.changed
    await fdc.seek(1)
    assert not fdc.changed
    fdc.slot.disks[0].change(None)
    assert fdc.changed
    await fdc.seek(2)
    assert fdc.changed
    fdc.slot.disks[0].change(diskette)
    assert fdc.changed
    await fdc.seek(1)
    assert not fdc.changed


async def test_the_change_line_is_that_of_the_selected_drive(fdc: Controller) -> None:
    await fdc.seek(1)
    fdc.ports.write(DOR, 0x2D)
    assert fdc.changed
    fdc.ports.write(DOR, 0x0D)  # its motor is off
    assert not fdc.changed
    assert fdc.ports.read(DIR) & 0x7F == 0x7F


async def test_a_place_without_a_drive_answers_nothing(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    fdc = Controller(await backplane.insert(Fdc(FdcSettings(["1.44M"]))), ports, virtual_clock)
    await fdc.start()
    fdc.ports.write(DOR, 0x2D)
    assert not fdc.changed
    assert fdc.ask(SENSE_DRIVE, 1) == [0x29]
    assert await fdc.recalibrate(1) == [0x71, 0]
    assert (await fdc.read(0, 0, 1, 1, drive=1))[1][:3] == [0x41, MA, 0]


# -- reading ----------------------------------------------------------------------------------


async def test_sectors_are_read_up_to_the_end_of_the_track(fdc: Controller) -> None:
    await fdc.seek(3)
    content, result = await fdc.read(3, 1, 16, 18)
    assert content == b"".join(numbered(lba(3, 1, r)) for r in (16, 17, 18))
    assert result == [0x44, EN, 0, 3, 1, 18, 2]  # nobody drives TC without DMA
    assert not fdc.irq


async def test_multi_track_goes_on_with_the_other_side(fdc: Controller) -> None:
    content, result = await fdc.read(0, 0, 17, 18, code=READ_MT)
    assert content == b"".join(numbered(n) for n in range(16, 36))
    assert result == [0x44, EN, 0, 0, 1, 18, 2]


async def test_without_dma_every_sector_is_an_interrupt_of_its_own(
    fdc: Controller, backplane: Backplane
) -> None:
    fdc.out(READ, 0, 0, 0, 1, 2, 2, 0x1B, 0xFF)
    for n in (0, 1):
        assert not fdc.irq
        await fdc.clock.advance(20 * MS)
        assert fdc.irq
        backplane.irq.take()
        assert fdc.move() == numbered(n)
        assert [edge.level for edge in backplane.irq.take()] == [False]
    await fdc.clock.advance(20 * MS)
    assert fdc.irq
    assert fdc.result()[1] == EN


async def test_a_host_that_never_comes_ends_in_an_overrun(
    fdc: Controller, backplane: Backplane
) -> None:
    fdc.out(READ, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF)
    await fdc.clock.advance(200 * MS)
    assert fdc.msr == RQM | DIO | NON_DMA | CMD_BSY
    backplane.irq.take()
    await fdc.clock.advance(100 * MS)
    assert [edge.level for edge in backplane.irq.take()] == [False, True]
    assert fdc.result() == [0x40, OR, 0, 0, 0, 1, 2]


@pytest.mark.parametrize(
    ("c", "h", "head", "r", "expected"),
    [
        (0, 0, 0, 19, (ND, 0)), (0, 0, 0, 0, (ND, 0)), (1, 0, 0, 1, (ND, WC)),
        (0xFF, 0, 0, 1, (ND, WC | BC)), (0, 1, 0, 1, (ND, 0)),
    ],
)  # fmt: skip
async def test_a_sector_that_is_not_on_the_track_is_not_found(
    fdc: Controller, c: int, h: int, head: int, r: int, expected: tuple[int, int]
) -> None:
    content, result = await fdc.read(c, h, r, 18, head=head)
    assert (content, result) == (b"", [0x40 | head << 2, *expected, c, h, r, 2])


async def test_sectors_of_another_size_are_not_found(fdc: Controller) -> None:
    _, result = await fdc.transfer(READ, 0, 0, 0, 1, 3, 18, 0x1B, 0xFF)
    assert result == [0x40, ND, 0, 0, 0, 1, 3]


async def test_a_missing_sector_is_looked_for_for_two_turns(fdc: Controller) -> None:
    fdc.out(READ, 0, 0, 0, 99, 2, 18, 0x1B, 0xFF)
    await fdc.clock.advance(25 * MS)  # a turn takes 12.5 ms
    assert fdc.msr & NON_DMA
    await fdc.clock.advance(2 * MS)
    assert fdc.result()[1] == ND


async def test_single_density_finds_no_address_mark(fdc: Controller) -> None:
    assert (await fdc.read(0, 0, 1, 1, code=READ & ~0x40))[1][:3] == [0x40, MA, 0]
    assert (await fdc.transfer(READ_ID & ~0x40, 0))[1][:3] == [0x40, MA, 0]


async def test_a_drive_without_a_diskette_finds_no_address_mark(fdc: Controller) -> None:
    fdc.slot.disks[0].change(None)
    assert (await fdc.read(0, 0, 1, 1))[1][:3] == [0x40, MA, 0]
    assert (await fdc.transfer(READ_ID, 0))[1][:3] == [0x40, MA, 0]


async def test_a_diskette_of_no_known_size_is_unformatted(fdc: Controller) -> None:
    fdc.slot.disks[0].change(Diskette(1000))
    assert (await fdc.transfer(READ_ID, 0))[1][:3] == [0x40, MA, 0]


async def test_a_diskette_taken_out_in_the_middle_is_gone(fdc: Controller) -> None:
    fdc.out(READ, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF)
    await fdc.clock.advance(2 * MS)
    assert fdc.move() == numbered(0)
    fdc.slot.disks[0].change(None)
    await fdc.clock.advance(SECOND)
    assert fdc.result() == [0x40, MA, 0, 0, 0, 2, 2]


async def test_a_scratch_is_an_error_in_the_data(fdc: Controller, diskette: Diskette) -> None:
    diskette.bad = {2}
    content, result = await fdc.read(0, 0, 2, 18)
    assert (content, result) == (numbered(1), [0x40, DE, DD, 0, 0, 3, 2])


async def test_read_track_takes_the_sectors_as_they_come(fdc: Controller) -> None:
    content, result = await fdc.transfer(READ_TRACK, 0, 0, 0, 1, 2, 4, 0x1B, 0xFF)
    assert content == b"".join(map(numbered, range(4)))
    assert result[:3] == [0x40, EN, 0]
    content, result = await fdc.transfer(READ_TRACK, 0, 0, 0, 7, 2, 20, 0x1B, 0xFF)
    assert content == b"".join(numbered(n % 18) for n in range(20))
    assert result[:3] == [0x40, EN | ND, 0]


async def test_read_id_sees_the_diskette_turn(fdc: Controller) -> None:
    await fdc.seek(7)
    seen = []
    for _ in range(30):
        fdc.out(READ_ID, 4)
        await fdc.clock.advance(700_000)
        result = fdc.result()
        assert result[:5] == [4, 0, 0, 7, 1]
        assert result[6] == 2
        seen.append(result[5])
    assert set(seen) == set(range(1, 19))


# -- formats and rates ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "sectors", "rate", "last"),
    [
        ("360K", 320, 250, (39, 0, 8)), ("360K", 360, 250, (39, 0, 9)),
        ("360K", 640, 250, (39, 1, 8)), ("360K", 720, 250, (39, 1, 9)),
        ("1.2M", 2400, 500, (79, 1, 15)), ("720K", 1280, 250, (79, 1, 8)),
        ("720K", 1440, 250, (79, 1, 9)), ("1.44M", 1440, 250, (79, 1, 9)),
        ("1.44M", 2880, 500, (79, 1, 18)), ("1.44M", 3360, 500, (79, 1, 21)),
        ("2.88M", 2880, 500, (79, 1, 18)), ("2.88M", 5760, 1000, (79, 1, 36)),
    ],
)  # fmt: skip
async def test_a_diskettes_size_says_how_it_is_formatted(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock,
    kind: str, sectors: int, rate: int, last: tuple[int, int, int],
) -> None:  # fmt: skip
    fdc = await with_drive(backplane, ports, virtual_clock, kind, sectors, rate)
    c, h, r = last
    await fdc.seek(c)
    content, result = await fdc.read(c, h, r, r)
    assert (content, result[1]) == (numbered(sectors - 1), EN)
    assert (await fdc.read(c, h, r + 1, r + 1))[1][1] == ND
    for other in RATES.keys() - {rate}:
        ports.write(DSR, RATES[other])
        assert (await fdc.read(c, h, r, r))[1][:3] == [0x40 | h << 2, MA, 0]


async def test_a_side_that_is_not_formatted_has_no_address_marks(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    fdc = await with_drive(backplane, ports, virtual_clock, "360K", 360, 250)
    assert (await fdc.transfer(READ_ID, 4))[1][:3] == [0x44, MA, 0]


async def test_forty_cylinders_are_every_second_one_of_a_drive_with_eighty(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    fdc = await with_drive(backplane, ports, virtual_clock, "1.2M", 720, 300)
    await fdc.seek(10)
    assert (await fdc.read(5, 0, 1, 1))[0] == numbered(lba(5, 0, 1, 9))
    await fdc.seek(11)
    assert (await fdc.read(5, 0, 1, 1))[1][:3] == [0x40, MA, 0]


@pytest.mark.parametrize(
    ("kind", "other"), [("360K", "1.2M"), ("720K", "1.44M"), ("1.44M", "1.2M")]
)
async def test_a_drive_reads_nothing_it_was_not_made_for(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock, kind: str, other: str
) -> None:
    fdc = await with_drive(backplane, ports, virtual_clock, kind, SIZES[other], 500)
    for rate in RATES.values():
        ports.write(CCR, rate)
        assert (await fdc.transfer(READ_ID, 0))[1][:3] == [0x40, MA, 0]


# -- writing ----------------------------------------------------------------------------------


async def test_sectors_are_written(fdc: Controller, diskette: Diskette) -> None:
    await fdc.seek(2)
    new = bytes(range(256)) * 4
    _, result = await fdc.transfer(WRITE, 4, 2, 1, 17, 2, 18, 0x1B, 0xFF, content=new)
    assert result == [0x44, EN, 0, 2, 1, 18, 2]
    assert diskette.read(lba(2, 1, 17), 2) == new
    assert diskette.read(lba(2, 1, 16), 1) == numbered(lba(2, 1, 16))
    assert (await fdc.read(2, 1, 17, 18))[0] == new


async def test_a_write_that_lacks_data_ends_in_an_underrun(
    fdc: Controller, diskette: Diskette
) -> None:
    fdc.out(WRITE, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF)
    await fdc.clock.advance(20 * MS)
    fdc.ports.write(FIFO, 0x55)
    await fdc.clock.advance(SECOND)
    assert fdc.result() == [0x40, OR, 0, 0, 0, 1, 2]
    assert diskette.read(0, 1) == numbered(0)


@pytest.mark.parametrize("code", [WRITE, WRITE_MT, WRITE_DELETED])
async def test_a_protected_diskette_is_not_written(
    fdc: Controller, diskette: Diskette, code: int
) -> None:
    diskette.read_only = True
    _, result = await fdc.transfer(code, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF)
    assert result == [0x40, NW, 0, 0, 0, 1, 2]
    assert (await fdc.transfer(FORMAT, 0, 2, 18, 0x54, 0xF6))[1][:3] == [0x40, NW, 0]


async def test_a_host_whose_disk_is_full_is_an_error_in_the_data(
    fdc: Controller, diskette: Diskette
) -> None:
    diskette.full = True
    _, result = await fdc.transfer(WRITE, 0, 0, 0, 1, 2, 1, 0x1B, 0xFF, content=bytes(SECTOR))
    assert result[:3] == [0x40, DE, DD]


async def test_what_was_written_is_saved_when_the_motor_stops(
    fdc: Controller, diskette: Diskette
) -> None:
    fdc.ports.write(DOR, 0x0C)
    await fdc.clock.advance(MS)
    assert diskette.flushes == 0
    fdc.ports.write(DOR, 0x1C)
    await fdc.transfer(WRITE, 0, 0, 0, 1, 2, 1, 0x1B, 0xFF, content=bytes(SECTOR))
    assert diskette.flushes == 0
    for dor in (0x0C, 0x1C, 0x0C):
        fdc.ports.write(DOR, dor)
        await fdc.clock.advance(MS)
    assert diskette.flushes == 1


async def test_a_diskette_that_cannot_be_saved_harms_nobody(
    fdc: Controller, diskette: Diskette
) -> None:
    await fdc.transfer(WRITE, 0, 0, 0, 1, 2, 1, 0x1B, 0xFF, content=bytes(SECTOR))
    diskette.full = True
    fdc.ports.write(DOR, 0x0C)
    await fdc.clock.advance(MS)
    assert (diskette.flushes, fdc.slot.fault) == (1, None)


# -- deleted data -----------------------------------------------------------------------------


async def test_a_deleted_sector_is_marked_until_it_is_written_again(fdc: Controller) -> None:
    await fdc.transfer(WRITE_DELETED, 0, 0, 0, 2, 2, 2, 0x1B, 0xFF, content=b"d" * SECTOR)
    content, result = await fdc.read(0, 0, 1, 4)
    assert (content, result) == (numbered(0) + b"d" * SECTOR, [0, 0, CM, 0, 0, 2, 2])
    content, result = await fdc.read(0, 0, 1, 4, code=READ_SK)
    assert content == b"".join(map(numbered, (0, 2, 3)))
    assert result == [0x40, EN, CM, 0, 0, 4, 2]
    content, result = await fdc.read(0, 0, 2, 4, code=READ_DELETED)
    assert (content, result) == (b"d" * SECTOR + numbered(2), [0, 0, CM, 0, 0, 3, 2])
    content, result = await fdc.read(0, 0, 1, 4, code=READ_DELETED_SK)
    assert (content, result[2]) == (b"d" * SECTOR, CM)
    await fdc.transfer(WRITE, 0, 0, 0, 2, 2, 2, 0x1B, 0xFF, content=b"n" * SECTOR)
    assert (await fdc.read(0, 0, 2, 2))[1][2] == 0


async def test_another_diskette_has_no_deleted_sectors(fdc: Controller, diskette: Diskette) -> None:
    await fdc.transfer(WRITE_DELETED, 0, 0, 0, 2, 2, 2, 0x1B, 0xFF, content=b"d" * SECTOR)
    fdc.slot.disks[0].change(diskette)
    assert (await fdc.read(0, 0, 2, 2))[1][2] == 0


# -- verify -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("select", "r", "eot", "length", "expected"),
    [
        (0x00, 1, 18, 0xFF, [0x00, 0, 0, 1, 0, 1, 2]),
        (0x80, 1, 18, 5, [0x00, 0, 0, 0, 0, 6, 2]),
        (0x80, 1, 18, 18, [0x00, 0, 0, 1, 0, 1, 2]),
        (0x80, 1, 18, 19, [0x40, EN, 0, 0, 0, 18, 2]),
        (0x00, 1, 19, 0xFF, [0x40, ND, 0, 0, 0, 19, 2]),
    ],
)
async def test_verify_reads_and_hands_nothing_out(
    fdc: Controller, select: int, r: int, eot: int, length: int, expected: list[int]
) -> None:
    content, result = await fdc.transfer(VERIFY, select, 0, 0, r, 2, eot, 0x1B, length)
    assert (content, result) == (b"", expected)


async def test_verify_of_both_sides(fdc: Controller) -> None:
    _, result = await fdc.transfer(VERIFY | 0x80, 0x80, 0, 0, 1, 2, 18, 0x1B, 36)
    assert result == [0x04, 0, 0, 1, 0, 1, 2]


async def test_verify_finds_a_scratch(fdc: Controller, diskette: Diskette) -> None:
    diskette.bad = {7}
    _, result = await fdc.transfer(VERIFY, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF)
    assert result == [0x40, DE, DD, 0, 0, 8, 2]


# -- format -----------------------------------------------------------------------------------


def ids(c: int, h: int, track: int = 18, n: int = 2) -> bytes:
    order = [r for first in (1, 2) for r in range(first, track + 1, 2)]  # interleaved
    return b"".join(bytes((c, h, r, n)) for r in order)


async def test_a_track_is_formatted_in_the_diskettes_own_format(
    fdc: Controller, diskette: Diskette
) -> None:
    await fdc.seek(4)
    await fdc.transfer(WRITE_DELETED, 4, 4, 1, 3, 2, 3, 0x1B, 0xFF, content=b"d" * SECTOR)
    _, result = await fdc.transfer(FORMAT, 4, 2, 18, 0x54, 0xF6, content=ids(4, 1))
    assert result[:3] == [0x04, 0, 0]
    assert diskette.read(lba(4, 1, 1), 18) == b"\xf6" * SECTOR * 18
    assert diskette.read(lba(4, 0, 18), 1) == numbered(lba(4, 0, 18))
    assert diskette.read(lba(5, 0, 1), 1) == numbered(lba(5, 0, 1))
    assert (await fdc.read(4, 1, 3, 3))[1][2] == 0


async def test_to_format_a_track_takes_a_turn(fdc: Controller) -> None:
    fdc.out(FORMAT, 0, 2, 18, 0x54, 0xF6)
    await fdc.clock.advance(2 * MS)
    assert fdc.move(ids(0, 0)) == b""
    await fdc.clock.advance(12 * MS)
    assert not fdc.irq
    await fdc.clock.advance(MS)
    assert fdc.irq


@pytest.mark.parametrize(
    ("sectors", "content", "n"),
    [
        (9, ids(0, 0, 9), 2), (18, ids(1, 0), 2), (18, ids(0, 1), 2), (18, ids(0, 0, n=3), 2),
        (18, ids(0, 0), 1), (18, ids(0, 0)[:-4] + ids(0, 0)[:4], 2),
    ],
)  # fmt: skip
async def test_a_format_an_image_cannot_hold_is_not_written(
    fdc: Controller, diskette: Diskette, sectors: int, content: bytes, n: int
) -> None:
    before = bytes(diskette.content)
    _, result = await fdc.transfer(FORMAT, 0, n, sectors, 0x54, 0xF6, content=content)
    assert result[:3] == [0x40, NW, 0]
    assert diskette.content == before


# -- implied seeks ----------------------------------------------------------------------------


async def test_implied_seeks_move_the_heads_first(fdc: Controller) -> None:
    fdc.ask(CONFIGURE, 0, 0x60, 0)
    content, result = await fdc.read(33, 0, 1, 1)
    assert (content, result[0]) == (numbered(lba(33, 0, 1)), 0x60)
    assert fdc.ask(0x0E)[0] == 33
    assert not fdc.changed


# -- freezes ----------------------------------------------------------------------------------


async def test_a_frozen_seek_ends_after_the_thaw(fdc: Controller, backplane: Backplane) -> None:
    fdc.out(SEEK, 0, 40)
    await backplane.quiesce(each=1, total=1)
    await fdc.clock.advance(SECOND)
    assert not fdc.irq
    backplane.thaw()
    await fdc.clock.advance(MS)
    assert fdc.irq
    assert fdc.ask(SENSE) == [0x20, 40]


async def test_a_rolled_back_reset_never_was(fdc: Controller, backplane: Backplane) -> None:
    fdc.out(SEEK, 0, 40)
    await backplane.quiesce(each=1, total=1)
    saved = backplane.snapshot()
    fdc.ports.write(DOR, 0)
    backplane.thaw()
    await fdc.clock.advance(SECOND)
    await backplane.quiesce(each=1, total=1)
    backplane.restore(saved)
    backplane.thaw()
    await fdc.clock.advance(SECOND)
    assert fdc.ask(SENSE) == [0x20, 40]
    assert (await fdc.read(40, 0, 1, 1))[0] == numbered(lba(40, 0, 1))


async def test_a_cold_reset_turns_everything_off(fdc: Controller, backplane: Backplane) -> None:
    fdc.out(READ, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF)
    await fdc.clock.advance(20 * MS)
    await backplane.quiesce(each=1, total=1)
    fdc.slot.cold_reset()
    backplane.thaw()
    await fdc.clock.advance(SECOND)
    assert (fdc.irq, fdc.msr, fdc.ports.read(DOR)) == (False, 0, 0)


async def test_a_cycle_between_an_alarm_and_the_cards_turn_takes_nothing_back(
    fdc: Controller,
) -> None:
    fdc.out(SEEK, 0, 40)
    fdc.clock.now += SECOND
    fdc.clock.machine.fire()
    fdc.ports.write(TDR, 0)
    await settle()
    assert fdc.irq
