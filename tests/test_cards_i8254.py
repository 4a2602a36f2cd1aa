"""One 8254 counter against a model that counts every single CLK pulse, as the data sheet draws it.

The counter under test computes count and OUT from the pulse CE was loaded at; the model below
decrements. Whatever the CPU and GATE do, both must agree at every pulse.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hotswap.cards.i8254 import Counter, from_bcd, to_bcd

LSB, BOTH = 0x10, 0x30


class PulseModel:
    """The data sheet's counter: `pulse` is one CLK pulse."""

    def __init__(self) -> None:
        self.mode, self.two_bytes, self.gate = 3, True, True
        self.cr: int | None = None
        self.first: int | None = None
        self.ce = 0
        self.out = True
        self.load = self.counting = self.armed = False

    def program(self, mode: int, *, two_bytes: bool) -> None:
        self.mode, self.two_bytes = mode, two_bytes
        self.cr = self.first = None
        self.load = self.counting = self.armed = False
        self.out = mode != 0

    def write(self, value: int) -> None:
        if self.two_bytes and self.first is None:
            self.first = value
            if self.mode == 0:
                self.counting = self.load = False
                self.out = False
            return
        if self.two_bytes:
            value, self.first = value << 8 | (self.first or 0), None
        self.cr = value or 0x10000
        if self.mode == 0:
            self.counting, self.out, self.load = False, False, True
        elif self.mode == 4 or (self.mode in (2, 3) and not self.counting and self.gate):
            self.load = True

    def set_gate(self, gate: bool) -> None:
        rises, falls = gate and not self.gate, self.gate and not gate
        self.gate = gate
        if rises and self.mode in (1, 2, 3, 5) and self.cr is not None:
            self.load = True
        if falls and self.mode in (2, 3):
            self.counting, self.load, self.out = False, False, True

    def pulse(self) -> None:
        if self.load:
            self._load()
            return
        if not self.counting or (self.mode in (0, 4) and not self.gate):
            return
        match self.mode:
            case 0 | 1:
                self.ce -= 1
                if self.ce == 0:
                    self.out = True
            case 4 | 5:
                self.ce -= 1
                self.out = self.ce != 0
            case 2:
                self.ce -= 1
                if self.ce == 0:
                    self._reload()
                self.out = self.ce != 1
            case 3:
                self._square()
        self.ce &= 0xFFFF

    def _square(self) -> None:
        """By twos; an odd count has one pulse more in its high half, spent at zero."""
        self.ce -= 2
        if self.ce == 0 and not (self.odd and self.out):
            self.out = not self.out
            self._reload()
        elif self.ce < 0:
            self.out = False
            self._reload()

    def _reload(self) -> None:
        assert self.cr is not None
        self.ce = self.cr & ~1 if self.mode == 3 else self.cr
        self.odd = bool(self.cr & 1)

    def _load(self) -> None:
        assert self.cr is not None
        self._reload()
        self.load, self.counting = False, True
        if self.mode == 1:
            self.out = False
        elif self.mode > 1:
            self.out = True


MODES = st.integers(0, 5)
STEPS = st.tuples(
    st.one_of(
        st.tuples(st.just("write"), st.integers(2, 9)),
        st.tuples(st.just("write first byte"), st.integers(2, 9)),
        st.tuples(st.just("gate"), st.just(0)),
        st.tuples(st.just("gate"), st.just(1)),
        st.tuples(st.just("program"), MODES),
    ),
    st.integers(0, 25),
    st.booleans(),
)
"""What is done, how many pulses then pass, and whether anybody looks at the counter meanwhile."""


@settings(max_examples=300, deadline=None)
@given(MODES, st.integers(2, 9), st.booleans(), st.lists(STEPS, min_size=3, max_size=12))
def test_count_out_and_rises_agree_with_counting_pulse_by_pulse(
    mode: int, first: int, two_bytes: bool, steps: list[tuple[tuple[str, int], int, bool]]
) -> None:
    counter, model, clk = Counter(), PulseModel(), 0
    high_byte_due = False
    program = (("program", mode), 0, True)
    write = (("write", first), 3, True)
    for (action, value), pulses, watched in [program, write, *steps, (("gate", 1), 30, True)]:
        if action == "program":
            counter.program((BOTH if two_bytes else LSB) | value << 1, clk)
            model.program(value, two_bytes=two_bytes)
            high_byte_due = False
        elif action == "gate":
            counter.set_gate(bool(value), clk)
            model.set_gate(bool(value))
        else:
            half = action == "write first byte" and two_bytes
            data = [0] if high_byte_due else [value, 0] if two_bytes and not half else [value]
            high_byte_due = half and not high_byte_due
            for byte in data:
                counter.write(byte, clk)
                model.write(byte)
        if watched:
            assert counter.out(clk) == model.out
        for _ in range(pulses):
            before, expected = model.out, counter.next_rise(clk) if watched else None
            clk += 1
            model.pulse()
            if watched:
                assert (expected == clk) == (model.out and not before)
                assert counter.out(clk) == model.out
                assert counter.count(clk) == model.ce & 0xFFFF


def test_the_count_of_a_stopped_counter_stays_readable() -> None:
    counter = Counter()
    counter.program(LSB, 0)
    counter.write(100, 0)
    counter.program(LSB | 4, 41)
    assert counter.count(1000) == 60


def test_a_new_control_word_empties_cr_and_starts_with_the_low_byte() -> None:
    counter = Counter()
    counter.program(BOTH | 4, 0)
    for byte in (0x34, 0x12):
        counter.write(byte, 0)
    assert counter.read(1) == 0x34
    assert not counter.null_count
    counter.program(BOTH | 4, 1)
    assert counter.null_count
    assert counter.read(1) == 0x34


def test_a_latched_byte_is_read_once() -> None:
    counter = Counter()
    counter.program(LSB | 4, 0)
    counter.write(100, 0)
    counter.latch_count(11)
    assert (counter.read(21), counter.read(21)) == (90, 80)


def test_modes_2_and_3_have_two_names_each() -> None:
    counter = Counter()
    for control, mode in ((0x34, 2), (0x3C, 2), (0x36, 3), (0x3E, 3), (0x3A, 5)):
        counter.program(control, 0)
        assert counter.mode == mode


@given(st.integers(0, 9999))
def test_bcd_is_four_decades(value: int) -> None:
    assert to_bcd(value) == int(str(value), 16)
    assert from_bcd(to_bcd(value)) == value
