"""The 8237A pair on the board: lines, page registers, memory, and cards that are frozen."""

from __future__ import annotations

import pytest
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import (
    Backplane,
    Card,
    EdgeRecord,
    HostWrite,
    MemoryRange,
    Policy,
    Resources,
    Settings,
    State,
)
from hotswap.cards.dma import Dma
from hotswap.cpu import Processor, Ram, RealTime
from hotswap.host.pytest_plugin import Ports

PAGE_PORTS = {0: 0x87, 1: 0x83, 2: 0x81, 3: 0x82, 5: 0x8B, 6: 0x89, 7: 0x8A}
VERIFY, TO_MEMORY, FROM_MEMORY = 0x00, 0x04, 0x08
DEMAND, SINGLE, BLOCK, CASCADE = 0x00, 0x40, 0x80, 0xC0
AUTOINITIALIZE, DECREMENT = 0x10, 0x20
COMMAND, STATUS, REQUEST, MASK, MODE, CLEAR, MASTER_CLEAR = 8, 8, 9, 10, 11, 12, 13
MIB = 1 << 20


class TapeSettings(Settings, frozen=True):
    line: int = 2


class TapeState(State):
    source: bytes = b""
    """What it has to give."""
    taken: bytes = b""
    room: int = 1 << 20
    ends: int = 0
    terminals: int = 0


class Tape(Card[TapeState]):
    """Gives `source`, takes up to `room` bytes; lowers DRQ when it can do neither any more."""

    name = "tape"
    state_type = TapeState
    settings_type = TapeSettings
    settings: TapeSettings
    stubborn = False
    """Keeps DRQ up whatever happens."""

    def resources(self) -> Resources:
        return Resources(drqs=(self.settings.line,))

    def dma_read(self, line: int, size: int) -> bytes:
        content, self.state.source = self.state.source[:size], self.state.source[size:]
        self.slot.drq.set(self.stubborn or bool(self.state.source))
        return content

    def dma_write(self, line: int, content: bytes, terminal: bool) -> int:
        taken = content[: self.state.room]
        self.state.taken += taken
        self.state.room -= len(taken)
        self.state.terminals += terminal
        self.slot.drq.set(self.stubborn or bool(self.state.room))
        return len(taken)

    def dma_end(self, line: int) -> None:
        self.state.ends += 1
        self.slot.drq.set(self.stubborn)


class Glass(Card[State]):
    """A memory window of one page at 0xA0000."""

    name = "glass"
    state_type = State
    window = 0xA0000
    broken = False

    def __init__(self) -> None:
        super().__init__()
        self.cells = bytearray(4096)

    def resources(self) -> Resources:
        return Resources(windows=(MemoryRange(self.window, 4096),))

    def memory_read(self, address: int, width: int) -> int:
        return self.cells[address - self.window]

    def memory_write(self, address: int, width: int, value: int) -> None:
        if self.broken:
            raise RuntimeError("cracked")
        self.cells[address - self.window] = value


class Board:
    """The controller as a driver programs it."""

    def __init__(self, backplane: Backplane, ports: Ports, memory: Processor, dma: Dma) -> None:
        self.backplane, self.ports, self.memory, self.dma = backplane, ports, memory, dma

    async def tape(self, line: int = 2, source: bytes = b"") -> Tape:
        tape = Tape(TapeSettings(line))
        await self.backplane.insert(tape)
        tape.state.source = source
        return tape

    def reg(self, line: int, reg: int) -> int:
        """The port of a register of the chip that has `line`."""
        return reg if line < 4 else 0xC0 + 2 * reg

    def program(self, line: int, mode: int, address: int, count: int) -> None:
        """As a driver does: mask, flip-flop, mode, address, page, count less one, unmask.

        Address and count are in bytes on 0 to 3, the count in words on 5 to 7.
        """
        channel = line & 3
        self.ports.write(self.reg(line, MASK), 4 | channel)
        self.ports.write(self.reg(line, CLEAR), 0)
        self.ports.write(self.reg(line, MODE), mode | channel)
        low = address & 0xFFFF if line < 4 else address >> 1 & 0xFFFF
        for value in (low & 0xFF, low >> 8):
            self.ports.write(self.reg(line, 2 * channel), value)
        self.ports.write(PAGE_PORTS[line], address >> 16)
        for value in (count - 1 & 0xFF, count - 1 >> 8):
            self.ports.write(self.reg(line, 2 * channel + 1), value)
        self.ports.write(self.reg(line, MASK), channel)

    def left(self, line: int) -> int:
        """The count register plus one."""
        self.ports.write(self.reg(line, CLEAR), 0)
        port = self.reg(line, 2 * (line & 3) + 1)
        low = self.ports.read(port)
        return (self.ports.read(port) << 8 | low) + 1 & 0xFFFF

    def status(self, line: int) -> int:
        return self.ports.read(self.reg(line, STATUS))


