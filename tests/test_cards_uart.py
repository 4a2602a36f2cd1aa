"""The NS16550A, register by register."""

from __future__ import annotations

import pytest
from trio.testing import wait_all_tasks_blocked as settle

from hotswap.bus import Backplane, Slot
from hotswap.cards.uart import Uart, UartSettings
from hotswap.host.pytest_plugin import Ports, VirtualClock

BASE = 0x3F8
RBR, THR, IER, IIR, FCR, LCR, MCR, LSR, MSR, SCR = 0, 0, 1, 2, 2, 3, 4, 5, 6, 7
OUT2, LOOP = 0x08, 0x10
NONE, THR_EMPTY, RECEIVED, TIME_OUT, LINE_STATUS, MODEM = 1, 2, 4, 0xC, 6, 0
CHARACTER = 10 * 1_000_000_000 // 115200


class Board:
    def __init__(self, backplane: Backplane, ports: Ports, slot: Slot) -> None:
        self.backplane, self.ports, self.slot = backplane, ports, slot

    def read(self, reg: int) -> int:
        return self.ports.read(BASE + reg)

    def write(self, reg: int, value: int) -> None:
        self.ports.write(BASE + reg, value)

    def setup(self, *, ier: int = 0, fcr: int = 0x01) -> None:
        """115200 8N1, interrupts let out."""
        self.write(LCR, 0x83)
        self.write(0, 1)
        self.write(1, 0)
        self.write(LCR, 0x03)
        self.write(FCR, fcr)
        self.write(MCR, 0x03 | OUT2)
        self.write(IER, ier)

    def source(self) -> int:
        """The interrupt the IIR names."""
        return self.read(IIR) & 0x0F

    def drain(self) -> bytes:
        """Read the receiver empty."""
        data = bytearray()
        while self.read(LSR) & 0x01:
            data.append(self.read(RBR))
        return bytes(data)

    @property
    def irq(self) -> bool:
        return self.slot.irq.level


@pytest.fixture
async def board(backplane: Backplane, ports: Ports) -> Board:
    return Board(backplane, ports, await backplane.insert(Uart()))


# -- registers --------------------------------------------------------------------------------


async def test_after_reset_the_transmitter_is_empty_and_nothing_interrupts(board: Board) -> None:
    assert [board.read(reg) for reg in (IER, IIR, LCR, MCR, LSR, MSR)] == [0, 1, 0, 0, 0x60, 0xB0]


async def test_the_divisor_latch_lies_under_the_first_two_registers(board: Board) -> None:
    board.write(IER, 0x0F)
    board.write(LCR, 0x80)
    board.write(0, 0x34)
    board.write(1, 0x12)
    assert (board.read(0), board.read(1)) == (0x34, 0x12)
    board.write(LCR, 0x00)
    assert board.read(IER) == 0x0F


async def test_scratch_and_line_control_read_back(board: Board) -> None:
    board.write(SCR, 0xA5)
    board.write(LCR, 0x1B)
    assert (board.read(SCR), board.read(LCR)) == (0xA5, 0x1B)


async def test_unused_bits_read_as_zero(board: Board) -> None:
    board.write(IER, 0xFF)
    board.write(MCR, 0xFF)
    assert (board.read(IER), board.read(MCR)) == (0x0F, 0x1F)


async def test_the_jumpers_set_base_and_line(backplane: Backplane, ports: Ports) -> None:
    slot = await backplane.insert(Uart(UartSettings(base=0x2F8, irq=3)))
    ports.write(0x2F8 + SCR, 0x42)
    assert ports.read(0x2F8 + SCR) == 0x42
    assert ports.read(BASE + SCR) == 0xFF
    assert slot.irq.line == 3


# -- sending ----------------------------------------------------------------------------------


async def test_a_byte_sent_leaves_at_once_and_the_transmitter_is_empty_again(
    board: Board,
) -> None:
    for byte in b"ok":
        board.write(THR, byte)
    assert board.slot.output.take() == b"ok"
    assert board.read(LSR) == 0x60


async def test_the_empty_transmitter_interrupts_when_enabled_and_iir_clears_it(
    board: Board,
) -> None:
    board.setup(ier=0x02)
    assert board.irq
    assert board.source() == THR_EMPTY
    assert not board.irq
    assert board.source() == NONE


async def test_every_byte_sent_is_a_new_edge_of_the_empty_transmitter(board: Board) -> None:
    board.setup(ier=0x02)
    board.backplane.irq.take()
    board.write(THR, 0x41)
    assert [edge.level for edge in board.backplane.irq.take()] == [False, True]


