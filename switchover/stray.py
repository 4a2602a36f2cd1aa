"""Stray writes from SWITCH to ACK RESUMED: nobody may store outside what is for that.

The audit of the page map always finds them, without saying who, while the guest stands at ACK
RESUMED: the last instant at which no process has run and no card has been thawed. The write guard,
when asked for, ends the phase at the first one and names the instruction. Audit and guard allow the
same; of the low memory, the real mode vectors and the BIOS's variables are not part of that.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from operator import attrgetter

from hotswap.bus import StrayWrite
from hotswap.cpu import Processor

from .audit import stray_writes
from .conversation import PhaseFailed
from .image import KernelImage
from .memory import KERNEL, MemoryPlan, Span
from .phases import Phase
from .protocol import BOOTSTRAP_HI, BOOTSTRAP_LO, RECORDER_PA
from .records import Frame
from .report import Stray
from .schema import PAGE
from .symbols import function_at

VECTORS = Span("low vectors", 0, RECORDER_PA)
LOW_MEMORY = Span("low memory", 0, BOOTSTRAP_HI)
_OWNERS_TOLD = 3


class StrayWatch:
    """Looks for stray writes since R1. `place` is the map's, `frames` what it says of memory.

    With `guarded` the first one is reported as an event, of which `explain` says more. With
    `checksums` every byte of the frames is looked at twice, whatever the page map says.
    """

    def __init__(
        self,
        processor: Processor,
        plan: MemoryPlan,
        place: Span,
        frames: list[Frame],
        *,
        guarded: bool,
        checksums: bool = False,
    ) -> None:
        self.found: Stray | None = None
        self.user_pages = 0
        """Pages of processes that have been written to since R1, once the watch has ended."""
        self._processor, self._plan, self._frames = processor, plan, frames
        self._allowed = (LOW_MEMORY, KERNEL, plan.scratch, plan.echo, place)
        self._vectors = processor.read_memory(VECTORS.lo, VECTORS.size)
        self._checksums = list(map(self._checksum, frames)) if checksums else []
        if guarded:
            processor.guard.arm(self._guarded())

    def _guarded(self) -> Iterator[tuple[int, int]]:
        yield VECTORS.lo, VECTORS.hi
        for span in stray_writes([(0, self._plan.ram // PAGE)], self._allowed):
            yield span.lo, span.hi

    def end(self) -> None:
        """Nothing is guarded any more. Raises PhaseFailed when there was a stray write."""
        self._processor.guard.disarm()
        if stray := stray_writes(self._processor.ram.dirty_runs(), self._allowed):
            self.user_pages = user_pages(stray, self._frames)
            spans = ", ".join(
                f"{span.lo:#x}-{span.hi:#x}, {self._whose(span.lo)}" for span in stray[:4]
            )
            raise PhaseFailed(
                f"the new kernel wrote outside what it was given: {spans}; --dry-run or --guard "
                "names the instruction"
            )
        for frame, checksum in zip(self._frames, self._checksums, strict=False):
            if self._checksum(frame) != checksum:
                raise PhaseFailed(f"{self._whose(frame.paddr)} has changed since R1")
        now = self._processor.read_memory(VECTORS.lo, VECTORS.size)
        if now != self._vectors:
            at = next(i for i in range(VECTORS.size) if now[i] != self._vectors[i])
            raise PhaseFailed(f"the new kernel wrote to the {VECTORS.name}, first at {at:#x}")

    def _checksum(self, frame: Frame) -> int:
        return zlib.crc32(self._processor.read_memory(frame.paddr, frame.n_pages * PAGE))

    def explain(self, write: StrayWrite, phase: Phase, old: KernelImage, new: KernelImage) -> str:
        """What the guard has seen, in words; `found` has it as data."""
        function = _function(write.eip, phase, old, new)
        size, value = len(write.value), int.from_bytes(write.value, "little")
        self.found = Stray(
            eip=write.eip,
            function=function,
            address=write.address,
            physical=write.physical,
            size=size,
            value=write.value.hex(),
            frame=self._whose(write.physical),
            by=write.by,
        )
        what = f"{value:#x}" if size <= 8 else f"{write.value[:16].hex(' ')}..."
        where = f"{function} at EIP {write.eip:#x}" if function else f"EIP {write.eip:#x}"
        who = f"{write.by}, on behalf of {where}," if write.by else where
        count = "1 byte" if size == 1 else f"{size} bytes"
        return (
            f"stray write: {who} stored {what} ({count}) to {write.address:#x}, physical "
            f"{write.physical:#x}: {self.found.frame}"
        )

    def _whose(self, physical: int) -> str:
        owners = [
            f"pid {frame.pid} at {physical - frame.paddr + frame.vaddr:#x}"
            for frame in self._frames
            if frame.paddr <= physical < frame.paddr + frame.n_pages * PAGE
        ]
        if owners:
            more = f" and {len(owners) - _OWNERS_TOLD} more" if len(owners) > _OWNERS_TOLD else ""
            return f"memory of {', '.join(owners[:_OWNERS_TOLD])}{more}"
        spans = (VECTORS, self._plan.stage, Span("adapter area", 0xA0000, 0x100000))
        name = next((span.name for span in spans if span.holds(physical, physical + 1)), "")
        return name or "memory of no process"


def user_pages(stray: Iterable[Span], frames: Iterable[Frame]) -> int:
    """Pages of `stray`, spans in rising order, that are in `frames`; each once.

    Both may have tens of thousands, so each is gone through once.
    """
    pages = end = 0
    left = deque(stray)
    for frame in sorted(frames, key=attrgetter("paddr")):
        start, end = max(frame.paddr, end), max(frame.paddr + frame.n_pages * PAGE, end)
        while left and left[0].lo < end:
            pages += max(0, min(end, left[0].hi) - max(start, left[0].lo)) // PAGE
            if left[0].hi > end:
                break
            left.popleft()
    return pages


def _function(eip: int, phase: Phase, old: KernelImage, new: KernelImage) -> str:
    if BOOTSTRAP_LO <= eip < BOOTSTRAP_HI:
        return f"bootstrap+{eip - BOOTSTRAP_LO:#x}"
    return function_at(old if phase <= Phase.SWITCH else new, eip)
