"""What compilers call unasked is there, and right: against Python's own numbers and bytes."""

import operator
import random
from collections.abc import Callable

import pytest

from hotswap.cards.elf import ElfCard

from .conftest import Make

WORD, LONG = 1 << 32, 1 << 64


@pytest.fixture
async def card(make: Make) -> ElfCard:
    return make("arithmetic")


def address(card: ElfCard, name: str) -> int:
    return next(symbol.address for symbol in card.image.symbols if symbol.name == name)


def call(card: ElfCard, name: str, *words: int) -> int:
    result = card.engine.call(address(card, name), words, 100_000)
    assert result.fault is None, result.fault
    return result.value


def halves(number: int) -> tuple[int, int]:
    return number % WORD, number // WORD % WORD


def numbers() -> list[tuple[int, int]]:
    chance = random.Random(5)
    edges = [0, 1, 2, 10, WORD - 1, WORD, WORD + 1, LONG // 2 - 1, LONG // 2, LONG - 1]
    pairs = [(one, other) for one in edges for other in edges]
    drawn = ((chance.getrandbits(64), chance.getrandbits(chance.choice((8, 32, 40, 64))))
             for _ in range(200))  # fmt: skip
    return [*pairs, *drawn]


def signed(number: int) -> int:
    return number - LONG if number >= LONG // 2 else number


def towards_zero(one: int, other: int) -> int:
    quotient = abs(one) // abs(other)
    return -quotient if (one < 0) != (other < 0) else quotient


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("__udivdi3", operator.floordiv),
        ("__umoddi3", operator.mod),
        ("__divdi3", lambda a, b: towards_zero(signed(a), signed(b))),
        ("__moddi3", lambda a, b: signed(a) - signed(b) * towards_zero(signed(a), signed(b))),
        ("__muldi3", operator.mul),
    ],
)
async def test_arithmetic_of_64_bits(
    card: ElfCard, name: str, wanted: Callable[[int, int], int]
) -> None:
    for one, other in numbers():
        if other or name == "__muldi3":
            found = call(card, name, *halves(one), *halves(other))
            assert found == wanted(one, other) % LONG, (one, other)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("__ashldi3", operator.lshift),
        ("__lshrdi3", operator.rshift),
        ("__ashrdi3", lambda number, count: signed(number) >> count),
    ],
)
async def test_shifts_of_64_bits(
    card: ElfCard, name: str, wanted: Callable[[int, int], int]
) -> None:
    for number in (1, LONG - 1, 0x8123456789ABCDEF, 0x0123456789ABCDEF):
        for count in range(64):
            found = call(card, name, *halves(number), count)
            assert found == wanted(number, count) % LONG, (number, count)


async def test_a_division_by_zero_is_a_fault(card: ElfCard) -> None:
    result = card.engine.call(address(card, "__udivdi3"), (1, 0, 0, 0), 1000)
    assert result.fault is not None
    assert "divide error" in result.fault.reason


async def test_memory_functions(card: ElfCard) -> None:
    room, before = address(card, "room"), bytes(range(256))
    for to, source, size in ((0, 10, 50), (10, 0, 50), (7, 7, 9), (100, 0, 100), (0, 0, 0)):
        card.engine.write(room, before)
        assert call(card, "memmove", room + to, room + source, size) % WORD == room + to
        wanted = bytearray(before)
        wanted[to : to + size] = before[source : source + size]
        assert card.engine.read(room, 256) == wanted
    call(card, "memset", room + 3, 0x1AB, 5)
    assert card.engine.read(room + 2, 7)[1:6] == b"\xab" * 5
    card.engine.write(room, b"abcdabce")
    assert call(card, "memcmp", room, room + 4, 3) % WORD == 0
    assert call(card, "memcmp", room, room + 4, 4) % WORD == WORD - 1
