"""The thermometer as a guest, an operator and a host that is updated see it."""

from __future__ import annotations

import msgspec
import pytest
from thermometer_card import (
    CONVERSION_NS,
    Control,
    Register,
    Status,
    Thermometer,
    ThermometerSettings,
    ThermometerState,
)

from hotswap.bus import Backplane, BusError, PortRange, SavedState, Slot, StateError
from hotswap.host.board import Board
from hotswap.host.discovery import PluginError, make_card
from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import Ports, SwitchKernel, VirtualClock

BASE = 0x300
FEELS = [36.6, -40.0, 127.9375, -128.0, 0.0, 21.5, 20.0, 20.0]


class Driver:
    """The registers as a driver uses them."""

    def __init__(self, slot: Slot, ports: Ports) -> None:
        self.slot, self.ports = slot, ports
        self.base = slot.resources.ports[0].start

    def start(self, probe: int, control: Control = Control.START) -> None:
        self.ports.write(self.base + Register.PROBE, probe)
        self.ports.write(self.base + Register.CONTROL, control)

    @property
    def status(self) -> int:
        return self.ports.read(self.base + Register.STATUS)

    def celsius(self) -> float:
        """The reading; takes the interrupt request back."""
        low = self.ports.read(self.base + Register.LOW)
        high = self.ports.read(self.base + Register.HIGH)
        return int.from_bytes(bytes((low, high)), "little", signed=True) / 16


@pytest.fixture
async def driver(backplane: Backplane, ports: Ports) -> Driver:
    card = make_card("thermometer", {"celsius": FEELS})
    return Driver(await backplane.insert(card), ports)


@pytest.mark.parametrize("probe", range(8))
async def test_a_measurement_takes_35_us_and_ends_with_an_interrupt(
    driver: Driver, virtual_clock: VirtualClock, probe: int
) -> None:
    driver.start(probe)
    await virtual_clock.advance(CONVERSION_NS - 1)
    assert (driver.status, driver.slot.irq.level) == (Status.BUSY, False)
    await virtual_clock.advance(1)
    assert (driver.status, driver.slot.irq.level) == (Status.READY, True)
    assert driver.celsius() == pytest.approx(FEELS[probe], abs=1 / 32)
    assert (driver.status, driver.slot.irq.level) == (0, False)


async def test_what_a_probe_feels_is_set_while_it_is_plugged_in(
    driver: Driver, backplane: Backplane, virtual_clock: VirtualClock
) -> None:
    backplane.change(driver.slot.number, ThermometerSettings(celsius=[99.0] * 8))
    driver.start(6)
    await virtual_clock.advance(CONVERSION_NS)
    assert driver.celsius() == 99.0


async def test_the_jumpers_cannot_be_moved_while_it_is_plugged_in(
    driver: Driver, backplane: Backplane
) -> None:
    with pytest.raises(BusError, match=r"base cannot be changed while it is plugged in, celsius"):
        backplane.change(driver.slot.number, ThermometerSettings(base=0x310))


async def test_each_takes_the_first_place_that_is_free(backplane: Backplane) -> None:
    slots = [await backplane.insert(make_card("thermometer")) for _ in range(3)]
    places = [(slot.resources.ports[0].start, slot.irq.line) for slot in slots]
    assert places == [(0x300, 5), (0x310, 7), (0x320, 11)]
    with pytest.raises(BusError, match="none of its 9 alternatives is free: ports 0x0300-0x0303"):
        await backplane.insert(make_card("thermometer"))


async def test_a_jumper_leaves_no_choice(backplane: Backplane) -> None:
    slot = await backplane.insert(make_card("thermometer", {"base": 0x320, "irq": 11, "drq": 3}))
    assert slot.resources.ports == (PortRange(0x320, 4),)
    assert (slot.irq.line, slot.drq.line) == (11, 3)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"base": 0x308}, "base"),
        ({"celsius": [20.0]}, "celsius"),
        ({"celsius": [128.0] * 8}, "celsius"),
        ({"kelvin": 293}, "kelvin"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, object], why: str) -> None:
    with pytest.raises(PluginError, match=f"card thermometer.*{why}"):
        make_card("thermometer", settings)


