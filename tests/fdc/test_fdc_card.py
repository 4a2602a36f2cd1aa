"""The diskette controller as a card: its ports, resets, freezes and what a rollback undoes."""

from __future__ import annotations

import pytest
from trio.testing import wait_all_tasks_blocked as settle

from hotswap.bus import Backplane, BusError, Policy, PortRange
from hotswap.cards.fdc import Fdc, FdcSettings
from hotswap.cards.ide import Ide
from hotswap.host.pytest_plugin import Ports, VirtualClock

from .controller import (
    DOR,
    DSR,
    MS,
    MSR,
    READ,
    RQM,
    SECOND,
    SEEK,
    SENSE,
    TDR,
    Controller,
    lba,
    numbered,
)


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
