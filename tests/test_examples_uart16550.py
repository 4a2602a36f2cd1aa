"""The 16550 in C against the one in Python: the same cycles, the same answers, the same state."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hotswap.bus import Backplane, Slot
from hotswap.cards.uart import UartState
from hotswap.cards.uart_registers import FCR, IER, LCR, LSR, MCR, Reg
from hotswap.cpu import CodePool
from hotswap.host.discovery import make_card
from hotswap.host.elf_cards import elf_card, elf_image
from hotswap.host.pytest_plugin import Ports, VirtualClock

CARD = Path(__file__).parents[1] / "examples" / "uart16550" / "uart16550.o"
COM1, COM2 = 0x3F8, 0x2F8
LEISURE = 100_000  # ns: what the card in C may take for what it does in its own time
NEAR = 60_000  # ns: so much later it may have noticed that something came in


@pytest.fixture(scope="module")
def engines() -> Iterator[CodePool]:
    with CodePool() as pool:
        yield pool


class Pair:
    """Both cards on one board; every cycle goes to both."""

    def __init__(self, python: Slot, elf: Slot, ports: Ports, clock: VirtualClock) -> None:
        self.slots = python, elf
        self.bases = python.resources.ports[0].start, elf.resources.ports[0].start
        self._ports, self._clock = ports, clock

    def read(self, reg: int) -> int:
        first, second = (self._ports.read(base + reg) for base in self.bases)
        assert first == second, f"{reg=}: {first:#x}, in C {second:#x}"
        return first

    def write(self, reg: int, value: int) -> None:
        for base in self.bases:
            self._ports.write(base + reg, value)

    async def feed(self, content: bytes) -> None:
        for slot in self.slots:
            slot.input.feed(content)
        await self._clock.advance(LEISURE)

    def states(self) -> list[dict[str, Any]]:
        saved = [msgspec.msgpack.decode(slot.card.save().fields) for slot in self.slots]
        saved[1].pop("hotswap", None)
        return saved

    def check(self) -> None:
        """Lines, what was sent, and all of the state."""
        python, elf = self.slots
        assert python.fault is elf.fault is None
        assert python.irq.level == elf.irq.level
        assert bytes(python.output.peek()) == bytes(elf.output.peek())
        first, second = self.states()
        due = first.pop("time_out_at"), second.pop("time_out_at")
        assert first == second
        assert (due[0] is None) == (due[1] is None)
        if due[0] is not None:
            assert abs(due[0] - due[1]) < NEAR


@pytest.fixture
async def pair(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock, engines: CodePool
) -> Pair:
    python = await backplane.insert(make_card("uart"))
    return Pair(python, await backplane.insert(elf_card(CARD, {}, engines)), ports, virtual_clock)


def test_its_fields_are_those_of_the_card_in_python() -> None:
    described = elf_image(CARD).descriptor
    assert described.name == "uart"
    assert described.state_version == UartState.VERSION
    names = [field.name for field in msgspec.structs.fields(UartState)]
    assert sorted(field.name for field in described.fields) == sorted(names)


async def test_it_takes_the_first_place_that_is_free(
    backplane: Backplane, engines: CodePool
) -> None:
    taken = []
    for _ in range(4):
        slot = await backplane.insert(elf_card(CARD, {}, engines))
        taken.append((slot.resources.ports[0].start, *slot.resources.irqs))
    assert taken == [(0x3F8, 4), (0x2F8, 3), (0x3E8, 5), (0x2E8, 11)]


@pytest.mark.parametrize("seed", range(6))
async def test_random_cycles_are_answered_alike(
    pair: Pair, virtual_clock: VirtualClock, seed: int
) -> None:
    chance = random.Random(seed)
    pair.write(Reg.LCR, LCR.DLAB)
    pair.write(0, chance.randint(1, 255))
    pair.write(1, 0)
    pair.write(Reg.LCR, 3)
    for _ in range(300):
        what = chance.random()
        if what < 0.4:
            pair.read(chance.randrange(8))
        elif what < 0.8:
            reg = chance.choice([Reg.THR, Reg.IER, Reg.FCR, Reg.LCR, Reg.MCR, Reg.SCR, Reg.LSR])
            value = chance.randrange(256)
            if reg is Reg.LCR:
                value &= 0x7F
            pair.write(reg, value)
        elif what < 0.9:
            await pair.feed(chance.randbytes(chance.choice([1, 2, 5, 20])))
        else:
            await virtual_clock.advance(chance.randrange(20) * 1_000_000)
        await virtual_clock.advance(LEISURE)
        pair.check()


async def test_a_slow_back_end_holds_the_transmitter_up(
    pair: Pair, virtual_clock: VirtualClock
) -> None:
    pair.write(Reg.MCR, MCR.OUT2)
    pair.write(Reg.IER, IER.ETBEI)
    for slot in pair.slots:
        slot.output.capacity = 40
    for number in range(40):
        pair.write(Reg.THR, number)
    assert not pair.read(Reg.LSR) & LSR.THRE
    pair.check()
    for slot in pair.slots:
        assert slot.output.take() == bytes(range(40))
    await virtual_clock.advance(LEISURE)
    pair.check()
    assert pair.read(Reg.IIR) == 2
    assert pair.read(Reg.LSR) & LSR.THRE


@pytest.mark.parametrize("first", ["python", "c"])
async def test_each_takes_over_from_the_other(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock, engines: CodePool, first: str
) -> None:
    """In the middle of everything: bytes in the FIFO, a time-out running, the outbox full."""

    def new(kind: str) -> Any:
        return make_card("uart") if kind == "python" else elf_card(CARD, {}, engines)

    second = "c" if first == "python" else "python"
    slot = await backplane.insert(new(first))
    slot.output.capacity = 4
    ports.write(COM1 + Reg.FCR, FCR.ENABLE | 0xC0)
    ports.write(COM1 + Reg.MCR, MCR.OUT2)
    ports.write(COM1 + Reg.IER, IER.ERBFI | IER.ETBEI)
    slot.input.feed(b"abc")
    await virtual_clock.advance(LEISURE)
    for byte in b"1234":
        ports.write(COM1 + Reg.THR, byte)
    assert ports.read(COM1 + Reg.LSR) == LSR.DR

    await backplane.replace(slot.number, new(second))
    slot = backplane.find(slot.number)
    assert ports.read(COM1 + Reg.LSR) & LSR.DR
    await virtual_clock.advance(10_000_000)
    assert ports.read(COM1 + Reg.IIR) == 0xCC  # time-out
    assert slot.irq.level
    assert bytes(ports.read(COM1 + Reg.RBR) for _ in range(3)) == b"abc"
    assert slot.output.take() == b"1234"
    await virtual_clock.advance(LEISURE)
    assert ports.read(COM1 + Reg.LSR) & LSR.THRE
    assert ports.read(COM1 + Reg.IIR) == 0xC2  # THR empty
