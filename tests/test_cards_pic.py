"""The 8259A pair, driven through its four ports and the sixteen lines."""

from __future__ import annotations

import pytest

from hotswap.bus import Backplane, Wire
from hotswap.cards.pic import Pic
from hotswap.host.pytest_plugin import Ports

FIRST, SECOND = 0x20, 0xA0
EOI, POLL, READ_IRR, READ_ISR = 0x20, 0x0C, 0x0A, 0x0B
SPECIAL_MASK = 0x68


class Board:
    """The controller as the guest, the devices and the CPU see it."""

    def __init__(self, backplane: Backplane, ports: Ports, pic: Pic) -> None:
        self.backplane, self.ports, self.pic = backplane, ports, pic
        self.wires: list[Wire] = [backplane.irq.lease(n, 9, "test") for n in range(16) if n != 2]
        self.wires.insert(2, self.wires[0])
        self.initialise()

    def initialise(self, *, icw1: int = 0x11, icw4: int = 0x01) -> None:
        """IRQ 0 is vector 0x20, IRQ 8 vector 0x28; nothing is masked."""
        for base, vector, icw3 in ((FIRST, 0x20, 4), (SECOND, 0x28, 2)):
            self.ports.write(base, icw1)
            for word in (vector, icw3, icw4, 0):
                self.ports.write(base + 1, word)

    def up(self, *lines: int) -> None:
        for line in lines:
            self.wires[line].set(True)

    def down(self, *lines: int) -> None:
        for line in lines:
            self.wires[line].set(False)

    def deliver(self) -> int | None:
        """The CPU takes what INTR asks for: its vector."""
        vector = self.pic.update()
        if vector is not None:
            self.pic.acknowledge()
        return vector

    def isr(self, base: int = FIRST) -> int:
        self.ports.write(base, READ_ISR)
        return self.ports.read(base)

    def irr(self, base: int = FIRST) -> int:
        self.ports.write(base, READ_IRR)
        return self.ports.read(base)


class Cpu:
    """INTR and INTA of a CPU; `take` stands for the instant at which IF lets the vector in."""

    def __init__(self, pic: Pic) -> None:
        self.pic = pic
        self.armed: int | None = None
        self.taken: list[int] = []
        self._unnoticed = False

    def take(self) -> None:
        assert self.armed is not None
        self.taken.append(self.armed)
        self.armed, self._unnoticed = None, True

    def sync_interrupts(self) -> None:
        if self._unnoticed:
            self._unnoticed = False
            self.pic.acknowledge()
        self.armed = self.pic.update()

    def kick(self) -> None: ...

    def nmi(self) -> None: ...

    def set_a20(self, enabled: bool) -> None: ...

    def ignne(self) -> None: ...

    def reset(self) -> None: ...


@pytest.fixture
async def board(backplane: Backplane, ports: Ports) -> Board:
    pic = Pic()
    await backplane.insert(pic)
    return Board(backplane, ports, pic)


async def test_an_uninitialised_pair_asks_for_nothing(backplane: Backplane) -> None:
    pic = Pic()
    await backplane.insert(pic)
    backplane.irq.lease(4, 9, "test").set(True)
    assert pic.update() is None


async def test_it_is_the_controller_of_its_backplane(board: Board) -> None:
    assert board.backplane.controller is board.pic


async def test_a_line_that_drops_and_rises_between_two_reads_is_seen_both_times(
    board: Board,
) -> None:
    board.up(3)
    assert board.deliver() == 0x23
    assert board.irr() == 0
    board.down(3)
    board.up(3)
    assert board.irr() == 0x08


async def test_an_edge_between_two_reads_shows_in_the_second(board: Board) -> None:
    assert board.irr() == 0
    board.up(3)
    assert board.ports.read(FIRST) == 0x08


async def test_an_edge_request_stays_latched_when_its_line_drops(board: Board) -> None:
    board.up(3)
    board.down(3)
    assert board.irr() == 0x08
    assert board.deliver() == 0x23


