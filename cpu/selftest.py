"""What this host and engine can do, found out by trying it once per process.

Delivery, block exits and the block counter are needed: without any of them a guest would see wrong
interrupts, doubled accesses or lost stops, and `UnsupportedEngine` is raised. Fast stores are
speed alone. There are no further levels: an engine that fits no better is refused.
"""

from __future__ import annotations

import ctypes
import platform
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import msgspec
from unicorn import UC_PROT_ALL

from . import power_on
from .engine import Engine
from .errors import UnsupportedEngine
from .host_memory import map_pages, unmap_pages
from .models import Model

_SIZE = 1 << 20
_CODE, _CALLED, _CAUGHT, _STACK = 0x1000, 0x2000, 0x3000, 0x8000
_GDT, _IDT, _WORK = 0x9000, 0xA000, 0xB000
_FLAT = struct.pack("<4Q", 0, 0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF)


class Capabilities(msgspec.Struct, frozen=True):
    """What is active. `notes` says why something is not."""

    engine: str
    host: str
    delivery: str
    block_exits: bool
    block_counter: bool
    fast_stores: bool
    notes: tuple[str, ...] = ()

    def summary(self) -> dict[str, str | bool]:
        """For a log."""
        return {
            "engine": self.engine,
            "delivery": self.delivery,
            "block_exits": self.block_exits,
            "block_counter": self.block_counter,
            "fast_stores": self.fast_stores,
        }

    def __str__(self) -> str:
        def active(on: bool) -> str:
            return "active" if on else "off"

        lines = [
            f"engine         {self.engine}",
            f"host           {self.host}",
            f"delivery       {self.delivery}",
            f"block exits    {active(self.block_exits)}",
            f"block counter  {active(self.block_counter)}",
            f"fast stores    {active(self.fast_stores)}",
        ]
        return "\n".join(lines + [f"note           {note}" for note in self.notes])


class _Bench:
    """An engine with 1 MiB of RAM, flat segments, and gates 0-31 that lead to one HLT."""

    def __init__(self, engine: Engine, memory: int) -> None:
        self.engine = engine
        self._memory = memory

    def poke(self, at: int, content: bytes) -> None:
        ctypes.memmove(self._memory + at, content, len(content))
        self.engine.drop_blocks(self.engine.ram_address(0) + at, len(content))

    def dwords(self, at: int, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}I", ctypes.string_at(self._memory + at, 4 * count))

    def load(self, code: str) -> None:
        """`code` at 1000h, as hexadecimal."""
        self.poke(_CODE, bytes.fromhex(code))
        power_on.flat32(self.engine.core, _CODE, _STACK)
        env = self.engine.env
        env.gdt.base, env.gdt.limit = _GDT, len(_FLAT) - 1
        env.idt.base, env.idt.limit = _IDT, 0xFF
        env.regs[0] = env.regs[1] = 0

    def run(self, code: str) -> int:
        """Run `code` to its HLT; returns the instructions that took."""
        self.load(code)
        first = self.engine.counter.instructions
        self.engine.counter.stop_at()
        self.engine.run()
        self.expect("HLT", self.engine.halted, True)
        return self.engine.counter.instructions - first

    @staticmethod
    def expect(what: str, got: object, wanted: object) -> None:
        if got != wanted:
            raise UnsupportedEngine(
                f"self-test: {what} is {got}, should be {wanted}; this build of Unicorn behaves "
                "differently from the one the processor was made for"
            )


@contextmanager
def _bench(model: Model, *, fast_stores: bool) -> Iterator[_Bench]:
    engine = Engine(model, fast_stores=fast_stores)
    memory = map_pages(_SIZE)
    try:
        engine.core.symbols.uc_mem_map_ptr(engine.core.handle, 0, _SIZE, UC_PROT_ALL, memory)
        power_on.reset(engine.core)
        bench = _Bench(engine, memory)
        bench.poke(_GDT, _FLAT)
        bench.poke(_IDT, struct.pack("<4H", _CAUGHT, 0x10, 0x8E00, 0) * 32)
        bench.poke(_CAUGHT, b"\xf4")
        yield bench
    finally:
        del engine
        unmap_pages(memory, _SIZE)


def _test_counting(bench: _Bench) -> None:
    engine = bench.engine
    # mov ecx,1000 ; L: inc dword [0B000h] ; dec ecx ; jnz L ; hlt
    loop = "b9e8030000 ff0500b00000 49 75f7 f4"
    bench.expect("the count of a loop", bench.run(loop), 3002)
    bench.load(loop)
    bench.expect("a run of 1234 instructions", engine.run_exactly(1234), 1234)
    bench.expect("ECX after it", engine.env.regs[1], 1000 - 411)


