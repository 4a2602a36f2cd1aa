"""Whether a machine that was taken back to a rollback point is the machine it was there."""

from __future__ import annotations

from hotswap.bus import Backplane
from hotswap.cpu import Processor, Run
from hotswap.switchover.schema import PAGE


class PointState:
    """The machine at a rollback point, to hold it against what it is later."""

    def __init__(self, processor: Processor, backplane: Backplane) -> None:
        self._processor, self._backplane = processor, backplane
        self._memory = {
            start: processor.ram.read(start, size) for start, size in processor.ram.spans
        }
        self._cpu, self._cards = processor.take_state(), backplane.snapshot()

    def differences(self, dirty: list[Run]) -> list[str]:
        """What is different now, of memory the pages that were `dirty` before the way back."""
        wrong = []
        pages = [page for run in dirty for page in range(run.first, run.first + run.pages)]
        changed = [page for page in pages if not self._same(page * PAGE)]
        if changed:
            shown = ", ".join(f"{page * PAGE:#x}" for page in changed[:3])
            wrong.append(f"memory: {len(changed)} pages: {shown}")
        if left := self._processor.ram.dirty_runs():
            wrong.append(f"{len(left)} runs of pages are still written")
        if self._processor.take_state() != self._cpu:
            wrong.append("processor")
        if self._backplane.snapshot() != self._cards:
            wrong.append("cards")
        return wrong

    def _same(self, at: int) -> bool:
        start = max(start for start in self._memory if start <= at)
        was = self._memory[start][at - start : at - start + PAGE]
        return self._processor.ram.read(at, PAGE) == was
