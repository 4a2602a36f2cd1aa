"""The Sound Blaster in C through the 8237A, as a game's driver would use it."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from hotswap.bus import SavedState
from hotswap.cpu import CodePool
from hotswap.host.discovery import make_card
from hotswap.host.elf_cards import elf_card
from hotswap.host.pytest_plugin import Ports
from hotswap.host.sdk.workbench import Workbench, open_workbench

CARD = Path(__file__).parents[1] / "examples" / "soundblaster" / "soundblaster.o"
BASE, IRQ, DRQ = 0x220, 5, 1
RESET, READ, WRITE, AVAILABLE = BASE + 6, BASE + 0xA, BASE + 0xC, BASE + 0xE
BUFFER = 0x30000
MS = 1_000_000
SAMPLE_NS = 100_000  # 10 kHz
TIME_CONSTANT = 256 - 100
WAVE = bytes(128 + (sample * 37 % 200 - 100) for sample in range(200))


class Driver:
    """What a driver does, by port cycles."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self.ports = Ports(bench.backplane)

    async def reset(self) -> None:
        self.ports.write(RESET, 1)
        self.ports.write(RESET, 0)
        await self.bench.wait(100_000)

    def command(self, *values: int) -> None:
        for value in values:
            assert not self.ports.read(WRITE) & 0x80, "the DSP takes no command"
            self.ports.write(WRITE, value)

    def answer(self) -> int:
        assert self.ports.read(AVAILABLE) & 0x80, "the DSP has no answer"
        return self.ports.read(READ)

    def program(self, content: bytes, *, auto: bool = False) -> None:
        """Channel 1 of the 8237A reads `content` from memory."""
        memory = self.bench.backplane.memory
        assert memory is not None
        memory.write_memory(BUFFER, content)
        self.ports.write(0x0A, 4 | DRQ)
        self.ports.write(0x0C, 0)
        self.ports.write(0x0B, (0x58 if auto else 0x48) | DRQ)
        for byte in (BUFFER & 0xFF, BUFFER >> 8 & 0xFF):
            self.ports.write(2 * DRQ, byte)
        self.ports.write(0x83, BUFFER >> 16)
        for byte in ((len(content) - 1) & 0xFF, len(content) - 1 >> 8):
            self.ports.write(2 * DRQ + 1, byte)
        self.ports.write(0x0A, DRQ)

    @property
    def interrupts(self) -> list[int]:
        """When IRQ 5 rose; ns."""
        return [e.time for e in self.bench.events if e.what == "irq" and e.level]

    @property
    def sound(self) -> bytes:
        """All the samples there were."""
        heard = (event.text or "" for event in self.bench.events if event.what == "output")
        return "".join(heard).encode("latin-1")


@pytest.fixture
async def driver(engines: CodePool) -> AsyncIterator[Driver]:
    async with open_workbench() as bench:
        await bench.backplane.insert(make_card("dma"))
        await bench.insert(elf_card(CARD, {}, engines))
        driver = Driver(bench)
        await driver.reset()
        assert driver.answer() == 0xAA
        yield driver
        assert bench.fault is None


async def test_reset_takes_its_time_and_answers(driver: Driver) -> None:
    driver.ports.write(RESET, 1)
    driver.ports.write(RESET, 0)
    assert driver.ports.read(WRITE) & 0x80
    assert not driver.ports.read(AVAILABLE) & 0x80
    await driver.bench.wait(20_000)
    assert driver.answer() == 0xAA
    assert not driver.ports.read(AVAILABLE) & 0x80


async def test_it_says_what_it_is(driver: Driver) -> None:
    driver.command(0xE1)
    assert (driver.answer(), driver.answer()) == (2, 1)
    driver.command(0xE0, 0x5A)
    assert driver.answer() == 0xA5
    driver.command(0xE4, 0x77, 0xE8)
    assert driver.answer() == 0x77
    for speaker, status in ((0xD1, 0xFF), (0xD3, 0)):
        driver.command(speaker, 0xD8)
        assert driver.answer() == status


async def test_a_wave_is_played_at_its_rate(driver: Driver) -> None:
    driver.program(WAVE)
    driver.command(0xD1, 0x40, TIME_CONSTANT)
    begin = driver.bench.clock.now
    driver.command(0x14, (len(WAVE) - 1) & 0xFF, len(WAVE) - 1 >> 8)
    await driver.bench.wait(len(WAVE) * SAMPLE_NS - 1)
    assert driver.interrupts == []
    await driver.bench.wait(1)
    assert driver.interrupts == [begin + len(WAVE) * SAMPLE_NS]
    assert driver.sound == WAVE
    assert driver.bench.slot.irq.level
    driver.ports.read(AVAILABLE)
    assert not driver.bench.slot.irq.level
    assert driver.ports.read(8) & 1 << DRQ  # TC
    await driver.bench.wait(50 * MS)
    assert driver.sound == WAVE


