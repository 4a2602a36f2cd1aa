"""The seam for cards whose behaviour is machine code: a small CPU of their own.

cpu/ implements it, the ELF card is written against it, host/ hands one in at insertion; so cards
never import the engine.
"""

from __future__ import annotations

from typing import Protocol

import msgspec


class CodeFault(msgspec.Struct, frozen=True):
    """Why a call ended early: an access outside the map, a bad opcode, or the budget spent."""

    reason: str
    eip: int
    address: int | None = None


class CodeResult(msgspec.Struct, frozen=True):
    """How a call ended. `instructions` counts what was executed, exactly."""

    eax: int
    instructions: int
    fault: CodeFault | None = None


class CodeEngine(Protocol):
    """An isolated i386 with memory of its own, run for one bounded call at a time."""

    def map(self, address: int, size: int, *, writable: bool, executable: bool) -> None:
        """Give it zeroed memory; `address` and `size` are multiples of 4096."""

    def read(self, address: int, size: int) -> bytes:
        """Bytes of its memory."""
        ...

    def write(self, address: int, data: bytes) -> None:
        """Store into its memory; translations of old code are dropped."""

    def call(self, entry: int, arguments: tuple[int, ...], budget: int) -> CodeResult:
        """Call a cdecl function; at most `budget` instructions. Faults are returned, not raised."""
        ...
