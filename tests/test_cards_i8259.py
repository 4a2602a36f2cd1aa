"""One 8259A by itself: initialisation, priorities, EOI, rotation, special mask mode, poll."""

from __future__ import annotations

import pytest

from hotswap.cards.i8259 import I8259

EOI, POLL, READ_IRR, READ_ISR = 0x20, 0x0C, 0x0A, 0x0B
SPECIAL_MASK = 0x68


class Chip:
    """The chip, its inputs, and a CPU that takes vectors when told to."""

    def __init__(self) -> None:
        self.registers = I8259()
        self.initialise()

    def initialise(self, *, icw1: int = 0x13, icw4: int = 0x01) -> None:
        """Alone on the bus, IR0 is vector 0x20, nothing is masked."""
        self.write(0, icw1)
        for word in (0x20, icw4, 0):
            self.write(1, word)

    def read(self, a0: int) -> int:
        return self.registers.read(a0)

    def write(self, a0: int, value: int) -> None:
        self.registers.write(a0, value)

    def up(self, *lines: int) -> None:
        for line in lines:
            self.registers.drive(line, True)

    def down(self, *lines: int) -> None:
        for line in lines:
            self.registers.drive(line, False)

    def asks(self) -> int | None:
        """The vector INT asks for."""
        chip = self.registers
        return chip.vector + chip.pending() if chip.int_out else None

    def deliver(self) -> int | None:
        """INTA, if INT is up: the vector."""
        vector = self.asks()
        if vector is not None:
            assert self.registers.vector + self.registers.acknowledge() == vector
        return vector

    def isr(self) -> int:
        self.write(0, READ_ISR)
        return self.read(0)

    def irr(self) -> int:
        self.write(0, READ_IRR)
        return self.read(0)


@pytest.fixture
def chip() -> Chip:
    return Chip()


def test_a_rising_line_asks_for_its_vector_and_is_in_service_after_inta(chip: Chip) -> None:
    chip.up(3)
    assert chip.irr() == 0x08
    assert chip.deliver() == 0x23
    assert (chip.irr(), chip.isr()) == (0, 0x08)
    assert chip.deliver() is None


def test_an_edge_is_taken_once_however_long_the_line_stays_up(chip: Chip) -> None:
    chip.up(3)
    chip.deliver()
    chip.write(0, EOI)
    assert chip.deliver() is None
    chip.down(3)
    chip.up(3)
    assert chip.deliver() == 0x23


def test_the_imr_reads_back_and_withdraws_what_was_asked_for(chip: Chip) -> None:
    chip.up(3)
    assert chip.asks() == 0x23
    chip.write(1, 0x08)
    assert chip.read(1) == 0x08
    assert chip.asks() is None
    assert chip.irr() == 0x08
    chip.write(1, 0)
    assert chip.deliver() == 0x23


def test_a_more_urgent_line_interrupts_a_service_routine_and_a_lesser_one_waits(
    chip: Chip,
) -> None:
    chip.up(4)
    chip.deliver()
    chip.up(6)
    assert chip.deliver() is None
    chip.up(0)
    assert chip.deliver() == 0x20
    assert chip.isr() == 0x11
    chip.write(0, EOI)
    assert chip.isr() == 0x10
    chip.write(0, EOI)
    assert chip.deliver() == 0x26


def test_icw1_clears_the_edge_latches_and_needs_a_new_edge(chip: Chip) -> None:
    chip.up(3)
    chip.initialise()
    assert chip.deliver() is None
    chip.down(3)
    chip.up(3)
    assert chip.deliver() == 0x23


def test_icw1_ends_rotation_special_mask_mode_and_the_reading_of_the_isr(
    chip: Chip,
) -> None:
    chip.write(0, 0xC0 | 4)
    chip.write(0, SPECIAL_MASK)
    chip.write(0, READ_ISR)
    chip.initialise()
    chip.up(1, 5)
    assert chip.read(0) == 0x22
    assert chip.deliver() == 0x21
    chip.write(1, 0x02)
    assert chip.deliver() is None