def _test_exceptions(bench: _Bench) -> None:
    # nop ; xor ecx,ecx ; div ecx
    bench.expect("the count before #DE", bench.run("90 31c9 f7f1 9090"), 3)
    bench.expect("EIP pushed by #DE", bench.dwords(_STACK - 12, 1), (_CODE + 3,))
    bench.run("0f0b")  # ud2
    bench.expect("EIP pushed by #UD", bench.dwords(_STACK - 12, 1), (_CODE,))
    bench.run("90 cd80")  # int 80h, beyond the table's limit
    wanted = (0x80 * 8 + 2, _CODE + 1)
    bench.expect("error code and EIP of #GP", bench.dwords(_STACK - 16, 2), wanted)
    bench.run("cc")  # int3
    bench.expect("EIP pushed by #BP", bench.dwords(_STACK - 12, 1), (_CODE + 1,))
    bench.load("0f0b")
    bench.engine.env.idt.limit = 0
    bench.engine.run()
    bench.expect("a triple fault", bench.engine.shut_down, True)


def _test_interrupts(bench: _Bench) -> None:
    bench.poke(_CALLED, bytes.fromhex("fb c3"))  # sti ; ret
    # call 2000h ; L: inc eax ; jmp L - after a warm round with nothing pending
    code = "e8fb0f0000 40 ebfd"
    for pending in (False, True):
        bench.load(code)
        if pending:
            bench.engine.delivery.arm(0x1F)
        bench.engine.run_exactly(50)
    bench.expect("a pending interrupt", bench.engine.delivery.armed, False)
    bench.expect("EIP it pushed", bench.dwords(_STACK - 12, 1), (_CODE + 5,))


def _test_registers(bench: _Bench) -> None:
    bench.poke(_WORK + 64, struct.pack("<HIHI", 0x123, 0x456789, 0x1F, _GDT))
    # mov eax,12345000h ; mov cr2,eax ; mov dr1,eax ; lidt [0B040h] ; lgdt [0B046h] ; fninit ; fld1
    bench.run("b800503412 0f22d0 0f23c8 0f011d40b00000 0f011546b00000 dbe3 d9e8 f4")
    env = bench.engine.env
    bench.expect("CR2", env.cr[2], 0x12345000)
    bench.expect("DR1", env.dr[1], 0x12345000)
    bench.expect("IDTR", (env.idt.base, env.idt.limit), (0x456789, 0x123))
    bench.expect("the x87 tags", list(env.fptags), [1, 1, 1, 1, 1, 1, 1, 0])
    bench.expect("R7", (env.fpregs[7].mantissa, env.fpregs[7].exponent), (1 << 63, 0x3FFF))


def _test_stores(bench: _Bench) -> None:
    stores = bench.engine.stores
    if stores is None:
        return
    bench.poke(_CALLED, bytes.fromhex("b807000000 c3"))  # mov eax,7 ; ret
    # mov ecx,100 ; L: call 2000h ; mov [2001h],ecx ; mov [0B000h],ecx ; call 2000h ;
    # add edi,eax ; dec ecx ; jnz L ; hlt
    bench.run("b964000000 e8f60f0000 890d01200000 890d00b00000 e8e50f0000 01c7 49 75e5 f4")
    bench.expect("the sum of 100 patched calls", bench.engine.env.regs[7], 5050)
    bench.expect("the mark of a code page", stores.is_code(_CALLED >> 12), True)
    bench.expect("the mark of a data page", stores.is_code(_WORK >> 12), False)


def _all(bench: _Bench) -> None:
    _test_counting(bench)
    _test_exceptions(bench)
    _test_interrupts(bench)
    _test_registers(bench)
    _test_stores(bench)


@cache
def probe() -> Capabilities:
    """Try everything once. Raises `UnsupportedEngine` with the reason and what to do."""
    notes: list[str] = []
    fast = False
    with _bench("486", fast_stores=True) as bench:
        version = ".".join(map(str, bench.engine.core.symbols.version))
        fast = bench.engine.stores is not None
        if not fast:
            notes.append(f"fast stores: {bench.engine.stores_reason}; stores are slow but right")
        _all(bench)
    return Capabilities(
        engine=f"Unicorn {version}",
        host=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        delivery="native",
        block_exits=True,
        block_counter=True,
        fast_stores=fast,
        notes=tuple(notes),
    )