async def test_a_ring_is_played_until_it_is_left(driver: Driver) -> None:
    """Auto-initialize on both sides, an interrupt each half."""
    half = len(WAVE) // 2
    driver.program(WAVE, auto=True)
    driver.command(0xD1, 0x40, TIME_CONSTANT, 0x48, half - 1, 0, 0x1C)
    begin = driver.bench.clock.now
    for number in range(1, 6):
        await driver.bench.wait(half * SAMPLE_NS)
        assert len(driver.interrupts) == number
        driver.ports.read(AVAILABLE)
    driver.command(0xDA)
    await driver.bench.wait(10 * half * SAMPLE_NS)
    assert driver.interrupts == [begin + n * half * SAMPLE_NS for n in range(1, 7)]
    assert driver.sound == WAVE * 3


async def test_high_speed_takes_no_command_before_its_end(driver: Driver) -> None:
    driver.program(WAVE)
    driver.command(0xD1, 0x40, 256 - 25, 0x48, len(WAVE) - 1, 0, 0x91)
    assert driver.ports.read(WRITE) & 0x80
    await driver.bench.wait(len(WAVE) * 25_000)
    assert driver.sound == WAVE
    assert len(driver.interrupts) == 1
    driver.command(0xE1)


async def test_a_halted_sound_goes_on_where_it_was(driver: Driver) -> None:
    driver.program(WAVE)
    driver.command(0xD1, 0x40, TIME_CONSTANT, 0x14, len(WAVE) - 1, 0)
    await driver.bench.wait(10 * MS)
    driver.command(0xD0)
    played = driver.sound
    assert 0 < len(played) < len(WAVE)
    await driver.bench.wait(100 * MS)
    assert driver.sound == played
    driver.command(0xD4)
    rest = (len(WAVE) - len(played)) * SAMPLE_NS
    await driver.bench.wait(rest - 1)
    assert driver.interrupts == []
    await driver.bench.wait(1)
    assert len(driver.interrupts) == 1
    assert driver.sound == WAVE


async def test_without_the_speaker_time_passes_in_silence(driver: Driver) -> None:
    driver.program(WAVE)
    driver.command(0xD3, 0x40, TIME_CONSTANT, 0x14, len(WAVE) - 1, 0)
    await driver.bench.wait(len(WAVE) * SAMPLE_NS)
    assert driver.sound == b"\x80" * len(WAVE)
    assert len(driver.interrupts) == 1


async def test_silence_and_the_interrupt_on_demand(driver: Driver) -> None:
    driver.command(0x40, TIME_CONSTANT, 0x80, 49, 0)
    await driver.bench.wait(50 * SAMPLE_NS)
    assert len(driver.interrupts) == 1
    driver.ports.read(AVAILABLE)
    driver.command(0xF2)
    await driver.bench.settle()
    assert len(driver.interrupts) == 2
    driver.command(0x10, 0x42)
    await driver.bench.settle()
    assert driver.sound == b"\x42"


async def test_a_masked_channel_is_waited_for(driver: Driver) -> None:
    driver.program(WAVE)
    driver.ports.write(0x0A, 4 | DRQ)
    driver.command(0xD1, 0x40, TIME_CONSTANT, 0x14, len(WAVE) - 1, 0)
    await driver.bench.wait(100 * MS)
    assert driver.sound == b""
    assert driver.bench.slot.drq.level
    driver.ports.write(0x0A, DRQ)
    await driver.bench.wait(100 * MS)
    assert driver.sound == WAVE
    assert len(driver.interrupts) == 1


async def test_another_build_plays_on(driver: Driver, engines: CodePool) -> None:
    driver.program(WAVE)
    driver.command(0xD1, 0x40, TIME_CONSTANT, 0x14, len(WAVE) - 1, 0)
    begin = driver.bench.clock.now
    await driver.bench.wait(7 * MS + 1)
    await driver.bench.backplane.replace(driver.bench.slot.number, elf_card(CARD, {}, engines))
    await driver.bench.wait(len(WAVE) * SAMPLE_NS)
    assert driver.sound == WAVE
    assert driver.interrupts == [begin + len(WAVE) * SAMPLE_NS]


async def test_its_fields_alone_are_enough_to_go_on_from(driver: Driver) -> None:
    """In the middle of a reset, and of a wave: as another implementation would leave it."""
    card = driver.bench.slot.card

    def only_fields() -> SavedState:
        saved = card.save()
        fields = msgspec.msgpack.decode(saved.fields)
        assert fields.pop("hotswap")
        return msgspec.structs.replace(saved, fields=msgspec.msgpack.encode(fields))

    driver.ports.write(RESET, 1)
    driver.ports.write(RESET, 0)
    resetting = only_fields()
    await driver.bench.wait(100_000)
    driver.program(WAVE)
    driver.command(0xD1, 0x40, TIME_CONSTANT, 0x14, len(WAVE) - 1, 0)
    playing = only_fields()
    driver.command(0xD0)
    card.load(playing)
    await driver.bench.wait(len(WAVE) * SAMPLE_NS)
    assert driver.sound == WAVE
    card.load(resetting)
    await driver.bench.wait(MS)
    assert driver.answer() == 0xAA


async def test_bytes_it_has_not_asked_for_are_not_taken(driver: Driver) -> None:
    """The 8237A's own request register."""
    driver.program(WAVE)
    driver.ports.write(0x09, 4 | DRQ)
    await driver.bench.wait(MS)
    assert driver.sound == b""
    assert driver.interrupts == []
