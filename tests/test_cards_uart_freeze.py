"""The NS16550A across a freeze: no byte is lost or doubled, no interrupt forgotten."""

from __future__ import annotations

import pytest
from trio.testing import wait_all_tasks_blocked as settle

from hotswap.bus import Backplane, Slot
from hotswap.cards.uart import Uart
from hotswap.host.pytest_plugin import Ports, VirtualClock

BASE = 0x3F8
THR, IER, IIR, FCR, LCR, MCR, LSR = 0, 1, 2, 2, 3, 4, 5
TIME_OUT = 0xC
CHARACTER = 10 * 1_000_000_000 // 115200


class Line:
    """A serial port at 115200 8N1 as a guest uses it."""

    def __init__(self, slot: Slot, ports: Ports) -> None:
        self.slot, self.ports = slot, ports
        for reg, value in ((LCR, 0x83), (0, 1), (1, 0), (LCR, 0x03), (FCR, 0x01), (MCR, 0x0B)):
            self.write(reg, value)

    def read(self, reg: int) -> int:
        return self.ports.read(BASE + reg)

    def write(self, reg: int, value: int) -> None:
        self.ports.write(BASE + reg, value)

    def drain(self) -> bytes:
        """Read the receiver empty."""
        received = bytearray()
        while self.read(LSR) & 0x01:
            received.append(self.read(0))
        return bytes(received)

    def source(self) -> int:
        """The interrupt the IIR names."""
        return self.read(IIR) & 0x0F

    @property
    def irq(self) -> bool:
        return self.slot.irq.level


@pytest.fixture
async def line(backplane: Backplane, ports: Ports) -> Line:
    return Line(await backplane.insert(Uart()), ports)


async def test_a_frozen_uart_answers_from_its_fifo_and_takes_nothing_from_outside(
    line: Line,
) -> None:
    line.slot.input.feed(b"abc")
    await settle()
    await line.slot.backplane.quiesce(each=1, total=1)
    line.slot.input.feed(b"def")
    await settle()
    assert line.drain() == b"abc"
    line.slot.backplane.thaw()
    await settle()
    assert line.drain() == b"def"


async def test_what_is_written_while_held_leaves_once_when_released(line: Line) -> None:
    line.write(THR, ord("1"))
    await line.slot.backplane.quiesce(each=1, total=1)
    line.slot.backplane.hold_streams()
    for byte in b"23":
        line.write(THR, byte)
    assert line.read(LSR) & 0x60 == 0x60
    assert line.slot.output.take() == b"1"
    line.slot.backplane.thaw()
    line.slot.backplane.release_streams()
    assert line.slot.output.take() == b"23"


async def test_after_a_rollback_no_byte_is_lost_or_doubled_in_either_direction(
    line: Line,
) -> None:
    line.slot.input.feed(bytes(range(40)))
    await settle()
    received = line.drain()
    await settle()
    await line.slot.backplane.quiesce(each=1, total=1)
    state = line.slot.backplane.snapshot()
    line.slot.backplane.hold_streams()
    line.slot.backplane.thaw()
    await settle()
    lost = line.drain()
    line.write(THR, 0x55)
    await settle()
    assert lost == bytes(range(16, 32))
    await line.slot.backplane.quiesce(each=1, total=1)
    line.slot.backplane.restore(state)
    line.slot.backplane.rewind_streams()
    line.slot.backplane.release_streams()
    line.slot.backplane.thaw()
    await settle()
    while data := line.drain():
        received += data
        await settle()
    assert received == bytes(range(40))
    assert line.slot.output.take() == b""


async def test_a_full_outbox_is_waited_for_across_a_freeze(line: Line) -> None:
    line.write(IER, 0x02)
    line.slot.output.capacity = 1
    line.write(THR, 0x41)
    await settle()
    await line.slot.backplane.quiesce(each=1, total=1)
    line.slot.output.take()
    await settle()
    assert line.read(LSR) & 0x20 == 0
    line.slot.backplane.thaw()
    await settle()
    assert line.read(LSR) & 0x20
    assert line.irq


async def test_a_time_out_that_fell_into_a_freeze_comes_after_the_thaw(
    line: Line, virtual_clock: VirtualClock
) -> None:
    line.write(FCR, 0x81)
    line.write(IER, 0x01)
    line.slot.input.feed(b"a")
    await settle()
    saved = line.slot.backplane.snapshot()
    await line.slot.backplane.quiesce(each=1, total=1)
    await virtual_clock.advance(100 * CHARACTER)
    assert not line.irq
    line.drain()
    line.slot.backplane.restore(saved)
    line.slot.backplane.thaw()
    await virtual_clock.advance(4 * CHARACTER)
    assert line.source() == TIME_OUT


async def test_a_time_out_comes_when_it_would_have_come_without_the_freeze(
    line: Line, virtual_clock: VirtualClock
) -> None:
    line.write(FCR, 0x81)
    line.write(IER, 0x01)
    line.slot.input.feed(b"a")
    await virtual_clock.advance(3 * CHARACTER)
    await line.slot.backplane.quiesce(each=1, total=1)
    line.slot.backplane.thaw()
    await virtual_clock.advance(CHARACTER - 10)
    assert not line.irq
    await virtual_clock.advance(10 + 4)
    assert line.source() == TIME_OUT
