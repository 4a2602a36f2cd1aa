"""The wall clock goes on while a year, a leap day or a century begins in a switchover.

Every board starts so that its second begins while the kernel reads the CMOS: kernel and chip then
change the date at the same instant, MIDNIGHT, and the switchover is started to be there in time.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from hotswap.bus import Backplane
from hotswap.cards.mc146818 import B, Cell
from hotswap.host.board import BoardConfig, open_board
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.host.pytest_plugin import Ports
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.options import Options
from hotswap.switchover.phases import Phase
from hotswap.switchover.records_machine import Time
from hotswap.switchover.report import PhaseEvent

from .conftest import MS
from .test_probation import fail_late

US, SECOND = 1000, 1000 * MS
EDGE = 1000 * US
"""Machine time of the chip's first update; the kernels ask for the time 0.4 ms before, and wait."""
MIDNIGHT = EDGE + SECOND
PROBATION_MS = 20
PROGRAM = "clock:12:100"  # longer than to MIDNIGHT

BCD_24, BCD_12 = B.HOURS_24, B(0)
BINARY_24, BINARY_12 = B.DM | B.HOURS_24, B.DM
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
LEAP_DAY = datetime(2028, 2, 29, tzinfo=UTC)
CENTURY, NEXT_CENTURY = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def unix_ns(when: datetime) -> int:
    return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * US


