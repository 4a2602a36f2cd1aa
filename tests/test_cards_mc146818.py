"""The clock chip alone: updates, SET, divider chain, calendar, alarm, flags."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotswap.cards.mc146818 import DAY, NS, A, B, C, Cell, Mc146818

MS, US = 1_000_000, 1_000
DATE = (Cell.CENTURY, Cell.YEAR, Cell.MONTH, Cell.DATE, Cell.DAY_OF_WEEK)
TIME = (Cell.HOURS, Cell.MINUTES, Cell.SECONDS)


def chip_at(
    when: str = "2000-07-01T12:00:00", *, mode: int = B.HOURS_24, rate: int = 0
) -> Mc146818:
    """A running chip that shows `when` at time 0."""
    chip = Mc146818()
    chip.cells[Cell.A] = A.DV_32KHZ | rate
    chip.cells[Cell.B] = mode
    chip.set_clock(datetime.fromisoformat(when))
    return chip


def shown(chip: Mc146818, now: int, cells: tuple[Cell, ...] = TIME) -> str:
    """The cells in hexadecimal."""
    return " ".join(f"{chip.read(cell, now):02x}" for cell in cells)


# -- time and calendar -------------------------------------------------------------------------


def test_a_second_is_counted_when_it_is_over() -> None:
    chip = chip_at()
    assert shown(chip, NS - 1) == "12 00 00"
    assert shown(chip, NS) == "12 00 01"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2000-02-28T23:59:59", "20 00 02 29 03"),
        ("2001-02-28T23:59:59", "20 01 03 01 05"),
        ("2024-12-31T23:59:59", "20 25 01 01 04"),
        ("1999-12-31T23:59:59", "20 00 01 01 07"),
        ("2099-12-31T23:59:59", "21 00 01 01 06"),
    ],
)
def test_days_months_years_and_the_century_carry(before: str, after: str) -> None:
    chip = chip_at(before)
    assert shown(chip, NS, DATE) == after
    assert shown(chip, NS) == "00 00 00"


def test_the_day_of_the_week_is_counted_and_not_computed() -> None:
    chip = chip_at("2000-07-01T00:00:00")
    chip.write(Cell.DAY_OF_WEEK, 6, 0)
    assert [chip.read(Cell.DAY_OF_WEEK, days * DAY * NS) for days in range(4)] == [6, 7, 1, 2]


@pytest.mark.parametrize(
    ("hour", "cell"), [(0, 0x12), (1, 0x01), (11, 0x11), (12, 0x92), (13, 0x81), (23, 0x91)]
)
def test_in_12_hour_mode_bit_7_means_afternoon(hour: int, cell: int) -> None:
    chip = chip_at(f"2000-07-01T{hour:02}:59:59", mode=0)
    assert chip.read(Cell.HOURS, 0) == cell
    assert chip.read(Cell.HOURS, 3600 * NS) == chip_at(
        f"2000-07-01T{(hour + 1) % 24:02}:00:00", mode=0
    ).read(Cell.HOURS, 0)


def test_in_binary_mode_cells_are_numbers() -> None:
    chip = chip_at("2024-10-29T23:58:59", mode=B.HOURS_24 | B.DM)
    cells = (Cell.YEAR, Cell.MONTH, Cell.DATE, *TIME)
    assert [chip.read(cell, NS) for cell in cells] == [24, 10, 29, 23, 59, 0]


def test_a_change_of_mode_leaves_the_cells_alone() -> None:
    chip = chip_at("2000-07-01T23:00:00")
    chip.write(Cell.B, B.DM, 0)
    assert chip.read(Cell.HOURS, 0) == 0x23


@given(
    start=st.datetimes(datetime(2000, 1, 1), datetime(2098, 1, 1)),
    gaps=st.lists(st.integers(0, 40 * DAY * NS), max_size=5),
    mode=st.sampled_from([0, B.DM, B.HOURS_24, B.HOURS_24 | B.DM]),
)
def test_however_rarely_it_is_asked_it_shows_what_has_passed(
    start: datetime, gaps: list[int], mode: int
) -> None:
    start = start.replace(microsecond=0)
    asked, left_alone = chip_at(start.isoformat(), mode=mode), chip_at(start.isoformat(), mode=mode)
    now = 0
    for gap in gaps:
        now += gap
        asked.settle(now)
    left_alone.settle(now)
    assert asked.cells[:10] == left_alone.cells[:10]
    end = start + timedelta(seconds=now // NS)
    assert asked.cells[:10] == chip_at(end.isoformat(), mode=mode).cells[:10]


@given(content=st.binary(min_size=10, max_size=10), seconds=st.integers(0, 400 * DAY))
def test_cells_that_are_no_time_do_no_harm(content: bytes, seconds: int) -> None:
    chip = chip_at()
    for cell, value in zip((*range(9), Cell.CENTURY), content, strict=True):
        chip.write(cell, value, 0)
    chip.settle(seconds * NS)


# -- SET, UIP, divider ---------------------------------------------------------------------------


def test_while_set_nothing_is_counted_and_then_the_chain_goes_on_in_step() -> None:
    chip = chip_at()
    chip.write(Cell.B, B.SET | B.HOURS_24, 300 * MS)
    chip.write(Cell.MINUTES, 0x34, 300 * MS)
    assert shown(chip, 2500 * MS) == "12 34 00"
    chip.write(Cell.B, B.HOURS_24, 2500 * MS)
    assert shown(chip, 3 * NS - 1) == "12 34 00"
    assert shown(chip, 3 * NS) == "12 34 01"


def test_without_set_a_written_second_is_counted_on() -> None:
    chip = chip_at()
    chip.write(Cell.SECONDS, 0x58, 300 * MS)
    assert shown(chip, 2 * NS) == "12 01 00"


def test_set_takes_the_update_interrupt_away() -> None:
    chip = chip_at()
    chip.write(Cell.B, B.SET | B.UIE | B.AIE | B.PIE, 0)
    assert chip.read(Cell.B, 0) == B.SET | B.AIE | B.PIE


@pytest.mark.parametrize(
    ("now", "uip"),
    [(0, False), (NS - 2229 * US, False), (NS - 2227 * US, True), (NS - 1, True), (NS, False)],
)
def test_uip_announces_an_update_and_stays_for_it(now: int, uip: bool) -> None:
    assert bool(chip_at().read(Cell.A, now) & A.UIP) == uip


def test_set_clears_uip() -> None:
    chip = chip_at()
    chip.write(Cell.B, B.SET, 0)
    assert not chip.read(Cell.A, NS - 1) & A.UIP


@pytest.mark.parametrize("divider", [0x60, 0x70])
def test_the_first_update_comes_half_a_second_after_a_divider_reset(divider: int) -> None:
    chip = chip_at()
    chip.write(Cell.A, divider, 900 * MS)
    assert shown(chip, 7 * NS) == "12 00 00"
    chip.write(Cell.A, A.DV_32KHZ, 7 * NS)
    assert shown(chip, 7500 * MS - 1) == "12 00 00"
    assert shown(chip, 7500 * MS) == "12 00 01"
    assert shown(chip, 8500 * MS) == "12 00 02"


def test_writing_the_rate_does_not_disturb_the_chain() -> None:
    chip = chip_at()
    chip.write(Cell.A, A.DV_32KHZ | 6, 900 * MS)
    assert shown(chip, NS) == "12 00 01"


def test_registers_c_and_d_and_some_bits_are_read_only() -> None:
    chip = chip_at()
    for cell in (Cell.A, Cell.C, Cell.D, Cell.SECONDS):
        chip.write(cell, 0xA0, 0)
    assert [chip.read(cell, 0) for cell in (Cell.A, Cell.C, Cell.D, Cell.SECONDS)] == [
        0x20, 0x00, 0x80, 0x20,
    ]  # fmt: skip


def test_ram_keeps_what_is_written() -> None:
    chip = chip_at()
    for cell in (0x0E, 0x2F, 0x33, 0x7F):
        chip.write(cell, cell ^ 0xFF, 0)
    assert [chip.read(cell, 9 * NS) ^ 0xFF for cell in (0x0E, 0x2F, 0x33, 0x7F)] == [
        0x0E, 0x2F, 0x33, 0x7F,
    ]  # fmt: skip


# -- interrupts ----------------------------------------------------------------------------------


def test_flags_come_without_their_enables_and_reading_c_clears_them() -> None:
    chip = chip_at("2000-07-01T23:59:59", rate=15)  # the alarm is at 00:00:00
    assert chip.read(Cell.C, NS) == C.PF | C.AF | C.UF
    assert not chip.irq
    assert chip.read(Cell.C, NS) == 0


@pytest.mark.parametrize(("enable", "flag"), [(B.PIE, C.PF), (B.AIE, C.AF), (B.UIE, C.UF)])
def test_a_flag_with_its_enable_asserts_irq_until_c_is_read(enable: B, flag: C) -> None:
    chip = chip_at("2000-07-01T23:59:59", rate=15)
    chip.settle(NS)
    assert not chip.irq
    chip.write(Cell.B, B.HOURS_24 | enable, NS)
    assert chip.irq
    flags = chip.read(Cell.C, NS)
    assert flags & C.IRQF
    assert flags & flag
    assert not chip.irq


@pytest.mark.parametrize(
    ("rate", "period"),
    [(1, 3_906_250), (2, 7_812_500), (3, 122_071), (6, 976_563), (14, 250 * MS), (15, 500 * MS)],
)
def test_the_rate_is_that_of_the_data_sheet(rate: int, period: int) -> None:
    chip = chip_at(mode=B.HOURS_24 | B.PIE, rate=rate)
    assert chip.next_irq() == period
    chip.settle(period - 1)
    assert not chip.irq
    chip.settle(period)
    assert chip.irq


def test_the_periodic_interrupt_does_not_drift() -> None:
    chip = chip_at(mode=B.HOURS_24 | B.PIE, rate=3)
    for n in range(1, 8193):
        at = -(-n * NS // 8192)
        assert chip.next_irq() == at
        assert chip.read(Cell.C, at) & C.PF


def test_rate_0_is_off() -> None:
    chip = chip_at(mode=B.HOURS_24 | B.PIE, rate=0)
    assert chip.next_irq() is None
    assert not chip.read(Cell.C, NS) & C.PF


def test_the_update_interrupt_comes_with_the_update() -> None:
    chip = chip_at(mode=B.HOURS_24 | B.UIE)
    chip.settle(5400 * MS)
    chip.read(Cell.C, 5400 * MS)
    assert chip.next_irq() == 6 * NS


def test_nothing_more_is_due_while_irq_is_asserted() -> None:
    chip = chip_at(mode=B.HOURS_24 | B.UIE)
    chip.settle(NS)
    assert chip.irq
    assert chip.next_irq() is None


@pytest.mark.parametrize(
    ("alarm", "wait"),
    [
        ("12 00 01", 1),
        ("12 00 00", DAY),
        ("13 30 15", 5415),
        ("11 59 59", DAY - 1),
        ("ff 00 00", 3600),
        ("ff c0 30", 30),
        ("ff ff ff", 1),
        ("12 ff 00", 60),
        ("13 ff ff", 3600),
    ],
)
def test_the_alarm_rings_when_its_cells_match(alarm: str, wait: int) -> None:
    chip = chip_at(mode=B.HOURS_24 | B.AIE)
    cells = (Cell.HOURS_ALARM, Cell.MINUTES_ALARM, Cell.SECONDS_ALARM)
    for cell, value in zip(cells, bytes.fromhex(alarm), strict=True):
        chip.write(cell, value, 0)
    assert chip.next_irq() == wait * NS
    assert not chip.read(Cell.C, wait * NS - 1) & C.AF
    assert chip.read(Cell.C, wait * NS) & C.AF


def test_in_12_hour_mode_the_alarm_hour_has_a_bit_for_afternoon() -> None:
    chip = chip_at("2000-07-01T00:30:00", mode=B.AIE)
    chip.write(Cell.HOURS_ALARM, 0x81, 0)
    assert chip.next_irq() == (12 * 60 + 30) * 60 * NS


def test_an_alarm_that_is_no_time_never_rings() -> None:
    chip = chip_at(mode=B.HOURS_24 | B.AIE)
    chip.write(Cell.SECONDS_ALARM, 0x60, 0)
    assert chip.next_irq() is None
    assert not chip.read(Cell.C, 2 * DAY * NS) & C.AF


def test_an_alarm_passed_unobserved_has_rung() -> None:
    chip = chip_at()
    chip.write(Cell.HOURS_ALARM, 0x13, 0)
    assert chip.read(Cell.C, 5 * DAY * NS) & C.AF


def test_while_set_only_the_periodic_interrupt_is_due() -> None:
    chip = chip_at(mode=B.SET | B.HOURS_24 | B.AIE, rate=0)
    assert chip.next_irq() is None
    chip.write(Cell.B, B.SET | B.PIE, 0)
    chip.write(Cell.A, A.DV_32KHZ | 15, 0)
    assert chip.next_irq() == 500 * MS


def test_reset_takes_interrupts_away_and_leaves_the_time() -> None:
    chip = chip_at(mode=B.HOURS_24 | B.PIE | B.AIE | B.UIE | B.SQWE, rate=15)
    chip.write(0x40, 0x55, 0)
    chip.settle(NS)
    chip.reset()
    assert (chip.irq, chip.next_irq(), chip.read(Cell.B, NS)) == (False, None, B.HOURS_24)
    assert chip.read(Cell.C, NS) == 0
    assert shown(chip, NS) == "12 00 01"
    assert chip.read(0x40, NS) == 0x55
