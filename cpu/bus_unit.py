"""The bus unit: turns the engine's IN, OUT and accesses outside RAM into cycles on the backplane.

The hottest Python there is: raw C callbacks, one list look-up, one call. An exception cannot pass
through the engine, so it is kept, the cycle reads all ones, and the slice ends; the processor deals
with it then.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import c_int, c_size_t, c_uint32, c_uint64
from typing import Any, NamedTuple, TypeAlias, cast

from unicorn import UC_HOOK_INSN
from unicorn.x86_const import UC_X86_INS_IN, UC_X86_INS_OUT, UC_X86_INS_RDTSC

from hotswap.bus import FLOATING, Backplane, Cycle, Space
from hotswap.bus.latches import ERA, PENDING

from .core import Core
from .errors import UnsupportedEngine

_Read: TypeAlias = Callable[[int, int], int]
_Write: TypeAlias = Callable[[int, int, int], None]

_IN = ctypes.CFUNCTYPE(c_uint32, c_uint64, c_uint32, c_int)
_OUT = ctypes.CFUNCTYPE(None, c_uint64, c_uint32, c_int, c_uint32)
_RDTSC = ctypes.CFUNCTYPE(c_int)
_LOAD = ctypes.CFUNCTYPE(c_uint64, c_size_t, c_uint64, c_uint32)
_STORE = ctypes.CFUNCTYPE(None, c_size_t, c_uint64, c_uint32, c_uint64)


class CycleFailure(NamedTuple):
    """A cycle that raised."""

    cycle: Cycle
    error: BaseException


class BusUnit:
    """Connects a core's pins to `backplane`. `end_slice` is called after a cycle that raised.

    `time_stamp` gives the time-stamp counter, for models that have one.
    """

    def __init__(
        self,
        core: Core,
        backplane: Backplane,
        end_slice: Callable[[], None],
        time_stamp: Callable[[], int] | None,
    ) -> None:
        self._core = core
        self._backplane = backplane
        self._end_slice = end_slice
        self._failure: CycleFailure | None = None
        self._callbacks: list[Any] = []  # the engine holds bare pointers to them
        self._windows: dict[int, tuple[Any, Any]] = {}  # and to those of loads and stores
        thunks = core.thunks
        self._io = io = backplane.io
        self._cells = io.latches.cells
        core.parameters.latches = ctypes.addressof(c_uint64.from_buffer(self._cells))
        core.parameters.read_port = self._keep(_IN(self._make_in()))
        core.parameters.write_port = self._keep(_OUT(self._make_out()))
        core.hook(UC_HOOK_INSN, thunks.entry("port_in"), UC_X86_INS_IN)
        core.hook(UC_HOOK_INSN, thunks.entry("port_out"), UC_X86_INS_OUT)
        if time_stamp is not None:
            rdtsc = self._keep(_RDTSC(self._make_rdtsc(time_stamp)))
            core.parameters.rdtsc = rdtsc
            core.hook(UC_HOOK_INSN, rdtsc, UC_X86_INS_RDTSC)

    def take_failure(self) -> CycleFailure | None:
        """The first cycle that raised since the last call."""
        failure, self._failure = self._failure, None
        return failure

    def settle(self) -> None:
        """The slice has ended: let the cards' states have what was done without them."""
        self._io.settle()

    def map(self, start: int, end: int) -> None:
        """Let loads and stores from `start` up to `end` reach the backplane's windows."""
        if start not in self._windows:  # cards come and go, at few addresses
            self._windows[start] = _LOAD(self._make_load(start)), _STORE(self._make_store(start))
        load, store = self._windows[start]
        error = self._core.symbols.uc_mmio_map(
            self._core.handle, start, end - start, load, None, store, None
        )
        if error:
            raise UnsupportedEngine(f"the engine cannot map {start:#x}-{end - 1:#x}: error {error}")

    def _keep(self, callback: Any) -> int:
        """The address of a callback, which stays alive as long as this does."""
        self._callbacks.append(callback)
        address = ctypes.cast(callback, ctypes.c_void_p).value
        assert address is not None
        return address

    def _failed(
        self, error: BaseException, space: Space, write: bool, address: int, width: int, value: int
    ) -> None:
        if self._failure is None:
            self._failure = CycleFailure(Cycle(space, write, address, width, value), error)
        self._io.burst.withdraw()
        self._end_slice()

    # The callbacks must let nothing through, be it a KeyboardInterrupt: ctypes would drop it.

    def _make_in(self) -> Callable[[int, int, int], int]:
        reads = cast("tuple[list[_Read], ...]", self._backplane.port_reads)
        lines = FLOATING  # data lines there are: what is no number, or too wide, is found here
        settle = self._io.settle

        def port_in(pending: int, port: int, width: int) -> int:
            try:
                if pending:
                    settle()
                return reads[width][port](port, width) & lines[width]
            except BaseException as error:
                self._failed(error, Space.PORT, False, port, width, FLOATING[width])
                return FLOATING[width]

        return port_in

    def _make_out(self) -> Callable[[int, int, int, int], None]:
        writes = cast("tuple[list[_Write], ...]", self._backplane.port_writes)
        settle = self._io.settle

        def port_out(pending: int, port: int, width: int, value: int) -> None:
            try:
                if pending:
                    settle()
                writes[width][port](port, width, value)
            except BaseException as error:
                self._failed(error, Space.PORT, True, port, width, value)

        return port_out

    def _make_rdtsc(self, time_stamp: Callable[[], int]) -> Callable[[], int]:
        regs = self._core.env.regs

        def rdtsc() -> int:
            try:
                now = time_stamp()
            except BaseException as error:
                self._failed(error, Space.PORT, False, 0, 4, 0)
                now = 0
            regs[0], regs[2] = now & 0xFFFFFFFF, now >> 32 & 0xFFFFFFFF
            return 1  # done: the engine's own counter stays out of it

        return rdtsc

    def _make_load(self, start: int) -> Callable[[int, int, int], int]:
        read = self._backplane.memory_read
        cells, settle = self._cells, self._io.settle

        def load(_uc: int, offset: int, width: int) -> int:
            address = start + offset
            try:
                cells[ERA] += 1
                if cells[PENDING]:
                    settle()
                if width <= 4:
                    return read(address, width) & FLOATING[width]
                return read(address, 4) | read(address + 4, 4) << 32
            except BaseException as error:
                value = (1 << 8 * width) - 1
                self._failed(error, Space.MEMORY, False, address, width, value)
                return value

        return load

    def _make_store(self, start: int) -> Callable[[int, int, int, int], None]:
        write = self._backplane.memory_write
        cells, settle = self._cells, self._io.settle

        def store(_uc: int, offset: int, width: int, value: int) -> None:
            address = start + offset
            try:
                cells[ERA] += 1
                if cells[PENDING]:
                    settle()
                if width <= 4:
                    write(address, width, value)
                else:
                    write(address, 4, value & 0xFFFFFFFF)
                    write(address + 4, 4, value >> 32)
            except BaseException as error:
                self._failed(error, Space.MEMORY, True, address, width, value)

        return store