async def test_a_more_urgent_line_takes_the_place_of_what_waits_for_interrupts_to_be_enabled(
    board: Board,
) -> None:
    board.up(5)
    assert board.pic.update() == 0x25
    board.up(1)
    assert [board.deliver(), board.deliver()] == [0x21, None]
    board.ports.write(FIRST, EOI)
    assert board.deliver() == 0x25


async def test_the_second_chip_comes_in_on_ir2(board: Board) -> None:
    board.up(12)
    assert board.irr(FIRST) == 0x04
    assert board.deliver() == 0x2C
    assert (board.isr(FIRST), board.isr(SECOND)) == (0x04, 0x10)
    board.ports.write(SECOND, EOI)
    board.ports.write(FIRST, EOI)
    assert (board.isr(FIRST), board.isr(SECOND)) == (0, 0)


async def test_two_requests_of_the_second_chip_are_two_edges_on_ir2(board: Board) -> None:
    board.up(8, 14)
    assert board.deliver() == 0x28
    board.ports.write(SECOND, EOI)
    assert board.deliver() is None
    board.ports.write(FIRST, EOI)
    assert board.deliver() == 0x2E


async def test_the_slots_irq_2_contact_is_irq_9(backplane: Backplane, ports: Ports) -> None:
    pic = Pic()
    await backplane.insert(pic)
    wire = backplane.irq.lease(2, 9, "test")
    for base, vector, icw3 in ((FIRST, 0x20, 4), (SECOND, 0x28, 2)):
        ports.write(base, 0x11)
        for word in (vector, icw3, 1, 0):
            ports.write(base + 1, word)
    wire.set(True)
    assert pic.update() == 0x29


async def test_a_single_chip_needs_no_icw3_and_has_eight_inputs_of_its_own(board: Board) -> None:
    board.ports.write(FIRST, 0x13)
    for word in (0x40, 0x01, 0x00):
        board.ports.write(FIRST + 1, word)
    board.up(10)
    assert board.deliver() == 0x42
    assert board.isr(SECOND) == 0


# -- level triggered mode ---------------------------------------------------------------------


async def test_a_level_of_the_second_chip_gone_before_inta_is_a_spurious_irq_15(
    board: Board,
) -> None:
    board.ports.write(SECOND, 0x19)
    for word in (0x28, 2, 1, 0):
        board.ports.write(SECOND + 1, word)
    board.up(11)
    assert board.pic.update() == 0x2B
    board.down(11)
    assert board.deliver() == 0x2F
    assert (board.isr(FIRST), board.isr(SECOND)) == (0x04, 0)
    board.ports.write(FIRST, EOI)
    assert board.deliver() is None


async def test_masking_the_second_chip_after_its_edge_leaves_a_spurious_irq_15(
    board: Board,
) -> None:
    board.up(11)
    assert board.pic.update() == 0x2B
    board.ports.write(SECOND + 1, 0x08)
    assert board.deliver() == 0x2F
    assert (board.isr(FIRST), board.isr(SECOND)) == (0x04, 0)


# -- EOI, rotation and modes ------------------------------------------------------------------


async def test_automatic_eoi_leaves_nothing_in_service(board: Board) -> None:
    board.initialise(icw4=0x03)
    board.up(9, 10)
    assert [board.deliver(), board.deliver()] == [0x29, 0x2A]
    assert (board.isr(FIRST), board.isr(SECOND)) == (0, 0)


async def test_special_fully_nested_mode_takes_a_more_urgent_request_of_the_second_chip(
    board: Board,
) -> None:
    board.up(12)
    board.deliver()
    board.up(9)
    assert board.deliver() is None  # fully nested: IR2 is in service
    board.initialise(icw4=0x11)
    board.down(9, 12)
    board.up(12)
    assert board.deliver() == 0x2C
    board.up(9)
    assert board.deliver() == 0x29


# -- poll -------------------------------------------------------------------------------------


async def test_a_poll_of_the_second_chip_lets_its_next_request_reach_the_first(
    board: Board,
) -> None:
    board.ports.write(FIRST + 1, 0x04)
    board.up(9)
    board.ports.write(SECOND, POLL)
    assert board.ports.read(SECOND) == 0x81
    board.ports.write(SECOND, EOI)
    board.ports.write(FIRST, 0x60 | 2)
    board.up(10)
    board.ports.write(FIRST + 1, 0)
    assert board.deliver() == 0x2A


