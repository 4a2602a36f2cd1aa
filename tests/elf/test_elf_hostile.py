"""A card that means ill gets no more than its share: memory, time, lines, log, output."""

from typing import Any

import pytest
import structlog
import trio
import trio.testing

from hotswap.bus import Backplane, HotswapError
from hotswap.bus.errors import CodeError
from hotswap.cards.elf import Budgets, ElfCard
from hotswap.cards.elf.log_limit import LogLimit
from hotswap.host.pytest_plugin import Ports, VirtualClock

from .conftest import Make

PORT = 0x300


def number(card: ElfCard, name: str) -> int:
    """One of the card's variables."""
    symbol = next(symbol for symbol in card.image.symbols if symbol.name == name)
    return int.from_bytes(card.engine.read(symbol.address, 4), "little")


@pytest.fixture
async def card(backplane: Backplane, make: Make) -> ElfCard:
    one = make("hostile", budgets=Budgets(cycle=200_000))
    await backplane.insert(one)
    return one


async def test_memory_ends_where_its_limit_is(ports: Ports, card: ElfCard) -> None:
    ports.write(PORT, ord("a"))
    assert 0 < number(card, "given") * 65536 < 16 << 20
    assert len(card.save().fields) < 20 << 20


@pytest.mark.parametrize(
    ("order", "what"),
    [
        ("k", "hotswap_keep: block 256: there may be 256 blocks"),
        ("K", "hotswap_keep: block 0, 4 bytes at 0x5a[0-9a-f]+, is not the card's data"),
        ("i", "hotswap_irq: lines have changed 1024 times in this call"),
        ("L", "hotswap_log: .*0xeffffff0"),
        ("O", "hotswap_put: 4294967295 bytes; at most 65536 at once"),
        ("p", "hotswap_post: 256 commands are waiting"),
        ("m", r"hotswap_map_ram: only in plugged\(\)"),
        ("s", "hotswap_screen: memory of a card's code at 0x"),
        ("n", "hotswap_timer: timer 9, and `timers` is 2"),
    ],
)
async def test_what_is_too_much_is_a_fault(
    ports: Ports, card: ElfCard, order: str, what: str
) -> None:
    with pytest.raises(CodeError, match=what):
        ports.write(PORT, ord(order))


async def test_its_own_code_stays_as_it_is(ports: Ports, card: ElfCard) -> None:
    text = card.image.segments[0]
    before = card.engine.read(text.address, text.size)
    ports.write(PORT, ord("g"))  # no memory there, on this board none at all
    assert number(card, "got") == 0
    card.slot.input.feed(bytes(16))
    with pytest.raises(CodeError, match=r"hotswap_get: 16 bytes at 0x5a1[0-9a-f]+ are constant"):
        ports.write(PORT, ord("G"))
    assert card.engine.read(text.address, text.size) == before


async def test_what_it_does_to_its_engine_ends_with_it(
    backplane: Backplane, ports: Ports, card: ElfCard, make: Make
) -> None:
    card.slot.input.feed(bytes(64))
    with pytest.raises(CodeError, match=r"hotswap_get: .*the stubs of its calls"):
        ports.write(PORT, ord("S"))
    await backplane.remove(0)
    await backplane.insert(make("counter"))  # in the same engine, from the pool
    ports.write(PORT + 2, 1)
    assert backplane.irq.levels[5]


async def test_output_nobody_takes_is_dropped_at_a_limit(ports: Ports, card: ElfCard) -> None:
    ports.write(PORT, ord("o"))
    assert len(card.slot.output) == card.budgets.output
    assert card.slot.fault is None


async def test_the_log_takes_few_of_its_lines(
    ports: Ports, card: ElfCard, virtual_clock: VirtualClock
) -> None:
    with structlog.testing.capture_logs() as lines:
        ports.write(PORT, ord("l"))
        assert 0 < len(lines) < 20
        before = len(lines)
        virtual_clock.now += 1_000_000_000
        ports.write(PORT, ord("l"))
    assert lines[before]["dropped"] == 1000 - before


async def test_timers_that_are_always_due_leave_the_board_its_time(
    ports: Ports, card: ElfCard, virtual_clock: VirtualClock
) -> None:
    ports.write(PORT, ord("t"))
    await virtual_clock.advance(10_000_000)
    assert 500 < number(card, "timers_rung") <= 2 * 1001  # both each 10 us, no more


async def test_work_without_an_end_leaves_other_tasks_their_turn(
    ports: Ports, card: ElfCard, virtual_clock: VirtualClock, backplane: Backplane
) -> None:
    ports.write(PORT, ord("w"))
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await virtual_clock.machine.sleep_until(virtual_clock.now + 1_000_000)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await virtual_clock.advance(100_000_000)
        nursery.cancel_scope.cancel()
    # about 1.2 million instructions of 10 ns each
    assert 4 <= number(card, "worked") <= 20
    assert turns >= 100
    assert await backplane.quiesce(each=1, total=1) == []  # nor does it hold up a freeze


async def test_a_card_that_is_gone_holds_nothing(
    backplane: Backplane, make: Make, pool: Any
) -> None:
    taken = pool.taken
    one = make("hostile")
    await backplane.insert(one)
    await backplane.remove(0)
    assert pool.taken == taken
    with pytest.raises(HotswapError, match="closed"):
        one.engine.read(0x5A100000, 1)


def test_the_limit_of_the_log_survives_a_clock_that_goes_back() -> None:
    limit = LogLimit(20)
    assert [limit.pass_on(5_000_000_000) for _ in range(8)] == [0] * 6 + [None] * 2
    assert limit.pass_on(0) == 2
