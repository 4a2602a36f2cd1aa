"""Sectors read without DMA, byte by byte, and all that keeps one from being read."""

from __future__ import annotations

import pytest

from hotswap.bus import Backplane

from .controller import (
    BC,
    CMD_BSY,
    DD,
    DE,
    DIO,
    EN,
    MA,
    MS,
    ND,
    NON_DMA,
    OR,
    READ,
    READ_ID,
    READ_MT,
    READ_TRACK,
    RQM,
    SECOND,
    VERIFY,
    WC,
    Controller,
    Diskette,
    lba,
    numbered,
)


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
