"""The CMOS card: its two ports, IRQ 8, what a BIOS finds in it, and two kernels that use it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from hotswap.bus import Backplane, BusError, Slot
from hotswap.cards.cmos import Cmos, CmosSettings
from hotswap.cards.mc146818 import A, B, C, Cell
from hotswap.host.discovery import PluginError, make_card
from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import Ports, SwitchKernel, VirtualClock

ADDRESS, DATA = 0x70, 0x71
MS, NS = 1_000_000, 1_000_000_000
START = datetime(2000, 7, 1)


class Rtc:
    """The cells as a guest reaches them."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports

    def get(self, cell: int) -> int:
        self.ports.write(ADDRESS, cell)
        return self.ports.read(DATA)

    def set(self, cell: int, value: int) -> None:
        self.ports.write(ADDRESS, cell)
        self.ports.write(DATA, value)

    def word(self, cell: int) -> int:
        return self.get(cell) | self.get(cell + 1) << 8

    def time(self) -> datetime:
        """What it shows, in the BCD and 24-hour mode it starts in."""
        cells = (
            Cell.CENTURY, Cell.YEAR, Cell.MONTH, Cell.DATE, Cell.HOURS, Cell.MINUTES, Cell.SECONDS,
        )  # fmt: skip
        return datetime.strptime("".join(f"{self.get(c):02x}" for c in cells), "%Y%m%d%H%M%S")


@pytest.fixture
def rtc(ports: Ports) -> Rtc:
    return Rtc(ports)


@pytest.fixture
async def slot(backplane: Backplane) -> Slot:
    return await backplane.insert(Cmos())


def rises(backplane: Backplane) -> list[int]:
    """Times of the rising edges of IRQ 8 since the last call."""
    return [edge.time for edge in backplane.irq.take() if edge.line == 8 and edge.level]


# -- ports and RAM -----------------------------------------------------------------------------


async def test_the_address_port_is_write_only_and_its_bit_7_chooses_no_cell(
    slot: Slot, ports: Ports, rtc: Rtc
) -> None:
    rtc.set(0x40, 0x12)
    rtc.set(0xC0, 0x34)
    assert rtc.get(0x40) == 0x34
    assert ports.read(ADDRESS) == 0xFF


@pytest.mark.parametrize(
    ("kib", "base", "extended", "blocks"),
    [
        (512, 512, 0, 0),
        (16 * 1024, 640, 15 * 1024, 0),
        (24 * 1024, 640, 23 * 1024, 128),
        (64 * 1024, 640, 63 * 1024, 768),
        (128 * 1024, 640, 65535, 1792),
    ],
)
async def test_a_bios_finds_the_size_of_ram(
    backplane: Backplane, rtc: Rtc, kib: int, base: int, extended: int, blocks: int
) -> None:
    await backplane.insert(Cmos(CmosSettings(memory_kib=kib)))
    assert [rtc.word(cell) for cell in (0x15, 0x17, 0x30, 0x34)] == [
        base, extended, extended, blocks,
    ]  # fmt: skip


async def test_the_checksum_is_right(slot: Slot, rtc: Rtc) -> None:
    checksum = rtc.get(0x2E) << 8 | rtc.get(0x2F)
    assert checksum == sum(rtc.get(cell) for cell in range(0x10, 0x2E)) > 0


async def test_a_bios_finds_the_drives_and_what_to_boot(backplane: Backplane, rtc: Rtc) -> None:
    settings = {
        "diskettes": ["1.44M", "360K"],
        "disks": [None, {"cylinders": 2000, "heads": 16, "sectors": 63}],
        "boot": ["disk", "floppy", "network"],
    }
    await backplane.insert(make_card("cmos", settings))
    assert rtc.get(0x10) == 0x41
    assert rtc.get(0x14) == 0x43  # two drives, a coprocessor
    assert (rtc.get(0x12), rtc.get(0x19), rtc.get(0x1A)) == (0x0F, 0, 47)
    assert bytes(rtc.get(cell) for cell in range(0x24, 0x2D)) == bytes.fromhex("d00710ffff08d0073f")
    assert rtc.get(0x39) == 0b0100, "INT 13h needs a translation for 2000 cylinders"
    assert (rtc.get(0x3D), rtc.get(0x38)) == (0x12, 0x41)
    checksum = rtc.get(0x2E) << 8 | rtc.get(0x2F)
    assert checksum == sum(rtc.get(cell) for cell in range(0x10, 0x2E))


