"""The seam for cards whose behaviour is machine code: a small CPU of their own.

cpu/ implements it in this process, host/ in a process of its own; the ELF card is written against
it and gets one at insertion. So cards never import the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec


class CodeFault(msgspec.Struct, frozen=True, gc=False):
    """Why a call ended early.

    `reason` is one line: an access outside the map, a bad opcode, the budget spent, a host call
    that was refused. `address` is what was accessed, `callers` the return addresses found on the
    stack, innermost first.
    """

    reason: str
    eip: int
    address: int | None = None
    callers: tuple[int, ...] = ()


class CodeResult(msgspec.Struct, frozen=True, gc=False):
    """How a call ended. `value` is edx:eax, `instructions` what was executed, exactly."""

    value: int
    instructions: int
    fault: CodeFault | None = None


class CodeEngine(Protocol):
    """An isolated i386, flat 32-bit, with memory of its own, run for one bounded call at a time.

    One call at a time: a host call must not call again. Addresses are the code's own.
    """

    def map(
        self,
        address: int,
        size: int,
        *,
        writable: bool,
        executable: bool,
        shared: memoryview | None = None,
    ) -> None:
        """Give it zeroed memory, or `shared` as it is; multiples of 4096.

        Raises `HotswapError` when the memory limit is reached, or where nothing can be shared.
        """

    def read(self, address: int, size: int) -> bytes:
        """Bytes of its memory. Raises `HotswapError` when they are not mapped."""
        ...

    def write(self, address: int, data: bytes) -> None:
        """Store into its memory, whatever its protection; translations of old code are dropped."""

    def host_call(self, function: Callable[..., int], arguments: int) -> int:
        """Make `function` callable (cdecl); returns the address to link to.

        It gets `arguments` 32-bit words from the stack and returns edx:eax. While it runs it may
        `read` and `write`. A `HotswapError` it raises ends the call with a fault.
        """
        ...

    def call(self, entry: int, arguments: tuple[int, ...], budget: int) -> CodeResult:
        """Call a cdecl function; at most `budget` instructions. Faults are returned, not raised.

        The stack is the engine's; it has a guard page, and is empty at each call.
        """
        ...

    def close(self) -> None:
        """Give everything back; the engine is not used again."""
