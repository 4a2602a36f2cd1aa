"""The keyboard controller: its commands, its one output buffer, and what hangs on its lines."""

from __future__ import annotations

import pytest
from trio.testing import wait_all_tasks_blocked as settle

from hotswap.bus import Backplane, Slot
from hotswap.cards.i8042 import FRAME_NS
from hotswap.cards.kbc import Kbc, Moved
from hotswap.cpu import InstructionTime, Processor, Ram
from hotswap.host.pytest_plugin import Ports, VirtualClock

DATA, STATUS, COMMAND = 0x60, 0x64, 0x64
OBF, SYS, CD, INH, MOBF = 0x01, 0x04, 0x08, 0x10, 0x20
INT, INT2, EN, EN2, XLATE = 0x01, 0x02, 0x10, 0x20, 0x40
KEYBOARD_IRQ, MOUSE_IRQ = 1, 12
ACK = 0xFA
A_MAKE, A_BREAK = b"\x1c", b"\xf0\x1c"
B_MAKE = b"\x32"


class Pc:
    """The controller as a guest uses it."""

    def __init__(self, slot: Slot, ports: Ports, clock: VirtualClock) -> None:
        self.slot, self.ports, self.clock = slot, ports, clock

    @property
    def status(self) -> int:
        return self.ports.read(STATUS)

    def read(self) -> int:
        return self.ports.read(DATA)

    def command(self, value: int, *arguments: int) -> None:
        self.ports.write(COMMAND, value)
        for argument in arguments:
            self.ports.write(DATA, argument)

    def ask(self, value: int) -> int:
        """A command that the controller itself answers."""
        self.command(value)
        assert self.status & (OBF | MOBF) == OBF
        return self.read()

    def set_command_byte(self, value: int) -> None:
        self.command(0x60, value)

    async def frame(self) -> None:
        """Time for one byte of a device."""
        await self.clock.advance(FRAME_NS)

    async def take(self) -> list[int]:
        """All that comes, a byte a frame."""
        received = []
        for _ in range(40):
            await self.frame()
            if self.status & OBF:
                received.append(self.read())
        return received

    async def keyboard(self, *values: int) -> list[int]:
        """Bytes to the keyboard, each with its answer."""
        answers = []
        for value in values:
            self.ports.write(DATA, value)
            answers += await self.take()
        return answers

    async def mouse(self, *values: int) -> list[int]:
        """Bytes to the mouse, each with its answer."""
        answers = []
        for value in values:
            self.command(0xD4, value)
            answers += await self.take()
        return answers

    async def type(self, codes: bytes) -> None:
        self.slot.input.feed(codes)
        await settle()

    def irq(self, line: int) -> bool:
        return self.slot.backplane.irq.levels[line]


@pytest.fixture
async def pc(backplane: Backplane, ports: Ports, virtual_clock: VirtualClock) -> Pc:
    return Pc(await backplane.insert(Kbc()), ports, virtual_clock)


# -- the controller's own commands ------------------------------------------------------------


async def test_it_is_as_a_bios_leaves_it(pc: Pc) -> None:
    assert pc.status == SYS | INH
    assert pc.ask(0x20) == INT | SYS | EN2 | XLATE


async def test_the_self_test_passes_and_both_lines_are_good(pc: Pc) -> None:
    assert [pc.ask(command) for command in (0xAA, 0xAB, 0xA9)] == [0x55, 0, 0]


async def test_the_self_test_sets_the_system_flag(pc: Pc) -> None:
    pc.set_command_byte(INT)
    assert not pc.status & SYS
    pc.ask(0xAA)
    assert pc.status & SYS


async def test_status_tells_commands_from_data(pc: Pc) -> None:
    pc.command(0xAE)
    assert pc.status & CD
    pc.ports.write(DATA, 0xF4)
    assert not pc.status & CD


async def test_the_ram_reads_back(pc: Pc) -> None:
    pc.command(0x7F, 0xA5)
    assert (pc.ask(0x3F), pc.ask(0x3E)) == (0xA5, 0)


