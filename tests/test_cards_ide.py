"""The IDE channel and its drives, as ATA-2 and ATA-3 have them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from trio.testing import wait_all_tasks_blocked as settle

from hotswap.bus import SECTOR, Backplane, BusError, Disk, MediaError, Slot
from hotswap.cards.ide import Ide, IdeSettings
from hotswap.host.media import open_medium
from hotswap.host.pytest_plugin import Ports

BASE, CONTROL = 0x1F0, 0x3F6
DATA, ERROR, FEATURES, COUNT, NUMBER, LOW, HIGH, DEVICE, STATUS, COMMAND = (
    0,
    1,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    7,
)
BSY, DRDY, DF, DSC, DRQ, ERR = 0x80, 0x40, 0x20, 0x10, 0x08, 0x01
READY = DRDY | DSC
ABRT, IDNF, UNC = 0x04, 0x10, 0x40
NIEN, SRST = 0x02, 0x04
READ, WRITE, VERIFY, READ_MULTIPLE, WRITE_MULTIPLE, SET_MULTIPLE = (
    0x20,
    0x30,
    0x40,
    0xC4,
    0xC5,
    0xC6,
)
SEEK, RECALIBRATE, DIAGNOSTIC, PARAMETERS, IDENTIFY = 0x70, 0x10, 0x90, 0x91, 0xEC
SET_FEATURES, FLUSH, NOP = 0xEF, 0xE7, 0x00
SIZE = 4032  # sectors: 4 cylinders of 16 heads and 63 sectors


def numbered(lba: int) -> bytes:
    return lba.to_bytes(4, "little") * (SECTOR // 4)


class Scratched:
    """A medium with sectors that cannot be read, on a host whose disk may be full."""

    read_only = False
    sectors = SIZE
    identity = "scratched"

    def __init__(self) -> None:
        self.bad: set[int] = set()
        self.full = False
        self.flushes = 0

    def read(self, lba: int, count: int) -> bytes:
        if self.bad & set(range(lba, lba + count)):
            raise MediaError("a scratch")
        return b"".join(numbered(lba + n) for n in range(count))

    def write(self, lba: int, content: bytes) -> None:
        if self.full:
            raise MediaError("No space left on device")

    def flush(self) -> None:
        if self.full:
            raise MediaError("No space left on device")
        self.flushes += 1


class Channel:
    """An IDE channel as a host uses it."""

    def __init__(self, slot: Slot, ports: Ports) -> None:
        self.slot, self.ports = slot, ports

    def read(self, reg: int) -> int:
        return self.ports.read(BASE + reg)

    def write(self, reg: int, value: int) -> None:
        self.ports.write(BASE + reg, value)

    @property
    def status(self) -> int:
        """The alternate status: reading it changes nothing."""
        return self.ports.read(CONTROL)

    @property
    def irq(self) -> bool:
        return self.slot.irq.level

    def address(self, lba: int, count: int, device: int = 0) -> None:
        self.write(DEVICE, 0xE0 | device << 4 | lba >> 24)
        for reg, value in ((COUNT, count), (NUMBER, lba), (LOW, lba >> 8), (HIGH, lba >> 16)):
            self.write(reg, value & 0xFF)

    async def command(self, code: int, lba: int = 0, count: int = 0, device: int = 0) -> int:
        """The alternate status when the command is no longer busy."""
        self.address(lba, count, device)
        self.write(COMMAND, code)
        await settle()
        return self.status

    def block(self, size: int = SECTOR) -> bytes:
        """A block from the data port."""
        return b"".join(
            self.ports.read(BASE, width=2).to_bytes(2, "little") for _ in range(size // 2)
        )

    def fill(self, content: bytes) -> None:
        """A block into the data port."""
        for at in range(0, len(content), 2):
            self.ports.write(BASE, int.from_bytes(content[at : at + 2], "little"), width=2)

    async def identify(self, device: int = 0) -> Callable[[int], int]:
        """What IDENTIFY DEVICE says, by word."""
        assert await self.command(IDENTIFY, device=device) == READY | DRQ
        content = self.block()
        return lambda n: int.from_bytes(content[2 * n : 2 * n + 2], "little")

    def registers(self) -> list[int]:
        return [self.read(reg) for reg in (ERROR, COUNT, NUMBER, LOW, HIGH)]


@pytest.fixture
async def channel(backplane: Backplane, ports: Ports, tmp_path: Path) -> AsyncIterator[Channel]:
    """Drive 0 has an image whose sectors hold their number; drive 1 is absent."""
    image = tmp_path / "disk.img"
    image.write_bytes(b"".join(map(numbered, range(SIZE))))
    slot = await backplane.insert(Ide())
    with open_medium(image) as medium:
        slot.disks[0].change(medium)
        yield Channel(slot, ports)


@pytest.fixture
def disk(channel: Channel) -> Disk:
    return channel.slot.disks[0]


@pytest.fixture
def scratched(channel: Channel, disk: Disk) -> Iterator[Scratched]:
    medium, before = Scratched(), disk.medium
    disk.change(medium)
    yield medium
    disk.change(before)


# -- reset and presence -----------------------------------------------------------------------


async def test_after_power_on_a_drive_is_ready_and_shows_its_signature(channel: Channel) -> None:
    assert channel.status == READY
    assert channel.registers() == [0x01, 1, 1, 0, 0]
    assert not channel.irq


async def test_a_soft_reset_is_busy_until_the_drive_has_tested_itself(channel: Channel) -> None:
    await channel.command(READ, 5, 2)
    channel.ports.write(CONTROL, SRST)
    assert channel.status == BSY
    assert not channel.irq
    await settle()
    assert channel.status == BSY
    channel.ports.write(CONTROL, 0)
    assert channel.status == BSY
    await settle()
    assert channel.status == READY
    assert channel.registers() == [0x01, 1, 1, 0, 0]
    assert not channel.irq


async def test_a_soft_reset_selects_drive_0(channel: Channel) -> None:
    channel.write(DEVICE, 0xB0)
    channel.ports.write(CONTROL, SRST)
    channel.ports.write(CONTROL, 0)
    await settle()
    assert channel.status == READY
    assert channel.read(DEVICE) == 0xA0


async def test_a_soft_reset_reverts_the_settings_unless_told_not_to(channel: Channel) -> None:
    for feature, expected in ((0x66, 8), (0xCC, 16)):
        await channel.command(SET_MULTIPLE, count=8)
        channel.write(FEATURES, feature)
        await channel.command(SET_FEATURES)
        channel.ports.write(CONTROL, SRST)
        channel.ports.write(CONTROL, 0)
        await settle()
        assert (await channel.identify())(59) == 0x100 | expected


async def test_diagnostic_selects_drive_0_and_reports_for_both(channel: Channel) -> None:
    channel.write(DEVICE, 0x10)
    channel.write(COMMAND, DIAGNOSTIC)
    await settle()
    assert channel.irq
    assert channel.read(DEVICE) == 0xA0
    assert channel.registers() == [0x01, 1, 1, 0, 0]


async def test_a_channel_without_drives_is_never_busy(backplane: Backplane, ports: Ports) -> None:
    channel = Channel(await backplane.insert(Ide()), ports)
    assert await channel.command(IDENTIFY) == 0x7F
    assert [channel.read(reg) for reg in range(8)] == [0x7F] * 8
    assert ports.read(BASE, width=2) == 0xFF7F
    assert not channel.irq


async def test_drive_0_answers_for_an_absent_drive_1_with_a_status_of_zero(
    channel: Channel,
) -> None:
    assert await channel.command(IDENTIFY, device=1) == 0
    assert channel.read(STATUS) == 0
    assert channel.read(DEVICE) == 0xF0
    channel.write(COUNT, 0x55)
    assert channel.read(COUNT) == 0x55
    assert not channel.irq
    channel.write(DEVICE, 0xE0)
    assert channel.status == READY


async def test_a_drive_1_alone_answers_for_itself_only(channel: Channel, disk: Disk) -> None:
    medium = disk.medium
    disk.change(None)
    channel.slot.disks[1].change(medium)
    assert await channel.command(READ, 7, 1) == 0x7F
    assert await channel.command(READ, 7, 1, device=1) == READY | DRQ
    assert channel.block() == numbered(7)


async def test_two_drives_have_registers_and_interrupts_of_their_own(
    channel: Channel, disk: Disk
) -> None:
    channel.slot.disks[1].change(disk.medium)
    await channel.command(SEEK, 9999)
    assert channel.irq
    channel.write(DEVICE, 0xF0)
    assert not channel.irq
    assert channel.status == READY
    channel.write(DEVICE, 0xE0)
    assert channel.irq
    assert channel.status == READY | ERR


async def test_a_drive_that_is_pulled_in_the_middle_of_a_transfer_is_gone(
    channel: Channel, disk: Disk
) -> None:
    await channel.command(READ, 0, 4)
    disk.change(None)
    assert channel.status == 0x7F
    assert not channel.irq


# -- status, interrupts, registers ------------------------------------------------------------


async def test_a_command_is_busy_at_once_and_interrupts_when_it_is_done(channel: Channel) -> None:
    channel.write(COMMAND, RECALIBRATE)
    assert channel.status == BSY
    assert not channel.irq
    await settle()
    assert channel.status == READY
    assert channel.irq


async def test_the_status_takes_the_interrupt_back_and_the_alternate_status_does_not(
    channel: Channel,
) -> None:
    await channel.command(RECALIBRATE)
    assert channel.status == READY
    assert channel.irq
    assert channel.read(STATUS) == READY
    assert not channel.irq


async def test_a_new_command_takes_the_interrupt_back(channel: Channel) -> None:
    await channel.command(RECALIBRATE)
    channel.write(COMMAND, RECALIBRATE)
    assert not channel.irq


async def test_nien_keeps_the_interrupt_from_the_bus(channel: Channel) -> None:
    channel.ports.write(CONTROL, NIEN)
    await channel.command(RECALIBRATE)
    assert not channel.irq
    channel.ports.write(CONTROL, 0)
    assert channel.irq


async def test_a_busy_drive_shows_its_status_everywhere_and_takes_no_writes(
    channel: Channel,
) -> None:
    channel.address(0x123456, 7)
    channel.write(COMMAND, SEEK)
    channel.write(COUNT, 9)
    channel.write(COMMAND, RECALIBRATE)
    assert [channel.read(reg) for reg in range(1, 8)] == [BSY] * 7
    await settle()
    assert channel.read(COUNT) == 7
    assert channel.read(ERROR) == IDNF


async def test_what_was_written_reads_back_while_idle(channel: Channel) -> None:
    for reg, value in ((COUNT, 0x55), (NUMBER, 0xAA), (LOW, 0x12), (HIGH, 0x34)):
        channel.write(reg, value)
    assert channel.registers()[1:] == [0x55, 0xAA, 0x12, 0x34]
    channel.write(DEVICE, 0x0F)
    assert channel.read(DEVICE) == 0xAF
    assert channel.ports.read(BASE + COUNT, width=2) == 0xAA55
    channel.ports.write(BASE + LOW, 0x7856, width=2)
    assert channel.registers()[3:] == [0x56, 0x78]


async def test_the_data_port_outside_a_transfer_floats_and_swallows(channel: Channel) -> None:
    channel.ports.write(BASE, 0x1234, width=2)
    assert channel.ports.read(BASE, width=2) == 0xFFFF
    assert channel.status == READY


@pytest.mark.parametrize("code", [NOP, 0x22, 0x50, 0xC8, 0x24, 0xA1, 0xB0, 0xFF])
async def test_what_a_drive_does_not_know_is_aborted(channel: Channel, code: int) -> None:
    assert await channel.command(code) == READY | ERR
    assert channel.read(ERROR) == ABRT
    assert channel.irq


# -- reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [READ, READ + 1])
async def test_every_sector_read_is_announced_by_an_interrupt(channel: Channel, code: int) -> None:
    assert await channel.command(code, 100, 3) == READY | DRQ
    for lba in (100, 101, 102):
        assert channel.irq
        assert channel.read(STATUS) == READY | DRQ
        assert not channel.irq
        assert channel.block() == numbered(lba)
    assert not channel.irq
    assert channel.status == READY
    assert channel.registers() == [0, 0, 102, 0, 0]


async def test_multiple_sectors_come_in_blocks_with_a_rest(channel: Channel) -> None:
    await channel.command(SET_MULTIPLE, count=4)
    await channel.command(READ_MULTIPLE, 10, 6)
    assert channel.irq
    channel.read(STATUS)
    assert channel.block(3 * SECTOR) == b"".join(map(numbered, (10, 11, 12)))
    assert not channel.irq
    assert channel.block() == numbered(13)
    assert channel.irq
    channel.read(STATUS)
    assert channel.block(2 * SECTOR) == numbered(14) + numbered(15)
    assert not channel.irq
    assert channel.status == READY


async def test_a_count_of_zero_is_256_sectors(channel: Channel) -> None:
    await channel.command(READ, 0, 0)
    assert channel.block(256 * SECTOR) == b"".join(map(numbered, range(256)))
    assert channel.status == READY
    assert channel.read(COUNT) == 0


async def test_the_data_port_takes_bytes_and_double_words(channel: Channel) -> None:
    await channel.command(READ, 0x01020304 & 0xFFF, 1)
    lba = 0x304
    assert channel.ports.read(BASE, width=4) == lba
    assert channel.ports.read(BASE) == 0x04
    assert channel.ports.read(BASE) == 0x03
    assert channel.ports.read(BASE, width=2) == 0


async def test_sectors_are_named_by_cylinder_head_and_sector(channel: Channel) -> None:
    channel.write(DEVICE, 0xA0 | 15)
    for reg, value in ((COUNT, 2), (NUMBER, 63), (LOW, 1), (HIGH, 0)):
        channel.write(reg, value)
    channel.write(COMMAND, READ)
    await settle()
    lba = (1 * 16 + 15) * 63 + 62
    assert channel.block() == numbered(lba)
    assert channel.read(DEVICE) == 0xAF
    assert channel.registers()[1:] == [1, 63, 1, 0]
    assert channel.block() == numbered(lba + 1)
    assert channel.read(DEVICE) == 0xA0
    assert channel.registers()[1:] == [0, 1, 2, 0]


@pytest.mark.parametrize(
    ("device", "number", "cylinder"), [(0xA0, 0, 0), (0xA0, 64, 0), (0xA0, 1, 4), (0xE0, 0xC0, 15)]
)
async def test_a_sector_that_is_not_there_is_not_found(
    channel: Channel, device: int, number: int, cylinder: int
) -> None:
    for code in (READ, WRITE, VERIFY, SEEK):
        channel.address(0, 1)
        for reg, value in ((DEVICE, device), (NUMBER, number), (LOW, cylinder), (COMMAND, code)):
            channel.write(reg, value)
        await settle()
        assert channel.read(STATUS) == READY | ERR
        assert channel.read(ERROR) == IDNF


async def test_a_read_beyond_the_end_delivers_what_there_is(channel: Channel) -> None:
    await channel.command(READ, SIZE - 2, 4)
    assert channel.block(2 * SECTOR) == numbered(SIZE - 2) + numbered(SIZE - 1)
    assert channel.irq
    assert channel.read(STATUS) == READY | ERR
    assert channel.registers() == [IDNF, 2, SIZE & 0xFF, SIZE >> 8, 0]


async def test_a_bad_sector_ends_the_read_and_is_named(
    channel: Channel, scratched: Scratched
) -> None:
    scratched.bad = {102}
    await channel.command(READ, 100, 8)
    assert channel.block(2 * SECTOR) == numbered(100) + numbered(101)
    assert channel.irq
    assert channel.read(STATUS) == READY | ERR
    assert channel.registers() == [UNC, 6, 102, 0, 0]
    assert await channel.command(READ, 102, 1) == READY | ERR
    assert channel.read(ERROR) == UNC


async def test_verify_reads_without_data(channel: Channel, scratched: Scratched) -> None:
    assert await channel.command(VERIFY, 100, 8) == READY
    scratched.bad = {105}
    assert await channel.command(VERIFY, 100, 8) == READY | ERR
    assert channel.registers() == [UNC, 8, 105, 0, 0]


# -- writing ----------------------------------------------------------------------------------


async def test_the_first_sector_written_is_asked_for_without_an_interrupt(
    channel: Channel, disk: Disk
) -> None:
    assert await channel.command(WRITE, 50, 2) == READY | DRQ
    assert not channel.irq
    channel.fill(b"a" * SECTOR)
    assert channel.status == BSY
    await settle()
    assert channel.irq
    assert channel.read(STATUS) == READY | DRQ
    channel.fill(b"b" * SECTOR)
    await settle()
    assert channel.irq
    assert channel.read(STATUS) == READY
    assert disk.read(49, 4) == numbered(49) + b"a" * SECTOR + b"b" * SECTOR + numbered(52)
    assert channel.registers() == [0, 0, 51, 0, 0]


async def test_multiple_sectors_are_written_in_blocks(channel: Channel, disk: Disk) -> None:
    await channel.command(SET_MULTIPLE, count=2)
    await channel.command(WRITE_MULTIPLE, 50, 3)
    channel.fill(b"a" * SECTOR)
    assert channel.status == READY | DRQ
    channel.fill(b"b" * SECTOR)
    assert channel.status == BSY
    await settle()
    assert channel.status == READY | DRQ
    channel.fill(b"c" * SECTOR)
    await settle()
    assert channel.read(STATUS) == READY
    assert disk.read(50, 4) == b"".join(c * SECTOR for c in (b"a", b"b", b"c")) + numbered(53)


async def test_a_write_beyond_the_end_takes_what_there_is(channel: Channel, disk: Disk) -> None:
    await channel.command(WRITE, SIZE - 1, 2)
    channel.fill(b"z" * SECTOR)
    await settle()
    assert channel.read(STATUS) == READY | ERR
    assert channel.registers() == [IDNF, 1, SIZE & 0xFF, SIZE >> 8, 0]
    assert disk.read(SIZE - 1, 1) == b"z" * SECTOR


async def test_a_write_protected_disk_is_not_written(channel: Channel, tmp_path: Path) -> None:
    path = tmp_path / "protected.img"
    path.write_bytes(bytes(SIZE * SECTOR))
    with open_medium(path, read_only=True) as medium:
        channel.slot.disks[1].change(medium)
        assert await channel.command(WRITE, 0, 1, device=1) == READY | ERR
        assert channel.read(ERROR) == 0x40 | ABRT
        assert await channel.command(READ, 0, 1, device=1) == READY | DRQ
        channel.slot.disks[1].change(None)


async def test_a_host_that_cannot_write_is_a_device_fault(
    channel: Channel, scratched: Scratched
) -> None:
    scratched.full = True
    await channel.command(WRITE, 50, 2)
    channel.fill(bytes(SECTOR))
    await settle()
    assert channel.read(STATUS) == READY | DF | ERR
    assert channel.registers() == [ABRT, 2, 50, 0, 0]
    assert await channel.command(FLUSH) == READY | DF | ERR


@pytest.mark.parametrize("code", [FLUSH, 0xE0, 0xE2, 0x94, 0x96])
async def test_flush_and_standby_make_writes_durable(
    channel: Channel, scratched: Scratched, code: int
) -> None:
    await channel.command(WRITE, 50, 1)
    channel.fill(bytes(SECTOR))
    await settle()
    assert scratched.flushes == 0
    assert await channel.command(code) == READY
    assert scratched.flushes == 1


async def test_without_a_write_cache_every_block_is_durable(
    channel: Channel, scratched: Scratched
) -> None:
    channel.write(FEATURES, 0x82)
    assert await channel.command(SET_FEATURES) == READY
    assert not (await channel.identify())(85) & 1 << 5
    flushed = scratched.flushes
    await channel.command(WRITE, 50, 1)
    channel.fill(bytes(SECTOR))
    await settle()
    assert scratched.flushes == flushed + 1


# -- settings and power -----------------------------------------------------------------------


async def test_identify_describes_the_disk(channel: Channel) -> None:
    word = await channel.identify()
    assert [word(n) for n in (0, 1, 3, 6, 54, 55, 56)] == [0x40, 4, 16, 63, 4, 16, 63]
    assert word(60) | word(61) << 16 == word(57) | word(58) << 16 == SIZE
    assert (word(47), word(59)) == (0x8010, 0x0110)
    model = b"".join(word(n).to_bytes(2, "big") for n in range(27, 47))
    assert model.strip() == b"hotswap-host disk"


async def test_device_parameters_change_the_translation_until_a_reset(channel: Channel) -> None:
    channel.write(COUNT, 17)
    channel.write(DEVICE, 0xA0 | 3)
    channel.write(COMMAND, PARAMETERS)
    await settle()
    word = await channel.identify()
    assert [word(n) for n in (1, 3, 6, 54, 55, 56)] == [4, 16, 63, SIZE // 68, 4, 17]
    channel.write(DEVICE, 0xA0 | 3)
    for reg, value in ((COUNT, 1), (NUMBER, 17), (LOW, 10), (HIGH, 0), (COMMAND, READ)):
        channel.write(reg, value)
    await settle()
    assert channel.block() == numbered((10 * 4 + 3) * 17 + 16)
    assert await channel.command(PARAMETERS, count=0) == READY | ERR


async def test_the_jumpers_set_ports_line_and_geometry(backplane: Backplane, ports: Ports) -> None:
    settings = IdeSettings(base=0x170, control=0x376, irq=15, geometry1=(1000, 2, 2))
    slot = await backplane.insert(Ide(settings))
    slot.disks[1].change(Scratched())
    assert slot.irq.line == 15
    ports.write(0x176, 0xF0)
    ports.write(0x177, IDENTIFY)
    await settle()
    content = b"".join(ports.read(0x170, width=4).to_bytes(4, "little") for _ in range(128))
    assert [content[2 * n] | content[2 * n + 1] << 8 for n in (1, 3, 6)] == [1000, 2, 2]


@pytest.mark.parametrize("geometry", [(0, 16, 63), (1, 17, 63), (1, 16, 256), (65536, 1, 1)])
async def test_an_impossible_geometry_is_refused(
    backplane: Backplane, geometry: tuple[int, int, int]
) -> None:
    with pytest.raises(BusError, match=r"is none of an ATA drive.*change its settings"):
        await backplane.insert(Ide(IdeSettings(geometry0=geometry)))


@pytest.mark.parametrize("count", [3, 32, 255])
async def test_a_block_size_that_cannot_be_turns_multiple_off(channel: Channel, count: int) -> None:
    assert await channel.command(SET_MULTIPLE, count=count) == READY | ERR
    for code in (READ_MULTIPLE, WRITE_MULTIPLE):
        assert await channel.command(code, 0, 1) == READY | ERR
        assert channel.read(ERROR) == ABRT
    assert (await channel.identify())(59) == 0


@pytest.mark.parametrize(
    ("feature", "count", "ok"),
    [(2, 0, True), (0x55, 0, True), (0xAA, 0, True), (3, 0x0C, True), (3, 0, True),
     (3, 0x0D, False), (3, 0x22, False), (0x44, 0, False)],
)  # fmt: skip
async def test_features_that_are_not_there_are_aborted(
    channel: Channel, feature: int, count: int, ok: bool
) -> None:
    channel.write(FEATURES, feature)
    assert await channel.command(SET_FEATURES, count=count) == (READY if ok else READY | ERR)


async def test_power_modes_are_told_and_a_read_makes_active(channel: Channel) -> None:
    for code, mode in ((0xE1, 0x80), (0xE3, 0x80), (0xE0, 0x00), (0x96, 0x00), (0x97, 0x80)):
        await channel.command(code)
        await channel.command(0xE5)
        assert channel.read(COUNT) == mode
    await channel.command(VERIFY, 0, 1)
    await channel.command(0x98)
    assert channel.read(COUNT) == 0xFF


async def test_a_drive_that_cannot_flush_does_not_go_to_sleep(
    channel: Channel, scratched: Scratched
) -> None:
    scratched.full = True
    assert await channel.command(0xE6) == READY | DF | ERR
    assert await channel.command(RECALIBRATE) == READY


async def test_only_a_reset_wakes_a_sleeping_drive(channel: Channel) -> None:
    assert await channel.command(0xE6) == READY
    channel.read(STATUS)
    await channel.command(RECALIBRATE)
    assert not channel.irq
    channel.ports.write(CONTROL, SRST)
    channel.ports.write(CONTROL, 0)
    await settle()
    await channel.command(RECALIBRATE)
    assert channel.irq
