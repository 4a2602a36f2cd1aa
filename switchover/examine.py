"""Look into a running kernel: have it write its map, read it, and undo everything.

It is a switchover that ends after SAVE. The machine goes on from R0 and does not notice.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TypeVar

import msgspec

from .canonical import CanonicalMap, canonical
from .conversation import PhaseFailed
from .coordinator import Switchover
from .errors import RolledBack
from .layout import Record
from .machine import Machine
from .options import Options
from .phases import Phase
from .processes import OF_FILES
from .protocol import BootMode, Note
from .records import FrameKind, TimerKind
from .savemap import SaveStateMap
from .schema import PAGE, SectionType
from .staging import Staged

R = TypeVar("R", bound=Record)


class Examined(msgspec.Struct):
    """A map, and the SHA-256 of every user page by (pid, linear address)."""

    map: SaveStateMap
    pages: dict[tuple[int, int], str]

    def digest(self) -> tuple[CanonicalMap, dict[tuple[int, int], str]]:
        """What two runs must have in common: the processes and what they hold, and memory.

        Without clocks and times, and without what is the kernel's own business: the frames' places,
        how often it had to enter a page into its page tables, and how it numbers open files.
        """
        tasks = [copy.copy(task) for task in self.map.task]
        for task in tasks:
            task.minflt = task.cutime_ns = task.cstime_ns = 0
        records = canonical(msgspec.structs.replace(_numbered_by_holder(self.map), task=tasks))
        del records[SectionType.TIME], records[SectionType.FRAME]
        return records, self.pages


def _numbered_by_holder(saved: SaveStateMap) -> SaveStateMap:
    """Open files numbered by who holds them, the first by pid and descriptor.

    The kernel's numbers tell who has opened something first, which hangs on where time slices end.
    """
    numbers: dict[int, int] = {0: 0}
    for fd in sorted(saved.fd, key=attrgetter("pid", "fd")):
        numbers.setdefault(fd.file_id, len(numbers))
    for file in saved.file:
        numbers.setdefault(file.file_id, len(numbers))

    def numbered(
        records: Sequence[R], name: str = "file_id", has: Callable[[R], bool] = lambda record: True
    ) -> list[R]:
        return [
            msgspec.structs.replace(record, **{name: numbers[getattr(record, name)]})
            if has(record)
            else record
            for record in records
        ]

    return msgspec.structs.replace(
        saved,
        file=numbered(saved.file),
        fd=numbered(saved.fd),
        vma=numbered(saved.vma),
        lock=numbered(saved.lock),
        timer=numbered(saved.timer, "cookie", lambda timer: timer.kind == TimerKind.TIMERFD),
        proc=numbered(saved.proc, "wait_obj", lambda proc: proc.wait_kind in OF_FILES),
    )


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
