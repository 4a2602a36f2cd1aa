"""Formats and rates: what a drive reads of which diskette; tracks that are formatted anew."""

from __future__ import annotations

import pytest

from hotswap.bus import SECTOR, Backplane
from hotswap.host.pytest_plugin import Ports, VirtualClock

from .controller import (
    CCR,
    DSR,
    EN,
    FORMAT,
    MA,
    MS,
    ND,
    NW,
    RATES,
    READ_ID,
    SIZES,
    WRITE_DELETED,
    Controller,
    Diskette,
    ids,
    lba,
    numbered,
    with_drive,
)


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
