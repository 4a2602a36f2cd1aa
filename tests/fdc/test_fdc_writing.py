"""Sectors written without DMA, byte by byte; deleted ones; when an image is saved."""

from __future__ import annotations

import pytest

from hotswap.bus import SECTOR

from .controller import (
    CM,
    DD,
    DE,
    DOR,
    EN,
    FIFO,
    FORMAT,
    MS,
    NW,
    OR,
    READ_DELETED,
    READ_DELETED_SK,
    READ_SK,
    SECOND,
    WRITE,
    WRITE_DELETED,
    WRITE_MT,
    Controller,
    Diskette,
    lba,
    numbered,
)


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
