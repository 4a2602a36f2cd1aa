"""Faults in cycles: what the card sees, what the CPU sees, which cycles are hit."""

from __future__ import annotations

import pytest

from hotswap.bus import (
    Backplane,
    Card,
    CycleRecord,
    MemoryRange,
    PortRange,
    Resources,
    Space,
    State,
)
from hotswap.bus.injection import Corrupt, Delay, Drop, Duplicate
from hotswap.bus.trace import InjectionRecord
from hotswap.host.pytest_plugin import Ports, VirtualClock

PORT, WINDOW = 0x300, 0xD0000


class Probe(Card[State]):
    """Counts what it is asked: reads give 0x40, 0x41, ...; keeps what is written."""

    name = "probe"
    state_type = State

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.written: list[int] = []

    def resources(self) -> Resources:
        return Resources(
            ports=(PortRange(PORT, 4),), windows=(MemoryRange(WINDOW, 4096),), cycle_width=2
        )

    def read(self, port: int, width: int) -> int:
        self.reads += 1
        return 0x3F + self.reads

    def write(self, port: int, width: int, value: int) -> None:
        self.written.append(value)

    def memory_read(self, address: int, width: int) -> int:
        return self.read(address, width)

    def memory_write(self, address: int, width: int, value: int) -> None:
        self.write(address, width, value)


@pytest.fixture
async def probe(backplane: Backplane) -> Probe:
    card = Probe()
    await backplane.insert(card)
    return card


@pytest.mark.parametrize("space", list(Space))
async def test_a_dropped_cycle_never_reaches_the_card(
    space: Space, backplane: Backplane, ports: Ports, probe: Probe
) -> None:
    at = PORT if space is Space.PORT else WINDOW
    read = ports.read if space is Space.PORT else backplane.memory_read
    backplane.injections.add(Drop(first=at, space=space))
    assert read(at, 1) == 0xFF
    assert read(at, 2) == 0xFFFF
    if space is Space.PORT:
        ports.write(at, 0x55)
    else:
        backplane.memory_write(at, 1, 0x55)
    assert (probe.reads, probe.written) == (0, [])
    assert read(at + 2, 1) == 0x40  # behind the range


async def test_a_duplicated_cycle_comes_twice_and_the_second_answer_counts(
    backplane: Backplane, ports: Ports, probe: Probe
) -> None:
    backplane.injections.add(Duplicate(first=PORT))
    assert ports.read(PORT) == 0x41
    ports.write(PORT, 7)
    assert probe.written == [7, 7]


async def test_a_corrupted_cycle_has_other_bits_at_the_other_end(
    backplane: Backplane, ports: Ports, probe: Probe
) -> None:
    backplane.injections.add(Corrupt(first=PORT, xor=0x81))
    assert ports.read(PORT) == 0xC1
    ports.write(PORT, 0x01)
    assert probe.written == [0x80]


async def test_a_delayed_cycle_is_seen_at_once_and_ends_later(
    backplane: Backplane, ports: Ports, probe: Probe, virtual_clock: VirtualClock
) -> None:
    backplane.injections.add(Delay(first=PORT, ns=700))
    assert ports.read(PORT) == 0x40
    assert virtual_clock.now == 700
    ports.write(PORT, 1)
    assert virtual_clock.now == 1400
    assert probe.written == [1]


async def test_a_wide_cycle_is_hit_in_the_parts_it_was_cut_to(
    backplane: Backplane, ports: Ports, probe: Probe
) -> None:
    backplane.injections.add(Drop(first=PORT + 2, direction="in"))
    assert ports.read(PORT, 4) == 0xFFFF0040
    assert probe.reads == 1


async def test_a_direction_is_for_itself_and_another_fault_may_have_the_other(
    backplane: Backplane, ports: Ports, probe: Probe
) -> None:
    backplane.injections.add(Drop(first=PORT, direction="in"))
    backplane.injections.add(Corrupt(first=PORT, direction="out", high=0xF0))
    assert ports.read(PORT) == 0xFF
    ports.write(PORT, 1)
    assert probe.written == [0xF1]


async def test_a_value_picks_what_is_written_or_what_the_card_gives(
    backplane: Backplane, ports: Ports, probe: Probe
) -> None:
    injected = backplane.injections.add(Drop(first=PORT, value=0x41))
    assert [ports.read(PORT) for _ in range(3)] == [0x40, 0xFF, 0x42]
    assert probe.reads == 3  # it was asked each time
    ports.write(PORT, 0x41)
    ports.write(PORT, 0x42)
    assert probe.written == [0x42]
    assert (injected.matched, injected.hits) == (2, 2)