async def test_a_block_goes_to_memory_by_dma(board: Board) -> None:
    await board.backplane.insert(make_card("dma"))
    settings = ThermometerSettings(drq=1, celsius=FEELS)
    slot = await board.backplane.insert(Thermometer(settings))
    ports = Ports(board.backplane)
    for port, value in (  # channel 1, single transfers to memory: 4 readings to 0x9000
        (0x0A, 0x05), (0x0B, 0x45), (0x0C, 0), (0x02, 0x00), (0x02, 0x90), (0x83, 0),
        (0x03, 7), (0x03, 0), (0x0A, 0x01),
    ):  # fmt: skip
        ports.write(port, value)
    driver = Driver(slot, ports)
    driver.start(1, Control.BLOCK)
    board.processor.write_memory(0x8000, bytes.fromhex("ebfe"))  # the guest does something else
    board.processor.flat32(0x8000, 0x7000)
    board.nursery.start_soon(board.processor.run)
    await board.backplane.clock.sleep_until(5 * CONVERSION_NS)
    assert board.processor.read_memory(0x9000, 10) == (-40 * 16).to_bytes(
        2, "little", signed=True
    ) * 4 + bytes(2)
    assert driver.status == Status.READY
    assert slot.irq.level


async def test_a_conversion_under_way_goes_on_after_a_freeze(
    driver: Driver, backplane: Backplane, virtual_clock: VirtualClock
) -> None:
    driver.start(5)
    await virtual_clock.advance(CONVERSION_NS // 2)
    await backplane.quiesce(each=1, total=1)
    await virtual_clock.advance(CONVERSION_NS)
    assert driver.status == Status.BUSY
    backplane.thaw()
    await virtual_clock.advance(0)
    assert driver.celsius() == 21.5


async def test_a_snapshot_holds_the_conversion_under_way(
    driver: Driver, backplane: Backplane, virtual_clock: VirtualClock
) -> None:
    driver.start(5)
    await backplane.quiesce(each=1, total=1)
    before = backplane.snapshot()
    backplane.thaw()
    await virtual_clock.advance(CONVERSION_NS)
    assert driver.celsius() == 21.5
    await backplane.quiesce(each=1, total=1)
    backplane.restore(before)
    backplane.thaw()
    assert driver.status == Status.BUSY
    await virtual_clock.advance(CONVERSION_NS)
    assert driver.celsius() == 21.5


# As version 1.4 of this distribution wrote it.
VERSION_1 = SavedState(
    "thermometer",
    1,
    msgspec.msgpack.encode({"probe": 3, "degrees": -7, "ready": True, "busy_for": 0}),
)


async def test_a_state_of_version_1_is_taken_over(driver: Driver) -> None:
    driver.slot.card.load(VERSION_1)
    assert driver.slot.card.state == ThermometerState(3, -7 * 16, Status.READY)
    assert driver.celsius() == -7.0


@pytest.mark.parametrize(
    ("saved", "why"),
    [
        (SavedState("thermometer", 1, b"\x80"), "from version 1 raised KeyError: 'probe'"),
        (SavedState("thermometer", 3, b"\x80"), "is newer than this card's 2; use a newer card"),
        (SavedState("barometer", 2, b"\x80"), "this is the state of a barometer"),
    ],
)
def test_any_other_state_is_refused(saved: SavedState, why: str) -> None:
    with pytest.raises(StateError, match=why):
        Thermometer().load(saved)


async def test_another_one_takes_over_in_its_slot(
    driver: Driver, backplane: Backplane, virtual_clock: VirtualClock
) -> None:
    driver.start(5)
    await backplane.replace(driver.slot.number, Thermometer(ThermometerSettings(celsius=[1.0] * 8)))
    await virtual_clock.advance(CONVERSION_NS)
    assert driver.celsius() == 1.0


async def test_removed_it_leaves_a_floating_bus(driver: Driver, backplane: Backplane) -> None:
    await backplane.remove(driver.slot.number)
    assert driver.status == 0xFF


async def test_a_new_kernel_finds_it_as_the_old_one_left_it(
    board: Board, guest: Guest, switchover: SwitchKernel
) -> None:
    slot = await board.backplane.insert(Thermometer())
    driver = Driver(slot, Ports(board.backplane))
    guest.boot(["busy:1"], hold=True)
    driver.start(2)
    report = await switchover(2)
    assert report.outcome == "committed", report.reason
    assert (driver.ports.read(BASE + Register.PROBE), driver.celsius()) == (2, 20.0)