@pytest.fixture
async def board(backplane: Backplane, ports: Ports) -> Board:
    memory = Processor(Ram(4 * MIB), backplane, RealTime())
    dma = Dma()
    await backplane.insert(dma)
    return Board(backplane, ports, memory, dma)


async def test_a_card_writes_to_memory_when_it_asks(board: Board) -> None:
    tape = await board.tape(2, b"sector")
    board.program(2, SINGLE | TO_MEMORY, 0x23456, 6)
    tape.slot.drq.set(True)
    assert board.memory.read_memory(0x23456, 6) == bytes(6)
    board.backplane.settle_order()
    assert board.memory.read_memory(0x23456, 6) == b"sector"
    assert (tape.state.ends, board.status(2)) == (1, 0x04)


async def test_a_card_reads_from_memory_and_is_told_of_tc(board: Board) -> None:
    tape = await board.tape(1)
    board.memory.write_memory(0x1FFFC, b"abcdefgh")
    board.program(1, DEMAND | FROM_MEMORY, 0x1FFFC, 4)
    tape.slot.drq.set(True)
    board.backplane.settle_order()
    assert (tape.state.taken, tape.state.terminals, tape.state.ends) == (b"abcd", 1, 1)


async def test_a_card_that_takes_less_goes_on_where_it_stopped(board: Board) -> None:
    tape = await board.tape(3)
    tape.state.room = 3
    board.memory.write_memory(0x30000, b"abcdefgh")
    board.program(3, SINGLE | FROM_MEMORY, 0x30000, 8)
    tape.slot.drq.set(True)
    board.backplane.settle_order()
    assert (tape.state.taken, board.left(3), tape.state.ends) == (b"abc", 5, 0)
    tape.state.room = 100
    tape.slot.drq.set(True)
    board.backplane.settle_order()
    assert (tape.state.taken, tape.state.ends) == (b"abcdefgh", 1)


async def test_an_address_wraps_within_its_64_kib(board: Board) -> None:
    tape = await board.tape(2, b"abcd")
    board.program(2, SINGLE | TO_MEMORY, 0x2FFFE, 4)
    tape.slot.drq.set(True)
    board.backplane.settle_order()
    assert board.memory.read_memory(0x2FFFE, 2) == b"ab"
    assert board.memory.read_memory(0x20000, 2) == b"cd"


@pytest.mark.parametrize(("line", "wrapped"), [(5, 0x20000), (6, 0x20000), (7, 0x20000)])
async def test_the_second_chip_moves_words_within_128_kib(
    board: Board, line: int, wrapped: int
) -> None:
    tape = await board.tape(line, b"abcdef")
    board.program(line, SINGLE | TO_MEMORY, 0x3FFFC, 3)
    tape.slot.drq.set(True)
    board.backplane.settle_order()
    assert board.memory.read_memory(0x3FFFC, 4) == b"abcd"
    assert board.memory.read_memory(wrapped, 2) == b"ef"
    assert (tape.state.ends, board.status(line)) == (1, 1 << (line & 3))


@pytest.mark.parametrize(("line", "content"), [(1, b"dcba"), (5, b"cdab")])
async def test_addresses_may_go_down(board: Board, line: int, content: bytes) -> None:
    tape = await board.tape(line, b"abcd")
    start = 0x10003 if line < 4 else 0x10002
    board.program(line, SINGLE | TO_MEMORY | DECREMENT, start, 4 if line < 4 else 2)
    tape.slot.drq.set(True)
    board.backplane.settle_order()
    assert board.memory.read_memory(0x10000, 4) == content
    tape.state.room = 4
    board.program(line, SINGLE | FROM_MEMORY | DECREMENT, start, 4 if line < 4 else 2)
    tape.slot.drq.set(True)
    board.backplane.settle_order()
    assert tape.state.taken == b"abcd"


