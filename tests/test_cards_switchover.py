"""The switchover card, register by register, as docs/switchover-card.md has it."""

from __future__ import annotations

import zlib

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import Backplane, CpuShutdown, HostWrite, Policy
from hotswap.cards.mailbox import BEATS_MAX, Ack, Command, Verdict
from hotswap.cards.switchover import (
    CARD_ID,
    CRC_MAX,
    KEPT,
    UNHEARD_MAX,
    Argument,
    Register,
    SwitchoverCard,
)
from hotswap.cards.switchover_messages import (
    Acknowledged,
    Begin,
    End,
    Heartbeat,
    Issue,
    LogLine,
    Mark,
    Marked,
    Standstill,
)
from hotswap.host.board import Board
from hotswap.host.pytest_plugin import Ports

BASE, IRQ, TXN = 0x180, 10, 7
IMAGE, DEST = b"new kernel" * 10, 0x100000
BEGIN = Begin(TXN, 250_000, 0, IMAGE, DEST)


@pytest.fixture
def card(board: Board) -> SwitchoverCard:
    found = board.slot("switchover").card
    assert isinstance(found, SwitchoverCard)
    return found


@pytest.fixture
def ports(board: Board) -> Ports:
    return Ports(board.backplane)


async def order(card: SwitchoverCard, *orders: object) -> None:
    for each in orders:
        card.slot.post(each)
    await wait_all_tasks_blocked()


def signals(card: SwitchoverCard) -> list[object]:
    found: list[object] = []
    while card.signals.statistics().current_buffer_used:
        found.append(card.signals.receive_nowait())
    return found


def ack(phase: int, code: int = 0, txn: int = TXN) -> int:
    return phase << 24 | code << 16 | txn


async def test_it_says_what_it_is_and_wants_nothing(card: SwitchoverCard, ports: Ports) -> None:
    assert ports.read(BASE + Register.ID, 4) == CARD_ID == int.from_bytes(b"LKU1", "little")
    assert ports.read(BASE + Register.CMD, 4) == Command.NONE
    assert card.switchover is Policy.CARRY


@pytest.mark.parametrize("width", [1, 2])
async def test_only_cycles_of_32_bits_count(card: SwitchoverCard, ports: Ports, width: int) -> None:
    await order(card, BEGIN)
    assert ports.read(BASE + Register.ID, width) == (1 << 8 * width) - 1
    for byte in range(0, 4, width):
        value = ack(Ack.PREPARED) >> 8 * byte & (1 << 8 * width) - 1
        ports.write(BASE + Register.ACK + byte, value, width)
        ports.write(BASE + Register.DMA_DST + byte, DEST >> 8 * byte & 0xFF, width)
    assert signals(card) == []
    assert card.state.dma_dst == 0


async def test_a_command_is_read_and_interrupts_when_it_is_to(
    backplane: Backplane,
) -> None:
    alone = SwitchoverCard()
    await backplane.insert(alone)
    ports = Ports(backplane)
    await order(alone, BEGIN, Issue(Command.SAVE))
    assert ports.read(BASE + Register.CMD, 4) == Command.SAVE
    assert backplane.irq.take() == []
    await order(alone, Issue(Command.PREPARE, interrupt=True))
    assert ports.read(BASE + Register.CMD, 4) == Command.PREPARE
    ports.write(BASE + Register.IRQ_ACK, 1, 4)
    edges = backplane.irq.take()
    assert [(edge.line, edge.level) for edge in edges] == [(IRQ, True), (IRQ, False)]


async def test_an_acknowledgement_is_heard_with_the_map_registers_as_they_are(
    card: SwitchoverCard, ports: Ports
) -> None:
    await order(card, BEGIN, Issue(Command.SAVE))
    ports.write(BASE + Register.SSM_PA, 0x300000, 4)
    ports.write(BASE + Register.SSM_LEN, 0x1234, 4)
    assert ports.read(BASE + Register.SSM_PA, 4) == 0x300000
    assert ports.read(BASE + Register.SSM_LEN, 4) == 0x1234
    ports.write(BASE + Register.ACK, ack(Ack.SAVED, 3), 4)
    assert signals(card) == [Acknowledged(Ack.SAVED, 3, 0x300000, 0x1234)]


