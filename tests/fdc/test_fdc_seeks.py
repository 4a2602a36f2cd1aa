"""Seeks of the diskette controller: steps take their time; what drives say of themselves."""

from __future__ import annotations

from hotswap.bus import Backplane
from hotswap.cards.fdc import Fdc, FdcSettings
from hotswap.host.pytest_plugin import Ports, VirtualClock

from .controller import (
    CONFIGURE,
    DIR,
    DOR,
    DSR,
    INWARD,
    MA,
    MS,
    ND,
    OUTWARD,
    RECALIBRATE,
    RQM,
    SECOND,
    SEEK,
    SENSE,
    SENSE_DRIVE,
    VERIFY,
    WC,
    Controller,
    Diskette,
    lba,
    numbered,
)


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


async def test_implied_seeks_move_the_heads_first(fdc: Controller) -> None:
    fdc.ask(CONFIGURE, 0, 0x60, 0)
    content, result = await fdc.read(33, 0, 1, 1)
    assert (content, result[0]) == (numbered(lba(33, 0, 1)), 0x60)
    assert fdc.ask(0x0E)[0] == 33
    assert not fdc.changed
