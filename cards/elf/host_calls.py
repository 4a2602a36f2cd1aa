"""The calls of hotswap_card.h: what a card's code may ask of the board, and what it may not.

Each gets words the card has chosen. What is wrong with them raises `HotswapError`, which ends the
call, and the card with it; so nothing here may take more memory or time than a call is worth.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hotswap.bus import BusError, HotswapError, Slot
from hotswap.bus.cycle import MemoryRange

from .budgets import Budgets
from .commands import Work
from .host_names import HOST_CALLS
from .log_limit import LogLimit
from .memory import CardMemory
from .picture import check
from .place import PAGE
from .state import ElfState, Picture

if TYPE_CHECKING:
    from .card import ElfCard

BYTES_MAX = 1 << 16
"""Of one hotswap_put, hotswap_get, hotswap_memory_get or hotswap_memory_put."""
TEXT_MAX = 512
BLOCKS_MAX = 256
LEVELS = {7: logging.DEBUG, 6: logging.INFO, 5: logging.INFO, 4: logging.WARNING}
"""Of syslog; what is more urgent is an error."""


class HostCalls:
    """Those of one card. While `quiet` nothing is asked of the board: a state is being loaded."""

    def __init__(self, card: ElfCard, budgets: Budgets) -> None:
        self._card, self._budgets = card, budgets
        self._log = LogLimit(budgets.lines_of_log)
        self.quiet = False
        self.plugging = False
        """plugged() runs, which may map memory."""
        self.changes = 0
        """Of lines, in this call."""
        self.windows: dict[int, tuple[memoryview, int]] = {}
        """What was mapped: the memory, and where the card sees it, by address for the guest."""

    def links(self) -> dict[str, int]:
        """Make all callable, always in the same order; their addresses."""
        engine = self._card.engine
        return {
            name: engine.host_call(getattr(self, name.removeprefix("hotswap_")), words)
            for name, words in HOST_CALLS.items()
        }

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
        return found.partition(b"\0")[0].decode("utf-8", "backslashreplace")

    # -- lines and time -------------------------------------------------------------------------

    def irq(self, line: int, level: int) -> int:
        """Drive an IRQ line."""
        return self._drive("irq", line, level)

    def drq(self, line: int, level: int) -> int:
        """Drive a DRQ line."""
        return self._drive("drq", line, level)

    def _drive(self, kind: str, line: int, level: int) -> int:
        card = self._card
        count = card.irq_count if kind == "irq" else card.drq_count
        if line >= count:
            raise HotswapError(f"hotswap_{kind}: line {line}, and it has {count}")
        slot = self._slot
        if slot is None:
            return 0
        wire = (slot.irqs if kind == "irq" else slot.drqs)[line]
        if wire.level != bool(level):
            self.changes += 1
            if self.changes > self._budgets.lines:
                raise HotswapError(
                    f"hotswap_{kind}: lines have changed {self._budgets.lines} times in this call"
                )
            wire.set(bool(level))
        return 0

    def now(self) -> int:
        """Machine time, ns."""
        slot = self._card.plugged_in
        return 0 if slot is None else slot.clock.now()

    def timer(self, timer: int, low: int, high: int) -> int:
        """Set a timer, or stop it."""
        if timer >= self._card.image.descriptor.timers:
            count = self._card.image.descriptor.timers
            raise HotswapError(f"hotswap_timer: timer {timer}, and `timers` is {count}")
        if not self.quiet:
            self._state.timers[timer] = (high << 32 | low) or None
            self._card.arm()
        return 0

    def post(self, what: int, argument: int) -> int:
        """Work for the card's own task."""
        if not self._card.image.descriptor.functions.work:
            raise HotswapError("hotswap_post: the card has no function work")
        slot = self._slot
        if slot is not None:
            try:
                slot.post(Work(what, argument))
            except BusError as error:
                raise HotswapError(f"hotswap_post: {error}") from error
        return 0

    # -- the back end ---------------------------------------------------------------------------

    def put(self, address: int, size: int) -> int:
        """Bytes out."""
        if size > BYTES_MAX:
            raise HotswapError(f"hotswap_put: {size} bytes; at most {BYTES_MAX} at once")
        slot = self._slot
        if not size or slot is None:
            return 0
        content = self._read("hotswap_put", address, size)
        if len(slot.output) + size > self._budgets.output:
            self._say(slot, logging.WARNING, "output is dropped: the back end is far behind")
        else:
            slot.output.write(content)
        return 0

    def room(self) -> int:
        """How many bytes may be put."""
        slot = self._slot
        if slot is None:
            return 0
        if slot.output.full:
            self._state.wants_room = True
            self._card.own_time.look_for_room()
            return 0
        return max(1, slot.output.capacity - len(slot.output))

    def get(self, address: int, size: int) -> int:
        """Bytes in."""
        slot = self._slot
        if slot is None or not size or not slot.input:
            return 0
        content = slot.input.read(min(size, BYTES_MAX))
        self._write("hotswap_get", address, content)
        return len(content)

    def log(self, level: int, address: int) -> int:
        """A line for the log."""
        text = self._text("hotswap_log", address)
        slot = self._slot
        if slot is not None:
            self._say(slot, LEVELS.get(level, logging.ERROR if level < 4 else logging.DEBUG), text)
        return 0

    def _say(self, slot: Slot, level: int, text: str) -> None:
        if (dropped := self._log.pass_on(slot.clock.now())) is None:
            return
        slot.log.log(level, "card says", text=text, **({"dropped": dropped} if dropped else {}))

    def fail(self, address: int) -> int:
        """The card gives up."""
        raise HotswapError(f"hotswap_fail: {self._text('hotswap_fail', address)}")

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
        try:
            view = slot.map_ram(start, size)
        except HotswapError as error:
            slot.log.warning("no memory for the guest to see", why=str(error))
            return 0
        try:
            address = self._memory.share(view)
        except HotswapError as error:
            slot.log.warning("no memory to share with the guest", why=str(error))
            slot.backplane.memory.unmap(start)
            del slot.mapped[start]
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
