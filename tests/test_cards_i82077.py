"""The 82077AA by itself: phases, registers, and the commands that need no drive."""

from __future__ import annotations

import pytest

from hotswap.cards.i82077 import I82077, Phase
from hotswap.cards.i82077_registers import Code, decode
from hotswap.cards.i82077_transfer import Transfer, parse

RQM, DIO, NON_DMA, CMD_BSY = 0x80, 0x40, 0x20, 0x10
SPECIFY, SENSE, DUMPREG, VERSION, PERPENDICULAR, CONFIGURE, LOCK = (
    0x03, 0x08, 0x0E, 0x10, 0x12, 0x13, 0x14,
)  # fmt: skip
READ, READ_MT, READ_TRACK, VERIFY = 0x46, 0xC6, 0x42, 0x56


@pytest.fixture
def chip() -> I82077:
    """Out of its reset, the four senses fetched."""
    chip = I82077(dor=0x0C)
    chip.ready()
    for _ in range(4):
        command(chip, SENSE)
    return chip


def command(chip: I82077, *whole: int) -> list[int]:
    """The result of a command that takes no drive."""
    for byte in whole:
        assert chip.phase is Phase.COMMAND
        assert chip.write_command(byte) is None
    return result(chip)


def result(chip: I82077) -> list[int]:
    found = []
    while chip.phase is Phase.RESULT:
        found.append(chip.read_result())
    return found


def status(chip: I82077) -> int:
    return chip.status(ready=False, to_host=False)


# -- phases -----------------------------------------------------------------------------------


def test_after_power_on_the_chip_is_in_reset_at_250_kbit() -> None:
    chip = I82077()
    assert (chip.phase, status(chip), chip.rate, chip.int_) == (Phase.RESET, 0, 2, False)
    assert chip.write_command(VERSION) is None
    assert chip.read_result() == 0xFF
    assert chip.phase is Phase.RESET


def test_after_reset_four_drives_have_changed_their_ready_state() -> None:
    chip = I82077()
    chip.ready()
    assert chip.int_
    assert status(chip) == RQM
    found = [command(chip, SENSE) for _ in range(4)]
    assert found == [[0xC0, 0], [0xC1, 0], [0xC2, 0], [0xC3, 0]]
    assert not chip.int_
    assert command(chip, SENSE) == [0x80]


def test_the_first_sense_takes_the_interrupt_of_a_reset_back() -> None:
    chip = I82077()
    chip.ready()
    command(chip, SENSE)
    assert not chip.int_
    assert chip.polling == 3


def test_the_status_register_leads_through_a_command(chip: I82077) -> None:
    assert status(chip) == RQM
    chip.write_command(SPECIFY)
    assert status(chip) == RQM | CMD_BSY
    chip.write_command(0xAF)
    assert status(chip) == RQM | CMD_BSY
    chip.write_command(0x02)
    assert status(chip) == RQM
    chip.write_command(VERSION)
    assert status(chip) == RQM | DIO | CMD_BSY
    chip.read_result()
    assert status(chip) == RQM


@pytest.mark.parametrize(
    "first", [0x00, 0x01, 0x0B, 0x15, 0x1F, 0x11, 0x19, 0x1D, 0x18, 0x88, 0x4F]
)
def test_an_invalid_command_is_known_by_its_first_byte(chip: I82077, first: int) -> None:
    assert command(chip, first) == [0x80]
    assert not chip.int_


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (0xE6, Code.READ_DATA), (0xC5, Code.WRITE_DATA), (0xEA, Code.READ_ID),
        (0x0F, Code.SEEK), (0x8F, Code.RELATIVE_SEEK), (0xCF, Code.RELATIVE_SEEK),
        (0x14, Code.LOCK), (0x94, Code.LOCK), (0x54, None), (0x47, None),
    ],
)  # fmt: skip
def test_flags_belong_to_the_commands_that_have_some(first: int, code: Code | None) -> None:
    assert decode(first) == code


