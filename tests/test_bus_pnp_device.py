"""The configuration registers of a logical device."""

from __future__ import annotations

import pytest

from hotswap.bus import (
    Choices,
    Configuration,
    DmaChoice,
    IrqChoice,
    LogicalDevice,
    MemoryChoice,
    MemoryRange,
    PortChoice,
    PortRange,
)
from hotswap.bus.pnp_device import DeviceRegisters, DeviceState

DEVICE = DeviceRegisters(
    LogicalDevice(
        "TST0001",
        Choices(
            windows=(MemoryChoice(0xC8000, 0x4000, last=0xDC000, step=0x4000),),
            irqs=(IrqChoice((3, 9)), IrqChoice((5,), level=True)),
            dmas=(DmaChoice((1, 3)),),
        ),
        (
            Choices((PortChoice(0x300, 8), PortChoice(0x3F6, 1))),
            Choices((PortChoice(0x280, 8, last=0x290, step=8),)),
        ),
    )
)
CHOSEN = {0x40: 0x0D, 0x41: 0x00, 0x60: 0x02, 0x61: 0x88, 0x62: 0x03, 0x63: 0xF6, 0x70: 9, 0x74: 3}


@pytest.fixture
def state() -> DeviceState:
    return DEVICE.power_on()


def written(state: DeviceState, registers: dict[int, int]) -> DeviceState:
    for register, value in registers.items():
        DEVICE.write(state, register, value)
    return state


def test_what_was_written_can_be_read(state: DeviceState) -> None:
    written(state, CHOSEN)
    assert {register: DEVICE.read(state, register) for register in CHOSEN} == CHOSEN


def test_after_power_on_nothing_is_chosen(state: DeviceState) -> None:
    nothing = Configuration((None, None), (None,), (None, None), (None,))
    assert DEVICE.configuration(state) == nothing
    assert DEVICE.read(state, 0x74) == 4


def test_a_window_says_what_address_bits_it_compares(state: DeviceState) -> None:
    assert [DEVICE.read(state, register) for register in (0x42, 0x43, 0x44)] == [0, 0xFF, 0xC0]


def test_an_interrupt_says_its_type(state: DeviceState) -> None:
    written(state, {0x71: 0, 0x73: 0})
    assert [DEVICE.read(state, register) for register in (0x71, 0x73)] == [0x02, 0x03]


def test_registers_that_are_not_there_read_0(state: DeviceState) -> None:
    for register in (0x32, 0x45, 0x48, 0x64, 0x75, 0xFF):
        DEVICE.write(state, register, 0xFF)
        assert DEVICE.read(state, register) == 0


def test_a_choice_is_a_configuration_with_its_ports_and_windows(state: DeviceState) -> None:
    chosen = DEVICE.configuration(written(state, CHOSEN))
    assert chosen == Configuration((0x288, 0x3F6), (0xD0000,), (9, None), (3,))
    ports, windows = DEVICE.spans(chosen)
    assert ports == [PortRange(0x288, 8), PortRange(0x3F6, 1)]
    assert windows == [MemoryRange(0xD0000, 0x4000)]


def test_irq_2_is_irq_9(state: DeviceState) -> None:
    assert DEVICE.configuration(written(state, {0x70: 2})).irqs == (9, None)


@pytest.mark.parametrize(
    ("registers", "what"),
    [
        ({0x60: 0x03, 0x61: 0x04}, "I/O base 0x0304"),
        ({0x62: 0x02, 0x63: 0x80}, "I/O base 0x0280"),
        ({0x40: 0x0D, 0x41: 0x20}, "memory base 0x0d2000"),
        ({0x70: 5}, "IRQ 5"),
        ({0x72: 3}, "IRQ 3"),
        ({0x74: 2}, "DMA 2"),
    ],
)
def test_what_the_card_never_offered_is_no_configuration(
    state: DeviceState, registers: dict[int, int], what: str
) -> None:
    with pytest.raises(ValueError, match=f"^{what} is none of those its resource data offer"):
        DEVICE.configuration(written(state, registers))


def test_while_it_is_active_nothing_is_chosen(state: DeviceState) -> None:
    written(state, CHOSEN | {0x30: 0xFF})
    assert DEVICE.read(state, 0x30) == 1
    written(state, {0x61: 0x80, 0x70: 3, 0x31: 3})
    assert (DEVICE.read(state, 0x61), DEVICE.read(state, 0x70)) == (0x88, 9)
    assert DEVICE.read(state, 0x31) == 0
    written(state, {0x30: 0, 0x61: 0x80})
    assert DEVICE.read(state, 0x61) == 0x80


def test_the_range_check_is_of_the_ports_chosen_while_inactive(state: DeviceState) -> None:
    written(state, CHOSEN)
    assert DEVICE.checked_ports(state) == []
    written(state, {0x31: 0xFF})
    assert DEVICE.read(state, 0x31) == 3
    assert DEVICE.checked_ports(state) == [*range(0x288, 0x290), 0x3F6]
    written(state, {0x30: 1})
    assert (DEVICE.checked_ports(state), DEVICE.read(state, 0x31)) == ([], 0)