async def test_enabling_the_transmitter_interrupt_again_raises_it_again(board: Board) -> None:
    board.setup(ier=0x02)
    board.source()
    board.write(IER, 0x03)
    assert not board.irq
    board.write(IER, 0x00)
    board.write(IER, 0x02)
    assert board.irq


async def test_a_full_outbox_holds_the_transmitter_until_the_back_end_takes_some(
    board: Board,
) -> None:
    board.setup(ier=0x02)
    board.slot.output.capacity = 4
    for byte in b"abcd":
        board.write(THR, byte)
    assert board.read(LSR) & 0x60 == 0
    assert board.source() == NONE
    await settle()
    assert board.read(LSR) & 0x60 == 0
    board.slot.output.take(1)
    await settle()
    assert board.read(LSR) & 0x60 == 0x60
    assert board.source() == THR_EMPTY
    assert board.slot.output.take() == b"bcd"


async def test_bytes_written_to_a_full_transmitter_are_not_lost(board: Board) -> None:
    board.slot.output.capacity = 2
    for byte in b"abcdef":
        board.write(THR, byte)
    assert board.slot.output.take() == b"abcdef"


# -- receiving --------------------------------------------------------------------------------


async def test_received_bytes_are_read_in_order(board: Board) -> None:
    board.setup()
    board.slot.input.feed(b"hello")
    await settle()
    assert board.drain() == b"hello"


async def test_without_the_fifo_one_byte_is_ready_at_a_time(board: Board) -> None:
    board.setup(fcr=0)
    board.slot.input.feed(b"ab")
    await settle()
    assert board.read(RBR) == ord("a")
    assert not board.read(LSR) & 0x01
    await settle()
    assert board.read(RBR) == ord("b")


async def test_what_does_not_fit_the_fifo_waits_outside_and_nothing_is_overrun(
    board: Board,
) -> None:
    data = bytes(range(100))
    board.setup()
    board.slot.input.feed(data)
    await settle()
    assert len(board.slot.input) == 84
    received = b""
    while len(received) < 100:
        received += board.drain()
        assert not board.read(LSR) & 0x02
        await settle()
    assert received == data


async def test_bytes_that_come_when_a_full_fifo_was_read_are_received(board: Board) -> None:
    board.setup()
    for data in (bytes(range(16)), b"more"):
        board.slot.input.feed(data)
        await settle()
        assert board.drain() == data


@pytest.mark.parametrize(("fcr", "level"), [(0x01, 1), (0x41, 4), (0x81, 8), (0xC1, 14)])
async def test_received_data_interrupts_at_the_trigger_level(
    board: Board, fcr: int, level: int
) -> None:
    board.setup(ier=0x01, fcr=fcr)
    board.slot.input.feed(bytes(level - 1))
    await settle()
    assert not board.irq
    board.slot.input.feed(b"x")
    await settle()
    assert board.irq
    assert board.read(IIR) == 0xC0 | RECEIVED
    board.read(RBR)
    assert not board.irq


async def test_bytes_below_the_trigger_level_time_out_after_four_characters(
    board: Board, virtual_clock: VirtualClock
) -> None:
    board.setup(ier=0x01, fcr=0x81)
    board.slot.input.feed(b"abc")
    await virtual_clock.advance(4 * CHARACTER - 1)
    assert not board.irq
    await virtual_clock.advance(1)
    assert board.source() == TIME_OUT
    board.read(RBR)
    assert not board.irq
    await virtual_clock.advance(4 * CHARACTER)
    assert board.source() == TIME_OUT
    assert board.drain() == b"bc"
    await virtual_clock.advance(10 * CHARACTER)
    assert not board.irq


async def test_a_character_that_arrives_starts_the_time_out_anew(
    board: Board, virtual_clock: VirtualClock
) -> None:
    board.setup(ier=0x01, fcr=0x81)
    board.slot.input.feed(b"a")
    await virtual_clock.advance(3 * CHARACTER)
    board.slot.input.feed(b"b")
    await virtual_clock.advance(3 * CHARACTER)
    assert not board.irq
    await virtual_clock.advance(CHARACTER)
    assert board.irq