async def test_an_acknowledgement_of_another_transaction_or_of_none_answers_nothing(
    card: SwitchoverCard, ports: Ports
) -> None:
    ports.write(BASE + Register.ACK, ack(Ack.PREPARED, txn=0), 4)
    await order(card, BEGIN, Issue(Command.PREPARE))
    ports.write(BASE + Register.ACK, ack(Ack.PREPARED, txn=TXN - 1), 4)
    heard = signals(card)
    await order(card, End())
    ports.write(BASE + Register.ACK, ack(Ack.PREPARED), 4)
    assert heard + signals(card) == [
        LogLine(
            "ACK PREPARED code 0x0 of transaction 6 belongs to a switchover that is over, "
            "and is ignored"
        )
    ]
    assert ports.read(BASE + Register.CMD, 4) == Command.NONE


async def test_what_nobody_has_heard_is_forgotten_when_it_is_closed(
    card: SwitchoverCard, ports: Ports
) -> None:
    await order(card, BEGIN, Issue(Command.PREPARE))
    ports.write(BASE + Register.ACK, ack(Ack.PREPARED), 4)
    await order(card, End())
    assert signals(card) == []


async def test_double_and_early_acknowledgements_are_heard_as_what_they_are(
    card: SwitchoverCard, ports: Ports
) -> None:
    await order(card, BEGIN, Issue(Command.PREPARE))
    for phase in (Ack.SAVED, Ack.PREPARED, Ack.PREPARED):
        ports.write(BASE + Register.ACK, ack(phase), 4)
    await order(card, Issue(Command.QUIESCE))
    for phase in (Ack.PREPARED, Ack.QUIESCED):
        ports.write(BASE + Register.ACK, ack(phase), 4)
    heard = [(s.phase, s.verdict) for s in signals(card) if isinstance(s, Acknowledged)]
    assert heard == [
        (Ack.SAVED, Verdict.EARLY),
        (Ack.PREPARED, Verdict.ANSWER),
        (Ack.PREPARED, Verdict.DOUBLE),
        (Ack.PREPARED, Verdict.DOUBLE),
        (Ack.QUIESCED, Verdict.ANSWER),
    ]


async def test_a_heartbeat_is_heard_when_it_shows_progress(
    card: SwitchoverCard, ports: Ports
) -> None:
    ports.write(BASE + Register.HEARTBEAT, 5, 4)
    await order(card, BEGIN)
    for progress in (1, 1, 2, 0x1_0002):
        ports.write(BASE + Register.HEARTBEAT, progress, 4)
    assert signals(card) == [Heartbeat(1), Heartbeat(2)]


async def test_heartbeats_without_progress_and_progress_that_goes_back_are_told(
    card: SwitchoverCard, ports: Ports
) -> None:
    await order(card, BEGIN)
    for _ in range(BEATS_MAX + 1):
        ports.write(BASE + Register.HEARTBEAT, 7, 4)
    ports.write(BASE + Register.HEARTBEAT, 6, 4)
    assert signals(card) == [
        Heartbeat(7),
        Standstill("1024 heartbeats of the guest showed no progress beyond 7"),
        Standstill("the guest's progress went back from 7 to 6"),
    ]


async def test_progress_begins_anew_with_each_command_and_each_answer(
    card: SwitchoverCard, ports: Ports
) -> None:
    await order(card, BEGIN, Issue(Command.PREPARE))
    ports.write(BASE + Register.HEARTBEAT, 9, 4)
    ports.write(BASE + Register.ACK, ack(Ack.PREPARED), 4)
    ports.write(BASE + Register.HEARTBEAT, 5, 4)
    await order(card, Issue(Command.QUIESCE))
    ports.write(BASE + Register.HEARTBEAT, 3, 4)
    beats = [s.progress for s in signals(card) if isinstance(s, Heartbeat)]
    assert beats == [9, 5, 3]
    assert card.state.progress == 3


async def test_the_log_is_handed_on_in_lines_and_never_without_bound(
    card: SwitchoverCard, ports: Ports
) -> None:
    await order(card, BEGIN)
    for character in b"hello\n" + b"x" * 300:
        ports.write(BASE + Register.LOG, character, 4)
    assert signals(card) == [LogLine("hello"), LogLine("x" * 256)]


async def test_the_log_takes_up_to_four_bytes_at_once(card: SwitchoverCard, ports: Ports) -> None:
    await order(card, BEGIN)
    for four in (b"hell", b"o\nwo", b"r\0\0\0", b"\0xyz", b"ld\n"):
        ports.write(BASE + Register.LOG, int.from_bytes(four, "little"), 4)
    assert signals(card) == [LogLine("hello"), LogLine("world")]


