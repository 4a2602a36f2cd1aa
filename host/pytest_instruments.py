"""Fixtures that are single methods of `rig`, for tests that need few of them.

Where types are checked, ask for `rig: Rig` itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from .rig import Rig

Method: TypeAlias = Callable[..., Any]

__all__ = [
    "expect_cycle",
    "expect_irq",
    "expect_no_cycle",
    "expect_no_irq",
    "expect_no_serial",
    "expect_screen",
    "expect_serial",
    "inject",
    "insert_card",
    "pass_time",
    "press_keys",
    "send_serial",
]


@pytest.fixture
def insert_card(rig: Rig) -> Method:
    """`rig.insert_card`: plug a card in, by its name, its class or an object file."""
    return rig.insert_card


@pytest.fixture
def send_serial(rig: Rig) -> Method:
    """`rig.send_serial`: send to a serial port."""
    return rig.send_serial


@pytest.fixture
def press_keys(rig: Rig) -> Method:
    """`rig.press_keys`: type on the keyboard."""
    return rig.press_keys


@pytest.fixture
def pass_time(rig: Rig) -> Method:
    """`rig.pass_time`: let machine time pass."""
    return rig.pass_time


@pytest.fixture
def expect_serial(rig: Rig) -> Method:
    """`rig.expect_serial`: what comes out of a serial port."""
    return rig.expect_serial


@pytest.fixture
def expect_no_serial(rig: Rig) -> Method:
    """`rig.expect_no_serial`: what does not."""
    return rig.expect_no_serial


@pytest.fixture
def expect_screen(rig: Rig) -> Method:
    """`rig.expect_screen`: what the text screen shows."""
    return rig.expect_screen


@pytest.fixture
def expect_cycle(rig: Rig) -> Method:
    """`rig.expect_cycle`: an IN or OUT of a port."""
    return rig.expect_cycle


@pytest.fixture
def expect_no_cycle(rig: Rig) -> Method:
    """`rig.expect_no_cycle`: no such cycle."""
    return rig.expect_no_cycle


@pytest.fixture
def expect_irq(rig: Rig) -> Method:
    """`rig.expect_irq`: a rising edge of an IRQ line."""
    return rig.expect_irq


@pytest.fixture
def expect_no_irq(rig: Rig) -> Method:
    """`rig.expect_no_irq`: no such edge."""
    return rig.expect_no_irq


@pytest.fixture
def inject(rig: Rig) -> Method:
    """`rig.inject`: let something go wrong on the bus."""
    return rig.inject
