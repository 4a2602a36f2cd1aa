"""The bus trace: every cycle and edge in order while it is on, no cost while it is off."""

from __future__ import annotations

from hotswap.bus import (
    Backplane,
    Card,
    CycleRecord,
    EdgeRecord,
    HostWrite,
    MemoryRange,
    PortRange,
    Resources,
    Space,
    State,
)
from hotswap.host.pytest_plugin import Ports, VirtualClock

PORT, WINDOW = 0x300, 0xD0000


class Probe(Card[State]):
    """Reads as 0x11 a byte; a write sets its line to bit 0."""

    name = "probe"
    state_type = State

    def resources(self) -> Resources:
        return Resources(
            ports=(PortRange(PORT, 4),), irqs=(5,), windows=(MemoryRange(WINDOW, 4096),)
        )

    def read(self, port: int, width: int) -> int:
        return 0x11

    def write(self, port: int, width: int, value: int) -> None:
        self.slot.irq.set(value & 1 == 1)

    def memory_read(self, address: int, width: int) -> int:
        return 0x22


def port(time: int, write: bool, address: int, width: int, value: int) -> CycleRecord:
    return CycleRecord(time, Space.PORT, write, address, width, value)


def memory(time: int, write: bool, address: int, width: int, value: int) -> CycleRecord:
    return CycleRecord(time, Space.MEMORY, write, address, width, value)


async def test_it_records_cycles_as_the_cpu_made_them_also_of_nobody(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    await backplane.insert(Probe())
    backplane.io.trace(True)
    ports.read(PORT, 4)
    virtual_clock.now = 7
    ports.write(PORT, 0x1234, 2)
    ports.read(0x80)
    assert backplane.trace.records == [
        port(0, False, PORT, 4, 0x11111111),
        port(7, True, PORT, 2, 0x1234),
        port(7, False, 0x80, 1, 0xFF),
    ]


async def test_it_records_loads_and_stores(backplane: Backplane) -> None:
    await backplane.insert(Probe())
    backplane.io.trace(True)
    backplane.memory_read(WINDOW, 1)
    backplane.memory_write(WINDOW + 4, 1, 0x33)
    backplane.memory_read(WINDOW + 4096, 4)
    assert backplane.trace.records == [
        memory(0, False, WINDOW, 1, 0x22),
        memory(0, True, WINDOW + 4, 1, 0x33),
        memory(0, False, WINDOW + 4096, 4, 0xFFFFFFFF),
    ]


async def test_edges_and_host_writes_are_recorded_among_them(
    backplane: Backplane, ports: Ports
) -> None:
    await backplane.insert(Probe())
    backplane.io.trace(True)
    ports.write(PORT, 1)
    backplane.trace.edges("IRQ", backplane.irq.take())
    backplane.trace.host_write(0x100000, 512, "loader")
    assert backplane.trace.records == [
        port(0, True, PORT, 1, 1),
        EdgeRecord(0, "IRQ", 5, True),
        HostWrite(0, 0x100000, 512, "loader"),
    ]


async def test_switched_off_it_records_nothing_and_is_not_in_the_way(
    backplane: Backplane, ports: Ports
) -> None:
    card = Probe()
    await backplane.insert(card)
    tables = backplane.port_reads, backplane.port_writes
    backplane.io.trace(True)
    backplane.io.trace(False)
    ports.write(PORT, 1)
    backplane.memory_read(WINDOW, 1)
    backplane.memory_write(WINDOW, 1, 0)
    backplane.trace.edges("IRQ", backplane.irq.take())
    backplane.trace.host_write(0, 1, "test")
    assert backplane.trace.records == []
    reads, writes = backplane.port_reads[1], backplane.port_writes[1]
    assert reads is tables[0][1]
    assert reads is not None
    assert writes is not None
    assert reads[PORT] == card.read
    assert writes[PORT] == card.write


async def test_cards_inserted_and_removed_meanwhile_are_recorded(
    backplane: Backplane, ports: Ports
) -> None:
    backplane.io.trace(True)
    slot = await backplane.insert(Probe())
    ports.read(PORT)
    await backplane.remove(slot.number)
    ports.read(PORT)
    assert backplane.trace.records == [
        port(0, False, PORT, 1, 0x11),
        port(0, False, PORT, 1, 0xFF),
    ]
    backplane.io.trace(False)
    assert ports.read(PORT) == 0xFF


async def test_equal_runs_have_equal_digests(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    def run() -> bytes:
        backplane.trace.records.clear()
        ports.write(PORT, 1)
        ports.write(PORT, 0)
        backplane.trace.edges("IRQ", backplane.irq.take())
        return backplane.trace.digest()

    await backplane.insert(Probe())
    backplane.io.trace(True)
    first = run()
    assert run() == first
    virtual_clock.now = 1
    assert run() != first
