"""The I/O space: who answers, how cycles are cut, what a lease means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotswap.bus import Backplane, BusError, BusTrace, Card, PortRange, Resources, State, Width
from hotswap.bus.ports import IoSpace
from hotswap.host.pytest_plugin import Ports

BASE = 0x300


class Cycles(Card[State]):
    """Notes its cycles; port p reads as the low byte of p, repeated."""

    name = "cycles"
    state_type = State

    def __init__(self, width: Width, *ranges: PortRange) -> None:
        super().__init__()
        self.width: Width = width
        self.ranges = ranges
        self.seen: list[tuple[int, ...]] = []

    def resources(self) -> Resources:
        return Resources(ports=self.ranges, cycle_width=self.width)

    def read(self, port: int, width: int) -> int:
        self.seen.append((port, width))
        return int.from_bytes(bytes((port + i) & 0xFF for i in range(width)), "little")

    def write(self, port: int, width: int, value: int) -> None:
        self.seen.append((port, width, value))


def cut(base: int, *pieces: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Pieces at offsets from `base`."""
    return [(base + offset, *rest) for offset, *rest in pieces]


@pytest.mark.parametrize(
    ("data_path", "offset", "width", "pieces"),
    [
        (1, 0, 1, [(0, 1)]),
        (1, 0, 2, [(0, 1), (1, 1)]),
        (1, 1, 2, [(1, 1), (2, 1)]),
        (1, 0, 4, [(0, 1), (1, 1), (2, 1), (3, 1)]),
        (2, 0, 1, [(0, 1)]),
        (2, 0, 2, [(0, 2)]),
        (2, 1, 2, [(1, 1), (2, 1)]),
        (2, 0, 4, [(0, 2), (2, 2)]),
        (2, 1, 4, [(1, 1), (2, 1), (3, 1), (4, 1)]),
        (4, 0, 2, [(0, 2)]),
        (4, 1, 2, [(1, 1), (2, 1)]),
        (4, 0, 4, [(0, 4)]),
        (4, 2, 4, [(2, 2), (4, 2)]),
        (4, 3, 4, [(3, 1), (4, 1), (5, 1), (6, 1)]),
    ],
)
async def test_a_cycle_is_cut_to_the_data_path_low_byte_first(
    backplane: Backplane,
    ports: Ports,
    data_path: Width,
    offset: int,
    width: int,
    pieces: list[tuple[int, int]],
) -> None:
    card = Cycles(data_path, PortRange(BASE, 8))
    await backplane.insert(card)
    value = int.from_bytes(bytes(offset + i for i in range(width)), "little")
    assert ports.read(BASE + offset, width) == value
    assert card.seen == cut(BASE, *pieces)
    card.seen.clear()
    ports.write(BASE + offset, value, width)
    assert card.seen == [
        (BASE + at, size, value >> 8 * (at - offset) & (1 << 8 * size) - 1) for at, size in pieces
    ]


@pytest.mark.parametrize(("width", "value"), [(1, 0xFF), (2, 0xFFFF), (4, 0xFFFFFFFF)])
async def test_a_port_nobody_leases_floats(ports: Ports, width: int, value: int) -> None:
    ports.write(BASE, 0, width)
    assert ports.read(BASE, width) == value


async def test_the_part_of_a_wide_cycle_beyond_the_card_floats(
    backplane: Backplane, ports: Ports
) -> None:
    await backplane.insert(Cycles(1, PortRange(BASE, 2)))
    assert ports.read(BASE + 1, 2) == 0xFF01
    assert ports.read(BASE - 1, 2) == 0x00FF
    assert ports.read(BASE, 4) == 0xFFFF0100
    assert ports.read(BASE - 3, 4) == 0x00FFFFFF


async def test_a_wide_cycle_reaches_two_cards_in_order(backplane: Backplane, ports: Ports) -> None:
    low, high = Cycles(1, PortRange(BASE, 1)), Cycles(2, PortRange(BASE + 1, 1))
    await backplane.insert(low)
    await backplane.insert(high)
    ports.write(BASE, 0x1234, 2)
    assert low.seen == [(BASE, 1, 0x34)]
    assert high.seen == [(BASE + 1, 1, 0x12)]


async def test_the_last_port_is_a_port_like_any(backplane: Backplane, ports: Ports) -> None:
    await backplane.insert(Cycles(2, PortRange(0xFFFE, 2)))
    assert ports.read(0xFFFE, 2) == 0xFFFE
    assert ports.read(0xFFFF) == 0xFF
    assert ports.read(0xFFFF, 2) == 0xFFFF


