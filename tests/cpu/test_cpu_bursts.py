"""Bursts in a running guest: as if each word had been asked of its card, but for the time."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from hotswap.bus import SECTOR, Card, CardFault, Edge, PortRange, Resources, State
from hotswap.cards.ide import Ide
from hotswap.cards.ne2000 import Ne2000
from hotswap.host.media import open_medium

from .conftest import BarePc, OpenPc, _open_pc

CODE, SOURCE, SINK = 0x100000, 0x200000, 0x300000
PORT = 0xE0
RATE = 100_000_000
"""Instructions a second."""
ENOUGH = 2000
"""Instructions."""
SECTORS = 64
DISK = bytes(n * 7 + n // 251 & 0xFF for n in range(SECTORS * SECTOR))
OUTGOING = bytes(n * 11 + n // 241 & 0xFF for n in range(0x8000))


# -- programs ---------------------------------------------------------------------------------


def imm(value: int) -> str:
    return value.to_bytes(4, "little").hex()


def move(write: bool, port: int, width: int, count: int) -> str:
    """REP INS to EDI or REP OUTS from ESI."""
    code = {1: "6c", 2: "6d", 4: "6d"}[width] if not write else {1: "6e", 2: "6f", 4: "6f"}[width]
    return f"ba{imm(port)} b9{imm(count)} {'66' if width == 2 else ''} f3{code}"


def peek(port: int) -> str:
    return f"ba{imm(port)} ec aa"  # in al,dx ; stosb


def poke(port: int, value: int) -> str:
    return f"ba{imm(port)} b0{value & 0xFF:02x} ee"  # out dx,al


def prepare(pc: BarePc, *program: str) -> None:
    pc.put(CODE, f"fc be{imm(SOURCE)} bf{imm(SINK)} {' '.join(program)} fa f4")
    pc.put(SOURCE, OUTGOING)
    pc.start(CODE)


async def run_at_once(pc: BarePc) -> None:
    """Run a program to its `cli; hlt` in one go, without the slices that host time makes."""
    async with pc.running(), pc.processor.paused():
        assert await pc.processor.step(ENOUGH) < ENOUGH


# -- the bus unit's part ----------------------------------------------------------------------


LATCH = 0xF0


class LatchState(State):
    value: int = 0


class Latch(Card[LatchState]):
    """A byte; keeps what came to it by a cycle."""

    name = "latch"
    state_type = LatchState

    def __init__(self) -> None:
        super().__init__()
        self.cycles: list[int] = []

    def resources(self) -> Resources:
        return Resources(ports=(PortRange(LATCH, 1),), latches={LATCH: "value"})

    def write(self, port: int, width: int, value: int) -> None:
        self.cycles.append(value)
        self.state.value = value

    def read(self, port: int, width: int) -> int:
        return self.state.value


class Words:
    """Makes the probe a source of the bytes 0, 1, 2... up to `size`, and keeps what it is sent."""

    def __init__(self, pc: BarePc, size: int = 0x80) -> None:
        self.pc, self.size, self.at = pc, size, 0
        self.written = b""
        self.cycles: list[int] = []
        """Ports of those that came to the card."""
        self.raises = False
        pc.probe.on_in, pc.probe.on_out, pc.probe.on_load = self.read, self.write, self.load
        pc.probe.burst_read = self.burst_read  # type: ignore[method-assign]
        pc.probe.burst_written = self.burst_written  # type: ignore[method-assign]

    def content(self, start: int, end: int) -> bytes:
        return bytes(n & 0xFF for n in range(start, end))

    def read(self, port: int, width: int) -> int:
        self.cycles.append(port)
        if port != PORT:
            return self.at
        start, self.at = self.at, self.at + width
        if rest := self.content(self.at, self.size // width * width):
            self.pc.probe.slot.burst_in(port, width, rest)
        if self.raises:
            raise ValueError("paper")
        return int.from_bytes(self.content(start, self.at), "little")

    def write(self, port: int, width: int, value: int) -> None:
        self.cycles.append(port)
        if port == PORT:
            self.written += value.to_bytes(width, "little")
            self.pc.probe.slot.burst_out(port, width, self.size - len(self.written))

    def load(self, _address: int, _width: int) -> int:
        return self.at

    def burst_read(self, port: int, size: int) -> None:
        assert port == PORT
        self.at += size

    def burst_written(self, port: int, content: bytes) -> None:
        assert port == PORT
        self.written += content


@pytest.mark.parametrize("width", [1, 2, 4])
async def test_words_offered_are_read_without_the_card(pc: BarePc, width: int) -> None:
    words = Words(pc, 0x80)
    prepare(pc, move(False, PORT, width, 0x80 // width))
    await run_at_once(pc)
    assert pc.processor.read_memory(SINK, 0x80) == words.content(0, 0x80)
    assert (words.cycles, words.at) == ([PORT], 0x80)


@pytest.mark.parametrize("width", [1, 2, 4])
async def test_words_there_is_room_for_are_written_without_the_card(pc: BarePc, width: int) -> None:
    words = Words(pc, 0x80)
    prepare(pc, move(True, PORT, width, 0x80 // width))
    await run_at_once(pc)
    assert words.written == OUTGOING[:0x80]
    assert words.cycles == [PORT]


async def test_the_word_after_a_burst_is_the_cards(pc: BarePc) -> None:
    words = Words(pc, 8)
    prepare(pc, move(False, PORT, 2, 6))
    await run_at_once(pc)
    assert pc.processor.read_memory(SINK, 12) == words.content(0, 12)
    assert (words.cycles, words.at) == ([PORT] * 3, 12)


@pytest.mark.parametrize(
    ("other", "seen"),
    [
        (peek(PORT + 1), [PORT + 1]),
        (poke(PORT + 1, 0), [PORT + 1]),
        (move(True, PORT, 2, 1), [PORT]),
        (move(False, PORT, 1, 1), [PORT]),
        (peek(0x9999), []),
        ("a100000a00", []),  # mov eax,[0A0000h]
    ],
    ids=["IN", "OUT", "other direction", "other width", "floating port", "window"],
)
async def test_any_other_cycle_ends_a_burst_before_it_reaches_a_card(
    pc: BarePc, other: str, seen: list[int]
) -> None:
    words = Words(pc)
    at = []
    for name in ("on_in", "on_out", "on_load"):
        call = getattr(pc.probe, name)

        def first(*args: int, call: object = call) -> int:
            at.append(words.at)
            return call(*args)  # type: ignore[operator, no-any-return]

        setattr(pc.probe, name, first)
    prepare(pc, move(False, PORT, 2, 3), other, move(False, PORT, 2, 1))
    await run_at_once(pc)
    assert words.cycles == [PORT, *seen, PORT]
    assert at[0] == 0
    assert all(place >= 6 for place in at[1:])


async def test_a_latch_is_stored_to_by_its_card_while_there_is_a_burst(pc: BarePc) -> None:
    words, latch = Words(pc), Latch()
    await pc.backplane.insert(latch)
    program = poke(LATCH, 7), move(False, PORT, 2, 3), poke(LATCH, 8), poke(LATCH, 9), peek(LATCH)
    prepare(pc, *program)
    await run_at_once(pc)
    assert (words.at, words.cycles) == (6, [PORT])
    assert latch.cycles == [8]
    assert latch.state.value == 9


async def test_the_end_of_a_slice_ends_a_burst(open_pc: OpenPc) -> None:
    async with open_pc(rate=RATE) as pc:
        words, seen = Words(pc, 0x1000), []

        async def look() -> None:
            for n in range(1, 4):
                await pc.backplane.clock.sleep_until(n * 1000)  # 100 instructions
                seen.append(words.at)

        prepare(pc, move(False, PORT, 2, 0x200))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            await pc.run_to_halt()
    assert len(words.cycles) >= 4  # or more: the host's time ends slices, too
    assert 2 * 90 < seen[0] < seen[1] < seen[2] < 2 * 300
    assert words.at == 0x400


async def test_a_cycle_cut_in_two_begins_no_burst(pc: BarePc) -> None:
    words = Words(pc)
    pc.probe.on_in = lambda port, width: words.read(PORT, width)  # every port is the data port
    prepare(pc, move(False, PORT + 1, 2, 2), move(False, PORT, 1, 2))
    await run_at_once(pc)
    assert len(words.cycles) == 2 * 2 + 1
    assert pc.processor.read_memory(SINK, 6) == words.content(0, 6)


async def test_an_offer_made_outside_a_cycle_is_none(pc: BarePc) -> None:
    words = Words(pc, 2)
    pc.probe.slot.burst_in(PORT, 2, b"no")
    prepare(pc, move(False, PORT, 2, 2))
    await run_at_once(pc)
    assert pc.processor.read_memory(SINK, 4) == b"\0\1\2\3"
    assert words.at == 4


async def test_a_card_that_raises_has_offered_nothing(pc: BarePc) -> None:
    words = Words(pc)
    words.raises = True
    prepare(pc, move(False, PORT, 2, 3))
    await run_at_once(pc)
    assert pc.events[0] == CardFault(pc.probe.slot.number, "probe", "ValueError: paper")
    assert pc.processor.read_memory(SINK, 6) == b"\xff" * 6


async def test_a_traced_guest_has_no_bursts(pc: BarePc) -> None:
    words = Words(pc)
    pc.backplane.io.trace(True)
    prepare(pc, move(False, PORT, 2, 4), move(True, PORT, 2, 4))
    await run_at_once(pc)
    assert words.cycles == [PORT] * 8


# -- the cards' part --------------------------------------------------------------------------


IDE, NE = 0x1F0, 0x300
READY = f"ba{imm(0x3F6)} b9{imm(500)} ec a880 e0fb"  # P: in al,dx ; test al,80h ; loopnz P


def ide_command(code: int, lba: int, count: int) -> str:
    """With 4 sectors a block for READ and WRITE MULTIPLE."""
    values = ((2, 4), (7, 0xC6), (6, 0xE0), (2, count), (3, lba), (4, 0), (5, 0), (7, code))
    return " ".join(poke(IDE + reg, value) + (READY if reg == 7 else "") for reg, value in values)


def remote(command: int, at: int, size: int, dcr: int, stop: int) -> str:
    values = (
        (0, 0x22), (0xE, dcr), (1, 0x46), (2, stop), (0xF, 0x7F), (0xA, size), (0xB, size >> 8),
        (8, at), (9, at >> 8), (0, command),
    )  # fmt: skip
    return " ".join(poke(NE + reg, value) for reg, value in values)


LOOKS = [IDE + 7, 0x3F6, IDE + 2, IDE + 3, NE, NE + 7, NE + 8, NE + 9, PORT]
POKES = [
    (0x3F6, 2), (0x3F6, 0), (0x3F6, 4), (IDE + 6, 0xE0), (IDE + 6, 0xF0), (IDE + 7, 0xEC),
    (NE, 0x0A), (NE, 0x12), (NE, 0x1A), (NE, 0x22), (NE + 0xE, 0x49), (NE + 0xE, 0x48),
    (NE + 0xA, 0), (NE + 2, 0x48), (NE + 0x1F, 0),
]  # fmt: skip
looks = st.builds(peek, st.sampled_from(LOOKS))
pokes = st.sampled_from(POKES).map(lambda step: poke(*step))
others = st.one_of(looks, looks, pokes, st.just(READY), st.just("a100000a00"))
counts = st.one_of(st.integers(0, 300), st.sampled_from([255, 256, 257, 800, 1024]))


@st.composite
def disk_transfers(draw: st.DrawFn) -> str:
    """A command and moves of its data, as a rule in the right direction."""
    write = draw(st.booleans())
    code = draw(st.sampled_from([0x30, 0xC5] if write else [0x20, 0xC4, 0xEC]))
    lba, count = draw(st.integers(0, SECTORS - 1)), draw(st.integers(1, 10))
    program = [ide_command(code, lba, count), READY]
    for _ in range(draw(st.integers(1, 6))):
        out = write ^ (draw(st.integers(0, 9)) == 0)
        program.append(move(out, IDE, draw(st.sampled_from([2, 2, 4, 1])), draw(counts)))
        program.append(draw(st.one_of(st.just(""), st.just(READY), others)))
    return " ".join(program)


@st.composite
def remote_transfers(draw: st.DrawFn) -> str:
    """A remote DMA and moves of its data, around the places where something ends."""
    write = draw(st.booleans())
    stop = draw(st.sampled_from([0x47, 0x4A, 0x80, 0xFF]))
    edge = draw(st.sampled_from([stop << 8, stop << 8, 0x4000, 0x8000]))
    at = max(0, min(edge + draw(st.integers(-600, 100)), 0xFFFF))
    size, dcr = draw(st.integers(0, 1600)), draw(st.sampled_from([0x48, 0x49, 0x49, 0x59]))
    program = [remote(0x12 if write else draw(st.sampled_from([0x0A, 0x1A])), at, size, dcr, stop)]
    for _ in range(draw(st.integers(1, 5))):
        out = write ^ (draw(st.integers(0, 9)) == 0)
        width = draw(st.sampled_from([2, 2, 2, 1, 4]))
        program.append(move(out, NE + draw(st.sampled_from([0x10, 0x17])), width, draw(counts)))
        program.append(draw(st.one_of(st.just(""), others)))
    return " ".join(program)


steps = st.one_of(disk_transfers(), remote_transfers(), others)


class Outcome(msgspec.Struct):
    """All there is to be seen of a run."""

    states: list[bytes]
    """Of all cards, whenever the board was looked at and at the end."""
    edges: list[Edge]
    sink: bytes
    disk: bytes
    instructions: int


async def outcome(program: Sequence[str], every: int, freeze: bool, trace: bool) -> Outcome:
    """Run it on a deterministic machine; look at the board, and freeze it, `every` ns."""
    states: list[bytes] = []
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder, "image")
        await trio.Path(image).write_bytes(DISK)
        async with _open_pc(rate=RATE) as pc:
            plane = pc.backplane
            plane.io.trace(trace)
            ide = await plane.insert(Ide())
            await plane.insert(Ne2000())

            async def look() -> None:
                while True:
                    await plane.clock.sleep_until(plane.clock.now() + every)
                    with pc.processor.standing():
                        states.append(msgspec.msgpack.encode(plane.snapshot()))
                        if freeze:
                            await plane.quiesce(each=1, total=1)
                            plane.restore(plane.snapshot())
                            plane.thaw()

            with open_medium(image) as medium:
                ide.disks[0].change(medium)
                prepare(pc, *program)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(look)
                    await pc.run_to_halt()
                    nursery.cancel_scope.cancel()
                states.append(msgspec.msgpack.encode(plane.snapshot()))
                instructions = pc.processor.instructions
                return Outcome(
                    states,
                    plane.irq.take(),
                    pc.processor.read_memory(SINK, 0x20000),
                    medium.read(0, SECTORS),
                    instructions,
                )


@given(st.lists(steps, max_size=5), st.integers(500, 50_000), st.booleans())
@settings(max_examples=60)
def test_a_guest_cannot_tell_a_burst_from_cycles(
    program: list[str], every: int, freeze: bool
) -> None:
    with_bursts = trio.run(outcome, program, every, freeze, False)
    assert with_bursts == trio.run(outcome, program, every, freeze, True)
