"""A card in machine code on a real backplane: cycles, lines, work, state."""

import trio.testing

from hotswap.bus import Backplane, PortRange
from hotswap.host.pytest_plugin import Ports

from .conftest import Make


async def test_cycles_reach_the_code(backplane: Backplane, ports: Ports, make: Make) -> None:
    slot = await backplane.insert(make("counter"))
    assert slot.title == "counter"
    assert [ports.read(0x300), ports.read(0x300)] == [1, 2]
    assert ports.read(0x303) == 42  # a constructor has set it
    assert ports.read(0x302) == 8  # power_on has


async def test_division_of_64_bits_is_there(backplane: Backplane, ports: Ports, make: Make) -> None:
    await backplane.insert(make("counter"))
    for _ in range(100):
        ports.write(0x301, 0xFF)
    assert ports.read(0x301) == 25500 // 3 & 0xFF


async def test_a_line_changes_within_the_cycle(
    backplane: Backplane, ports: Ports, make: Make
) -> None:
    await backplane.insert(make("counter"))
    ports.write(0x302, 1)
    assert backplane.irq.levels[5]
    ports.read(0x302)
    assert not backplane.irq.levels[5]


async def test_the_second_jumpers_are_taken_when_the_first_are_not_free(
    backplane: Backplane, ports: Ports, make: Make
) -> None:
    await backplane.insert(make("counter"))
    slot = await backplane.insert(make("counter"))
    assert slot.resources.ports == (PortRange(0x310, 4),)
    assert ports.read(0x310) == 1
    ports.write(0x312, 1)
    assert backplane.irq.levels[7]


async def test_what_is_posted_is_done_in_the_cards_own_task(
    backplane: Backplane, ports: Ports, make: Make
) -> None:
    slot = await backplane.insert(make("counter"))
    ports.write(0x303, ord("x"))
    assert slot.output.take() == b""
    await trio.testing.wait_all_tasks_blocked()
    assert slot.output.take() == b"did x\n"


async def test_a_saved_state_is_put_back_bit_for_bit(
    backplane: Backplane, ports: Ports, make: Make
) -> None:
    card = make("counter")
    await backplane.insert(card)
    ports.read(0x300)
    ports.write(0x301, 9)
    saved = card.save()
    ports.read(0x300)
    ports.write(0x302, 77)
    assert card.save() != saved
    card.load(saved)
    assert card.save() == saved
    assert ports.read(0x300) == 2
