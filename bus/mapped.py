"""Memory of a card's own that the guest sees at the speed of RAM, by its place in a slot.

While a card is replaced the memory of the one before is still there: what the new card maps at the
same place, with the same size or content, it takes over as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from .errors import BusError
from .pins import Memory

if TYPE_CHECKING:
    from .slot import Slot

Mapped: TypeAlias = dict[int, memoryview | bytes]
"""By its start: RAM as it is, or the content of ROM."""


class MappedMemory:
    """Of the card in `slot`."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self.there: Mapped = {}
        self._before: Mapped = {}  # of the card before, as far as it is still there

    def map_ram(self, start: int, size: int) -> memoryview:
        """See `Slot.map_ram`."""
        kept = self._left_over.get(start)
        if isinstance(kept, memoryview) and len(kept) == size:
            view = kept
        else:
            view = self._memory(start).map_ram(start, size)
        self.there[start] = view
        return view

    def unmap_ram(self, start: int) -> None:
        """See `Slot.unmap_ram`."""
        view = self.there.pop(start)
        if self._before.get(start) is not view:
            self._memory(start).unmap(start)

    def map_rom(self, start: int, content: bytes) -> None:
        """See `Slot.map_rom`."""
        kept = self._left_over.get(start)
        if kept != content:
            if kept is not None:
                del self._before[start]
                self._memory(start).unmap(start)
            self._memory(start).map_rom(start, content)
        self.there[start] = content

    def unmap(self) -> None:
        """Take all of it from the guest."""
        while self.there:
            start, _ = self.there.popitem()
            self._memory(start).unmap(start)

    # -- replacement --------------------------------------------------------------------------

    def hand_over(self) -> None:
        """Another card maps now."""
        self._before, self.there = self.there, {}

    def keep_new(self) -> None:
        """The other card stays: what it has not taken over goes."""
        for start in self._left_over:
            self._memory(start).unmap(start)
        self._before = {}

    def put_back(self, before: Mapped) -> None:
        """The card before stays, with what it had; also when nothing was handed over.

        RAM whose place ROM has taken is lost.
        """
        there = self._before | self.there
        for start, now in there.items():
            same = now is before.get(start) or now == before.get(start)
            if not same:
                self._memory(start).unmap(start)
        for start, content in before.items():
            if isinstance(content, bytes) and content != there.get(start):
                self._memory(start).map_rom(start, content)
        self._before, self.there = {}, before

    @property
    def _left_over(self) -> Mapped:
        return {start: own for start, own in self._before.items() if start not in self.there}

    def _memory(self, start: int) -> Memory:
        memory = self._slot.backplane.memory
        if memory is None:
            title = self._slot.title
            raise BusError(f"card {title}: no processor is there to see memory at {start:#x}")
        return memory