async def test_verify_counts_and_moves_nothing(board: Board) -> None:
    tape = await board.tape(2, b"abcd")
    board.program(2, SINGLE | VERIFY, 0x10000, 4)
    tape.slot.drq.set(True)
    board.backplane.settle_order()
    assert board.memory.read_memory(0x10000, 4) == bytes(4)
    assert (tape.state.ends, board.status(2)) == (1, 0x04)


async def test_autoinitialize_gives_one_round_a_turn(board: Board) -> None:
    tape = await board.tape(1, b"abcdefgh")
    tape.stubborn = True
    board.program(1, DEMAND | TO_MEMORY | AUTOINITIALIZE, 0x10000, 4)
    tape.slot.drq.set(True)
    board.backplane.settle_order()
    assert board.memory.read_memory(0x10000, 4) == b"abcd"
    board.backplane.settle_order()
    assert board.memory.read_memory(0x10000, 4) == b"efgh"
    assert (tape.state.ends, board.left(1)) == (2, 4)


async def test_the_ports_answer_as_after_the_transfer(board: Board) -> None:
    tape = await board.tape(2, b"abcd")
    board.program(2, SINGLE | TO_MEMORY, 0x10000, 4)
    tape.slot.drq.set(True)
    assert board.status(2) == 0x04
    assert board.memory.read_memory(0x10000, 4) == b"abcd"


async def test_unmasking_starts_a_transfer_that_waits(board: Board) -> None:
    tape = await board.tape(2, b"abcd")
    tape.slot.drq.set(True)
    board.program(2, SINGLE | TO_MEMORY, 0x10000, 4)
    assert board.memory.read_memory(0x10000, 4) == b"abcd"


async def test_a_software_request_finds_the_bus_floating(board: Board) -> None:
    board.program(3, BLOCK | TO_MEMORY, 0x10000, 4)
    board.ports.write(REQUEST, 4 | 3)
    assert board.memory.read_memory(0x10000, 5) == b"\xff\xff\xff\xff\0"
    assert board.status(3) == 0x08


async def test_the_first_chip_passes_through_the_second(board: Board) -> None:
    tape = await board.tape(2, b"abcd")
    board.ports.write(board.reg(4, MASTER_CLEAR), 0)  # masks the cascade
    board.program(2, SINGLE | TO_MEMORY, 0x10000, 4)
    tape.slot.drq.set(True)
    board.backplane.settle_order()
    assert tape.state.source == b"abcd"
    board.ports.write(board.reg(4, MASK), 0)
    assert tape.state.source == b""


async def test_lines_of_the_first_chip_come_before_those_of_the_second(board: Board) -> None:
    later, sooner = await board.tape(5, b"wxyz"), await board.tape(3, b"ab")
    board.program(5, SINGLE | TO_MEMORY, 0x10000, 2)
    board.program(3, SINGLE | TO_MEMORY, 0x10002, 2)
    later.slot.drq.set(True)
    sooner.slot.drq.set(True)
    board.backplane.trace.on = True
    board.backplane.settle_order()
    writes = [r for r in board.backplane.trace.records if isinstance(r, HostWrite)]
    assert [(write.address, write.size, write.by) for write in writes] == [
        (0x10002, 2, "dma"),
        (0x10000, 4, "dma"),
    ]
    edges = [r for r in board.backplane.trace.records if isinstance(r, EdgeRecord)]
    assert [(e.line, e.number) for e in edges if e.level] == [("DRQ", 5), ("DRQ", 3)]


async def test_a_channel_in_cascade_mode_belongs_to_its_bus_master(board: Board) -> None:
    tape = await board.tape(5, b"abcd")
    board.program(5, CASCADE, 0x10000, 2)
    tape.slot.drq.set(True)
    board.backplane.settle_order()
    assert (tape.state.source, board.left(5)) == (b"abcd", 2)


async def test_memory_to_memory(board: Board) -> None:
    board.memory.write_memory(0x10000, b"abcdefgh")
    board.ports.write(COMMAND, 1)
    board.program(0, BLOCK | FROM_MEMORY, 0x10000, 8)
    board.program(1, BLOCK | TO_MEMORY, 0x20000, 8)
    board.ports.write(REQUEST, 4)
    assert board.memory.read_memory(0x20000, 8) == b"abcdefgh"
    assert board.ports.read(0x0D) == ord("h")
    assert board.status(0) == 0x02