@asynccontextmanager
async def booted(date: datetime, form: B, kernel: int, at: int = MIDNIGHT) -> AsyncIterator[Guest]:
    """A guest whose CMOS, in that form, comes to `date` at machine time `at`."""
    start = date - timedelta(microseconds=at // US)
    config = BoardConfig(memory=16, deterministic=True, wall_clock=unix_ns(start))
    async with open_board(config) as board:
        chip = board.slot("cmos").card.state.chip
        chip.cells[Cell.B] = form
        chip.set_clock(start)
        guest = Guest(board)
        guest.boot([PROGRAM], version=kernel, hold=True)
        yield guest


def shown(plane: Backplane, form: B) -> datetime:
    """What the CMOS shows; its day of the week and its form are as they must be."""
    ports = Ports(plane)

    def cell(index: int) -> int:
        ports.write(0x70, index)
        return ports.read(0x71)

    def number(index: int) -> int:
        return cell(index) if form & B.DM else int(f"{cell(index):x}")

    assert cell(Cell.B) == form
    if form & B.HOURS_24:
        hour = number(Cell.HOURS)
    else:
        text = f"{cell(Cell.HOURS) & 0x7F:{'d' if form & B.DM else 'x'}}"
        half = "PM" if cell(Cell.HOURS) & 0x80 else "AM"
        hour = datetime.strptime(f"{text} {half}", "%I %p").hour
    time = datetime(
        number(Cell.CENTURY) * 100 + number(Cell.YEAR), number(Cell.MONTH), number(Cell.DATE),
        hour, number(Cell.MINUTES), number(Cell.SECONDS), tzinfo=UTC,
    )  # fmt: skip
    assert cell(Cell.DAY_OF_WEEK) == time.isoweekday() % 7 + 1
    return time


def agree(found: Time, date: datetime) -> None:
    """A map's wall clock is that of the machine, and its CMOS fields say the same."""
    expected = unix_ns(date) + found.mono_ns - MIDNIGHT
    assert abs(found.real_ns - expected) < MS
    second = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=found.real_ns // SECOND)
    assert f"{found.cmos_date_bcd:08x} {found.cmos_time_bcd:06x}" == f"{second:%Y%m%d %H%M%S}"


async def cross(
    date: datetime, form: B, old: int, phase: Phase, lead: int
) -> dict[str, tuple[int, int]]:
    """Switch over `lead` ns before MIDNIGHT, which must come in `phase`.

    When each phase was, counted in ns from the beginning of the switchover.
    """
    begun: dict[str, int] = {}
    phases: dict[str, tuple[int, int]] = {}
    async with booted(date, form, old) as guest:
        plane = guest.board.backplane

        def tell(event: PhaseEvent) -> None:
            if event.state == "begun":
                begun[event.phase] = plane.clock.now()
            else:
                phases[event.phase] = begun[event.phase], plane.clock.now()

        await guest.pass_time(500 * MS)
        before = (await guest.examine()).map.time
        agree(before, date)
        await guest.pass_time(MIDNIGHT - lead - plane.clock.now())
        start = plane.clock.now()
        options = Options(probation_ms=PROBATION_MS, patience=PATIENCE)
        report = await Switchover(guest.board.machine, refkernel(3 - old), options, tell).run()
        assert report.outcome == "committed", report.reason
        assert phases[phase.name][0] < MIDNIGHT < phases[phase.name][1]
        after = (await guest.examine()).map.time
        agree(after, date)
        assert after.boot_ns == before.boot_ns
        words = await guest.reported()
        assert words["clock"].startswith("ok"), words
        since = timedelta(seconds=(plane.clock.now() - MIDNIGHT) // SECOND)
        assert shown(plane, form) == date + since
    return {name: (first - start, last - start) for name, (first, last) in phases.items()}


@pytest.mark.parametrize(
    ("form", "date", "old"),
    [
        (BCD_24, NEW_YEAR, 1), (BCD_12, LEAP_DAY, 2),
        (BINARY_24, CENTURY, 2), (BINARY_12, NEXT_CENTURY, 1),
    ],
    ids=["BCD-24h-year", "BCD-12h-leap-day", "binary-24h-century", "binary-12h-next-century"],
)  # fmt: skip
async def test_the_date_changes_in_any_part_of_a_switchover(
    form: B, date: datetime, old: int
) -> None:
    """Before QUIESCE, between SAVE and COMMIT, in probation: the last one tells when others are."""
    phases = await cross(date, form, old, Phase.PROBATION, PROBATION_MS * MS // 2)
    for phase in (Phase.PREPARE, Phase.DECODE):
        await cross(date, form, old, phase, sum(phases[phase.name]) // 2)


async def test_noon_is_no_midnight_in_12_hours() -> None:
    await cross(NOON, BCD_12, 1, Phase.PROBATION, PROBATION_MS * MS // 2)


async def test_a_kernel_undone_after_midnight_leaves_the_date_right() -> None:
    async with booted(NEW_YEAR, BINARY_12, 1) as guest:
        plane = guest.board.backplane
        await guest.pass_time(MIDNIGHT - 20 * MS - plane.clock.now())
        failed: list[int] = []

        def tell(event: PhaseEvent) -> None:
            if event.state == "failed":
                failed.append(plane.clock.now())

        await fail_late(guest, tell)
        assert failed[0] > MIDNIGHT > plane.clock.now()  # so midnight comes twice
        agree((await guest.examine()).map.time, NEW_YEAR)
        words = await guest.reported()
        assert words["clock"].startswith("ok"), words
        since = timedelta(seconds=(plane.clock.now() - MIDNIGHT) // SECOND)
        assert shown(plane, BINARY_12) == NEW_YEAR + since


async def test_a_kernel_behind_the_chip_takes_back_date_and_day_of_week() -> None:
    """It has read a whole second: its midnight is MIDNIGHT, the chip's was 200 ms before."""
    async with booted(NEW_YEAR, BCD_12, 1, MIDNIGHT - 200 * MS) as guest:
        plane = guest.board.backplane
        await guest.pass_time(MIDNIGHT - 100 * MS - plane.clock.now())
        assert shown(plane, BCD_12) == NEW_YEAR
        options = Options(probation_ms=PROBATION_MS, patience=PATIENCE)
        await Switchover(guest.board.machine, refkernel(2), options).run()
        assert shown(plane, BCD_12) == NEW_YEAR - timedelta(seconds=1)
        await guest.pass_time(SECOND)
        assert shown(plane, BCD_12) == NEW_YEAR


@pytest.mark.parametrize("century", [0x00, 0x19, 0xFF])
async def test_a_century_nobody_keeps_is_guessed_from_the_year(century: int) -> None:
    async with booted(NEW_YEAR, BCD_24, 1) as guest:
        guest.board.slot("cmos").card.state.chip.cells[Cell.CENTURY] = century
        await guest.pass_time(100 * MS)
        agree((await guest.examine()).map.time, NEW_YEAR)
