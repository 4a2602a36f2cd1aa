"""Calls of hotswap_card.h that are about memory: the card's own, the guest's, the monitor's.

What is wrong with their words raises `HotswapError`, which ends the call, and the card with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotswap.bus import HotswapError, MemoryRange, Slot

from .memory import WINDOWS_MAX, CardMemory
from .picture import check
from .place import PAGE
from .shown import shown
from .state import ElfState, Picture

if TYPE_CHECKING:
    from .card import ElfCard

BYTES_MAX = 1 << 16
"""Of one hotswap_put, hotswap_get, hotswap_memory_get or hotswap_memory_put."""
TEXT_MAX = 512
BLOCKS_MAX = 256


class MemoryCalls:
    """Those of one card. While `quiet` nothing is asked of the board: a state is being loaded."""

    def __init__(self, card: ElfCard) -> None:
        self._card = card
        self.quiet = False
        self.plugging = False
        """plugged() runs, which may map memory."""
        self.windows: dict[int, tuple[memoryview, int]] = {}
        """What was mapped: the memory, and where the card sees it, by address for the guest."""

    @property
    def _slot(self) -> Slot | None:
        return None if self.quiet else self._card.plugged_in

    @property
    def _state(self) -> ElfState:
        return self._card.state

    @property
    def _memory(self) -> CardMemory:
        return self._card.memory

    def _read(self, call: str, address: int, size: int) -> bytes:
        try:
            return self._card.engine.read(address, size)
        except HotswapError as error:
            raise HotswapError(f"{call}: {error}") from error

    def _write(self, call: str, address: int, content: bytes) -> None:
        if self._memory.constant(address, len(content)):
            raise HotswapError(f"{call}: {len(content)} bytes at {address:#x} are constant")
        try:
            self._card.engine.write(address, content)
        except HotswapError as error:
            raise HotswapError(f"{call}: {error}") from error

    def _text(self, call: str, address: int) -> str:
        found = b""
        while len(found) < TEXT_MAX:
            at = address + len(found)
            piece = self._read(call, at, min(PAGE - at % PAGE, TEXT_MAX - len(found)))
            found += piece
            if b"\0" in piece:
                break
        return shown(found.partition(b"\0")[0])

    # -- memory ---------------------------------------------------------------------------------

    def alloc(self, size: int) -> int:
        """Memory of its own, or 0."""
        return self._memory.alloc(size)

    def keep(self, number: int, address: int, size: int) -> int:
        """Name a block of the state."""
        if not size or not self._memory.owns(address, size):
            raise HotswapError(
                f"hotswap_keep: block {number}, {size} bytes at {address:#x}, is not the card's "
                "data or from hotswap_alloc"
            )
        if number not in self._state.blocks and len(self._state.blocks) >= BLOCKS_MAX:
            raise HotswapError(f"hotswap_keep: block {number}: there may be {BLOCKS_MAX} blocks")
        self._state.blocks[number] = address, size
        return 0

    def map_ram(self, start: int, size: int) -> int:
        """Memory guest and card share, or 0."""
        if not self.plugging:
            raise HotswapError("hotswap_map_ram: only in plugged()")
        slot = self._card.plugged_in
        if start in self.windows and len(self.windows[start][0]) == size:
            return self.windows[start][1]  # RESET: it is there
        if start % PAGE or size % PAGE or not size or not self._leased(start, size):
            raise HotswapError(
                f"hotswap_map_ram: {size:#x} bytes at {start:#x} are no whole pages of {PAGE} "
                "bytes in one of the card's windows"
            )
        if slot is None or slot.backplane.memory is None:
            return 0
        others = sum(len(view) for view, _ in self.windows.values())
        if others + size > WINDOWS_MAX:
            raise HotswapError(
                f"hotswap_map_ram: {size:#x} bytes at {start:#x}, with {others:#x} before: all "
                f"windows of a card may have {WINDOWS_MAX:#x}"
            )
        try:
            view = slot.map_ram(start, size)
        except HotswapError as error:
            slot.log.warning("no memory for the guest to see", why=str(error))
            return 0
        try:
            address = self._memory.share(view)
        except HotswapError as error:
            slot.log.warning("no memory to share with the guest", why=str(error))
            slot.unmap_ram(start)
            return 0
        self.windows[start] = view, address
        return address

    def _leased(self, start: int, size: int) -> bool:
        spans: list[MemoryRange] = list(self._card.leased.windows)
        return any(s.start <= start and start + size <= s.start + s.size for s in spans)

    def screen(self, pixels: int, width: int, height: int, stride: int, bits: int) -> int:
        """What the monitor shows; nothing when `width` is 0."""
        if self.quiet:
            return 0
        if not width:
            self._state.picture = None
            return 0
        picture = Picture(pixels, width, height, stride, bits)
        try:
            check(picture, self._card.engine)
        except HotswapError as error:
            raise HotswapError(f"hotswap_screen: {error}") from error
        self._state.picture = picture
        return 0

    # -- bus master -----------------------------------------------------------------------------

    def memory_get(self, start: int, to: int, size: int) -> int:
        """Bytes of the machine's memory."""
        count = self._reach("hotswap_memory_get", start, size)
        slot = self._slot
        if slot is None or not count:
            return 0
        assert slot.backplane.memory is not None
        self._write("hotswap_memory_get", to, slot.backplane.memory.read_memory(start, count))
        return count

    def memory_put(self, start: int, address: int, size: int) -> int:
        """Bytes into the machine's memory."""
        count = self._reach("hotswap_memory_put", start, size)
        slot = self._slot
        if slot is None or not count:
            return 0
        assert slot.backplane.memory is not None
        content = self._read("hotswap_memory_put", address, count)
        slot.backplane.memory.write_memory(start, content, by=f"card {slot.title}")
        return count

    def _reach(self, call: str, start: int, size: int) -> int:
        """How many of these bytes are RAM."""
        if size > BYTES_MAX:
            raise HotswapError(f"{call}: {size} bytes; at most {BYTES_MAX} at once")
        slot = self._slot
        if slot is None or slot.backplane.memory is None or not size:
            return 0
        holds = slot.backplane.memory.holds
        if holds(start, size):
            return size
        count = 0
        while count < size:
            more = min(PAGE - (start + count) % PAGE, size - count)
            if not holds(start, count + more):
                break
            count += more
        return count