@pytest.mark.parametrize(
    ("source", "target", "mode"),
    [(0x10000, 0x10002, 0), (0x10002, 0x10000, 0), (0x10007, 0x10005, DECREMENT)],
)
async def test_a_copy_within_itself_goes_byte_by_byte(
    board: Board, source: int, target: int, mode: int
) -> None:
    board.memory.write_memory(0x10000, b"abcdefghij")
    board.ports.write(COMMAND, 1)
    board.program(0, BLOCK | FROM_MEMORY | mode, source, 6)
    board.program(1, BLOCK | TO_MEMORY | mode, target, 6)
    memory = bytearray(b"abcdefghij")
    for n in range(6):
        step = -n if mode else n
        memory[target + step - 0x10000] = memory[source + step - 0x10000]
    board.ports.write(REQUEST, 4)
    assert board.memory.read_memory(0x10000, 10) == bytes(memory)


async def test_a_copy_with_its_source_held_fills(board: Board) -> None:
    board.memory.write_memory(0x10000, b"*+")
    board.ports.write(COMMAND, 3)
    board.program(0, BLOCK | FROM_MEMORY, 0x10000, 300)
    board.program(1, BLOCK | TO_MEMORY, 0x20000, 300)
    board.ports.write(REQUEST, 4)
    assert board.memory.read_memory(0x20000, 301) == b"*" * 300 + b"\0"


async def test_page_registers_read_back(board: Board) -> None:
    for port in range(0x81, 0x90):
        board.ports.write(port, port ^ 0xFF)
    assert [board.ports.read(port) for port in range(0x81, 0x90)] == [
        port ^ 0xFF for port in range(0x81, 0x90)
    ]


async def test_the_ports_are_mirrored(board: Board) -> None:
    board.program(1, SINGLE, 0x1234, 0x5678)
    board.ports.write(0x1C, 0)
    assert [board.ports.read(0x12) for _ in range(2)] == [0x34, 0x12]
    board.program(5, SINGLE, 0x2468, 0x5678)
    board.ports.write(0xD9, 0)
    assert [board.ports.read(0xC5) for _ in range(2)] == [0x34, 0x12]


async def test_a_window_of_a_card_is_memory_too(backplane: Backplane, ports: Ports) -> None:
    dma, glass = Dma(), Glass()
    await backplane.insert(dma)
    await backplane.insert(glass)
    tape = Tape(TapeSettings(2))
    await backplane.insert(tape)
    tape.state.source = b"abcd"
    board = Board(backplane, ports, None, dma)  # type: ignore[arg-type]
    board.program(2, SINGLE | TO_MEMORY, 0xA0FFE, 4)
    tape.slot.drq.set(True)
    board.backplane.settle_order()
    assert glass.cells[-2:] == b"ab"  # where there is nothing, bytes are lost
    board.program(2, SINGLE | FROM_MEMORY, 0xA0FFE, 4)
    tape.slot.drq.set(True)
    board.backplane.settle_order()
    assert tape.state.taken == b"ab\xff\xff"


async def test_a_window_that_raises_is_its_cards_fault(backplane: Backplane, ports: Ports) -> None:
    dma, glass, tape = Dma(), Glass(), Tape(TapeSettings(2))
    for card in (dma, glass, tape):
        await backplane.insert(card)
    glass.broken = True
    tape.state.source = b"abcd"
    Board(backplane, ports, None, dma).program(2, SINGLE | TO_MEMORY, 0xA0000, 4)  # type: ignore[arg-type]
    tape.slot.drq.set(True)
    backplane.settle_order()
    assert glass.slot.fault is not None
    assert (dma.slot.fault, tape.slot.fault, tape.state.ends) == (None, None, 1)
    await wait_all_tasks_blocked()


async def test_frozen_cards_make_no_transfer_and_lose_none(board: Board) -> None:
    early, late = await board.tape(2, b"abcd"), await board.tape(3, b"efgh")
    early.stubborn = True
    board.program(2, DEMAND | TO_MEMORY | AUTOINITIALIZE, 0x10000, 2)
    early.slot.drq.set(True)
    board.backplane.settle_order()
    await board.backplane.quiesce(each=1, total=1)
    late.slot.drq.set(True)
    board.program(3, SINGLE | TO_MEMORY, 0x10004, 4)
    board.backplane.settle_order()
    assert board.memory.read_memory(0x10000, 8) == b"ab" + bytes(6)
    board.backplane.thaw()
    board.backplane.settle_order()
    assert board.memory.read_memory(0x10000, 8) == b"cd\0\0efgh"