async def test_the_time_out_follows_divisor_and_frame(
    board: Board, virtual_clock: VirtualClock
) -> None:
    board.setup(ier=0x01, fcr=0x81)
    board.write(LCR, 0x9F)  # eight bits, parity, two stop bits: 12 with the start bit
    board.write(0, 12)
    board.write(LCR, 0x1F)
    board.slot.input.feed(b"a")
    await virtual_clock.advance(4 * 12 * 1_000_000_000 // 9600 - 1)
    assert not board.irq
    await virtual_clock.advance(1)
    assert board.irq


async def test_raising_the_trigger_level_leaves_what_is_there_to_the_time_out(
    board: Board, virtual_clock: VirtualClock
) -> None:
    board.setup(ier=0x01)
    board.slot.input.feed(b"a")
    await settle()
    board.write(FCR, 0x81)
    assert not board.irq
    await virtual_clock.advance(4 * CHARACTER)
    assert board.source() == TIME_OUT


async def test_clearing_the_receiver_fifo_drops_its_bytes(board: Board) -> None:
    board.setup()
    board.slot.input.feed(b"abc")
    await settle()
    board.write(FCR, 0x03)
    assert board.read(LSR) == 0x60


async def test_turning_the_fifo_on_or_off_empties_it(board: Board) -> None:
    board.setup()
    board.slot.input.feed(b"abc")
    await settle()
    board.write(FCR, 0x00)
    assert board.read(LSR) == 0x60
    assert board.read(IIR) == NONE


async def test_a_fifo_that_is_turned_on_or_cleared_takes_what_waits_outside(
    board: Board,
) -> None:
    board.setup(fcr=0)
    board.slot.input.feed(b"abc")
    await settle()
    board.write(FCR, 0x03)
    await settle()
    assert board.drain() == b"bc"


async def test_an_empty_receiver_reads_as_zero(board: Board) -> None:
    assert board.read(RBR) == 0


# -- priorities and the gate ------------------------------------------------------------------


async def test_interrupts_are_named_most_urgent_first(board: Board) -> None:
    board.setup(ier=0x0F, fcr=0)
    board.write(MCR, LOOP)
    board.read(MSR)
    board.write(MCR, LOOP | 0x02)
    board.write(THR, 1)
    board.write(THR, 2)  # without FIFO the second overruns the first
    assert board.source() == LINE_STATUS
    assert board.read(LSR) == 0x63
    assert board.source() == RECEIVED
    assert board.read(RBR) == 2
    assert board.source() == THR_EMPTY
    assert board.source() == MODEM
    assert board.read(MSR) & 0x0F == 0x01
    assert board.source() == NONE


async def test_no_interrupt_leaves_without_out2(board: Board) -> None:
    board.setup(ier=0x02)
    board.write(MCR, 0x03)
    assert not board.irq
    board.write(MCR, 0x0B)
    assert board.irq


# -- loop mode and modem lines ----------------------------------------------------------------


async def test_loop_mode_returns_what_is_sent_and_lets_nothing_out(board: Board) -> None:
    board.setup()
    board.write(MCR, LOOP)
    for byte in b"loop":
        board.write(THR, byte)
    assert board.drain() == b"loop"
    assert board.slot.output.take() == b""


async def test_in_loop_mode_bytes_time_out_too(board: Board, virtual_clock: VirtualClock) -> None:
    board.setup(ier=0x01, fcr=0x81)
    board.write(MCR, LOOP)
    board.write(THR, 0x41)
    assert board.source() == NONE
    await virtual_clock.advance(4 * CHARACTER)
    assert board.source() == TIME_OUT


async def test_in_loop_mode_a_full_fifo_overruns_and_keeps_what_it_has(board: Board) -> None:
    board.setup()
    board.write(MCR, LOOP)
    for byte in range(17):
        board.write(THR, byte)
    board.write(IER, 0x04)
    board.write(MCR, OUT2)
    assert board.irq
    assert board.read(LSR) == 0x63
    assert not board.irq
    assert board.drain() == bytes(range(16))


async def test_bytes_from_outside_wait_while_the_loop_is_closed(board: Board) -> None:
    board.setup()
    board.write(MCR, LOOP)
    board.slot.input.feed(b"later")
    await settle()
    assert board.read(LSR) == 0x60
    board.write(MCR, 0x03)
    await settle()
    assert board.drain() == b"later"


@pytest.mark.parametrize(
    ("mcr", "msr"), [(0x01, 0x20), (0x02, 0x10), (0x04, 0x40), (0x08, 0x80), (0x0F, 0xF0)]
)
async def test_loop_mode_connects_modem_outputs_to_inputs(board: Board, mcr: int, msr: int) -> None:
    board.write(MCR, LOOP | mcr)
    assert board.read(MSR) & 0xF0 == msr


async def test_modem_changes_are_noted_until_the_msr_is_read(board: Board) -> None:
    board.write(MCR, LOOP | 0x0F)
    board.read(MSR)
    board.write(MCR, LOOP)
    assert board.read(MSR) == 0x0F
    assert board.read(MSR) == 0x00


async def test_ring_is_noted_at_its_trailing_edge_only(board: Board) -> None:
    board.write(MCR, LOOP)
    board.read(MSR)
    board.write(MCR, LOOP | 0x04)
    assert board.read(MSR) == 0x40
    board.write(MCR, LOOP)
    assert board.read(MSR) == 0x04
