"""A `CodeEngine` in this process: a code unit, lent to one card until it is closed."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import c_uint32, c_uint64
from functools import cache
from typing import Any

from unicorn import UC_ERR_EXCEPTION

from hotswap.bus import HotswapError
from hotswap.bus.code_engine import CodeFault, CodeResult

from .code_faults import PF, name_exception, name_page_fault
from .code_unit import RETURN, CodeUnit
from .errors import UnsupportedEngine

MOST_ARGUMENTS = 8
"""Words a call, or a host call, can have."""
MOST_BUDGET = (1 << 32) - 1
"""Instructions a call can be allowed."""
CALLERS = 32
"""Most return addresses in a fault."""
_LEAST = 16  # longest instruction, bytes
CLOSED = "the engine of a card's code is closed"
_U64 = (1 << 64) - 1
_IN_CALL = -(1 << 63)


@cache
def _prototype(arguments: int) -> Any:
    return ctypes.CFUNCTYPE(c_uint64, *[c_uint32] * arguments)


def _closed(*_words: int) -> int:
    raise HotswapError(CLOSED)


class CodeLease:
    """See `CodeEngine`. `give_back` takes the unit when it is closed."""

    def __init__(self, unit: CodeUnit, give_back: Callable[[CodeUnit], None]) -> None:
        self._unit = unit
        self._give_back = give_back
        self._core = unit.core
        self._env, self._parameters = unit.core.env, unit.core.parameters
        self._call_code: Callable[..., int] = unit.call_code
        self._result = unit.result
        self._callbacks: list[Any] = []  # the unit holds bare pointers to them
        self._closed = False
        self._failure: BaseException | None = None

    # -- memory -------------------------------------------------------------------------------

    def map(
        self,
        address: int,
        size: int,
        *,
        writable: bool,
        executable: bool,
        shared: memoryview | None = None,
    ) -> None:
        """See `CodeEngine.map`."""
        self._check_open()
        self._unit.memory.map(
            address, size, writable=writable, executable=executable, shared=shared
        )

    def read(self, address: int, size: int) -> bytes:
        """See `CodeEngine.read`."""
        self._check_open()
        return self._unit.memory.read(address, size)

    def write(self, address: int, data: bytes) -> None:
        """See `CodeEngine.write`."""
        self._check_open()
        self._unit.memory.write(address, data)

    def _check_open(self) -> None:
        if self._closed:
            raise HotswapError(CLOSED)

    # -- calls --------------------------------------------------------------------------------

    def host_call(self, function: Callable[..., int], arguments: int) -> int:
        """See `CodeEngine.host_call`."""
        self._check_open()
        if not 0 <= arguments <= MOST_ARGUMENTS:
            raise HotswapError(f"a host call with {arguments} words: at most {MOST_ARGUMENTS}")

        def call(*words: int) -> int:
            try:
                return function(*words) & _U64
            except BaseException as error:  # ctypes would drop it: it ends the call
                self._failure = error
                self._unit.end_call()
                return 0

        callback = _prototype(arguments)(call)
        address = ctypes.cast(callback, ctypes.c_void_p).value
        assert address is not None
        stub = self._unit.add_call(address)
        if not stub:
            raise HotswapError(f"{len(self._callbacks)} host calls is the most there can be")
        self._callbacks.append(callback)
        return stub

    def call(self, entry: int, arguments: tuple[int, ...], budget: int) -> CodeResult:
        """See `CodeEngine.call`. What is no `HotswapError` in a host call is raised here."""
        count = len(arguments)
        if count > MOST_ARGUMENTS or not 0 < budget <= MOST_BUDGET:
            raise HotswapError(
                f"{count} arguments and a budget of {budget} instructions: at most "
                f"{MOST_ARGUMENTS}, and 1 to {MOST_BUDGET}"
            )
        instructions = self._call_code(entry, budget, count, *arguments)
        if instructions >= 0:
            return CodeResult(self._result[0], instructions)
        if instructions == _IN_CALL:
            raise HotswapError("a card's code is called from one of its own host calls")
        try:
            fault = self._fault(self._parameters.error, budget)
        finally:
            if self._closed:
                self._release()
        return CodeResult(0, ~instructions, fault)

    def _fault(self, error: int, budget: int) -> CodeFault:
        p, env = self._parameters, self._env
        eip, address = env.eip, None
        failure, self._failure = self._failure, None
        if failure is not None and not isinstance(failure, HotswapError):
            raise failure
        if failure is not None:
            reason = str(failure)
        elif p.ended:
            reason = "the engine was closed in a host call"
        elif p.gave_up:
            p.gave_up = 0
            reason = "the engine cannot go on with this code"
        elif p.late:
            reason = f"time spent: {p.patience / 1e6:g} ms"
        elif p.lost_stack:
            reason, address = "host call with ESP outside the stack", env.regs[4]
        elif error == UC_ERR_EXCEPTION:
            reason, address = self._exception()
            if env.exception_is_int:
                eip = p.int_eip
        elif error:
            raise UnsupportedEngine(
                f"Unicorn ended a call of a card's code with error {error} at {env.eip:#x}; this "
                "is a defect of the processor, please report it"
            )
        else:
            reason = f"budget spent: {budget} instructions"
        return CodeFault(reason, eip, address, self._callers())

    def _exception(self) -> tuple[str, int | None]:
        env = self._env
        vector = self._core.common.exception_index
        if env.exception_is_int:
            return f"INT {vector:#x}", None
        if vector == PF:
            return name_page_fault(env.cr[2], env.error_code), env.cr[2]
        code = b""
        for size in range(_LEAST, 0, -1):
            try:
                code = self._unit.memory.read(env.eip, size)
                break
            except HotswapError:  # the page ends
                continue
        return name_exception(vector, code), None

    def _callers(self) -> tuple[int, ...]:
        """Return addresses along the chain of EBP, which goes up the stack; none is trusted."""
        found: list[int] = []
        at, lowest = self._env.regs[5], 0
        while len(found) < CALLERS and at > lowest:
            frame = self._unit.frame(at)
            if frame is None:
                break
            lowest = at
            at, back = frame
            if back == RETURN:
                break
            found.append(back)
        return tuple(found)

    # -- the end ------------------------------------------------------------------------------

    def close(self) -> None:
        """See `CodeEngine.close`. In a host call, it ends the call."""
        if self._closed:
            return
        self._closed = True
        if self._parameters.in_call:
            self._unit.end_call()
        else:
            self._release()

    def _release(self) -> None:
        self._callbacks.clear()
        unit, give_back = self._unit, self._give_back
        # Nothing here keeps the engine, should the pool be closed.
        del self._unit, self._give_back, self._core, self._env, self._parameters
        del self._result
        self._call_code = _closed
        give_back(unit)