async def test_keyboard_and_mouse_are_switched_in_the_command_byte(pc: Pc) -> None:
    pc.set_command_byte(0)
    pc.command(0xAD)
    pc.command(0xA7)
    assert pc.ask(0x20) == EN | EN2
    assert pc.ask(0xE0) == 0
    pc.command(0xAE)
    pc.command(0xA8)
    assert pc.ask(0x20) == 0
    assert pc.ask(0xE0) == 3


async def test_there_is_no_password(pc: Pc) -> None:
    assert pc.ask(0xA4) == 0xF1


async def test_the_input_port_is_read_or_polled_in_the_status(pc: Pc) -> None:
    assert pc.ask(0xC0) == 0xB0
    pc.command(0xC2)
    assert pc.status & 0xF0 == 0xB0
    pc.command(0xC1)
    assert pc.status & 0xF0 == 0x00
    pc.command(0xAE)
    assert pc.status & 0xF0 == INH


async def test_a_byte_written_to_the_keyboards_buffer_comes_as_from_the_keyboard(pc: Pc) -> None:
    pc.command(0xD2, 0x5A)
    assert pc.irq(KEYBOARD_IRQ)
    assert pc.status & (OBF | MOBF) == OBF
    assert pc.read() == 0x5A


async def test_a_byte_written_to_the_mouses_buffer_comes_as_from_the_mouse(pc: Pc) -> None:
    pc.set_command_byte(INT | INT2)
    pc.command(0xD3, 0x5A)
    assert (pc.irq(KEYBOARD_IRQ), pc.irq(MOUSE_IRQ)) == (False, True)
    assert pc.status & (OBF | MOBF) == OBF | MOBF
    assert pc.read() == 0x5A
    assert not pc.irq(MOUSE_IRQ)


async def test_the_output_port_shows_the_interrupts(pc: Pc) -> None:
    pc.set_command_byte(INT2)
    pc.command(0xD3, 0)
    pc.command(0xD0)
    pc.read()
    assert pc.read() == 0xE3  # as it was when the command came
    assert pc.ask(0xD0) == 0xC3


async def test_an_answer_waits_until_the_buffer_has_been_read(pc: Pc) -> None:
    await pc.type(A_MAKE)
    await pc.frame()
    pc.command(0xAA)
    assert pc.read() == 0x1E
    assert pc.status & OBF
    assert pc.read() == 0x55


async def test_a_command_in_place_of_an_argument_is_obeyed(pc: Pc) -> None:
    pc.command(0xD4)
    pc.command(0xAE)
    assert await pc.keyboard(0xEE) == [0xEE]


# -- A20 and RESET ----------------------------------------------------------------------------


@pytest.fixture
async def processor(backplane: Backplane) -> Processor:
    """Stands in flat protected mode, far from where RESET would put it."""
    found = Processor(Ram(1 << 20), backplane, InstructionTime(1_000_000))
    found.flat32(0x8000, 0x7000)
    return found


async def test_the_output_port_gates_a20(processor: Processor, pc: Pc) -> None:
    pc.command(0xD1, 0xDD)
    assert not processor.a20
    assert pc.ask(0xD0) & 2 == 0
    pc.command(0xD1, 0xDF)
    assert processor.a20


async def test_two_commands_gate_a20(processor: Processor, pc: Pc) -> None:
    pc.command(0xDD)
    assert not processor.a20
    pc.command(0xDF)
    assert processor.a20


@pytest.mark.parametrize("pulse", [(0xFE,), (0xF0,), (0xD1, 0xDE)])
async def test_reset_is_pulsed(processor: Processor, pc: Pc, pulse: tuple[int, ...]) -> None:
    pc.command(*pulse)
    assert processor.take_state().eip == 0xFFF0


async def test_a_pulse_on_no_line_or_another_one_resets_nothing(
    processor: Processor, pc: Pc
) -> None:
    pc.command(0xFF)
    pc.command(0xFD)
    assert processor.take_state().eip == 0x8000
    assert processor.a20


# -- bytes from the devices -------------------------------------------------------------------


