"""Cards with a screen, and cards with memory of their own."""

from __future__ import annotations

import pytest

from hotswap.bus import (
    Backplane,
    BusError,
    Card,
    CardError,
    MemoryRange,
    PixelScreen,
    Resources,
    Slot,
    State,
)
from hotswap.cpu import InstructionTime, Processor, Ram

MIB = 1 << 20
VIDEO = 0xE0000000


class Monochrome(Card[State]):
    """Shows the first byte of its memory as a pixel."""

    name = "monochrome"
    state_type = State

    def __init__(self, video: int = VIDEO) -> None:
        super().__init__()
        self.window = MemoryRange(video, 4096)

    def resources(self) -> Resources:
        return Resources(windows=(self.window,))

    def plugged(self, slot: Slot) -> None:
        self.video = slot.map_ram(self.window.start, self.window.size)

    def screen(self) -> PixelScreen:
        return PixelScreen(1, 1, bytes(self.video[:1]) * 3)


@pytest.fixture
async def processor(backplane: Backplane) -> Processor:
    return Processor(Ram(MIB), backplane, InstructionTime(1_000_000))


async def test_the_monitor_shows_the_first_card_that_has_a_screen(
    backplane: Backplane, processor: Processor
) -> None:
    with pytest.raises(BusError, match="no card with a screen is plugged in"):
        backplane.screen()
    card = Monochrome()
    await backplane.insert(card, 3)
    await backplane.insert(Monochrome(VIDEO + 4096), 5)
    card.video[0] = 7
    assert backplane.screen() == PixelScreen(1, 1, b"\7\7\7")


async def test_a_faulted_card_shows_nothing(backplane: Backplane, processor: Processor) -> None:
    slot = await backplane.insert(Monochrome())
    slot.set_fault(ValueError("broken"))
    with pytest.raises(BusError, match="no card with a screen"):
        backplane.screen()


async def test_its_memory_is_gone_when_the_card_is(
    backplane: Backplane, processor: Processor
) -> None:
    for _ in range(2):
        slot = await backplane.insert(Monochrome())
        await backplane.remove(slot.number)


async def test_memory_needs_a_processor_that_sees_it(backplane: Backplane) -> None:
    with pytest.raises(CardError, match="no processor is there to see memory at 0xe0000000"):
        await backplane.insert(Monochrome())
    assert not backplane.slots