async def test_the_boot_order_may_be_set_while_the_machine_runs(
    backplane: Backplane, slot: Slot, rtc: Rtc
) -> None:
    before = [rtc.get(cell) for cell in range(0x0E, 0x38)]
    backplane.change(slot.number, CmosSettings(boot=["cdrom", "disk"]))
    assert (rtc.get(0x3D), rtc.get(0x38)) == (0x23, 0x01)
    assert [rtc.get(cell) for cell in range(0x0E, 0x38)] == before
    with pytest.raises(BusError, match="memory_kib cannot be changed"):
        backplane.change(slot.number, CmosSettings(memory_kib=1))


async def test_without_drives_a_bios_finds_none(slot: Slot, rtc: Rtc) -> None:
    cells = (0x10, 0x12, 0x19, 0x1A, 0x38, 0x39, 0x3D)
    assert [rtc.get(cell) for cell in cells] == [0] * len(cells)
    assert rtc.get(0x14) == 0x02


# -- the clock ---------------------------------------------------------------------------------


async def test_it_runs_on_machine_time_from_its_setting(
    slot: Slot, rtc: Rtc, virtual_clock: VirtualClock
) -> None:
    assert rtc.time() == START
    await virtual_clock.advance(90 * NS)
    assert rtc.time() == START + timedelta(seconds=90)


async def test_a_card_inserted_late_shows_the_time_of_the_machine(
    backplane: Backplane, rtc: Rtc, virtual_clock: VirtualClock
) -> None:
    await virtual_clock.advance(90 * NS)
    await backplane.insert(Cmos())
    assert rtc.time() == START + timedelta(seconds=90)


async def test_a_setting_with_an_offset_is_shown_as_utc_and_in_step(
    backplane: Backplane, rtc: Rtc, virtual_clock: VirtualClock
) -> None:
    await backplane.insert(make_card("cmos", {"time": "2024-03-01T00:30:00.750+01:00"}))
    assert rtc.time() == datetime(2024, 2, 29, 23, 30)
    await virtual_clock.advance(249 * MS)
    assert rtc.time() == datetime(2024, 2, 29, 23, 30)
    await virtual_clock.advance(1 * MS)
    assert rtc.time() == datetime(2024, 2, 29, 23, 30, 1)


def test_a_setting_that_is_no_time_is_refused() -> None:
    with pytest.raises(PluginError, match=r"card cmos: settings do not fit: .*time"):
        make_card("cmos", {"time": "noon"})


# -- IRQ 8 ---------------------------------------------------------------------------------------


async def test_each_interrupt_is_an_edge_once_register_c_has_been_read(
    slot: Slot, rtc: Rtc, backplane: Backplane, virtual_clock: VirtualClock
) -> None:
    rtc.set(Cell.B, B.HOURS_24 | B.UIE)
    await virtual_clock.advance(3 * NS)
    assert rises(backplane) == [NS]
    assert rtc.get(Cell.C) & (C.IRQF | C.UF) == C.IRQF | C.UF
    assert not slot.irq.level
    await virtual_clock.advance(2 * NS)
    assert rises(backplane) == [4 * NS]