async def test_a_neighbour_does_not_narrow_a_cards_cycles(
    backplane: Backplane, ports: Ports
) -> None:
    wide = Cycles(4, PortRange(BASE, 8))
    await backplane.insert(wide)
    neighbour = await backplane.insert(Cycles(1, PortRange(BASE + 8, 1)))
    ports.read(BASE + 6, 2)
    assert wide.seen == [(BASE + 6, 2)]
    await backplane.remove(neighbour.number)
    ports.read(BASE + 6, 2)
    assert wide.seen == [(BASE + 6, 2)] * 2


async def test_ranges_of_one_card_that_meet_take_whole_cycles(
    backplane: Backplane, ports: Ports
) -> None:
    card = Cycles(4, PortRange(BASE, 2), PortRange(BASE + 2, 2))
    await backplane.insert(card)
    ports.read(BASE, 4)
    assert card.seen == [(BASE, 4)]


async def test_a_conflict_names_the_port_the_holder_and_what_to_do(
    backplane: Backplane, ports: Ports
) -> None:
    await backplane.insert(Cycles(1, PortRange(BASE, 8)), 3)
    with pytest.raises(BusError) as conflict:
        await backplane.insert(Cycles(1, PortRange(BASE + 7, 2)))
    assert str(conflict.value) == (
        "card cycles: port 0x0307 (of 0x0307-0x0308) is taken by card cycles in slot 3; "
        "set another base or remove it"
    )
    assert ports.read(BASE + 8) == 0xFF


async def test_ports_can_be_leased_again_after_a_removal(
    backplane: Backplane, ports: Ports
) -> None:
    first = await backplane.insert(Cycles(4, PortRange(BASE, 4)))
    await backplane.remove(first.number)
    assert ports.read(BASE, 4) == 0xFFFFFFFF
    assert backplane.io.holder(BASE) is None
    card = Cycles(1, PortRange(BASE, 4))
    await backplane.insert(card)
    ports.read(BASE, 4)
    assert [width for _, width in card.seen] == [1, 1, 1, 1]


@pytest.mark.parametrize("bad", [(-1, 1), (0, 0), (0xFFFF, 2), (0x10000, 1)])
def test_ports_outside_the_io_space_are_refused(bad: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="do not fit 0x0000-0xffff"):
        PortRange(*bad)


class Holder:
    """A slot, as far as the I/O space cares."""

    def __init__(self, number: int, width: int) -> None:
        self.number, self.width = number, width
        self.title = f"card {number}"

    def read(self, port: int, width: int) -> int:
        """Each byte says who answered; refuses what its data path cannot carry."""
        assert width <= self.width
        assert port % width == 0
        return int.from_bytes(bytes((self.number,)) * width, "little")

    def write(self, port: int, width: int, value: int) -> None:
        assert value == self.read(port, width)


leases = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 9), st.sampled_from([1, 2, 4]), st.booleans()),
    max_size=8,
)


@given(leases)
def test_every_byte_is_answered_by_who_leases_it(wanted: list[tuple[int, int, int, bool]]) -> None:
    io = IoSpace(BusTrace(lambda: 0))
    model: dict[int, int] = {}
    for number, (start, count, width, keep) in enumerate(wanted):
        ports, holder = PortRange(start, count), Holder(number, width)
        inside = range(start, start + count)
        if model.keys() & set(inside):
            with pytest.raises(BusError):
                io.lease([ports], holder, holder.read, holder.write, width)
            continue
        io.lease([ports], holder, holder.read, holder.write, width)
        if keep:
            model |= dict.fromkeys(inside, number)
        else:
            io.release(holder)
    for width in (1, 2, 4):
        for port in range(44):
            expected = bytes(model.get(port + i, 0xFF) for i in range(width))
            value = int.from_bytes(expected, "little")
            assert io.reads[width][port](port, width) == value
            io.writes[width][port](port, width, value)


def test_a_cycle_costs_one_look_up_and_the_cards_own_method() -> None:
    io, holder = IoSpace(BusTrace(lambda: 0)), Holder(1, 4)
    tables: list[list[Any]] = [*io.reads.values(), *io.writes.values()]
    io.lease([PortRange(BASE, 4)], holder, holder.read, holder.write, 4)
    assert all(io.reads[width][BASE] == holder.read for width in (1, 2, 4))
    assert all(io.writes[width][BASE] == holder.write for width in (1, 2, 4))
    now = [*io.reads.values(), *io.writes.values()]
    assert all(table is before for table, before in zip(now, tables, strict=True))
