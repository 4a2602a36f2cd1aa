"""The watchdog without a guest: the test does the cycles, time passes while it waits."""

import pytest
import trio
from watchdog import BASE, Watchdog

from hotswap.bus import Slot
from hotswap.bus.injection import Drop, HangCard, LoseIrq
from hotswap.host.rig import ExpectationFailed, Rig


@pytest.fixture
async def dog(rig: Rig) -> Slot:
    """It is in a slot, and waits for ever."""
    return await rig.insert_card(Watchdog)


async def test_it_bites_when_its_time_is_over(rig: Rig, dog: Slot) -> None:
    rig.ports.write(BASE, 20)
    await rig.expect_no_irq(11, within="19.9 ms")
    await rig.expect_irq(11, within="0.1 ms")
    await rig.expect_serial("^woof$", within="1 ms", port=dog)
    assert rig.ports.read(BASE) == 1


async def test_who_kicks_it_is_not_bitten(rig: Rig, dog: Slot) -> None:
    rig.ports.write(BASE, 20)
    for _ in range(10):
        await rig.pass_time("15 ms")
        rig.ports.write(BASE + 1, 0)
    await rig.expect_no_irq(11, within="19 ms")


async def test_two_wait_at_once(rig: Rig, dog: Slot) -> None:
    """Expectations are tasks like any other."""

    async def bark() -> None:
        await rig.expect_serial("woof", within="30 ms", port=dog)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bark)
        rig.ports.write(BASE, 20)
        await rig.expect_irq(11, within="30 ms")


async def test_it_barks_though_its_interrupt_is_lost(rig: Rig, dog: Slot) -> None:
    rig.inject(LoseIrq(irq=11, times=1))
    rig.ports.write(BASE, 20)
    await rig.expect_no_irq(11, within="50 ms")
    await rig.expect_serial("woof", within="0 ms", port=dog)
    rig.ports.write(BASE + 1, 0)
    await rig.expect_irq(11, within="20 ms")


async def test_a_lost_kick_is_as_none(rig: Rig, dog: Slot) -> None:
    rig.ports.write(BASE, 20)
    lost = rig.inject(Drop(first=BASE + 1, times=1))
    await rig.pass_time("15 ms")
    rig.ports.write(BASE + 1, 0)
    await rig.expect_irq(11, within="5 ms")
    assert lost.hits == 1


async def test_one_that_hangs_bites_nobody(rig: Rig, dog: Slot) -> None:
    rig.ports.write(BASE, 20)
    rig.inject(HangCard(card="watchdog"))
    with pytest.raises(ExpectationFailed, match="no IRQ 11 within 1 s of machine time"):
        await rig.expect_irq(11, within="1 s")