def test_icw4_is_optional(chip: Chip) -> None:
    chip.initialise(icw4=0x03)
    chip.write(0, 0x10)
    for word in (0x40, 4, 0x55):
        chip.write(1, word)
    assert chip.read(1) == 0x55
    chip.up(3)
    assert chip.deliver() == 0x43
    assert chip.isr() == 0x08  # the automatic EOI of the old ICW4 is off


def test_a_level_asks_again_after_the_eoi_while_it_lasts(chip: Chip) -> None:
    chip.initialise(icw1=0x1B)
    chip.up(3)
    assert chip.deliver() == 0x23
    chip.write(0, EOI)
    assert chip.deliver() == 0x23
    chip.down(3)
    chip.write(0, EOI)
    assert chip.deliver() is None


def test_a_level_gone_before_inta_is_a_spurious_irq_7(chip: Chip) -> None:
    chip.initialise(icw1=0x1B)
    chip.up(3)
    assert chip.asks() == 0x23
    chip.down(3)
    assert chip.deliver() == 0x27
    assert chip.isr() == 0
    assert chip.deliver() is None


def test_a_specific_eoi_ends_the_level_it_names(chip: Chip) -> None:
    chip.up(4)
    chip.deliver()
    chip.up(1)
    chip.deliver()
    chip.write(0, 0x60 | 4)
    assert chip.isr() == 0x02


def test_set_priority_makes_the_next_level_the_most_urgent(chip: Chip) -> None:
    chip.write(0, 0xC0 | 4)
    chip.up(1, 5)
    assert chip.deliver() == 0x25


def test_rotation_on_a_non_specific_eoi_sends_the_served_level_to_the_end(
    chip: Chip,
) -> None:
    chip.up(3)
    chip.deliver()
    chip.write(0, 0xA0)
    chip.up(1, 6)
    assert chip.deliver() == 0x26


def test_rotation_on_a_specific_eoi_sends_the_named_level_to_the_end(chip: Chip) -> None:
    chip.up(3)
    chip.deliver()
    chip.write(0, 0xE0 | 3)
    assert chip.isr() == 0
    chip.up(1, 6)
    assert chip.deliver() == 0x26


def test_rotation_in_automatic_eoi_can_be_set_and_cleared(chip: Chip) -> None:
    chip.initialise(icw4=0x03)
    chip.write(0, 0x80)
    chip.up(3)
    chip.deliver()
    chip.up(1, 6)
    assert [chip.deliver(), chip.deliver()] == [0x26, 0x21]
    chip.write(0, 0x00)
    chip.write(0, 0xC0 | 7)
    chip.down(1, 6)
    chip.up(6)
    chip.deliver()
    chip.up(1)
    chip.down(6)
    chip.up(6)
    assert chip.deliver() == 0x21


def test_special_mask_mode_lets_lesser_levels_through_a_masked_service(chip: Chip) -> None:
    chip.up(3)
    chip.deliver()
    chip.up(6)
    chip.write(1, 0x08)
    assert chip.deliver() is None
    chip.write(0, SPECIAL_MASK)
    assert chip.deliver() == 0x26
    chip.write(0, EOI)  # ends 6: a masked level is not ended by it
    assert chip.isr() == 0x08
    chip.write(0, SPECIAL_MASK & ~0x20)
    chip.up(7)
    assert chip.deliver() is None


def test_a_poll_reads_the_most_urgent_level_and_puts_it_in_service(chip: Chip) -> None:
    chip.up(5, 3)
    chip.write(0, POLL)
    assert chip.read(0) == 0x83
    assert chip.isr() == 0x08
    assert chip.deliver() is None


def test_a_poll_with_nothing_to_serve_reads_zero_once(chip: Chip) -> None:
    chip.write(1, 0xF0)
    chip.write(0, POLL)
    assert chip.read(1) == 0
    assert chip.read(1) == 0xF0
