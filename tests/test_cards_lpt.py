"""The parallel port, register by register, and its printer."""

from __future__ import annotations

import pytest
from trio.testing import wait_all_tasks_blocked as settle

from hotswap.bus import Backplane, Slot
from hotswap.cards.lpt import ACK_NS, PRINT_NS, Lpt, LptSettings
from hotswap.host.pytest_plugin import Ports, VirtualClock

BASE = 0x378
DATA, STATUS, CONTROL = 0, 1, 2
NO_IRQ, NERROR, SELECT, PAPER_END, NACK, NOT_BUSY = 0x04, 0x08, 0x10, 0x20, 0x40, 0x80
STROBE, NINIT, IRQ_ENABLE, INPUT = 0x01, 0x04, 0x10, 0x20


class Printer:
    """The port as a guest uses it."""

    def __init__(self, slot: Slot, ports: Ports, clock: VirtualClock) -> None:
        self.slot, self.ports, self.clock = slot, ports, clock

    def read(self, reg: int) -> int:
        return self.ports.read(BASE + reg)

    def write(self, reg: int, value: int) -> None:
        self.ports.write(BASE + reg, value)

    async def print(self, byte: int, control: int = NINIT) -> None:
        """Strobe a byte out; the printer has not begun yet."""
        self.write(DATA, byte)
        self.write(CONTROL, control | STROBE)
        self.write(CONTROL, control)
        await settle()

    @property
    def irq(self) -> bool:
        return self.slot.irq.level


@pytest.fixture
async def printer(backplane: Backplane, ports: Ports, virtual_clock: VirtualClock) -> Printer:
    return Printer(await backplane.insert(Lpt()), ports, virtual_clock)


async def test_at_rest_the_printer_is_selected_and_ready(printer: Printer) -> None:
    assert printer.read(STATUS) == NOT_BUSY | NACK | SELECT | NERROR | NO_IRQ | 0x03


async def test_data_and_control_read_back(printer: Printer) -> None:
    printer.write(DATA, 0xA5)
    printer.write(CONTROL, 0x0E)
    assert (printer.read(DATA), printer.read(CONTROL)) == (0xA5, 0xCE)


async def test_data_lines_that_are_turned_round_show_what_is_on_the_cable(printer: Printer) -> None:
    printer.write(DATA, 0x55)
    printer.write(CONTROL, NINIT | INPUT)
    assert printer.read(DATA) == 0xFF
    printer.write(CONTROL, NINIT)
    assert printer.read(DATA) == 0x55


async def test_a_byte_is_busy_then_acknowledged_then_done(printer: Printer) -> None:
    await printer.print(ord("A"))
    assert printer.read(STATUS) & (NOT_BUSY | NACK) == NACK
    await printer.clock.advance(PRINT_NS)
    assert printer.slot.output.take() == b"A"
    assert printer.read(STATUS) & (NOT_BUSY | NACK) == 0
    await printer.clock.advance(ACK_NS)
    assert printer.read(STATUS) & (NOT_BUSY | NACK | NO_IRQ) == NOT_BUSY | NACK
    assert printer.read(STATUS) & NO_IRQ


async def test_only_a_rise_of_strobe_prints(printer: Printer) -> None:
    printer.write(CONTROL, NINIT | STROBE)
    printer.write(CONTROL, NINIT | STROBE)
    await printer.clock.advance(10 * (PRINT_NS + ACK_NS))
    assert len(printer.slot.output) == 1


async def test_a_strobe_while_busy_or_during_init_is_lost(printer: Printer) -> None:
    await printer.print(1)
    await printer.print(2)
    await printer.clock.advance(PRINT_NS + ACK_NS)
    await printer.print(3, control=0)
    await printer.clock.advance(PRINT_NS + ACK_NS)
    assert printer.slot.output.take() == b"\x01"


async def test_the_acknowledge_interrupts_when_it_may(printer: Printer) -> None:
    await printer.print(1, NINIT | IRQ_ENABLE)
    await printer.clock.advance(PRINT_NS)
    assert not printer.irq
    await printer.clock.advance(ACK_NS)
    assert printer.irq
    printer.write(CONTROL, NINIT)
    assert not printer.irq
    await printer.print(1)
    await printer.clock.advance(PRINT_NS + ACK_NS)
    assert not printer.irq


async def test_every_byte_is_an_edge_of_its_own(printer: Printer, backplane: Backplane) -> None:
    for byte in b"abc":
        await printer.print(byte, NINIT | IRQ_ENABLE)
        await printer.clock.advance(PRINT_NS + ACK_NS)
    assert [edge.level for edge in backplane.irq.take()].count(True) == 3


async def test_the_jumpers_move_ports_and_line(backplane: Backplane, ports: Ports) -> None:
    slot = await backplane.insert(Lpt(LptSettings(base=0x278, irq=5)))
    ports.write(0x278, 0x42)
    assert (ports.read(0x278), slot.irq.line) == (0x42, 5)


async def test_the_printer_is_busy_while_nobody_takes_its_paper(printer: Printer) -> None:
    printer.slot.output.capacity = 1
    for byte in b"ab":
        await printer.print(byte)
        await printer.clock.advance(10 * (PRINT_NS + ACK_NS))
    assert not printer.read(STATUS) & NOT_BUSY
    printer.slot.output.take()
    await printer.clock.advance(PRINT_NS + ACK_NS)
    assert printer.read(STATUS) & NOT_BUSY
    assert printer.slot.output.take() == b"b"


@pytest.mark.parametrize("pause", [0, PRINT_NS - 1, PRINT_NS, PRINT_NS + ACK_NS])
async def test_a_freeze_at_any_point_prints_every_byte_once(printer: Printer, pause: int) -> None:
    await printer.print(ord("x"), NINIT | IRQ_ENABLE)
    await printer.clock.advance(pause)
    await printer.slot.backplane.quiesce(each=1, total=1)
    await printer.clock.advance(1_000_000)
    printer.slot.backplane.thaw()
    await printer.clock.advance(PRINT_NS + ACK_NS)
    assert printer.slot.output.take() == b"x"
    assert printer.irq
    assert printer.read(STATUS) & NOT_BUSY


async def test_a_rollback_forgets_what_was_printed_and_prints_it_again(printer: Printer) -> None:
    backplane = printer.slot.backplane
    await printer.print(ord("x"))
    await backplane.quiesce(each=1, total=1)
    state = backplane.snapshot()
    backplane.hold_streams()
    backplane.thaw()
    await printer.clock.advance(PRINT_NS + ACK_NS)
    await backplane.quiesce(each=1, total=1)
    backplane.restore(state)
    backplane.rewind_streams()
    backplane.release_streams()
    backplane.thaw()
    assert not printer.read(STATUS) & NOT_BUSY
    await printer.clock.advance(PRINT_NS + ACK_NS)
    assert printer.slot.output.take() == b"x"