def test_a_command_for_a_drive_is_handed_out_whole(chip: I82077) -> None:
    whole = [READ, 0x04, 1, 1, 2, 2, 18, 0x1B, 0xFF]
    assert [chip.write_command(byte) for byte in whole[:-1]] == [None] * 8
    assert chip.write_command(whole[-1]) == bytes(whole)
    assert chip.phase is Phase.EXECUTION
    assert status(chip) == CMD_BSY
    assert chip.write_command(VERSION) is None
    assert chip.read_result() == 0xFF
    assert chip.phase is Phase.EXECUTION


def test_seeks_leave_the_command_phase_to_others(chip: I82077) -> None:
    chip.write_command(0x07)
    assert chip.write_command(0x01) == b"\x07\x01"
    assert status(chip) == RQM


def test_without_dma_the_status_register_says_what_the_host_is_to_move(chip: I82077) -> None:
    command(chip, SPECIFY, 0xAF, 0x03)
    for byte in (READ, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF):
        chip.write_command(byte)
    assert chip.status(ready=False, to_host=True) == CMD_BSY | NON_DMA | DIO
    assert chip.status(ready=True, to_host=True) == CMD_BSY | NON_DMA | DIO | RQM
    assert chip.status(ready=True, to_host=False) == CMD_BSY | NON_DMA | RQM


def test_the_first_byte_of_a_result_takes_the_interrupt_back(chip: I82077) -> None:
    chip.phase = Phase.EXECUTION
    chip.answer(0, 0, 0, 1, 0, 1, 2)
    chip.int_ = True
    assert chip.read_result() == 0
    assert not chip.int_
    assert result(chip) == [0, 0, 1, 0, 1, 2]
    assert chip.phase is Phase.COMMAND


# -- seeks that have ended --------------------------------------------------------------------


def test_each_seek_is_an_interrupt_of_its_own(chip: I82077) -> None:
    chip.busy = 0x03
    chip.seek_ended(1, 7)
    chip.seek_ended(0, 9)
    assert chip.int_
    chip.write_command(SENSE)
    assert not chip.int_
    assert result(chip) == [0x21, 7]
    assert chip.int_
    assert status(chip) == RQM | 0x01
    assert command(chip, SENSE) == [0x20, 9]
    assert not chip.int_
    assert status(chip) == RQM


def test_a_seek_that_ends_in_another_commands_result_interrupts_after_it(chip: I82077) -> None:
    chip.answer(1, 2)
    chip.seek_ended(0, 5)
    assert not chip.int_
    chip.read_result()
    assert not chip.int_
    chip.read_result()
    assert chip.int_


# -- settings ---------------------------------------------------------------------------------


def test_version_is_that_of_an_enhanced_controller(chip: I82077) -> None:
    assert command(chip, VERSION) == [0x90]


def test_dumpreg_shows_what_was_set(chip: I82077) -> None:
    chip.pcn = [1, 2, 3, 4]
    chip.last = 18
    command(chip, SPECIFY, 0xAF, 0x02)
    command(chip, CONFIGURE, 0, 0x57, 0x22)
    command(chip, PERPENDICULAR, 0x80 | 0x14 | 0x03)
    assert command(chip, DUMPREG) == [1, 2, 3, 4, 0xAF, 0x02, 18, 0x17, 0x57, 0x22]
    command(chip, LOCK | 0x80)
    assert command(chip, DUMPREG)[7] == 0x97


def test_perpendicular_drives_change_only_with_the_overwrite_bit(chip: I82077) -> None:
    command(chip, PERPENDICULAR, 0x80 | 0x3C)
    command(chip, PERPENDICULAR, 0x01)
    assert chip.perpendicular == 0x3D


def test_lock_answers_with_its_state(chip: I82077) -> None:
    assert command(chip, LOCK | 0x80) == [0x10]
    assert command(chip, LOCK) == [0x00]