async def test_a_key_interrupts_one_byte_at_a_time(pc: Pc) -> None:
    await pc.type(b"\xe0\x75")
    assert not pc.status & OBF
    await pc.frame()
    assert (pc.irq(KEYBOARD_IRQ), pc.status & OBF) == (True, OBF)
    await pc.clock.advance(10 * FRAME_NS)
    assert pc.read() == 0xE0
    assert (pc.irq(KEYBOARD_IRQ), pc.status & OBF) == (False, 0)
    assert pc.read() == 0xE0
    await pc.frame()
    assert (pc.irq(KEYBOARD_IRQ), pc.read()) == (True, 0x48)


async def test_a_byte_that_an_answer_has_held_up_is_sent_again(pc: Pc) -> None:
    await pc.type(A_MAKE)
    pc.command(0xAA)
    await pc.clock.advance(10 * FRAME_NS)
    assert pc.read() == 0x55
    assert not pc.status & OBF
    await pc.frame()
    assert pc.read() == 0x1E


async def test_a_guest_that_polls_sees_a_byte_when_it_is_due(pc: Pc) -> None:
    await pc.type(A_MAKE)
    pc.clock.now += FRAME_NS - 1
    assert not pc.status & OBF
    pc.clock.now += 1
    assert pc.status & OBF


async def test_the_translation_makes_set_1_of_set_2(pc: Pc) -> None:
    await pc.type(A_MAKE + A_BREAK + b"\xe0\x75\xe0\xf0\x75\x83\xf0\x83")
    assert await pc.take() == [0x1E, 0x9E, 0xE0, 0x48, 0xE0, 0xC8, 0x41, 0xC1]


async def test_without_translation_set_2_comes_through(pc: Pc) -> None:
    pc.set_command_byte(INT)
    await pc.type(A_MAKE + A_BREAK)
    assert await pc.take() == [0x1C, 0xF0, 0x1C]


async def test_the_translation_reaches_the_identity_too(pc: Pc) -> None:
    assert await pc.keyboard(0xF2) == [ACK, 0xAB, 0x41]


async def test_an_answer_between_f0_and_its_code_makes_no_make_code_of_it(pc: Pc) -> None:
    await pc.type(A_BREAK)
    await pc.frame()
    assert not pc.status & OBF
    assert await pc.keyboard(0xED, 0) == [ACK, 0x9E, ACK]


async def test_a_keyboard_that_is_off_keeps_its_codes(pc: Pc) -> None:
    pc.command(0xAD)
    await pc.type(A_MAKE)
    assert await pc.take() == []
    pc.command(0xAE)
    assert await pc.take() == [0x1E]


async def test_no_answer_interrupts_while_the_keyboard_is_off(pc: Pc) -> None:
    pc.command(0xAD)
    pc.command(0x20)
    assert pc.status & OBF
    assert not pc.irq(KEYBOARD_IRQ)


async def test_a_byte_for_the_keyboard_switches_it_on(pc: Pc) -> None:
    pc.command(0xAD)
    assert await pc.keyboard(0xEE) == [0xEE]


async def test_the_mouse_answers_through_the_same_buffer(pc: Pc) -> None:
    pc.set_command_byte(INT | INT2 | XLATE)
    pc.command(0xD4, 0xF2)
    await pc.frame()
    assert pc.status & (OBF | MOBF) == OBF | MOBF
    assert (pc.irq(KEYBOARD_IRQ), pc.irq(MOUSE_IRQ)) == (False, True)
    assert pc.read() == ACK
    assert await pc.take() == [0]


async def test_the_mouse_is_not_translated(pc: Pc) -> None:
    pc.set_command_byte(XLATE)
    assert await pc.mouse(0xFF) == [ACK, 0xAA, 0]
    pc.set_command_byte(XLATE)
    await pc.mouse(0xF4)
    pc.slot.post(Moved(1, 2, 0))
    assert await pc.take() == [0x08, 1, 2]


async def test_motion_arrives_at_the_sample_rate(pc: Pc) -> None:
    assert await pc.mouse(0xF3, 20, 0xF4) == [ACK, ACK, ACK]
    pc.slot.post(Moved(1, 0, 0))
    assert await pc.take() == [0x08, 1, 0]
    for _ in range(3):
        pc.slot.post(Moved(1, 0, 0))
    assert await pc.take() == [0x08, 3, 0]  # of the 50 ms, 27 had passed


