"""A card in machine code on a real backplane: cycles, lines, work, state."""

import msgspec
import pytest
import trio.testing

from hotswap.bus import Backplane, CardError, PortRange
from hotswap.cards.elf import Budgets, ElfCard, ElfError, load_image
from hotswap.cpu import CodePool
from hotswap.host.pytest_plugin import Ports, VirtualClock

from .conftest import CARDS, Make
from .patching import SAMPLE, Patch


async def test_cycles_reach_the_code(backplane: Backplane, ports: Ports, make: Make) -> None:
    slot = await backplane.insert(make("counter"))
    assert slot.title == "counter"
    assert [ports.read(0x300), ports.read(0x300)] == [1, 2]
    assert ports.read(0x303) == 42  # a constructor has set it
    assert ports.read(0x302) == 8  # power_on has


@pytest.mark.parametrize("count", [10, 64])
async def test_all_constructors_have_the_budget_of_one_call(
    backplane: Backplane, pool: CodePool, count: int
) -> None:
    patch = Patch(CARDS / "counter.o")
    table = patch.head(patch.index(".rel.init_array"), "offset")
    symbol = bytes(patch.content[table + 4 : table + 8])
    patch.replace(".init_array", bytes(4 * count))
    patch.section(".rel.init_array", type=9)  # SHT_REL
    relocations = b"".join((4 * n).to_bytes(4, "little") + symbol for n in range(count))
    patch.section(".rel.init_array", offset=len(patch.content), size=len(relocations))
    patch.content += relocations
    image = load_image(bytes(patch.content), "counter.o")
    assert len(image.init) == count
    card = ElfCard(image, {}, pool.take(), budgets=Budgets(work=60))
    if count == 10:
        await backplane.insert(card)
        return
    with pytest.raises(CardError, match=r"budget .*spent: .* a constructor"):
        await backplane.insert(card)
    card.close()


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


async def test_each_relocation_does_what_it_should(
    backplane: Backplane, ports: Ports, make: Make, virtual_clock: VirtualClock
) -> None:
    """The card is in assembly."""
    await backplane.insert(make("relocations"))
    virtual_clock.now = 77
    values = [ports.read(0x300 + 4 * number, 4) for number in range(8)]
    assert values == [0x11223344] * 4 + [0x1234007F, 0, 0, 77]
    ports.write(0x300, 1)
    assert backplane.irq.levels[5]


@pytest.mark.parametrize("name", ["sample-card.o", "sample-card-pic.o"])
async def test_position_independent_or_not_a_card_is_the_same(
    backplane: Backplane, ports: Ports, pool: CodePool, virtual_clock: VirtualClock, name: str
) -> None:
    card = ElfCard(load_image(SAMPLE.with_name(name).read_bytes(), name), {"level": 9}, pool.take())
    await backplane.insert(card)
    assert ports.read(0x300) == 2 * 9 + 1
    ports.write(0x300, 3)
    await trio.testing.wait_all_tasks_blocked()
    assert card.save() == card.save()
    assert card.slot.output.take() == b""
    ports.write(0x303, 1)
    await virtual_clock.advance(1_000_000)  # its processor was busy with the first
    assert card.slot.output.take() == b"\x03\x01\0"  # 303h & 31 bytes of what was written
    await backplane.remove(0)


async def test_settings_are_in_place_before_power_on_and_wrong_ones_are_named(
    pool: CodePool,
) -> None:
    image = load_image(SAMPLE.read_bytes(), "sample.o")
    engine = pool.take()
    for settings, what in (
        ({"level": 10}, r"card sample: .*level"),
        ({"level": "9"}, r"card sample: .*level"),
        ({"title": "far too long a title"}, r"card sample: .*title"),
        ({"title": "ü" * 8}, r"card sample: setting title: 16 bytes; 15 fit"),
        ({"colour": 1}, r"card sample: it has no setting colour; there are: level, quiet, title"),
    ):
        with pytest.raises(ElfError, match=what):
            ElfCard(image, settings, engine)
    engine.close()
    card = ElfCard(image, {}, pool.take())
    wanted = {"level": 5, "quiet": False, "title": "sample"}
    assert msgspec.to_builtins(card.settings) == wanted
    card.close()


async def test_a_state_that_comes_before_the_slot_is_the_cards_own(
    backplane: Backplane, ports: Ports, make: Make
) -> None:
    first = make("named")
    await backplane.insert(first)
    ports.write(0x300, 99)
    second = make("named")
    second.load(first.save())
    await backplane.remove(0)
    await backplane.insert(second)
    assert ports.read(0x300) == 99
    assert ports.read(0x301) == 1  # restored() came when it had its slot


async def test_reset_makes_everything_anew(backplane: Backplane, ports: Ports, make: Make) -> None:
    card = make("counter")
    slot = await backplane.insert(card)
    fresh = card.save()
    ports.write(0x302, 50)
    ports.read(0x300)
    slot.cold_reset()
    assert card.save() == fresh
    assert not backplane.irq.levels[5]
    assert ports.read(0x303) == 42
