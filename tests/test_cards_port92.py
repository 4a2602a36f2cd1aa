"""System control port A, with the processor its two pins go to."""

from __future__ import annotations

import pytest

from hotswap.bus import Backplane
from hotswap.cards.port92 import Port92
from hotswap.cpu import InstructionTime, Processor, Ram
from hotswap.host.pytest_plugin import Ports

PORT = 0x92
HOT_RESET, GATE_A20 = 0x01, 0x02
MIB = 1 << 20


@pytest.fixture
async def processor(backplane: Backplane) -> Processor:
    """Stands in flat protected mode, far from where RESET would put it."""
    found = Processor(Ram(MIB), backplane, InstructionTime(1_000_000))
    found.flat32(0x8000, 0x7000)
    return found


@pytest.fixture
async def port92(backplane: Backplane, processor: Processor) -> Port92:
    card = Port92()
    await backplane.insert(card)
    return card


async def test_a20_is_open_at_power_on(port92: Port92, ports: Ports, processor: Processor) -> None:
    assert ports.read(PORT) == GATE_A20
    assert processor.a20


async def test_bit_1_gates_a20(port92: Port92, ports: Ports, processor: Processor) -> None:
    ports.write(PORT, 0)
    assert not processor.a20
    ports.write(PORT, GATE_A20)
    assert processor.a20


async def test_a_rise_of_bit_0_resets_the_processor(
    port92: Port92, ports: Ports, processor: Processor
) -> None:
    ports.write(PORT, GATE_A20 | HOT_RESET)
    state = processor.take_state()
    assert (state.cs.base + state.eip, state.cr0 & 1) == (0xFFFFFFF0, 0)


async def test_bit_0_must_fall_before_it_resets_again(
    port92: Port92, ports: Ports, processor: Processor
) -> None:
    ports.write(PORT, HOT_RESET)
    processor.flat32(0x8000, 0x7000)
    ports.write(PORT, HOT_RESET)
    assert processor.take_state().eip == 0x8000
    ports.write(PORT, 0)
    ports.write(PORT, HOT_RESET)
    assert processor.take_state().eip == 0xFFF0


async def test_the_latch_reads_back_but_for_the_watchdog(port92: Port92, ports: Ports) -> None:
    ports.write(PORT, 0xFE)
    assert ports.read(PORT) == 0xCA


async def test_it_does_without_a_processor(backplane: Backplane, ports: Ports) -> None:
    await backplane.insert(Port92())
    ports.write(PORT, HOT_RESET)
    assert ports.read(PORT) == HOT_RESET


async def test_it_goes_on_where_a_saved_card_was(port92: Port92, ports: Ports) -> None:
    ports.write(PORT, HOT_RESET)
    saved = port92.save()
    ports.write(PORT, GATE_A20)
    port92.load(saved)
    assert ports.read(PORT) == HOT_RESET
