"""Ethernet frames between a card and the outside world, which a switchover can hold and rewind.

As `stream` for bytes, but what moves is a whole frame: from the destination address to the end of
the payload, without preamble and without FCS. Both ends are bounded as a wire is: a frame that
finds no room is lost and counted, and whoever wants to lose none waits for room.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import msgspec
import trio

FRAME_MIN = 60
"""Shortest frame on a wire, bytes: what is shorter is padded by its sender."""
FRAME_MAX = 1518
"""Longest: 14 of header, 4 of an 802.1Q tag, 1500 of payload."""
HEADER = 14
HELD = 16
"""How many times its capacity an end keeps while it is held."""

Watch: TypeAlias = Callable[[bytes], None]


def is_frame(frame: bytes) -> bool:
    """Whether Ethernet could carry it."""
    return HEADER <= len(frame) <= FRAME_MAX


class FramesState(msgspec.Struct, frozen=True):
    """What is under way at one instant, oldest first; `delivered` only of a `FrameOutbox`."""

    frames: list[bytes]
    dropped: int = 0
    delivered: int = 0


class FrameOutbox:
    """Frames on their way out, in order. `capacity` frames may wait for a slow back end."""

    def __init__(self, capacity: int = 256) -> None:
        self.capacity = capacity
        self.delivered = 0
        """Frames the back end has taken since power-on."""
        self.dropped = 0
        """Frames lost since power-on: no room, or no Ethernet frame."""
        self.watch: Watch | None = None
        """Called with each frame as it leaves for good."""
        self._frames: deque[bytes] = deque()
        self._mark: tuple[int, int] | None = None  # frames that may leave, `dropped` at the hold
        self._still = False
        self._lent = False  # a back end is sending the first one
        self._changed = trio.Event()

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def full(self) -> bool:
        """True when the card should wait; while held it may run on for sixteen times as much."""
        limit = self.capacity if self._mark is None else self._mark[0] + HELD * self.capacity
        return len(self._frames) >= limit

    def write(self, frame: bytes) -> None:
        """Append `frame`; it leaves when the back end takes it."""
        if self.full or not is_frame(frame):
            self.dropped += 1
            return
        self._frames.append(frame)
        if self._mark is None:
            self._wake()

    async def ready(self) -> None:
        """Wait until a frame may leave (called by the back end)."""
        while not self._free():
            await self._changed.wait()
        await trio.lowlevel.checkpoint()

    def peek(self) -> bytes | None:
        """The next frame that may leave, left in place, or None."""
        return self._frames[0] if self._free() else None

    @contextmanager
    def lend(self) -> Iterator[bytes]:
        """The next frame, to be sent in the block; consumed when that ends without an error.

        `ready` comes first.
        """
        frame = self.peek()
        assert frame is not None, "lend() without ready()"
        self._lent = True
        try:
            yield frame
            self.consume()
        finally:
            self._lent = False
            self._wake()

    async def settled(self) -> None:
        """Wait until no frame is lent: each has left or has not."""
        while self._lent:
            await self._changed.wait()
        await trio.lowlevel.checkpoint()

    def consume(self) -> None:
        """The frame `peek` returned has left for good."""
        frame = self._frames.popleft()
        if self._mark is not None:
            free, dropped = self._mark
            self._mark = free - 1, dropped
        self.delivered += 1
        if self.watch is not None:
            self.watch(frame)
        self._wake()

    def take(self) -> bytes | None:
        """Peek and consume in one."""
        frame = self.peek()
        if frame is not None:
            self.consume()
        return frame

    def _free(self) -> int:
        if self._still:
            return 0
        return len(self._frames) if self._mark is None else self._mark[0]

    async def room(self) -> None:
        """Wait until the outbox is not full."""
        while self.full:
            await self._changed.wait()
        await trio.lowlevel.checkpoint()

    def hold(self, *, still: bool = False) -> None:
        """Set the mark, or move it on: what is written from here on stays in.

        With `still` so does what was written before, until the release.
        """
        self._mark, self._still = (len(self._frames), self.dropped), still
        self._wake()

    def rewind(self) -> None:
        """Forget what was written since the mark; the mark stays."""
        if self._mark is not None:
            free, self.dropped = self._mark
            while len(self._frames) > free:
                self._frames.pop()
            self._wake()

    def release(self) -> None:
        """Lift the mark: everything may leave."""
        self._mark, self._still = None, False
        self._wake()

    @property
    def held(self) -> bool:
        """True while a mark is set."""
        return self._mark is not None

    def snapshot(self) -> FramesState:
        """The frames that have not left, held or not."""
        return FramesState(list(self._frames), self.dropped, self.delivered)

    def restore(self, state: FramesState) -> None:
        """Put a snapshot back; a mark is lifted."""
        self._frames = deque(state.frames)
        self.dropped, self.delivered = state.dropped, state.delivered
        self.release()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


class FrameInbox:
    """Frames that came in and that the card has not read yet, in order; at most `capacity`.

    While the inbox is held, frames that were read are kept as well: at most sixteen times as many.
    """

    def __init__(self, capacity: int = 1024) -> None:
        self.capacity = capacity
        self.dropped = 0
        """Frames lost since power-on: no room, or no Ethernet frame."""
        self.watch: Watch | None = None
        """Called with each frame as it comes in, lost or not."""
        self._frames: deque[bytes] = deque()
        self._taken: list[bytes] | None = None
        self._changed = trio.Event()

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def full(self) -> bool:
        """True when a back end that can should wait: the next frame would be lost."""
        kept = 0 if self._taken is None else len(self._taken)
        return len(self._frames) >= self.capacity or kept >= HELD * self.capacity

    def feed(self, frame: bytes) -> None:
        """Append a frame from outside (called by the back end)."""
        if self.watch is not None:
            self.watch(frame)
        if self.full or not is_frame(frame):
            self.dropped += 1
            return
        self._frames.append(frame)
        self._wake()

    async def room(self) -> None:
        """Wait until the inbox is not full (called by a back end that can hold frames back)."""
        while self.full:
            await self._changed.wait()
        await trio.lowlevel.checkpoint()

    def peek(self) -> bytes | None:
        """The next frame, left in place, or None."""
        return self._frames[0] if self._frames else None

    def read(self) -> bytes | None:
        """Take the next frame, or None."""
        if not self._frames:
            return None
        frame = self._frames.popleft()
        if self._taken is not None:
            self._taken.append(frame)
        self._wake()
        return frame

    async def wait(self) -> None:
        """Until there is a frame to read."""
        while not self._frames:
            await self._changed.wait()
        await trio.lowlevel.checkpoint()

    def hold(self) -> None:
        """Keep a copy of every frame read from here on."""
        self._taken = []

    def rewind(self) -> None:
        """Put back what was read since `hold`; it will be read again, in order."""
        if self._taken:
            self._frames.extendleft(reversed(self._taken))
            self._taken.clear()
            self._wake()

    def release(self) -> None:
        """Forget the copies."""
        self._taken = None
        self._wake()

    @property
    def held(self) -> bool:
        """True while copies of what is read are kept."""
        return self._taken is not None

    def snapshot(self) -> FramesState:
        """The frames the card has not read."""
        return FramesState(list(self._frames), self.dropped)

    def restore(self, state: FramesState) -> None:
        """Put a snapshot back; copies kept by `hold` are forgotten."""
        self._frames, self._taken = deque(state.frames), None
        self.dropped = state.dropped
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