async def test_a_copy_needs_no_cards(board: Board) -> None:
    await board.backplane.quiesce(each=1, total=1)
    board.memory.write_memory(0x10000, b"abcd")
    board.ports.write(COMMAND, 1)
    board.program(0, BLOCK | FROM_MEMORY, 0x10000, 4)
    board.program(1, BLOCK | TO_MEMORY, 0x20000, 4)
    board.ports.write(REQUEST, 4)
    assert board.memory.read_memory(0x20000, 4) == b"abcd"


async def test_a_rollback_asks_again(board: Board) -> None:
    tape = await board.tape(2, b"abcd")
    board.program(2, SINGLE | TO_MEMORY, 0x10000, 4)
    tape.slot.drq.set(True)
    state = board.backplane.snapshot()
    board.backplane.settle_order()
    await board.backplane.quiesce(each=1, total=1)
    board.backplane.restore(state)
    board.memory.write_memory(0x10000, bytes(4))
    board.backplane.thaw()
    board.backplane.settle_order()
    assert board.memory.read_memory(0x10000, 4) == b"abcd"


async def test_a_new_kernel_finds_nothing_programmed(board: Board) -> None:
    tape = await board.tape(2, b"abcd")
    board.program(2, SINGLE | TO_MEMORY, 0x10000, 4)
    await board.backplane.quiesce(each=1, total=1)
    tape.slot.drq.set(True)
    assert board.dma.switchover is Policy.COLD_RESET
    board.dma.slot.cold_reset()
    board.backplane.thaw()
    board.backplane.settle_order()
    assert board.memory.read_memory(0x10000, 4) == bytes(4)
    board.program(2, SINGLE | TO_MEMORY, 0x10000, 4)
    assert board.memory.read_memory(0x10000, 4) == b"abcd"


async def test_lines_that_are_up_already_are_seen(backplane: Backplane, ports: Ports) -> None:
    tape = Tape()
    await backplane.insert(tape)
    tape.slot.drq.set(True)
    backplane.drq.take()
    dma = Dma()
    await backplane.insert(dma)
    assert ports.read(STATUS) == 0x40


async def test_a_card_that_is_pulled_lets_its_line_go(board: Board) -> None:
    tape = await board.tape(2, b"abcd")
    tape.slot.drq.set(True)
    assert board.status(2) == 0x40
    await board.backplane.remove(tape.slot.number)
    assert board.status(2) == 0


async def test_a_state_survives_its_bytes(board: Board) -> None:
    board.program(6, SINGLE | TO_MEMORY, 0x23456, 77)
    saved = board.dma.save()
    other = Dma()
    other.load(saved)
    assert other.state == board.dma.state


# -- cards that come and go in the middle of a transfer ------------------------------------------


async def test_a_card_that_is_pulled_leaves_its_transfer_where_it_was(board: Board) -> None:
    tape = await board.tape(3)
    tape.state.room = 3
    board.memory.write_memory(0x30000, b"abcdefgh")
    board.program(3, SINGLE | FROM_MEMORY, 0x30000, 8)
    tape.slot.drq.set(True)
    board.backplane.settle_order()
    tape.state.room = 100
    tape.slot.drq.set(True)
    await board.backplane.remove(tape.slot.number)
    board.backplane.settle_order()
    assert (tape.state.taken, board.left(3)) == (b"abc", 5)
    other = await board.tape(3)
    other.slot.drq.set(True)
    board.backplane.settle_order()
    assert (other.state.taken, other.state.ends) == (b"defgh", 1)


@pytest.mark.parametrize("which", ["card", "controller", "both"])
async def test_a_replacement_in_the_middle_of_a_transfer_loses_no_byte(
    board: Board, which: str
) -> None:
    backplane = board.backplane
    tape = await board.tape(3)
    slot = tape.slot
    tape.state.room = 3
    board.memory.write_memory(0x30000, b"abcdefgh")
    board.program(3, SINGLE | FROM_MEMORY, 0x30000, 8)
    slot.drq.set(True)
    backplane.settle_order()
    tape.state.room = 100
    slot.drq.set(True)  # the controller has not seen it
    if which != "controller":
        await backplane.replace(slot.number, Tape(TapeSettings(3)))
    if which != "card":
        await backplane.replace(board.dma.slot.number, Dma())
        assert backplane.dma is not board.dma
    backplane.settle_order()
    assert (slot.card.state.taken, slot.card.state.ends) == (b"abcdefgh", 1)
    assert not slot.drq.level
