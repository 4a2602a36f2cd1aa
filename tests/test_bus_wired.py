"""Wired ports: all of several cards see a write, a read is the AND of what they drive."""

from __future__ import annotations

from hotswap.bus import Backplane, Card, CycleRecord, PortRange, Resources, Space, State
from hotswap.host.pytest_plugin import Ports

PORT = 0x300


class Decoding:
    """Drives `value` and notes what happens."""

    def __init__(self, value: int = 0xFF) -> None:
        self.value = value
        self.sensed: list[int] = []
        self.written: list[int] = []

    def drive(self, port: int) -> int:
        return self.value

    def sense(self, port: int, value: int) -> None:
        self.sensed.append(value)

    def port_written(self, port: int, value: int) -> None:
        self.written.append(value)


class Wide(Card[State]):
    """A 16-bit card with four ports."""

    name = "wide"
    state_type = State

    def __init__(self) -> None:
        super().__init__()
        self.written: list[tuple[int, int]] = []

    def resources(self) -> Resources:
        return Resources(ports=(PortRange(PORT, 4),), cycle_width=2)

    def read(self, port: int, width: int) -> int:
        return 0x3C if width == 1 else 0x1234

    def write(self, port: int, width: int, value: int) -> None:
        self.written.append((width, value))


async def test_what_is_read_is_low_where_anybody_pulls_it_low(
    backplane: Backplane, ports: Ports
) -> None:
    decoders = Decoding(0xF0), Decoding(0x33), Decoding()
    for decoder in decoders:
        backplane.io.join(PORT, decoder)
    assert ports.read(PORT) == 0x30
    assert [decoder.sensed for decoder in decoders] == [[0x30]] * 3


async def test_everybody_sees_a_write_and_so_does_who_leases_the_port(
    backplane: Backplane, ports: Ports
) -> None:
    card, decoders = Wide(), (Decoding(0x0F), Decoding())
    for decoder in decoders:
        backplane.io.join(PORT, decoder)
    await backplane.insert(card)
    ports.write(PORT, 0x42)
    assert [decoder.written for decoder in decoders] == [[0x42]] * 2
    assert card.written == [(1, 0x42)]
    assert ports.read(PORT) == 0x0C


async def test_a_wide_cycle_is_cut_where_nobody_takes_it_whole(
    backplane: Backplane, ports: Ports
) -> None:
    decoder = Decoding(0x55)
    backplane.io.join(PORT + 1, decoder)
    assert ports.read(PORT, 2) == 0x55FF
    assert ports.read(PORT, 4) == 0xFFFF55FF
    ports.write(PORT, 0x1234, 2)
    assert decoder.written == [0x12]


async def test_a_16_bit_card_gets_its_cycles_whole_all_the_same(
    backplane: Backplane, ports: Ports
) -> None:
    card, decoder = Wide(), Decoding(0)
    await backplane.insert(card)
    backplane.io.join(PORT + 1, decoder)
    assert ports.read(PORT, 2) == 0x1234
    assert decoder.sensed == []


async def test_who_leaves_is_asked_no_more(backplane: Backplane, ports: Ports) -> None:
    first, second = Decoding(0x55), Decoding(0xAA)
    backplane.io.join(PORT, first)
    backplane.io.join(PORT, second)
    backplane.io.leave(PORT, first)
    assert ports.read(PORT) == 0xAA
    backplane.io.leave(PORT, second)
    assert ports.read(PORT) == 0xFF
    ports.write(PORT, 1)
    assert first.written == second.written == []


async def test_the_trace_shows_such_a_cycle_once(backplane: Backplane, ports: Ports) -> None:
    backplane.io.trace(True)
    for decoder in (Decoding(0x55), Decoding()):
        backplane.io.join(PORT, decoder)
    ports.read(PORT)
    assert backplane.trace.records == [CycleRecord(0, Space.PORT, False, PORT, 1, 0x55)]
