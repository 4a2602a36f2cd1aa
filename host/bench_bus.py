"""Benchmarks of bus and CPU: small loops of machine code, on the board and on the bare engine."""

from __future__ import annotations

import struct
import time
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from hotswap.bus import (
    BoardEvent,
    Card,
    MachineClock,
    PortRange,
    Slot,
    State,
    open_backplane,
)
from hotswap.cpu import Processor, Ram, RealTime
from hotswap.cpu.bare import run_cured, run_with_bindings

from .bench_result import Row, alternate

RAM, AT = 16 << 20, 0x100000
PORT = 0x300
BUSY, READY = 0x80, 0x40
HALT = b"\xfa\xf4"  # cli; hlt


def _u32(value: int) -> bytes:
    return struct.pack("<I", value)


def loop_of(count: int, body: bytes) -> bytes:
    """mov ecx,count; mov edx,PORT; mov esi,0x200000; L: body; dec ecx; jnz L; cli; hlt."""
    head = b"\xb9" + _u32(count) + b"\xba" + _u32(PORT) + b"\xbe" + _u32(0x200000)
    tail = b"\x49\x0f\x85" + struct.pack("<i", -(len(body) + 7))
    return head + body + tail + HALT


IN, OUT = b"\xec", b"\xee"
# add eax,ecx; xor ebx,eax; rol ebx,3; mov [esi],ebx; add edi,[esi+4]
COMPUTE = bytes.fromhex("01c8 31c3 c1c303 891e 037e04")
INSTRUCTIONS = 5


class EchoState(State):
    """`status` as read; commands `done`."""

    status: int = READY
    done: int = 0


class Echo(Card[EchoState]):
    """A card with a latch, a command register and a status register."""

    name = "bench-echo"
    ports = PortRange(PORT, 4)
    irq = 5
    state_type = EchoState

    def read(self, port: int, width: int) -> int:
        """The status register."""
        return self.state.status

    def write(self, port: int, width: int, value: int) -> None:
        """Port 0 does nothing, port 1 starts a command."""
        if port != PORT:
            self.state.status = BUSY
            self.slot.post(value)

    async def run(self, slot: Slot) -> None:
        """A command takes one turn of the scheduler."""
        async for _ in slot.commands:
            await trio.lowlevel.checkpoint()
            self.state.done += 1
            self.state.status = READY
            slot.irq.pulse()


async def run_on_board(code: bytes, card: Card[Any] | None = None) -> tuple[float, Processor]:
    """Run `code` to its HLT on a board with `card`, or an Echo: seconds, and the processor."""
    timebase = RealTime()
    async with open_backplane(MachineClock(timebase.now)) as backplane:
        await backplane.insert(Echo() if card is None else card)
        processor = Processor(Ram(RAM), backplane, timebase)
        processor.write_memory(AT, code)
        processor.flat32(AT, AT)
        done = trio.Event()

        def ended(_event: BoardEvent) -> None:
            done.set()

        with backplane.listening(ended):
            async with trio.open_nursery() as nursery:
                began = time.perf_counter()
                nursery.start_soon(processor.run)
                await done.wait()
                took = time.perf_counter() - began
                nursery.cancel_scope.cancel()
        return took, processor


def _on_board(code: bytes) -> Callable[[], Awaitable[float]]:
    async def run() -> float:
        return (await run_on_board(code))[0]

    return run


def _bare(run: Callable[[bytes, int, int], float], code: bytes) -> Callable[[], Awaitable[float]]:
    async def measure() -> float:
        await trio.lowlevel.checkpoint()
        return run(code, AT, RAM)

    return measure


async def bench_bus() -> list[Row]:
    """Port cycles, compute, the mix of both, and a posted command."""
    rows: list[Row] = []
    for name, body in (("in", IN), ("out", OUT)):
        count = 300_000
        code = loop_of(count, body)
        pair = await alternate(_on_board(code), _bare(run_with_bindings, code), 9)
        each = 1e6 / count
        rows.append(Row(f"bus.{name}", pair.ours * each, "us", pair.base * each, pair.factor))
    rows.append(await _speed("compute", run_cured, 30_000_000, COMPUTE, INSTRUCTIONS, 15))
    times = (700 - 4) // INSTRUCTIONS
    mix, length = COMPUTE * times + IN + OUT, times * INSTRUCTIONS + 2
    rows.append(await _speed("mixed", run_with_bindings, 50_000, mix, length, 5))
    rows.append(await _posted_command())
    return rows


async def _speed(
    name: str,
    bare: Callable[[bytes, int, int], float],
    count: int,
    body: bytes,
    length: int,
    n: int,
) -> Row:
    """MIPS of `count` loops over `length` instructions, against the bare engine's."""
    code = loop_of(count, body)
    pair = await alternate(_on_board(code), _bare(bare, code), n)
    millions = count * (length + 2) / 1e6
    return Row(f"cpu.{name}", millions / pair.ours, "MIPS", millions / pair.base, 1 / pair.factor)


async def _posted_command() -> Row:
    """Polls of the status register from a command to its completion; a look at least is needed."""
    count = 200
    # mov dx,PORT+1; out dx,al; dec edx; P: inc ebx; in al,dx; test al,BUSY; jnz P
    body = b"\x42" + OUT + b"\x4a" + b"\x43" + IN + b"\xa8\x80" + b"\x75\xfa"
    code = b"\x31\xdb" + loop_of(count, body)
    _, processor = await run_on_board(code)
    polls = processor.take_state().ebx / count
    return Row("bus.posted_command", polls, "polls", 1, polls)
