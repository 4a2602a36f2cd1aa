"""The 8254 on the board: ports, IRQ 0, port 0x61, and what a pause does to the ticks."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hotswap.bus import Backplane
from hotswap.cards.pit import CATCH_UP, CLK_HZ, Pit
from hotswap.host.pytest_plugin import Ports, VirtualClock

CONTROL, SYSTEM_B = 0x43, 0x61
SECOND = 1_000_000_000


def ns(pulses: int) -> int:
    """Machine time of a CLK pulse."""
    return -(-pulses * SECOND // CLK_HZ)


class Board:
    def __init__(self, backplane: Backplane, ports: Ports, clock: VirtualClock, pit: Pit) -> None:
        self.backplane, self.ports, self.clock, self.pit = backplane, ports, clock, pit
        self.started = 0

    def program(self, counter: int, mode: int, count: int, *, bcd: bool = False) -> None:
        """Low byte, then high byte; CE is loaded by the next pulse."""
        self.ports.write(CONTROL, counter << 6 | 0x30 | mode << 1 | bcd)
        self.ports.write(0x40 + counter, count & 0xFF)
        self.ports.write(0x40 + counter, count >> 8)
        self.started = self.clock.now * CLK_HZ // SECOND + 1

    async def at(self, pulses: int) -> None:
        """Until `pulses` CLK pulses after CE was loaded."""
        await self.clock.advance(ns(self.started + pulses) - self.clock.now)

    def count(self, counter: int) -> int:
        """Counter latch command and both bytes."""
        self.ports.write(CONTROL, counter << 6)
        low = self.ports.read(0x40 + counter)
        return low | self.ports.read(0x40 + counter) << 8

    def ticks(self) -> list[int]:
        """Rising edges of IRQ 0 since the last call, in CLK pulses since CE was loaded."""
        edges = [edge for edge in self.backplane.irq.take() if edge.line == 0 and edge.level]
        return [edge.time * CLK_HZ // SECOND - self.started for edge in edges]


@pytest.fixture
async def board(backplane: Backplane, ports: Ports, virtual_clock: VirtualClock) -> Board:
    pit = Pit()
    await backplane.insert(pit)
    backplane.irq.take()
    return Board(backplane, ports, virtual_clock, pit)


async def test_a_new_timer_raises_nothing_by_itself(board: Board) -> None:
    await board.clock.advance(SECOND)
    assert board.ticks() == []


async def test_mode_2_ticks_once_every_count_pulses(board: Board) -> None:
    board.program(0, 2, 100)
    await board.at(1000)
    assert board.ticks() == [100 * n for n in range(1, 11)]


async def test_mode_3_ticks_once_every_count_pulses(board: Board) -> None:
    board.program(0, 3, 101)
    await board.at(1010)
    assert board.ticks() == [101 * n for n in range(1, 11)]


async def test_ticks_never_drift(board: Board) -> None:
    board.program(0, 2, 65536 & 0xFFFF)
    await board.at(65536 * 3000 - 1)
    ticks = board.ticks()
    assert len(ticks) == 2999
    assert ticks[-1] == 2999 * 65536


async def test_mode_0_raises_irq_0_once_at_the_terminal_count(board: Board) -> None:
    board.program(0, 0, 50)
    assert not board.pit.slot.irq.level
    await board.at(49)
    assert board.ticks() == []
    await board.at(500)
    assert board.ticks() == [50]
    assert board.pit.slot.irq.level


async def test_mode_4_raises_irq_0_after_its_strobe(board: Board) -> None:
    board.program(0, 4, 50)
    await board.at(500)
    assert board.ticks() == [51]


async def test_a_new_count_in_mode_2_holds_from_the_end_of_the_period(board: Board) -> None:
    board.program(0, 2, 100)
    await board.at(150)
    board.ports.write(0x40, 30)
    board.ports.write(0x40, 0)
    await board.at(265)
    assert board.ticks() == [100, 200, 230, 260]


async def test_the_control_word_stops_the_ticks(board: Board) -> None:
    board.program(0, 2, 100)
    await board.at(150)
    board.ports.write(CONTROL, 0x30)
    await board.at(1000)
    assert board.ticks() == [100]


async def test_a_tick_that_is_due_when_the_guest_reprograms_the_timer_is_not_lost(
    board: Board,
) -> None:
    board.program(0, 2, 100)
    board.clock.now = ns(board.started + 120)  # past the deadline, the alarm not yet fired
    board.program(0, 2, 1000)
    assert len(board.ticks()) == 1


async def test_no_guest_sees_a_new_period_in_the_count_before_its_tick(board: Board) -> None:
    board.program(0, 2, 100)
    board.clock.now = ns(board.started + 120)
    assert board.ports.read(0x40) == 80
    assert board.ticks() == [120]
    await board.at(250)
    assert board.ticks() == [200]


# -- reading ----------------------------------------------------------------------------------


async def test_the_latch_command_freezes_the_count_until_it_is_read(board: Board) -> None:
    board.program(2, 0, 0x1234)
    board.ports.write(SYSTEM_B, 0x01)
    await board.at(0x235)
    board.ports.write(CONTROL, 0x80)
    await board.clock.advance(SECOND // 100)
    board.ports.write(CONTROL, 0x80)  # ignored: the first one has not been read
    low, high = board.ports.read(0x42), board.ports.read(0x42)
    assert low | high << 8 == 0x1234 - 0x235


async def test_reading_back_counts_and_status_of_two_counters_at_once(board: Board) -> None:
    board.program(0, 2, 1000)
    board.program(1, 3, 600)
    await board.at(10)
    board.ports.write(CONTROL, 0b1100_0110)
    assert board.ports.read(0x40) == 0x80 | 0x34
    assert board.ports.read(0x41) == 0x80 | 0x36
    assert (board.ports.read(0x40), board.ports.read(0x40)) == (990 & 0xFF, 990 >> 8)
    assert (board.ports.read(0x41), board.ports.read(0x41)) == (580 & 0xFF, 580 >> 8)


async def test_a_count_alone_can_be_read_back(board: Board) -> None:
    board.program(0, 2, 1000)
    await board.at(10)
    board.ports.write(CONTROL, 0b1101_0010)
    await board.at(20)
    assert (board.ports.read(0x40), board.ports.read(0x40)) == (990 & 0xFF, 990 >> 8)


async def test_status_alone_leaves_the_count_running(board: Board) -> None:
    board.program(0, 2, 1000)
    await board.at(10)
    board.ports.write(CONTROL, 0b1110_0010)
    await board.at(20)
    assert board.ports.read(0x40) == 0x80 | 0x34
    assert board.count(0) == 980


async def test_null_count_is_set_until_the_count_is_loaded(board: Board) -> None:
    board.ports.write(CONTROL, 0x34)
    board.ports.write(CONTROL, 0b1110_0010)
    assert board.ports.read(0x40) & 0x40
    board.program(0, 2, 1000)
    await board.at(1)
    board.ports.write(CONTROL, 0b1110_0010)
    assert not board.ports.read(0x40) & 0x40
    board.ports.write(0x40, 0x10)
    board.ports.write(CONTROL, 0b1110_0010)
    assert not board.ports.read(0x40) & 0x40  # half a count is none
    board.ports.write(0x40, 0x00)
    board.ports.write(CONTROL, 0b1110_0010)
    assert board.ports.read(0x40) & 0x40  # mode 2 takes it at the end of the period
    await board.at(1001)
    board.ports.write(CONTROL, 0b1110_0010)
    assert not board.ports.read(0x40) & 0x40


async def test_a_counter_may_be_read_and_written_by_one_byte_only(board: Board) -> None:
    board.ports.write(CONTROL, 0x14)  # counter 0, LSB, mode 2
    board.ports.write(0x40, 200)
    await board.clock.advance(ns(board.clock.now * CLK_HZ // SECOND + 1 + 50) - board.clock.now)
    assert board.ports.read(0x40) == 150
    board.ports.write(CONTROL, 0x24)  # MSB
    board.ports.write(0x40, 2)
    await board.clock.advance(ns(board.clock.now * CLK_HZ // SECOND + 1) - board.clock.now)
    assert board.ports.read(0x40) == 2
    await board.clock.advance(2000)
    assert board.ports.read(0x40) == 1


async def test_a_bcd_counter_counts_in_decades(board: Board) -> None:
    board.program(0, 2, 0x1000, bcd=True)
    await board.at(1)
    assert board.count(0) == 0x0999
    await board.at(2000)
    assert board.ticks() == [1000, 2000]


async def test_a_count_of_zero_is_the_longest_one(board: Board) -> None:
    board.program(0, 2, 0)
    await board.at(1)
    assert board.count(0) == 0xFFFF
    board.program(0, 2, 0, bcd=True)
    await board.at(10001)
    assert board.ticks() == [10000]


async def test_a_count_of_one_does_not_flood_the_board(board: Board) -> None:
    board.program(0, 2, 1)
    await board.clock.advance(SECOND)
    assert board.ticks() == []


async def test_the_control_port_cannot_be_read(board: Board) -> None:
    assert board.ports.read(CONTROL) == 0xFF


# -- port 0x61 --------------------------------------------------------------------------------


async def test_gate_2_starts_the_one_shot_and_out_2_shows_its_end(board: Board) -> None:
    board.program(2, 0, 100)
    board.ports.write(SYSTEM_B, 0x01)
    start = board.clock.now * CLK_HZ // SECOND
    await board.clock.advance(ns(start + 99) - board.clock.now)
    assert not board.ports.read(SYSTEM_B) & 0x20
    await board.clock.advance(ns(start + 101) - board.clock.now)
    assert board.ports.read(SYSTEM_B) & 0x20


async def test_port_61_keeps_its_four_low_bits(board: Board) -> None:
    board.ports.write(SYSTEM_B, 0xFE)
    assert board.ports.read(SYSTEM_B) & 0xCF == 0x0E


async def test_the_refresh_bit_toggles_every_15_us(board: Board) -> None:
    seen = []
    for _ in range(64):
        seen.append(bool(board.ports.read(SYSTEM_B) & 0x10))
        await board.clock.advance(15086)
    assert sum(a != b for a, b in pairwise(seen)) >= 62


async def test_the_refresh_bit_starts_low(board: Board) -> None:
    assert not board.ports.read(SYSTEM_B) & 0x10


# -- pauses -----------------------------------------------------------------------------------


async def test_ticks_missed_in_a_pause_are_given_between_the_regular_ones(board: Board) -> None:
    board.program(0, 2, 1000)
    await board.at(1000)
    board.ticks()
    board.clock.now = ns(board.started + 4000)  # three ticks pass unnoticed
    await board.at(7000)
    assert board.ticks() == [4000, 4500, 5000, 5500, 6000, 7000]


async def test_ticks_owed_at_one_rate_are_not_given_at_another(board: Board) -> None:
    board.program(0, 2, 1000)
    board.clock.now = ns(board.started + 5500)
    await board.at(5500)
    board.program(0, 2, 100)
    board.ticks()
    await board.at(250)
    assert board.ticks() == [100, 200]


async def test_a_timer_plugged_in_late_owes_nothing(
    backplane: Backplane, virtual_clock: VirtualClock
) -> None:
    virtual_clock.now = SECOND
    pit = Pit()
    await backplane.insert(pit)
    assert pit.state.served == CLK_HZ


async def test_what_is_missed_beyond_the_limit_is_gone(board: Board) -> None:
    board.program(0, 2, 1000)
    board.clock.now = ns(board.started + 1000 * 5000)
    await board.at(1000 * 5400)
    ticks = board.ticks()
    assert len(ticks) == 1 + 400 + CATCH_UP
    assert ticks[-1] == 1000 * 5400


async def test_a_frozen_timer_answers_but_does_not_tick_and_catches_up_when_thawed(
    board: Board,
) -> None:
    board.program(0, 2, 1000)
    await board.at(1000)
    board.ticks()
    await board.backplane.quiesce(each=1, total=1)
    await board.at(3500)
    assert board.pit.slot.alarm.deadline is not None
    assert board.ticks() == []
    board.backplane.thaw()
    await board.at(5000)
    assert board.ticks() == [3500, 4000, 4500, 5000]
    assert board.count(0) == 1000


async def test_what_the_new_kernel_programs_while_frozen_runs_after_the_thaw(
    board: Board,
) -> None:
    board.program(0, 2, 1000)
    await board.backplane.quiesce(each=1, total=1)
    board.program(0, 2, 300)
    await board.at(30)
    board.backplane.thaw()
    await board.at(650)
    assert [tick for tick in board.ticks() if tick > 0] == [300, 600]


async def test_a_saved_timer_goes_on_where_it_was(board: Board) -> None:
    board.program(0, 2, 1000)
    await board.at(500)
    await board.backplane.quiesce(each=1, total=1)
    state = board.backplane.snapshot()
    board.ports.write(CONTROL, 0x30)
    board.backplane.restore(state)
    board.backplane.thaw()
    board.ticks()
    await board.at(2000)
    assert board.ticks() == [1000, 2000]