async def test_the_periodic_interrupt_keeps_its_beat(
    slot: Slot, rtc: Rtc, backplane: Backplane, virtual_clock: VirtualClock
) -> None:
    rtc.set(Cell.A, A.DV_32KHZ | 12)  # 16 Hz
    rtc.set(Cell.B, B.HOURS_24 | B.PIE)
    seen = []
    for _ in range(16):
        await virtual_clock.advance(NS // 16)
        seen += rises(backplane)
        rtc.get(Cell.C)
    assert seen == [n * NS // 16 for n in range(1, 17)]


async def test_enabling_what_has_already_happened_interrupts_at_once(
    slot: Slot, rtc: Rtc, virtual_clock: VirtualClock
) -> None:
    await virtual_clock.advance(2 * NS)
    rtc.set(Cell.B, B.HOURS_24 | B.UIE)
    assert slot.irq.level


async def test_the_alarm_interrupts(
    slot: Slot, rtc: Rtc, backplane: Backplane, virtual_clock: VirtualClock
) -> None:
    rtc.set(Cell.SECONDS_ALARM, 0x42)
    rtc.set(Cell.MINUTES_ALARM, 0xFF)
    rtc.set(Cell.HOURS_ALARM, 0xFF)
    rtc.set(Cell.B, B.HOURS_24 | B.AIE)
    await virtual_clock.advance(59 * NS)
    assert rises(backplane) == [42 * NS]


# -- freeze, snapshot, reset -----------------------------------------------------------------------


async def test_a_frozen_clock_goes_on_and_interrupts_when_it_thaws(
    slot: Slot, rtc: Rtc, backplane: Backplane, virtual_clock: VirtualClock
) -> None:
    rtc.set(Cell.B, B.HOURS_24 | B.UIE)
    assert await backplane.quiesce(each=1, total=1) == []
    await virtual_clock.advance(1500 * MS)
    assert not slot.irq.level
    backplane.thaw()
    await virtual_clock.advance(0)
    assert rises(backplane) == [1500 * MS]
    assert rtc.time() == START + timedelta(seconds=1)


async def test_a_snapshot_takes_the_time_back_to_where_it_was_set(
    slot: Slot, rtc: Rtc, backplane: Backplane, virtual_clock: VirtualClock
) -> None:
    rtc.set(Cell.MINUTES, 0x59)
    await backplane.quiesce(each=1, total=1)
    before = backplane.snapshot()
    rtc.set(Cell.MINUTES, 0x10)
    backplane.restore(before)
    backplane.thaw()
    await virtual_clock.advance(60 * NS)
    assert rtc.time() == START + timedelta(hours=1)


async def test_reset_leaves_what_the_battery_keeps(
    slot: Slot, rtc: Rtc, backplane: Backplane, virtual_clock: VirtualClock
) -> None:
    rtc.set(0x40, 0x77)
    rtc.set(Cell.B, B.HOURS_24 | B.UIE)
    await virtual_clock.advance(5 * NS)
    await backplane.quiesce(each=1, total=1)
    slot.cold_reset()
    backplane.thaw()
    await virtual_clock.advance(0)
    assert (slot.irq.level, rtc.get(0x40), rtc.get(Cell.B)) == (False, 0x77, B.HOURS_24)
    assert rtc.time() == START + timedelta(seconds=5)


# -- with the reference kernels --------------------------------------------------------------------


async def test_both_kernels_read_it_and_write_it_at_a_switchover(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["busy:1"], hold=True)
    plane = guest.board.backplane
    rtc = Rtc(Ports(plane))
    for kernel in (2, 1):
        await guest.pass_time(1700 * MS)
        assert (await switchover(kernel)).outcome == "committed"
        passed = rtc.time() - START - timedelta(microseconds=plane.clock.now() / 1000)
        assert abs(passed) < timedelta(seconds=1.1)  # they write whole seconds
        assert rtc.get(Cell.B) == B.HOURS_24
    await guest.pass_time(5 * NS)
    found = (await guest.examine()).map.time
    shown = datetime.strptime(f"{found.cmos_date_bcd:08x}{found.cmos_time_bcd:06x}", "%Y%m%d%H%M%S")
    assert abs(shown - START - timedelta(microseconds=plane.clock.now() / 1000)) < timedelta(
        seconds=2.1
    )
