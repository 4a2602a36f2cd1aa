"""Memory windows: loads and stores outside RAM reach the card whose window they are in."""

from __future__ import annotations

import pytest

from hotswap.bus import Backplane, BusError, Card, MemoryRange, Resources, State, Width

BASE = 0xD0000
PAGE = 4096


class Shared(Card[State]):
    """Notes its cycles; each byte reads as the low byte of its address."""

    name = "shared"
    state_type = State

    def __init__(self, width: Width = 1, start: int = BASE, size: int = PAGE) -> None:
        super().__init__()
        self.lease = Resources(windows=(MemoryRange(start, size),), cycle_width=width)
        self.seen: list[tuple[int, ...]] = []

    def resources(self) -> Resources:
        return self.lease

    def memory_read(self, address: int, width: int) -> int:
        self.seen.append((address, width))
        return int.from_bytes(bytes((address + i) & 0xFF for i in range(width)), "little")

    def memory_write(self, address: int, width: int, value: int) -> None:
        self.seen.append((address, width, value))


@pytest.mark.parametrize(
    ("data_path", "offset", "width", "pieces"),
    [
        (1, 0, 1, [(0, 1)]),
        (1, 0, 4, [(0, 1), (1, 1), (2, 1), (3, 1)]),
        (2, 0, 4, [(0, 2), (2, 2)]),
        (2, 1, 2, [(1, 1), (2, 1)]),
        (4, 0, 4, [(0, 4)]),
        (4, 2, 4, [(2, 2), (4, 2)]),
        (4, 1, 4, [(1, 1), (2, 1), (3, 1), (4, 1)]),
    ],
)
async def test_a_cycle_is_cut_into_aligned_pieces_of_the_data_path(
    backplane: Backplane, data_path: Width, offset: int, width: int, pieces: list[tuple[int, int]]
) -> None:
    card = Shared(data_path)
    await backplane.insert(card)
    value = int.from_bytes(bytes(offset + i for i in range(width)), "little")
    assert backplane.memory_read(BASE + offset, width) == value
    assert card.seen == [(BASE + at, size) for at, size in pieces]
    card.seen.clear()
    backplane.memory_write(BASE + offset, width, value)
    assert card.seen == [
        (BASE + at, size, value >> 8 * (at - offset) & (1 << 8 * size) - 1) for at, size in pieces
    ]


@pytest.mark.parametrize(("width", "value"), [(1, 0xFF), (2, 0xFFFF), (4, 0xFFFFFFFF)])
async def test_an_address_in_no_window_floats(backplane: Backplane, width: int, value: int) -> None:
    backplane.memory_write(BASE, width, 0)
    assert backplane.memory_read(BASE, width) == value


async def test_a_window_ends_where_it_ends(backplane: Backplane) -> None:
    await backplane.insert(Shared())
    assert backplane.windows.holder(BASE - 1) is None
    assert backplane.windows.holder(BASE) is backplane.slots[0]
    assert backplane.windows.holder(BASE + PAGE - 1) is backplane.slots[0]
    assert backplane.windows.holder(BASE + PAGE) is None


async def test_a_cycle_across_the_edge_of_a_window_is_answered_byte_by_byte(
    backplane: Backplane,
) -> None:
    card = Shared()
    await backplane.insert(card)
    assert backplane.memory_read(BASE - 2, 4) == 0x0100FFFF
    assert backplane.memory_read(BASE + PAGE - 1, 2) == 0xFFFF
    card.seen.clear()
    backplane.memory_write(BASE - 1, 2, 0x1234)
    assert card.seen == [(BASE, 1, 0x12)]


async def test_neighbouring_windows_share_a_cycle(backplane: Backplane) -> None:
    low, high = Shared(4), Shared(4, BASE + PAGE)
    await backplane.insert(low)
    await backplane.insert(high)
    backplane.memory_write(BASE + PAGE - 2, 4, 0x11223344)
    assert low.seen == [(BASE + PAGE - 2, 2, 0x3344)]
    assert high.seen == [(BASE + PAGE, 2, 0x1122)]


async def test_windows_are_found_in_whatever_order_they_were_leased(backplane: Backplane) -> None:
    cards = [Shared(1, BASE + n * 2 * PAGE) for n in (3, 0, 2, 1)]
    for card in cards:
        await backplane.insert(card)
    for card in cards:
        start = card.lease.windows[0].start
        backplane.memory_read(start, 1)
        assert card.seen == [(start, 1)]


@pytest.mark.parametrize(
    ("start", "size"), [(BASE, PAGE), (BASE - PAGE, 2 * PAGE), (BASE + PAGE, PAGE)]
)
async def test_a_conflict_names_the_window_and_its_holder(
    backplane: Backplane, start: int, size: int
) -> None:
    await backplane.insert(Shared(size=2 * PAGE), 2)
    with pytest.raises(BusError) as conflict:
        await backplane.insert(Shared(1, start, size))
    span = MemoryRange(start, size)
    assert str(conflict.value) == (
        f"card shared: window {span} overlaps that of card shared in slot 2; move one of them"
    )


async def test_windows_that_only_touch_do_not_conflict(backplane: Backplane) -> None:
    await backplane.insert(Shared())
    await backplane.insert(Shared(1, BASE - PAGE))
    await backplane.insert(Shared(1, BASE + PAGE))


async def test_a_removed_cards_window_floats_and_can_be_leased_again(
    backplane: Backplane,
) -> None:
    slot = await backplane.insert(Shared())
    other = Shared(1, BASE + PAGE)
    await backplane.insert(other)
    await backplane.remove(slot.number)
    assert backplane.memory_read(BASE, 4) == 0xFFFFFFFF
    assert backplane.memory_read(BASE + PAGE, 1) == 0x00
    await backplane.insert(Shared())
    assert backplane.memory_read(BASE + 5, 1) == 0x05


@pytest.mark.parametrize(
    ("start", "size", "why"),
    [
        (BASE + 1, PAGE, "not page aligned"),
        (BASE, PAGE - 1, "not page aligned"),
        (BASE, 0, "not page aligned"),
        (-PAGE, PAGE, "beyond 4 GiB"),
        (1 << 32, PAGE, "beyond 4 GiB"),
        ((1 << 32) - PAGE, 2 * PAGE, "beyond 4 GiB"),
    ],
)
def test_a_window_that_cannot_be_is_refused(start: int, size: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        MemoryRange(start, size)
