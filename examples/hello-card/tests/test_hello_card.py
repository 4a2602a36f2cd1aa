"""The hello card through the ports, as a guest would use it."""

import pytest
from hello_card import GREETING_NS, Hello, HelloSettings

from hotswap.bus import Backplane, BusError, Slot
from hotswap.host.pytest_plugin import Ports, VirtualClock

BASE = 0x2A0


@pytest.fixture
async def slot(backplane: Backplane) -> Slot:
    return await backplane.insert(Hello())


def introduce(ports: Ports, name: str) -> None:
    for letter in name:
        ports.write(BASE, ord(letter))
    ports.write(BASE, 0)


async def test_it_greets_a_millisecond_later(
    slot: Slot, ports: Ports, virtual_clock: VirtualClock
) -> None:
    introduce(ports, "Ada")
    await virtual_clock.advance(GREETING_NS - 1)
    assert slot.output.take() == b""
    await virtual_clock.advance(1)
    assert slot.output.take() == b"hello, Ada\n"


async def test_it_raises_its_irq_until_the_count_is_read(
    slot: Slot, ports: Ports, virtual_clock: VirtualClock
) -> None:
    introduce(ports, "Ada")
    await virtual_clock.advance(GREETING_NS)
    assert slot.irq.level
    assert ports.read(BASE + 1) == 1
    assert not slot.irq.level


async def test_a_frozen_card_greets_exactly_once_when_it_thaws(
    slot: Slot, backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    introduce(ports, "Ada")
    introduce(ports, "Grace")
    await virtual_clock.advance(GREETING_NS // 2)
    assert await backplane.quiesce(each=1, total=1) == []
    await virtual_clock.advance(10 * GREETING_NS)
    assert slot.output.take() == b""
    backplane.thaw()
    await virtual_clock.advance(2 * GREETING_NS)
    assert slot.output.take() == b"hello, Ada\nhello, Grace\n"


async def test_a_snapshot_holds_what_it_has_not_greeted_yet(
    slot: Slot, backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    introduce(ports, "Ada")
    await backplane.quiesce(each=1, total=1)
    before = backplane.snapshot()
    backplane.thaw()
    await virtual_clock.advance(GREETING_NS)
    assert ports.read(BASE + 1) == 1

    await backplane.quiesce(each=1, total=1)
    backplane.restore(before)
    assert ports.read(BASE + 1) == 0
    backplane.thaw()
    await virtual_clock.advance(GREETING_NS)
    assert ports.read(BASE + 1) == 1


async def test_a_second_one_needs_other_jumpers(slot: Slot, backplane: Backplane) -> None:
    with pytest.raises(BusError, match=r"port 0x02a0 .* taken by card hello in slot 0"):
        await backplane.insert(Hello())
    await backplane.insert(Hello(HelloSettings(base=0x2A8, irq=3)))


async def test_a_removed_card_leaves_a_floating_bus(
    slot: Slot, backplane: Backplane, ports: Ports
) -> None:
    await backplane.remove(slot.number)
    assert ports.read(BASE + 1) == 0xFF
