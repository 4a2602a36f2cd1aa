"""Look into a running kernel: have it write its map, read it, and undo everything.

It is a switchover that ends after SAVE. The machine goes on from R0 and does not notice.
"""

from __future__ import annotations

import copy
import hashlib

import msgspec

from .canonical import CanonicalMap, canonical
from .conversation import PhaseFailed
from .coordinator import Switchover
from .errors import RolledBack
from .machine import Machine
from .phases import Phase
from .protocol import BootMode, Note
from .records import FrameKind
from .savemap import SaveStateMap
from .schema import PAGE, SectionType
from .staging import Staged
from .transaction import Options


class Examined(msgspec.Struct):
    """A map, and the SHA-256 of every user page by (pid, linear address)."""

    map: SaveStateMap
    pages: dict[tuple[int, int], str]

    def digest(self) -> tuple[CanonicalMap, dict[tuple[int, int], str]]:
        """What two runs must have in common: the processes and what they hold, and memory.

        Without clocks and times, and without what is the kernel's own business: the frames' places,
        and how often it had to enter a page into its page tables.
        """
        tasks = [copy.copy(task) for task in self.map.task]
        for task in tasks:
            task.minflt = task.cutime_ns = task.cstime_ns = 0
        records = canonical(msgspec.structs.replace(self.map, task=tasks))
        del records[SectionType.TIME], records[SectionType.FRAME]
        return records, self.pages


async def examine(machine: Machine, *, patience: float = 1.0) -> Examined:
    """The state of the kernel's processes now. Raises RolledBack when it does not write a map."""
    examination = _Examination(machine, patience)
    try:
        await examination.run()
    except RolledBack:
        if examination.found is None:
            raise
    assert examination.found is not None
    return examination.found


class _Examination(Switchover):
    def __init__(self, machine: Machine, patience: float) -> None:
        options = Options(mode=BootMode.DMA, patience=patience)
        super().__init__(machine, machine.kernel, options)
        self.found: Examined | None = None

    async def _agree(self, note: Note) -> None:
        """No kernel is to agree with another."""

    async def _switch(self, staged: Staged, txn: int) -> None:
        async with self._phase(Phase.STAGE):
            await self._begin(txn, b"")
            self._take_point()
        async with self._phase(Phase.PREPARE):
            await self._prepare()
        async with self._phase(Phase.QUIESCE):
            await self._quiesce()
        async with self._phase(Phase.SAVE):
            script, _ = await self._save()
            self.found = Examined(script.map, self._pages(script.map))
        raise PhaseFailed("this was an examination")

    def _pages(self, saved: SaveStateMap) -> dict[tuple[int, int], str]:
        pages: dict[tuple[int, int], str] = {}
        for frame in saved.frame:
            if frame.kind != FrameKind.RAMDISK:
                for page in range(frame.n_pages):
                    content = self._processor.read_memory(frame.paddr + page * PAGE, PAGE)
                    key = frame.pid, frame.vaddr + page * PAGE
                    pages[key] = hashlib.sha256(content).hexdigest()
        return pages
