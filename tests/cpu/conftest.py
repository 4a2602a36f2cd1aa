"""A processor on a backplane with nothing else, for tests written in machine code."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import ClassVar, TypeAlias

import pytest
import trio

from hotswap.bus import (
    Backplane,
    BoardEvent,
    Card,
    CpuReset,
    CpuShutdown,
    MachineClock,
    MemoryRange,
    PortRange,
    Resources,
    State,
    Width,
    open_backplane,
)
from hotswap.cpu import InstructionTime, Model, Processor, Ram, RealTime

MIB = 1 << 20
GDT, IDT, STACK = 0x9000, 0xA000, 0x8000
FLAT = struct.pack("<4Q", 0, 0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF)
HALTED = "halted with interrupts off"
WINDOW = MemoryRange(0xA0000, 0x20000)
DIRECTORY, TABLES, OTHER_TABLES, DRIVER = 0x10000, 0x11000, 0x20000, 0x100000
ALIASES = (0, 0xC0000000, 0xD0000000)
"""Three linear addresses of every byte; the last through page tables of its own."""
PAGING_ON = "0f20c0 0d00000180 0f22c0"  # mov eax,cr0 ; or eax,80010000h ; mov cr0,eax


def dword(value: int) -> bytes:
    return struct.pack("<I", value & 0xFFFFFFFF)


class _None(State):
    pass


class Probe(Card[_None]):
    """Ports 0xE0-0xEF and the adapter hole: what they do is up to the test."""

    name: ClassVar[str] = "probe"
    state_type = _None
    cycle_width: ClassVar[Width] = 4

    def __init__(self) -> None:
        super().__init__()
        self.outs: list[tuple[int, int, int]] = []
        self.on_in: Callable[[int, int], int] = lambda port, width: port
        self.on_out: Callable[[int, int, int], None] = lambda port, width, value: None
        self.on_load: Callable[[int, int], int] = lambda address, width: 0
        self.on_store: Callable[[int, int, int], None] = lambda address, width, value: None

    def resources(self) -> Resources:
        return Resources(ports=(PortRange(0xE0, 16),), windows=(WINDOW,), cycle_width=4)

    def read(self, port: int, width: int) -> int:
        return self.on_in(port, width)

    def write(self, port: int, width: int, value: int) -> None:
        self.outs.append((port, width, value))
        self.on_out(port, width, value)

    def memory_read(self, address: int, width: int) -> int:
        return self.on_load(address, width)

    def memory_write(self, address: int, width: int, value: int) -> None:
        self.on_store(address, width, value)


class Requests:
    """An interrupt controller that asks for one vector after the other."""

    def __init__(self, backplane: Backplane) -> None:
        self.pending: list[int] = []
        self.acknowledged: list[int] = []
        self._backplane = backplane

    def ask(self, vector: int) -> None:
        """Raise an interrupt, from inside a bus cycle or between slices."""
        self.pending.append(vector)
        assert self._backplane.cpu is not None
        self._backplane.cpu.sync_interrupts()

    def update(self) -> int | None:
        return self.pending[0] if self.pending else None

    def acknowledge(self) -> None:
        self.acknowledged.append(self.pending.pop(0))


class BarePc:
    """16 MiB, flat segments, GDT and IDT; programs end in `cli; hlt`."""

    def __init__(self, backplane: Backplane, processor: Processor, probe: Probe) -> None:
        self.backplane = backplane
        self.processor = processor
        self.probe = probe
        self.controller = Requests(backplane)
        backplane.controller = self.controller
        self.events: list[BoardEvent] = []
        self.ended = trio.Event()

    def on_event(self, event: BoardEvent) -> None:
        self.events.append(event)
        if not isinstance(event, CpuReset):  # it goes on
            self.ended.set()

    def put(self, at: int, code: str | bytes) -> None:
        """Write machine code (hexadecimal, spaces allowed) or bytes."""
        content = bytes.fromhex(code) if isinstance(code, str) else code
        self.processor.write_memory(at, content)

    def gate(self, vector: int, handler: int, *, dpl: int = 0, kind: int = 0x8E) -> None:
        """An interrupt gate to `handler`."""
        low, high = handler & 0xFFFF, handler >> 16
        entry = struct.pack("<HHBBH", low, 0x10, 0, kind | dpl << 5, high)
        self.processor.write_memory(IDT + 8 * vector, entry)

    def start(self, eip: int, esp: int = STACK, **registers: int) -> None:
        """Stand at `eip`, with GDT and IDT loaded."""
        self.put(GDT, FLAT)
        self.processor.flat32(eip, esp, **registers)
        self.processor.load_gdt(GDT, len(FLAT) - 1)
        env = self.processor.engine.env
        env.idt.base, env.idt.limit = IDT, 0x7FF

    def map_aliases(self, *, large_pages: bool = False) -> None:
        """Linear 0, C0000000h and D0000000h all lead to the 16 MiB of RAM."""
        identity = b"".join(dword(page << 12 | 7) for page in range(4096))
        self.put(TABLES, identity)
        self.put(OTHER_TABLES, identity)
        for i in range(4):
            table = dword((TABLES + 0x1000 * i) | 7)
            self.put(DIRECTORY + 4 * i, table)
            self.put(DIRECTORY + 4 * (0x300 + i), dword(i << 22 | 0x87) if large_pages else table)
            self.put(DIRECTORY + 4 * (0x340 + i), dword((OTHER_TABLES + 0x1000 * i) | 7))

    def start_paged(self, code: bytes | str) -> None:
        """Stand at `code`, behind what turns paging on."""
        content = bytes.fromhex(code) if isinstance(code, str) else code
        self.put(DRIVER, bytes.fromhex(PAGING_ON) + content)
        self.start(DRIVER, esp=0x680000)
        core = self.processor.engine.core
        core.symbols.cpu_x86_update_cr3(core.env_address, DIRECTORY)
        core.symbols.cpu_x86_update_cr4(core.env_address, 0x10)  # PSE

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The processor's task, for the time of the block."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.processor.run)
            yield
            nursery.cancel_scope.cancel()

    async def run(self) -> CpuShutdown:
        """Run until the processor shuts down; returns why."""
        self.ended = trio.Event()
        self.events.clear()
        with trio.fail_after(30):
            async with self.running():
                await self.ended.wait()
        event = self.events[-1]
        assert isinstance(event, CpuShutdown), event
        return event

    async def run_to_halt(self) -> None:
        """Run a program that ends in `cli; hlt`."""
        assert (await self.run()).reason == HALTED

    def register(self, name: str) -> int:
        """A general register or EIP."""
        if name == "eip":
            return int(self.processor.engine.env.eip)
        names = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
        return int(self.processor.engine.env.regs[names.index(name)]) & 0xFFFFFFFF

    def dword(self, at: int) -> int:
        return self.dwords(at, 1)[0]

    def dwords(self, at: int, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}I", self.processor.read_memory(at, 4 * count))


OpenPc: TypeAlias = Callable[..., AbstractAsyncContextManager[BarePc]]


@contextmanager
def _ram(size: int) -> Iterator[Ram]:
    ram = Ram(size)
    yield ram
    ram.close()


@asynccontextmanager
async def _open_pc(
    *,
    rate: int | None = None,
    model: Model = "486",
    size: int = 16 * MIB,
    fast_stores: bool | None = None,
) -> AsyncIterator[BarePc]:
    clock = RealTime() if rate is None else InstructionTime(rate)
    async with open_backplane(MachineClock(clock.now)) as backplane:
        with _ram(size) as ram:
            processor = Processor(ram, backplane, clock, model=model, fast_stores=fast_stores)
            probe = Probe()
            await backplane.insert(probe)
            pc = BarePc(backplane, processor, probe)
            with backplane.listening(pc.on_event):
                yield pc


@pytest.fixture
def open_pc() -> OpenPc:
    """Makes machines; `rate` (instructions a second) makes a deterministic one."""
    return _open_pc


@pytest.fixture
async def pc() -> AsyncIterator[BarePc]:
    """A machine in real time."""
    async with _open_pc() as machine:
        yield machine


@pytest.fixture
async def counted_pc() -> AsyncIterator[BarePc]:
    """A deterministic machine of 100 MIPS."""
    async with _open_pc(rate=100_000_000) as machine:
        yield machine
