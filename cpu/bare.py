"""The engine without a board around it: what measurements are held against.

Two baselines: the cured engine run in one go (no slices, no bus), and stock Unicorn with hooks
set through its own Python bindings, the way a small emulator would.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from ctypes import c_int, c_uint32, c_void_p
from typing import Any

from unicorn import UC_ARCH_X86, UC_HOOK_INSN, UC_MODE_32, UC_PROT_ALL
from unicorn.x86_const import UC_X86_INS_IN, UC_X86_INS_OUT, UC_X86_REG_ESP

from . import power_on
from .engine import Engine
from .host_memory import map_pages, unmap_pages
from .symbols import open_engine


def run_cured(code: bytes, at: int, ram: int) -> float:
    """Seconds the cured engine takes for flat 32-bit `code` at `at` to reach its HLT."""
    engine = Engine("486")
    memory = map_pages(ram)
    try:
        symbols = engine.core.symbols
        symbols.uc_mem_map_ptr(engine.core.handle, 0, ram, UC_PROT_ALL, memory)
        ctypes.memmove(memory + at, code, len(code))
        power_on.flat32(engine.core, at, at)
        began = time.perf_counter()
        engine.run()
        return time.perf_counter() - began
    finally:
        del engine
        unmap_pages(memory, ram)


_IN = ctypes.CFUNCTYPE(c_uint32, c_void_p, c_uint32, c_int, c_void_p)
_OUT = ctypes.CFUNCTYPE(None, c_void_p, c_uint32, c_int, c_uint32, c_void_p)


def run_image(
    content: bytes,
    at: int,
    entry: int,
    ram: int,
    read: Callable[[int], int],
    write: Callable[[int, int], bool],
) -> None:
    """Run a flat 32-bit image on the cured engine, in one go: to a HLT, or until `write` is True.

    IN gets `read(port)`, OUT is given to `write(port, value)`; neither may raise.
    """
    engine = Engine("486")
    stop = engine.counter.stop
    memory = map_pages(ram)

    def port_in(_uc: int, port: int, _width: int, _user: int) -> int:
        return read(port)

    def port_out(_uc: int, port: int, _width: int, value: int, _user: int) -> None:
        if write(port, value):
            stop()

    hooks = (UC_X86_INS_IN, _IN(port_in)), (UC_X86_INS_OUT, _OUT(port_out))
    try:
        symbols, core = engine.core.symbols, engine.core
        symbols.uc_mem_map_ptr(core.handle, 0, ram, UC_PROT_ALL, memory)
        ctypes.memmove(memory + at, content, len(content))
        for instruction, hook in hooks:
            address = ctypes.cast(hook, c_void_p).value
            assert address is not None
            core.hook(UC_HOOK_INSN, address, instruction)
        power_on.flat32(core, entry, at)
        engine.run()
    finally:
        del engine
        unmap_pages(memory, ram)


def run_with_bindings(code: bytes, at: int, ram: int) -> float:
    """The same on stock Unicorn, IN and OUT answered by trivial hooks of its bindings."""
    engine = open_engine(UC_ARCH_X86, UC_MODE_32)
    engine.mem_map(0, ram, UC_PROT_ALL)
    engine.mem_write(at, code)
    engine.reg_write(UC_X86_REG_ESP, at)

    def port_in(_uc: Any, _port: int, _width: int, _data: Any) -> int:
        return 0

    def port_out(_uc: Any, _port: int, _width: int, _value: int, _data: Any) -> None:
        return None

    engine.hook_add(UC_HOOK_INSN, port_in, None, 1, 0, UC_X86_INS_IN)
    engine.hook_add(UC_HOOK_INSN, port_out, None, 1, 0, UC_X86_INS_OUT)
    began = time.perf_counter()
    engine.emu_start(at, at + len(code))
    return time.perf_counter() - began