async def test_a_key_that_is_held_repeats(pc: Pc) -> None:
    await pc.type(A_MAKE)
    assert await pc.take() == [0x1E]
    await pc.clock.advance(500_000_000)
    assert pc.read() == 0x1E
    assert await pc.take() == []
    await pc.clock.advance(100_000_000)
    assert pc.irq(KEYBOARD_IRQ)
    pc.read()
    await pc.type(A_BREAK)
    assert await pc.take() == [0x9E]
    await pc.clock.advance(1_000_000_000)
    assert not pc.status & OBF


async def test_text_waits_outside_until_the_keyboard_has_room(pc: Pc) -> None:
    await pc.type(50 * (A_MAKE + A_BREAK))
    await pc.clock.advance(5_000_000_000)
    received = []
    while codes := await pc.take():
        received += codes
    assert received == 50 * [0x1E, 0x9E]


# -- freeze, thaw and rollback ----------------------------------------------------------------


async def test_a_frozen_controller_answers_and_goes_on_where_it_was(pc: Pc) -> None:
    await pc.type(A_MAKE)
    await pc.slot.backplane.quiesce(each=1, total=1)
    saved = pc.slot.backplane.snapshot()
    assert pc.ask(0xAB) == 0
    await pc.clock.advance(10 * FRAME_NS)
    pc.slot.backplane.restore(saved)
    pc.slot.backplane.thaw()
    await settle()
    assert await pc.take() == [0x1E]


async def test_after_a_rollback_no_key_is_lost_or_doubled(pc: Pc) -> None:
    backplane = pc.slot.backplane
    await pc.type(20 * (A_MAKE + A_BREAK))
    first = await pc.take()
    await backplane.quiesce(each=1, total=1)
    state = backplane.snapshot()
    backplane.hold_streams()
    backplane.thaw()
    undone = await pc.take()
    await pc.type(B_MAKE)
    await backplane.quiesce(each=1, total=1)
    backplane.restore(state)
    backplane.rewind_streams()
    backplane.release_streams()
    backplane.thaw()
    again = await pc.take()
    assert undone
    assert first + again == 20 * [0x1E, 0x9E] + [0x30]


async def test_a_held_key_and_an_untaken_motion_survive_in_the_saved_state(pc: Pc) -> None:
    await pc.mouse(0xF4)
    await pc.type(A_MAKE)
    await pc.take()
    pc.slot.post(Moved(5, 0, 1))
    await settle()
    card = pc.slot.card
    saved = card.save()
    card.power_on()
    card.load(saved)
    assert await pc.take() == [0x09, 5, 0]
    await pc.clock.advance(500_000_000)
    assert pc.read() == 0x1E


async def test_a_saved_state_goes_on_by_itself_in_another_machine(pc: Pc) -> None:
    await pc.type(A_MAKE)
    await pc.slot.backplane.quiesce(each=1, total=1)
    pc.slot.alarm.set(None)  # alarms are not saved
    pc.slot.backplane.thaw()
    await pc.frame()
    assert pc.irq(KEYBOARD_IRQ)


async def test_a_cold_reset_takes_it_back_to_power_on(pc: Pc) -> None:
    pc.set_command_byte(INT2)
    pc.command(0xD3, 1)
    await pc.slot.backplane.quiesce(each=1, total=1)
    pc.slot.cold_reset()
    assert not pc.irq(MOUSE_IRQ)
    pc.slot.backplane.thaw()
    await settle()
    assert pc.status == SYS | INH


async def test_after_a_rollback_no_move_of_the_mouse_is_lost(pc: Pc) -> None:
    backplane = pc.slot.backplane
    await backplane.quiesce(each=1, total=1)
    state = backplane.snapshot()
    backplane.hold_streams()
    backplane.thaw()
    pc.slot.feed(Moved(3, 0, 0))
    await settle()
    pc.slot.feed(Moved(2, 1, 0))
    assert pc.slot.card.state.chip.mouse.dx == 3
    await backplane.quiesce(each=1, total=1)
    backplane.restore(state)
    assert pc.slot.card.state.chip.mouse.dx == 0
    backplane.rewind_streams()
    backplane.release_streams()
    backplane.thaw()
    await settle()
    mouse = pc.slot.card.state.chip.mouse
    assert (mouse.dx, mouse.dy) == (5, 1)