def test_a_software_reset_keeps_what_was_specified_and_what_is_locked(chip: I82077) -> None:
    for lock, expected in ((0x00, [0x20, 0x00]), (0x80, [0x07, 0x33])):
        command(chip, SPECIFY, 0xDF, 0x04)
        command(chip, CONFIGURE, 0, 0x57, 0x33)
        command(chip, PERPENDICULAR, 0x80 | 0x07)
        command(chip, LOCK | lock)
        chip.pcn = [5, 6, 7, 8]
        chip.reset()
        assert chip.phase is Phase.RESET
        chip.ready()
        for _ in range(4):
            command(chip, SENSE)
        assert command(chip, DUMPREG) == [0, 0, 0, 0, 0xDF, 0x04, 0, lock | 0x04, *expected]


def test_a_reset_forgets_seeks_and_half_a_command(chip: I82077) -> None:
    chip.write_command(SPECIFY)
    chip.busy = 2
    chip.ended = [0x21]
    chip.int_ = True
    chip.reset()
    assert not chip.int_
    chip.ready()
    assert status(chip) == RQM
    assert command(chip, SENSE) == [0xC0, 0]


@pytest.mark.parametrize(
    ("dor", "drive"), [(0x1C, 0), (0x2D, 1), (0x4E, 2), (0x0C, None), (0x1D, None)]
)
def test_a_drive_is_selected_by_its_number_and_its_motor(dor: int, drive: int | None) -> None:
    assert I82077(dor=dor).selected == drive


# -- addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "head", "r", "expected", "at_end"),
    [
        (READ, 0, 4, (2, 7, 5), False), (READ, 0, 9, (3, 7, 1), True),
        (READ, 1, 4, (2, 7, 5), False), (READ, 1, 9, (3, 7, 1), True),
        (READ_MT, 0, 4, (2, 7, 5), False), (READ_MT, 0, 9, (2, 6, 1), False),
        (READ_MT, 1, 4, (2, 7, 5), False), (READ_MT, 1, 9, (3, 6, 1), True),
    ],
)  # fmt: skip
def test_the_id_of_a_result_is_as_in_table_5_6(
    first: int, head: int, r: int, expected: tuple[int, int, int], at_end: bool
) -> None:
    transfer = parse(bytes((first, head << 2, 2, 7, r, 2, 9, 0x1B, 0xFF)))
    assert transfer.at_end == at_end
    transfer.advance()
    assert (transfer.c, transfer.h, transfer.r) == expected
    assert transfer.head == (1 if first == READ_MT and r == 9 else head)


def test_read_track_ends_after_as_many_sectors_as_the_end_of_the_track_says() -> None:
    transfer = parse(bytes((READ_TRACK, 0, 0, 0, 7, 2, 3, 0x1B, 0xFF)))
    ends = []
    for _ in range(3):
        transfer.finish_sector()
        ends.append(transfer.at_end)
        transfer.advance()
    assert ends == [False, False, True]


@pytest.mark.parametrize(
    ("select", "length", "count"), [(0x00, 0xFF, 0), (0x80, 5, 5), (0x80, 0, 256)]
)
def test_verify_counts_sectors_when_it_is_told_to(select: int, length: int, count: int) -> None:
    assert parse(bytes((VERIFY, select, 0, 0, 1, 2, 9, 0x1B, length))).count == count


def test_the_host_moves_no_more_than_there_is() -> None:
    transfer = Transfer(Code.READ_DATA, 0, 0, 0, 0, 0, 1, 2, 9, 0, size=4)
    transfer.buffer[:] = b"abcd"
    assert (transfer.read(3), transfer.read(3)) == (b"abc", b"d")
    transfer = Transfer(Code.WRITE_DATA, 0, 0, 0, 0, 0, 1, 2, 9, 0, size=4)
    assert (transfer.write(b"abc"), transfer.write(b"def")) == (3, 1)
    assert transfer.buffer == b"abcd"
