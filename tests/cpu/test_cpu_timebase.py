"""Machine time: exact in instructions, movable in real time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotswap.cpu import CpuStateError, InstructionTime, RealTime


class Counter:
    """Stands where the block counter is."""

    instructions = 0


@given(
    rate=st.integers(1, 10**10),
    executed=st.integers(0, 10**12),
    skipped=st.integers(0, 10**12),
    deadline=st.integers(0, 10**15),
)
def test_a_deadline_is_reached_at_its_count_and_not_one_before(
    rate: int, executed: int, skipped: int, deadline: int
) -> None:
    clock, counter = InstructionTime(rate), Counter()
    clock.attach(counter)  # type: ignore[arg-type]
    clock.skipped = skipped
    counter.instructions = count = clock.count_at(deadline)
    assert clock.now() >= deadline
    counter.instructions = count - 1
    assert clock.now() < deadline
    counter.instructions = executed
    before = clock.now()
    clock.skip_to(deadline)
    assert clock.now() >= max(before, deadline)
    assert clock.skipped >= skipped


def test_time_does_not_pass_before_there_is_a_processor() -> None:
    assert InstructionTime(100).now() == 0


@pytest.mark.parametrize("rate", [0, -5])
def test_a_rate_is_above_zero(rate: int) -> None:
    with pytest.raises(CpuStateError):
        InstructionTime(rate)


def test_real_time_can_be_stopped_and_goes_on_from_there() -> None:
    clock = RealTime()
    first = clock.now()
    assert first >= 0
    clock.stop()
    stopped = clock.now()
    assert stopped >= first
    assert clock.now() == stopped
    clock.go_on()
    assert stopped <= clock.now() < stopped + 10**9


def test_real_time_can_be_moved_stopped_or_not() -> None:
    clock = RealTime()
    clock.move_to(10**15)
    assert 10**15 <= clock.now() < 10**15 + 10**9
    clock.stop()
    clock.move_to(5)
    assert clock.now() == 5
    clock.go_on()
    assert 5 <= clock.now() < 10**9