async def test_a_mask_leaves_the_other_bits_open(
    backplane: Backplane, ports: Ports, probe: Probe
) -> None:
    backplane.injections.add(Drop(first=PORT, value=0x80, mask=0x80, direction="out"))
    for value in (0x00, 0x80, 0xFF, 0x7F):
        ports.write(PORT, value)
    assert probe.written == [0x00, 0x7F]


def hits(ports: Ports, probe: Probe, count: int) -> list[int]:
    """Which of `count` OUTs were dropped, from 1."""
    probe.written.clear()
    for number in range(count):
        ports.write(PORT, number)
    return [number + 1 for number in range(count) if number not in probe.written]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Drop(first=PORT, every=3), [3, 6, 9]),
        (Drop(first=PORT, times=2), [1, 2]),
        (Drop(first=PORT, skip=4, every=2), [6, 8, 10]),
        (Drop(first=PORT, skip=1, every=2, times=2), [3, 5]),
    ],
)
async def test_every_nth_the_first_and_not_at_once(
    fault: Drop, expected: list[int], backplane: Backplane, ports: Ports, probe: Probe
) -> None:
    injected = backplane.injections.add(fault)
    assert hits(ports, probe, 10) == expected
    assert injected.spent == bool(fault.times)


async def test_a_seed_makes_chance_the_same_again(
    backplane: Backplane, ports: Ports, probe: Probe
) -> None:
    runs: list[list[int]] = []
    for seed in (1, 1, 2):
        injected = backplane.injections.add(Drop(first=PORT, probability=0.3, seed=seed))
        runs.append(hits(ports, probe, 200))
        backplane.injections.remove(injected.number)
    assert runs[0] == runs[1] != runs[2]
    assert 40 < len(runs[0]) < 80


async def test_the_trace_has_the_hit_and_then_what_the_cpu_saw(
    backplane: Backplane, ports: Ports, probe: Probe
) -> None:
    backplane.injections.add(Drop(first=PORT, every=2))
    backplane.io.trace(True)
    ports.read(PORT)
    ports.read(PORT)
    first, hit, second = backplane.trace.records
    assert first == CycleRecord(0, Space.PORT, False, PORT, 1, 0x40)
    assert isinstance(hit, InjectionRecord)
    assert hit.number == 1
    assert hit.what == "drop port 0x0300 every 2: IN 0x0300 width 1 value 0x0"
    assert second == CycleRecord(0, Space.PORT, False, PORT, 1, 0xFF)


async def test_without_an_injection_the_card_itself_is_in_the_table(
    backplane: Backplane, ports: Ports, probe: Probe
) -> None:
    """Zero cost: what was wrapped while a fault was there is the bare call again."""
    reads, writes = backplane.io.reads, backplane.io.writes
    injected = backplane.injections.add(Drop(first=PORT))
    assert reads[1][PORT] != probe.read
    assert reads[1][PORT + 1] == probe.read
    backplane.injections.remove(injected.number)
    assert (reads[1][PORT], writes[2][PORT]) == (probe.read, probe.write)
    window = backplane.windows._find(WINDOW)
    assert window is not None
    assert window.read == probe.memory_read


async def test_a_fault_is_there_too_while_cycles_are_traced_and_when_that_ends(
    backplane: Backplane, ports: Ports, probe: Probe
) -> None:
    backplane.io.trace(True)
    injected = backplane.injections.add(Drop(first=PORT))
    assert ports.read(PORT) == 0xFF
    backplane.io.trace(False)
    assert ports.read(PORT) == 0xFF
    backplane.injections.remove(injected.number)
    assert ports.read(PORT) == 0x40


async def test_what_the_card_raises_in_a_faulty_cycle_is_the_cards_fault(
    backplane: Backplane, ports: Ports, probe: Probe
) -> None:
    class Raises(Probe):
        def read(self, port: int, width: int) -> int:
            raise RuntimeError("broken")

    await backplane.remove(probe.slot.number)
    await backplane.insert(Raises())
    backplane.injections.add(Duplicate(first=PORT))
    with pytest.raises(RuntimeError, match="broken"):
        ports.read(PORT)
