"""A card at the author's bench: cycles, time, lines, memory, faults."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hotswap.bus import BusError, Card, MemoryRange, PortRange, Resources, Slot, State
from hotswap.host.discovery import make_card
from hotswap.host.sdk.errors import SdkError
from hotswap.host.sdk.steps import parse
from hotswap.host.sdk.workbench import Workbench, open_workbench

WINDOW = 0xA0000


class ProbeState(State):
    value: int = 0


class Probe(Card[ProbeState]):
    """Has something of everything; port 0x303 is its end."""

    name, state_type = "probe", ProbeState

    def resources(self) -> Resources:
        windows = (MemoryRange(WINDOW, 0x1000), MemoryRange(0xE000_0000, 0x1000))
        return Resources((PortRange(0x300, 4),), (5,), (3,), windows, cycle_width=2)

    def plugged(self, slot: Slot) -> None:
        self.video = slot.map_ram(0xE000_0000, 0x1000)

    def read(self, port: int, width: int) -> int:
        if port == 0x303:
            raise ValueError("it burns")
        self.slot.irq.set(False)
        return self.state.value

    def write(self, port: int, width: int, value: int) -> None:
        self.state.value = value
        self.slot.irq.set(True)
        self.slot.log.warning("written", value=value)

    def memory_read(self, address: int, width: int) -> int:
        return address & 0xFF

    def memory_write(self, address: int, width: int, value: int) -> None:
        self.slot.drq.set(bool(value))

    async def run(self, slot: Slot) -> None:
        while True:
            await slot.input.wait()
            content = slot.input.read(100)
            await slot.clock.sleep_until(slot.clock.now() + 3_000_000)
            slot.output.write(content[::-1])


@pytest.fixture
async def bench() -> AsyncIterator[Workbench]:
    async with open_workbench() as bench:
        await bench.insert(Probe())
        yield bench


async def done(bench: Workbench, *lines: str) -> list[str]:
    """What these steps have made happen, without the time."""
    before = len(bench.events)
    for line in lines:
        step = parse(line)
        assert step is not None
        await bench.do(step)
    return [str(event).split("ms  ")[1] for event in bench.events[before:]]


async def test_cycles_are_answered_and_edges_seen_behind_them(bench: Workbench) -> None:
    assert await done(bench, "out 0x300 0x1234 2", "in 0x300 2", "in 0x2ff") == [
        "out 0x0300: 0x1234", "log warning: written value=4660", "IRQ 5 up",
        "in 0x0300: 0x1234", "IRQ 5 down", "in 0x02ff: 0xff",
    ]  # fmt: skip


async def test_time_passes_only_by_waiting(bench: Workbench) -> None:
    assert await done(bench, r"input abc\n", "wait 2.5ms") == ["input 'abc\\n'", "wait 2.5 ms"]
    assert await done(bench, "wait 1ms") == ["wait 1 ms", "output b'\\ncba'"]
    assert [event.time for event in bench.events if event.what == "output"] == [3_000_000]
    assert bench.clock.now == 3_500_000


async def test_memory_is_the_cards_window_its_video_memory_or_ram(bench: Workbench) -> None:
    assert await done(bench, f"read {WINDOW + 0x42:#x}") == ["read 0x000a0042: 0x42"]
    await done(bench, "write 0xe0000004 0x01020304 4", "write 0x1000 0xbeef 2")
    card: Any = bench.slot.card
    assert bytes(card.video[4:8]) == b"\x04\x03\x02\x01"
    assert await done(bench, "read 0xe0000004 2", "read 0x1000 4", "read 0xc0000000") == [
        "read 0xe0000004: 0x0304", "read 0x00001000: 0x0000beef", "read 0xc0000000: 0xff",
    ]  # fmt: skip


async def test_lines_are_shown_when_asked_for(bench: Workbench) -> None:
    assert await done(bench, f"write {WINDOW:#x} 1", "irq") == [
        "write 0x000a0000: 0x01", "DRQ 3 up", "lines IRQ 5 down", "lines DRQ 3 up",
    ]  # fmt: skip


async def test_a_card_that_raises_is_off_the_bus_and_the_bench_goes_on(bench: Workbench) -> None:
    happened = await done(bench, "in 0x303", "in 0x300")
    assert "fault card probe in slot 0: ValueError: it burns" in happened
    assert bench.fault is not None
    assert happened[-1] == "in 0x0300: 0xff"


async def test_a_picture_of_what_the_monitor_shows(bench: Workbench, tmp_path: Path) -> None:
    with pytest.raises(SdkError, match="card probe has no screen"):
        await done(bench, f"screen {tmp_path}/shot.png")
    await bench.backplane.remove(bench.slot.number)
    await bench.insert(make_card("vga"))
    assert await done(bench, f"screen {tmp_path}/shot.png") == [
        f"screen {tmp_path}/shot.png: 720 by 400 pixels"
    ]
    assert (tmp_path / "shot.png").read_bytes().startswith(b"\x89PNG")


async def test_an_empty_bench_says_so() -> None:
    async with open_workbench() as bench:
        with pytest.raises(BusError, match="no card is on the bench"):
            await done(bench, "in 0x300")


async def test_a_wait_shows_what_there_was_before_it_ends(bench: Workbench) -> None:
    bench.slot.irq.set(True)
    bench.slot.output.write(b"at once")
    await bench.wait(1)
    assert [event.what for event in bench.events] == ["irq", "output"]