async def test_a_talkative_kernel_loses_lines_and_no_acknowledgement(
    card: SwitchoverCard, ports: Ports
) -> None:
    await order(card, BEGIN, Issue(Command.PREPARE))
    for _ in range(UNHEARD_MAX + 100):
        ports.write(BASE + Register.LOG, ord("\n"), 4)
    ports.write(BASE + Register.ACK, ack(Ack.PREPARED), 4)
    shutdown = CpuShutdown("triple fault", 8, 0x100000)
    card.relay(shutdown)
    await order(card, Mark(1))
    heard = signals(card)
    assert heard[:-3] == [LogLine("")] * (UNHEARD_MAX - KEPT)
    assert heard[-3:] == [Acknowledged(Ack.PREPARED, 0, 0, 0), shutdown, Marked(1)]
    ports.write(BASE + Register.LOG, ord("\n"), 4)
    assert signals(card) == [
        LogLine("164 signals were lost: the coordinator was behind"),
        LogLine(""),
    ]


async def test_acknowledgements_that_answer_nothing_are_lost_before_one_that_does(
    card: SwitchoverCard, ports: Ports
) -> None:
    await order(card, BEGIN, Issue(Command.PREPARE))
    for _ in range(UNHEARD_MAX + 1):
        ports.write(BASE + Register.ACK, ack(Ack.SAVED), 4)
    ports.write(BASE + Register.ACK, ack(Ack.PREPARED), 4)
    heard = [s.verdict for s in signals(card) if isinstance(s, Acknowledged)]
    assert heard == [Verdict.EARLY] * UNHEARD_MAX + [Verdict.ANSWER]


async def test_the_arguments_are_those_of_the_transaction_and_of_the_machine(
    board: Board, card: SwitchoverCard, ports: Ports
) -> None:
    await order(card, BEGIN)
    plan = board.plan
    assert plan is not None
    expected = {
        Argument.TXN: TXN,
        Argument.BUDGET_US: 250_000,
        Argument.STAGE_PA: plan.stage.lo,
        Argument.SCRATCH_LO: plan.scratch.lo,
        Argument.SCRATCH_HI: plan.scratch.hi,
        Argument.TARGET_MINOR: 0,
        Argument.ECHO_PA: plan.echo.lo,
        Argument.ECHO_LEN: plan.echo.size,
    }
    for number, value in [*expected.items(), (8, 0xFFFFFFFF)]:
        ports.write(BASE + Register.ARG_SEL, number, 4)
        assert ports.read(BASE + Register.ARG, 4) == value
    assert set(expected) == set(Argument)


async def test_the_high_half_of_the_time_is_that_of_the_low_half_read_before(
    board: Board, card: SwitchoverCard, ports: Ports
) -> None:
    low = ports.read(BASE + Register.TIME_LO, 4)
    high = ports.read(BASE + Register.TIME_HI, 4)
    assert high << 32 | low == board.backplane.clock.now()
    card.state.time_hi = 0x55  # whatever the clock has done since
    assert ports.read(BASE + Register.TIME_HI, 4) == 0x55


async def test_the_crc_engine_reads_ram_and_nothing_else(
    board: Board, card: SwitchoverCard, ports: Ports
) -> None:
    board.processor.write_memory(0x200000, IMAGE)
    ports.write(BASE + Register.CRC_PA, 0x200000, 4)
    ports.write(BASE + Register.CRC_LEN, len(IMAGE), 4)
    assert ports.read(BASE + Register.CRC, 4) == zlib.crc32(IMAGE)
    ports.write(BASE + Register.CRC_LEN, 0xFFFFFFFF, 4)
    assert ports.read(BASE + Register.CRC, 4) == 0


async def test_the_crc_engine_does_not_take_all_the_time_there_is(
    card: SwitchoverCard, ports: Ports
) -> None:
    ports.write(BASE + Register.CRC_PA, 0x200000, 4)
    for length, there in ((CRC_MAX, True), (CRC_MAX + 1, False)):
        ports.write(BASE + Register.CRC_LEN, length, 4)
        assert bool(ports.read(BASE + Register.CRC, 4)) == there


