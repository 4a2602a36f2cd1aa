"""The engines of a board's cards in machine code: made when one is wanted, kept for the next."""

from __future__ import annotations

from typing import Self

from hotswap.bus import HotswapError

from .code_engine import CodeLease
from .code_unit import CodeUnit
from .selftest import probe

MEMORY_MAX = 16 << 20
"""Bytes a card's code may have, stack and page tables included."""
PATIENCE = 10_000_000
"""Longest a call may take, ns, whatever its budget of instructions."""


class CodePool:
    """Engines for code, each with at most `memory_max` bytes; a call takes `patience` ns at most.

    A context manager: whoever opens it closes it, when all engines have been.
    Raises `UnsupportedEngine`.
    """

    def __init__(self, memory_max: int = MEMORY_MAX, *, patience: int = PATIENCE) -> None:
        probe()
        self._memory_max = memory_max
        self._patience = patience
        self._free: list[CodeUnit] = []
        self._closed = False
        self.made = 0
        """Engines made so far."""
        self.taken = 0
        """Engines lent now."""

    def take(self) -> CodeLease:
        """An engine with empty memory, until it is closed. Raises `UnsupportedEngine`."""
        if self._closed:
            raise HotswapError("the pool of engines is closed: its board is gone")
        if self._free:
            unit = self._free.pop()
        else:
            unit = CodeUnit(self._memory_max, self._patience)
            self.made += 1
        self.taken += 1
        return CodeLease(unit, self._give_back)

    def _give_back(self, unit: CodeUnit) -> None:
        self.taken -= 1
        if self._closed:
            unit.close()
        else:
            unit.reset()
            self._free.append(unit)

    def close(self) -> None:
        """Give the engines up; those still lent, when they are closed."""
        self._closed = True
        for unit in self._free:
            unit.close()
        self._free.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
