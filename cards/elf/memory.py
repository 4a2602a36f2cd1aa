"""The memory of a card in its engine: the image, what it was given, and room for the host's own.

5a100000  text, rodata, data  the image
60000000  arena               hotswap_alloc
80000000  windows             hotswap_map_ram, shared with the guest
c0000000  scratch             arguments that are memory: DMA, what migrate() gets
"""

from __future__ import annotations

from collections.abc import Mapping

from hotswap.bus import CodeEngine, HotswapError

from .image import ElfImage
from .place import PAGE

ARENA = 0x6000_0000
ARENA_MAX = 0x1000_0000
ARENA_FIRST = 0x1_0000
"""Bytes mapped at first; doubled when they are not enough."""
WINDOWS = 0x8000_0000
WINDOWS_END = 0xC000_0000
WINDOWS_MAX = 16 << 20
"""Bytes of all windows of a card together: they are the host's memory too."""
SCRATCH = 0xC000_0000
SCRATCH_END = 0xE000_0000
ALIGN = 16


class CardMemory:
    """Maps `image` into `engine`. `links` are the addresses of the calls into the host."""

    def __init__(self, engine: CodeEngine, image: ElfImage, links: Mapping[str, int]) -> None:
        self._engine, self._image = engine, image
        self._arena_size = 0
        self.used = 0
        """Bytes of the arena that were given out."""
        self._next_window = WINDOWS
        self._scratch = SCRATCH
        self._scratch_size = 0
        self._data = image.data
        for segment in image.segments:
            size = segment.size + -segment.size % PAGE
            engine.map(
                segment.address, size, writable=segment.writable, executable=segment.executable
            )
        content = {segment.address: bytearray(segment.content) for segment in image.segments}
        for call in image.calls:
            text = image.segment(call.address)
            assert text is not None
            at = call.address - text.address
            content[text.address][at : at + 4] = call.word(links[call.name])
        self._initial = b""
        for segment in image.segments:
            if segment is self._data:
                room = segment.size + -segment.size % PAGE
                self._initial = bytes(content[segment.address]).ljust(room, b"\0")
            else:
                engine.write(segment.address, bytes(content[segment.address]))
        self.reset()

    @property
    def initial(self) -> bytes:
        """The data segment before anything has run, in whole pages."""
        return self._initial

    def reset(self) -> None:
        """Data as in the image; what was given out is forgotten, and zero again."""
        if self._data is not None:
            self._engine.write(self._data.address, self._initial)
        if self.used:
            self._engine.write(ARENA, bytes(self.used))
        self.used = 0

    def alloc(self, size: int) -> int:
        """The address of `size` zeroed bytes, or 0."""
        end = self.used + size + -size % ALIGN
        if not size or end > ARENA_MAX or not self._grow(end):
            return 0
        address, self.used = ARENA + self.used, end
        return address

    def _grow(self, size: int) -> bool:
        """Have `size` bytes of arena mapped; False when there is no room."""
        if size <= self._arena_size:
            return True
        for more in (max(ARENA_FIRST, self._arena_size, size - self._arena_size), 0):
            grown = max(self._arena_size + more, size)
            grown += -grown % PAGE
            try:
                self._engine.map(
                    ARENA + self._arena_size,
                    grown - self._arena_size,
                    writable=True,
                    executable=False,
                )
            except HotswapError:
                continue
            self._arena_size = grown
            return True
        return False

    def owns(self, address: int, size: int) -> bool:
        """Whether that is data of the card, or memory it was given."""
        data = self._data
        if data is not None and data.address <= address and address + size <= data.end:
            return True
        return address >= ARENA and address + size <= ARENA + self.used

    def constant(self, address: int, size: int) -> bool:
        """Whether some of it is text or rodata."""
        return any(
            address < segment.end and segment.address < address + size
            for segment in self._image.segments
            if not segment.writable
        )

    def share(self, view: memoryview) -> int:
        """Where the card sees memory of the guest's. Raises `HotswapError`."""
        address = self._next_window
        if address + len(view) + PAGE > WINDOWS_END:
            raise HotswapError("there is no room for more windows")
        self._engine.map(address, len(view), writable=True, executable=False, shared=view)
        self._next_window += len(view) + -len(view) % PAGE + PAGE
        return address

    def scratch(self, size: int) -> int:
        """The address of at least `size` bytes for one call. Raises `HotswapError`."""
        if size > self._scratch_size:
            start = self._scratch + self._scratch_size + (PAGE if self._scratch_size else 0)
            room = max(size + -size % PAGE, PAGE)
            if start + room > SCRATCH_END:
                raise HotswapError("there is no room for more arguments in memory")
            self._engine.map(start, room, writable=True, executable=False)
            self._scratch, self._scratch_size = start, room
        return self._scratch

    # -- state ----------------------------------------------------------------------------------

    def data(self) -> bytes:
        """The data segment, in whole pages."""
        if self._data is None:
            return b""
        return self._engine.read(self._data.address, len(self._initial))

    def arena(self) -> bytes:
        """What the card was given."""
        return self._engine.read(ARENA, self.used) if self.used else b""

    def restore(self, data: bytes, arena: bytes) -> None:
        """Put both back. Raises `HotswapError` when there is no room for them."""
        if len(data) != len(self._initial) or len(arena) > ARENA_MAX:
            raise HotswapError(f"{len(data)} bytes of data, {len(arena)} given out do not fit")
        if not self._grow(len(arena)):
            raise HotswapError(f"there is no memory for the {len(arena)} bytes it was given")
        self.reset()
        if self._data is not None:
            self._engine.write(self._data.address, data)
        if arena:
            self._engine.write(ARENA, arena)
        self.used = len(arena)
