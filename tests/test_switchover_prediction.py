"""The blackout that PLAN predicts: a model, and what earlier switchovers took of it."""

import pytest

from hotswap.switchover.prediction import (
    BASE_MS,
    REMEMBERED,
    correction,
    modelled_ms,
)
from hotswap.switchover.protocol import BootMode, Caps

IMAGE = 96 << 10


def test_the_model_grows_with_processes_map_and_image() -> None:
    small = modelled_ms(Caps(), IMAGE, BootMode.DMA)
    assert small == pytest.approx(BASE_MS + 0.096)
    assert modelled_ms(Caps(processes=100), IMAGE, BootMode.DMA) == pytest.approx(small + 1.2)
    assert modelled_ms(Caps(map_len=1 << 20), IMAGE, BootMode.DMA) == pytest.approx(small + 6.144)
    assert modelled_ms(Caps(), IMAGE, BootMode.LZ4) == pytest.approx(BASE_MS + 4.8)


def test_earlier_switchovers_correct_it_and_one_that_was_odd_does_not() -> None:
    assert correction([]) == 1
    assert correction([2.0, 2.1, 40.0]) == 2.1
    assert correction([9.0] * 50 + [1.0] * REMEMBERED) == 1
