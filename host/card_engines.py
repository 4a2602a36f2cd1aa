"""The engines of a board's cards in machine code: here, or in processes; made when wanted."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from hotswap.bus import CodeEngine
from hotswap.cpu import CodePool

from .elf_cards import Sandbox
from .sandbox import SandboxPool
from .sandbox.process_engine import DEADLINE


class CardEngines:
    """A context manager, to be closed when all its cards have been.

    `deadline` is that of a port cycle of a card in a process, ns.
    """

    def __init__(self, deadline: int = DEADLINE) -> None:
        self._deadline = deadline
        self.here: CodePool | None = None
        """Those in this process; most boards need none."""
        self.processes: SandboxPool | None = None

    async def take(self, sandbox: Sandbox) -> CodeEngine:
        """An engine with empty memory. Raises `UnsupportedEngine`, `SandboxError`."""
        if sandbox == "process":
            if self.processes is None:
                self.processes = SandboxPool(deadline=self._deadline)
            return await self.processes.start()
        if self.here is None:
            self.here = CodePool()
        return self.here.take()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for pool in (self.here, self.processes):
            if pool is not None:
                pool.close()