async def test_a_poll_of_the_second_chip_takes_its_request_off_a_level_triggered_ir2(
    board: Board,
) -> None:
    board.initialise(icw1=0x19)
    board.up(9)
    board.ports.write(SECOND, POLL)
    assert board.ports.read(SECOND) == 0x81
    assert board.ports.read(FIRST) == 0


# -- with a CPU -------------------------------------------------------------------------------


@pytest.fixture
def cpu(board: Board) -> Cpu:
    board.backplane.cpu = cpu = Cpu(board.pic)
    board.backplane.in_slice = True
    return cpu


async def test_an_edge_arms_intr_at_once(board: Board, cpu: Cpu) -> None:
    board.up(3)
    assert cpu.armed == 0x23


async def test_masking_withdraws_intr_within_the_cycle_and_unmasking_arms_it_again(
    board: Board, cpu: Cpu
) -> None:
    board.up(3)
    board.ports.write(FIRST + 1, 0x08)
    assert cpu.armed is None
    board.ports.write(FIRST + 1, 0x00)
    assert cpu.armed == 0x23


async def test_a_poll_withdraws_intr_within_the_cycle(board: Board, cpu: Cpu) -> None:
    board.up(3)
    board.ports.write(FIRST, POLL)
    assert cpu.armed == 0x23
    board.ports.read(FIRST)
    assert cpu.armed is None


async def test_a_delivery_nobody_noticed_is_acknowledged_before_the_next_cycle_is_served(
    board: Board, cpu: Cpu
) -> None:
    board.ports.write(FIRST, READ_ISR)
    board.up(3)
    cpu.take()
    assert board.ports.read(FIRST) == 0x08
    board.up(1)
    cpu.take()
    board.ports.write(FIRST, EOI)
    assert board.ports.read(FIRST) == 0x08
    assert cpu.taken == [0x23, 0x21]


async def test_a_more_urgent_edge_takes_the_place_of_an_armed_vector(
    board: Board, cpu: Cpu
) -> None:
    board.up(5)
    board.up(1)
    cpu.take()
    board.ports.write(FIRST, EOI)
    cpu.take()
    assert cpu.taken == [0x21, 0x25]


async def test_a_pair_pulled_out_is_nobodys_controller(board: Board) -> None:
    await board.backplane.remove(board.pic.slot.number)
    assert board.backplane.controller is None


# -- lines, trace, freeze ---------------------------------------------------------------------


async def test_edges_wait_while_the_lines_are_held_and_are_applied_when_let_out(
    board: Board,
) -> None:
    board.backplane.irq.hold(True)
    board.up(3)
    assert board.irr() == 0
    assert board.pic.update() is None
    board.backplane.irq.hold(False)
    assert board.pic.update() == 0x23


async def test_edges_are_traced_as_they_are_applied(board: Board) -> None:
    board.backplane.io.trace(True)
    board.up(3)
    board.down(3)
    board.pic.update()
    lines = [(record.number, record.level) for record in board.backplane.trace.records]  # type: ignore[union-attr]
    assert lines == [(3, True), (3, False)]


async def test_a_saved_pair_asks_for_the_same_vector_when_it_is_loaded(board: Board) -> None:
    board.up(12)
    assert board.pic.update() == 0x2C
    saved = board.pic.save()
    board.initialise()
    assert board.pic.update() is None
    board.pic.load(saved)
    assert board.deliver() == 0x2C


async def test_a_pair_plugged_in_later_sees_the_levels_of_the_lines(
    backplane: Backplane, ports: Ports
) -> None:
    backplane.irq.lease(3, 9, "test").set(True)
    pic = Pic()
    await backplane.insert(pic)
    for word, a0 in ((0x19, 0), (0x20, 1), (4, 1), (1, 1), (0, 1)):
        ports.write(FIRST + a0, word)
    assert pic.update() == 0x23
