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


OPERATIONS = st.one_of(
    st.tuples(st.just("program"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("write"), st.integers(2, 9), st.just(False)),
    st.tuples(st.just("gate"), st.booleans(), st.just(False)),
    st.tuples(st.just("pulses"), st.integers(1, 12), st.just(False)),
    st.tuples(st.just("pulses"), st.integers(1, 40), st.just(False)),
)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 5), st.lists(OPERATIONS, max_size=30))
def test_count_out_and_rises_agree_with_counting_pulse_by_pulse(
    mode: int, operations: list[tuple[str, int, bool]]
) -> None:
    counter, model, clk = Counter(), PulseModel(), 0
    rises: list[int] = []
    two_bytes = False

    def program(mode: int, both: bool) -> None:
        nonlocal two_bytes
        two_bytes = both
        counter.program((BOTH if both else LSB) | mode << 1, clk)
        model.program(mode, two_bytes=both)

    program(mode, False)
    for operation, value, flag in [*operations, ("pulses", 40, False)]:
        if operation == "program":
            program(value, flag)
        elif operation == "write":
            for byte in (value, 0) if two_bytes else (value,):
                counter.write(byte, clk)
                model.write(byte)
        elif operation == "gate":
            counter.set_gate(bool(value), clk)
            model.set_gate(bool(value))
        else:
            for _ in range(value):
                expected = counter.next_rise(clk)
                before = model.out
                clk += 1
                model.pulse()
                if model.out and not before:
                    rises.append(clk)
                    assert expected == clk
                else:
                    assert expected != clk
                assert counter.out(clk) == model.out
                if counter.start is not None:
                    assert counter.count(clk) == model.ce & 0xFFFF
        assert counter.out(clk) == model.out


@given(st.integers(0, 9999))
def test_bcd_is_four_decades(value: int) -> None:
    assert to_bcd(value) == int(str(value), 16)
    assert from_bcd(to_bcd(value)) == value