@pytest.mark.parametrize(
    ("txn", "dest", "copied"),
    [(TXN, DEST, True), (TXN + 1, DEST, False), (0, DEST, False), (TXN, DEST + 4096, False)],
)
async def test_the_image_is_copied_for_this_transaction_to_where_it_belongs(
    board: Board, card: SwitchoverCard, ports: Ports, txn: int, dest: int, copied: bool
) -> None:
    await order(card, BEGIN, Issue(Command.SWITCH))
    ports.write(BASE + Register.ACK, ack(Ack.BOOT), 4)
    board.backplane.io.trace(True)
    ports.write(BASE + Register.DMA_DST, dest, 4)
    ports.write(BASE + Register.DMA_GO, txn, 4)
    writes = [each for each in board.backplane.trace.records if isinstance(each, HostWrite)]
    assert [(w.address, w.size, w.by) for w in writes] == (
        [(DEST, len(IMAGE), "switchover")] if copied else []
    )
    assert (board.processor.read_memory(DEST, len(IMAGE)) == IMAGE) is copied


@pytest.mark.parametrize("answers", [[], [Ack.BOOT, Ack.DECODED]], ids=["before", "after"])
async def test_nothing_is_copied_outside_the_phase_it_belongs_to(
    board: Board, card: SwitchoverCard, ports: Ports, answers: list[Ack]
) -> None:
    await order(card, BEGIN, Issue(Command.SWITCH))
    for answer in answers:
        ports.write(BASE + Register.ACK, ack(answer), 4)
    ports.write(BASE + Register.DMA_DST, DEST, 4)
    ports.write(BASE + Register.DMA_GO, TXN, 4)
    assert board.processor.read_memory(DEST, len(IMAGE)) == bytes(len(IMAGE))
    assert signals(card)[-1] == LogLine("DMA_GO came before ACK BOOT or after DECODED")


async def test_nothing_is_copied_once_the_transaction_is_over(
    board: Board, card: SwitchoverCard, ports: Ports
) -> None:
    await order(card, BEGIN, End())
    ports.write(BASE + Register.DMA_DST, DEST, 4)
    for txn in (0, TXN):
        ports.write(BASE + Register.DMA_GO, txn, 4)
    assert board.processor.read_memory(DEST, len(IMAGE)) == bytes(len(IMAGE))


async def test_board_events_and_marks_come_in_order_with_what_the_guest_says(
    card: SwitchoverCard, ports: Ports
) -> None:
    await order(card, BEGIN, Mark(1))
    ports.write(BASE + Register.HEARTBEAT, 1, 4)
    shutdown = CpuShutdown("triple fault", 8, 0x100000)
    card.relay(shutdown)
    assert signals(card) == [Marked(1), Heartbeat(1), shutdown]


async def test_it_is_not_frozen_with_the_others(board: Board, card: SwitchoverCard) -> None:
    await order(card, BEGIN)
    with trio.fail_after(10):
        assert await board.backplane.quiesce(each=1, total=1) == []
    await order(card, Issue(Command.SWITCH))
    assert card.state.cmd == Command.SWITCH


async def test_its_state_is_carried(card: SwitchoverCard, ports: Ports) -> None:
    await order(card, BEGIN, Issue(Command.ECHO))
    ports.write(BASE + Register.SSM_PA, 0x300000, 4)
    saved = card.save()
    await order(card, End())
    ports.write(BASE + Register.SSM_PA, 0, 4)
    card.load(saved)
    assert ports.read(BASE + Register.CMD, 4) == Command.ECHO
    assert ports.read(BASE + Register.SSM_PA, 4) == 0x300000
    ports.write(BASE + Register.ACK, ack(Ack.ECHOED), 4)
    assert signals(card) == [Acknowledged(Ack.ECHOED, 0, 0x300000, 0)]


async def test_it_leaves_no_ports_behind(board: Board, card: SwitchoverCard, ports: Ports) -> None:
    await board.backplane.remove(card.slot.number)
    assert ports.read(BASE + Register.ID, 4) == 0xFFFFFFFF


async def test_whoever_wants_to_hears_an_answer_before_the_out_has_ended(
    card: SwitchoverCard, ports: Ports
) -> None:
    heard: list[int] = []
    card.on_answer = lambda answer: heard.append(answer.phase)
    await order(card, BEGIN, Issue(Command.COMMIT))
    ports.write(BASE + Register.ACK, ack(Ack.RESUMED, 2), 4)  # the answer to another command
    assert heard == []
    ports.write(BASE + Register.ACK, ack(Ack.RESUMED), 4)
    ports.write(BASE + Register.ACK, ack(Ack.RESUMED), 4)
    assert heard == [Ack.RESUMED]
