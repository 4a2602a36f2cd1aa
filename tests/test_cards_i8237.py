"""One 8237A against its data sheet, and against a model that moves one transfer at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotswap.cards.i8237 import I8237, Command, Reg

DEMAND, SINGLE, BLOCK, CASCADE = 0x00, 0x40, 0x80, 0xC0
AUTOINITIALIZE, DECREMENT, WRITE = 0x10, 0x20, 0x04


def program(chip: I8237, channel: int, mode: int, address: int, count: int) -> None:
    """Mode, address and count; the channel is unmasked."""
    chip.write(Reg.MODE, mode | channel)
    chip.write(Reg.CLEAR_FLIP_FLOP, 0)
    for value in (address & 0xFF, address >> 8):
        chip.write(2 * channel, value)
    for value in (count & 0xFF, count >> 8):
        chip.write(2 * channel + 1, value)
    chip.write(Reg.MASK, channel)


def current(chip: I8237, channel: int) -> tuple[int, int]:
    """Address and count as the CPU reads them."""
    chip.write(Reg.CLEAR_FLIP_FLOP, 0)
    low, high = chip.read(2 * channel), chip.read(2 * channel)
    address = high << 8 | low
    low, high = chip.read(2 * channel + 1), chip.read(2 * channel + 1)
    return address, high << 8 | low


def service(chip: I8237, channel: int) -> bool:
    """All transfers up to TC."""
    chip.begin(channel)
    while True:
        run = chip.channels[channel].run()
        if chip.advance(channel, run):
            return True


def test_the_first_last_flip_flop_selects_the_half_of_every_register() -> None:
    chip = I8237()
    program(chip, 1, SINGLE, 0x1234, 0x5678)
    assert current(chip, 1) == (0x1234, 0x5678)
    chip.write(2, 0xAA)
    assert chip.read(3) == 0x56  # the flip-flop stands at the upper half, whoever asks
    chip.write(Reg.CLEAR_FLIP_FLOP, 0)
    assert chip.read(3) == 0x78


def test_a_count_of_n_stands_for_n_plus_one_transfers() -> None:
    chip = I8237()
    program(chip, 0, SINGLE | WRITE, 0x1000, 3)
    assert chip.channels[0].run() == 4
    assert not chip.advance(0, 3)
    assert chip.advance(0, 1)
    assert current(chip, 0) == (0x1004, 0xFFFF)


def test_tc_sets_status_and_mask_and_reading_the_status_clears_tc() -> None:
    chip = I8237()
    program(chip, 2, SINGLE | WRITE, 0, 0)
    chip.drive(2, True)
    assert chip.next() == 2
    assert service(chip, 2)
    assert chip.next() is None
    assert chip.read(Reg.STATUS) == 0x44
    assert chip.read(Reg.STATUS) == 0x40


def test_autoinitialize_reloads_the_base_and_leaves_the_channel_open() -> None:
    chip = I8237()
    program(chip, 3, SINGLE | WRITE | AUTOINITIALIZE, 0x8000, 0x1FF)
    chip.drive(3, True)
    service(chip, 3)
    assert current(chip, 3) == (0x8000, 0x1FF)
    assert chip.next() == 3


def test_an_address_goes_down_and_around() -> None:
    chip = I8237()
    program(chip, 1, SINGLE | WRITE | DECREMENT, 1, 3)
    assert chip.channels[1].run() == 2
    chip.advance(1, 2)
    assert current(chip, 1) == (0xFFFF, 1)
    assert chip.channels[1].run() == 2


def test_fixed_priority_is_by_number() -> None:
    chip = I8237(mask=0, lines=0b1110)
    assert [chip.next(skip) for skip in (0, 0b0010, 0b0110, 0b1110)] == [1, 2, 3, None]


def test_rotating_priority_puts_the_last_one_served_at_the_end() -> None:
    chip = I8237(mask=0, lines=0b1111)
    chip.write(Reg.COMMAND, Command.ROTATING)
    order = []
    for _ in range(5):
        channel = chip.next()
        assert channel is not None
        chip.begin(channel)
        order.append(channel)
    assert order == [0, 1, 2, 3, 0]


def test_masks_one_by_one_all_at_once_and_cleared() -> None:
    chip = I8237(lines=0b1111)
    assert chip.next() is None
    chip.write(Reg.MASK, 3)
    assert chip.next() == 3
    chip.write(Reg.ALL_MASKS, 0b1001)
    assert chip.next() == 1
    chip.write(Reg.MASK, 4 | 1)
    assert chip.next() == 2
    chip.write(Reg.CLEAR_MASKS, 0)
    assert chip.next() == 0


def test_a_software_request_passes_the_mask_until_tc() -> None:
    chip = I8237()
    chip.channels[2].mode = BLOCK | WRITE
    chip.write(Reg.REQUEST, 4 | 2)
    assert chip.next() == 2
    assert chip.read(Reg.STATUS) == 0x40
    service(chip, 2)
    assert chip.next() is None
    chip.write(Reg.REQUEST, 4 | 1)
    chip.write(Reg.REQUEST, 1)
    assert chip.next() is None


@pytest.mark.parametrize(("mode", "goes_on"), [(DEMAND, None), (SINGLE, None), (BLOCK, 1)])
def test_only_a_block_needs_no_request_after_dack(mode: int, goes_on: int | None) -> None:
    chip = I8237()
    program(chip, 1, mode | WRITE, 0, 9)
    chip.drive(1, True)
    chip.begin(1)
    chip.advance(1, 4)
    chip.drive(1, False)
    assert chip.next() == goes_on


def test_a_disabled_controller_asks_for_nothing() -> None:
    chip = I8237(mask=0, lines=1, request=2)
    chip.write(Reg.COMMAND, Command.DISABLE)
    assert chip.next() is None


def test_requests_may_be_active_low() -> None:
    chip = I8237(mask=0, lines=0b1011)
    chip.write(Reg.COMMAND, Command.DREQ_LOW)
    assert chip.next() == 2
    assert chip.read(Reg.STATUS) == 0x40


def test_master_clear_leaves_modes_and_counts() -> None:
    chip = I8237(temporary=7, terminal=5)
    program(chip, 0, SINGLE | WRITE, 0x1234, 5)
    chip.write(Reg.COMMAND, Command.ROTATING)
    chip.write(Reg.REQUEST, 4 | 3)
    chip.write(0, 0)  # flip-flop at the upper half
    chip.write(Reg.MASTER_CLEAR, 0)
    assert (chip.mask, chip.command, chip.request, chip.terminal) == (15, 0, 0, 0)
    assert chip.read(Reg.TEMPORARY) == 0
    assert not chip.high_byte
    assert chip.channels[0].mode == SINGLE | WRITE
    assert current(chip, 0) == (0x1200, 5)


def test_a_copy_ends_by_the_count_of_channel_1() -> None:
    chip = I8237(command=Command.MEMORY_TO_MEMORY)
    program(chip, 0, BLOCK, 0x100, 1)
    program(chip, 1, BLOCK | WRITE, 0x200, 3)
    chip.write(Reg.REQUEST, 4)
    assert chip.copies(0)
    assert not chip.copies(1)
    assert not chip.advance_copy(2)
    assert chip.read(Reg.STATUS) == 0x10  # no TC of channel 0
    assert chip.advance_copy(2)
    assert chip.read(Reg.STATUS) == 0x02
    assert chip.mask == 0b1110
    assert current(chip, 0) == (0x104, 0xFFFD)


def test_a_copy_autoinitializes_its_source_by_the_count_of_channel_0() -> None:
    chip = I8237(command=Command.MEMORY_TO_MEMORY)
    program(chip, 0, BLOCK | AUTOINITIALIZE, 0x100, 1)
    program(chip, 1, BLOCK | WRITE, 0x200, 9)
    chip.advance_copy(2)
    assert current(chip, 0) == (0x100, 1)
    chip.write(Reg.COMMAND, Command.MEMORY_TO_MEMORY | Command.CHANNEL_0_HOLD)
    chip.advance_copy(1)
    assert current(chip, 0) == (0x100, 0)


def test_a_register_that_cannot_be_read_floats() -> None:
    chip = I8237()
    assert {chip.read(reg) for reg in (9, 0xA, 0xB, 0xC, 0xE, 0xF)} == {0xFF}


# -- one transfer at a time -------------------------------------------------------------------


@dataclass
class Model:
    """The data sheet in the simplest words: one dictionary a channel, one transfer a step."""

    channels: list[dict[str, int]] = field(
        default_factory=lambda: [
            {"base_a": 0, "base_c": 0, "a": 0, "c": 0, "mode": 0, "masked": 1, "soft": 0,
             "pin": 0, "tc": 0, "block": 0} for _ in range(4)
        ]
    )  # fmt: skip
    rotating: bool = False
    disabled: bool = False
    order: list[int] = field(default_factory=lambda: [0, 1, 2, 3])
    half: int = 0

    def write(self, reg: int, value: int) -> None:
        chosen = self.channels[value % 4]
        if reg < 8:
            names = ("base_c", "c") if reg % 2 else ("base_a", "a")
            for name in names:
                halves = list(divmod(self.channels[reg // 2][name], 256))
                halves[1 - self.half] = value
                self.channels[reg // 2][name] = halves[0] * 256 + halves[1]
            self.half = 1 - self.half
        elif reg == 8:
            self.rotating, self.disabled = bool(value & 16), bool(value & 4)
        elif reg == 9:
            chosen["soft"] = value // 4 % 2
        elif reg == 10:
            chosen["masked"] = value // 4 % 2
        elif reg == 11:
            chosen["mode"], chosen["block"] = value // 4, 0
        elif reg == 12:
            self.half = 0
        elif reg == 13:
            self.half, self.rotating, self.disabled, self.order = 0, False, False, [0, 1, 2, 3]
            for channel in self.channels:
                channel.update(soft=0, masked=1, tc=0, block=0)
        elif reg == 14:
            for channel in self.channels:
                channel["masked"] = 0
        else:
            for number, channel in enumerate(self.channels):
                channel["masked"] = value >> number & 1

    def asks(self, number: int) -> bool:
        channel = self.channels[number]
        pin = (channel["pin"] or channel["block"]) and not channel["masked"]
        return not self.disabled and bool(channel["soft"] or pin)

    def serve(self) -> list[tuple[int, int]]:
        """Channel and address of every transfer, in order; each channel once, up to its TC."""
        done: list[tuple[int, int]] = []
        served: set[int] = set()
        while True:
            order = self.order if self.rotating else [0, 1, 2, 3]
            waiting = [n for n in order if n not in served and self.asks(n)]
            if not waiting:
                return done
            number = waiting[0]
            served.add(number)
            if self.rotating:
                self.order = [(number + step) % 4 for step in range(1, 5)]
            channel = self.channels[number]
            while True:
                done.append((number, channel["a"]))
                down = channel["mode"] >> 3 & 1
                channel["a"] = (channel["a"] + (-1 if down else 1)) % 65536
                channel["c"] = (channel["c"] - 1) % 65536
                if channel["c"] == 65535:
                    break
            channel.update(tc=1, soft=0, block=0)
            if channel["mode"] >> 2 & 1:
                channel["a"], channel["c"] = channel["base_a"], channel["base_c"]
            else:
                channel["masked"] = 1


def serve(chip: I8237) -> list[tuple[int, int]]:
    """What `Model.serve` does, by runs."""
    done: list[tuple[int, int]] = []
    skip = 0
    while (number := chip.next(skip)) is not None:
        skip |= 1 << number
        channel = chip.begin(number)
        while True:
            run, step = channel.run(), -1 if channel.decrements else 1
            done += [(number, channel.address + step * n) for n in range(run)]
            if chip.advance(number, run):
                break
    return done


byte = st.integers(0, 255)
registers = st.tuples(st.just("write"), st.sampled_from([*range(8), 9, 10, 11, 12, 14, 15]), byte)
commands = st.tuples(st.just("write"), st.just(8), st.sampled_from([0, 4, 16]))
clears = st.tuples(st.just("write"), st.just(13), byte)
pins = st.tuples(st.just("pin"), st.integers(0, 3), st.integers(0, 1))
turns = st.tuples(st.just("serve"), st.just(0), st.just(0))
actions = st.one_of(registers, registers, commands, pins, pins, turns, clears)


@given(st.lists(actions, max_size=60))
def test_runs_are_what_single_transfers_would_be(script: list[tuple[str, int, int]]) -> None:
    chip, model = I8237(), Model()
    for action, which, value in [*script, ("serve", 0, 0)]:
        if action == "write":
            chip.write(which, value)
            model.write(which, value)
        elif action == "pin":
            chip.drive(which, bool(value))
            model.channels[which]["pin"] = value
        else:
            assert serve(chip) == model.serve()
    for number, channel in enumerate(model.channels):
        assert current(chip, number) == (channel["a"], channel["c"])
    asking = sum((c["pin"] or c["soft"]) << n for n, c in enumerate(model.channels))
    ended = sum(c["tc"] << n for n, c in enumerate(model.channels))
    assert chip.read(Reg.STATUS) == asking << 4 | ended
    assert chip.mask == sum(c["masked"] << n for n, c in enumerate(model.channels))


def test_its_registers_are_plain_values() -> None:
    chip = I8237(lines=3, request=4)
    program(chip, 2, BLOCK | WRITE, 0x1234, 0x5678)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(chip), type=I8237) == chip
