"""Byte streams between a card and the outside world, which a switchover can hold and rewind.

A card writes to its `Outbox` and reads from its `Inbox`; a back end (terminal, file, socket) sits
at the other end in a task of its own. While a switchover is undecided nothing leaves and nothing
that came in is forgotten, so that both directions can be taken back to the rollback point.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import trio


class StreamState(msgspec.Struct, frozen=True):
    """What is under way in a stream at one instant; `delivered` only of an `Outbox`."""

    data: bytes
    delivered: int = 0


class Outbox:
    """Bytes on their way out, in order. `capacity` bytes may wait for a slow back end."""

    def __init__(self, capacity: int = 65536) -> None:
        self.capacity = capacity
        self.delivered = 0
        """Bytes the back end has taken since power-on."""
        self.delivered_at = 0
        """Host time (monotonic ns) of the last delivery, for the pause a peer sees."""
        self._data = bytearray()
        self._mark: int | None = None
        self._still = False
        self._lent = 0  # bytes a back end is sending
        self._changed = trio.Event()

    def __len__(self) -> int:
        return len(self._data)

    @property
    def full(self) -> bool:
        """True when the card should wait: the back end is `capacity` bytes behind.

        While output is held the card may run on for sixteen times that much.
        """
        limit = self.capacity if self._mark is None else self._mark + 16 * self.capacity
        return len(self._data) >= limit

    def write(self, data: bytes) -> None:
        """Append `data`; it leaves when the back end takes it."""
        self._data += data
        if self._mark is None:
            self._wake()

    async def ready(self) -> None:
        """Wait until something may leave (called by the back end)."""
        while not self._free():
            await self._changed.wait()
        await trio.lowlevel.checkpoint()

    def peek(self, limit: int = 65536) -> bytes:
        """What may leave now, up to `limit` bytes, left in place."""
        return bytes(self._data[: min(self._free(), limit)])

    @contextmanager
    def lend(self, limit: int = 65536) -> Iterator[bytes]:
        """What `peek` gives, to be sent in the block; consumed when that ends without an error.

        While it is lent, nobody knows how much of it has left.
        """
        data = self.peek(limit)
        self._lent = len(data)
        try:
            yield data
            self.consume(len(data))
        finally:
            self._lent = 0
            self._wake()

    async def settled(self) -> None:
        """Wait until nothing is lent: each byte has left or has not."""
        while self._lent:
            await self._changed.wait()
        await trio.lowlevel.checkpoint()

    def consume(self, count: int) -> None:
        """The first `count` bytes have left for good."""
        del self._data[:count]
        if self._mark is not None:
            self._mark -= count
        self.delivered += count
        self.delivered_at = time.monotonic_ns()
        self._wake()

    def take(self, limit: int = 65536) -> bytes:
        """Peek and consume in one."""
        data = self.peek(limit)
        if data:
            self.consume(len(data))
        return data

    def _free(self) -> int:
        if self._still:
            return 0
        return len(self._data) if self._mark is None else self._mark

    async def more(self) -> None:
        """Wait for the next change: bytes written, taken, forgotten or let out."""
        await self._changed.wait()

    async def room(self) -> None:
        """Wait until the outbox is not full."""
        while self.full:
            await self._changed.wait()
        await trio.lowlevel.checkpoint()

    async def drained(self) -> None:
        """Wait until every byte has been taken by the back end."""
        while self._data:
            await self._changed.wait()
        await trio.lowlevel.checkpoint()

    def hold(self, *, still: bool = False) -> None:
        """Set the mark, or move it on: what is written from here on stays in.

        With `still` so does what was written before, until the release.
        """
        self._mark, self._still = len(self._data), still
        self._wake()

    def rewind(self) -> None:
        """Forget what was written since the mark; the mark stays."""
        if self._mark is not None:
            del self._data[self._mark :]
            self._wake()

    def release(self) -> None:
        """Lift the mark: everything may leave."""
        self._mark, self._still = None, False
        self._wake()

    @property
    def held(self) -> bool:
        """True while a mark is set."""
        return self._mark is not None

    def snapshot(self) -> StreamState:
        """The bytes that have not left, held or not."""
        return StreamState(bytes(self._data), self.delivered)

    def restore(self, state: StreamState) -> None:
        """Put a snapshot back; a mark is lifted."""
        self._data[:] = state.data
        self.delivered = state.delivered
        self.release()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


class Inbox:
    """Bytes that came in and that the card has not read yet, in order.

    A back end that can make the far end wait does so while `capacity` bytes are unread; while the
    inbox is held, bytes that were read are kept, and count too.
    """

    def __init__(self, capacity: int = 1 << 20) -> None:
        self.capacity = capacity
        self.on_feed: Callable[[bytes], None] | None = None
        """Called with what comes in, before the card can read it."""
        self._data = bytearray()
        self._taken: bytearray | None = None
        self._changed = trio.Event()

    def __len__(self) -> int:
        return len(self._data)

    def feed(self, data: bytes) -> None:
        """Append bytes from outside (called by the back end)."""
        if self.on_feed is not None:
            self.on_feed(data)
        self._data += data
        self._wake()

    async def room(self) -> None:
        """Wait until less than `capacity` bytes are kept (called by the back end)."""
        while len(self._data) + len(self._taken or b"") >= self.capacity:
            await self._changed.wait()
        await trio.lowlevel.checkpoint()

    def read(self, limit: int) -> bytes:
        """Take up to `limit` bytes, perhaps none."""
        data = bytes(self._data[:limit])
        del self._data[: len(data)]
        if self._taken is not None:
            self._taken += data
        elif data:
            self._wake()
        return data

    async def wait(self) -> None:
        """Until there is something to read."""
        while not self._data:
            await self._changed.wait()
        await trio.lowlevel.checkpoint()

    async def more(self) -> None:
        """Wait for the next change: bytes fed, or read."""
        await self._changed.wait()

    def hold(self) -> None:
        """Keep a copy of everything read from here on."""
        self._taken = bytearray()
        self._wake()

    def rewind(self) -> None:
        """Put back what was read since `hold`; it will be read again, in order."""
        if self._taken:
            self._data[:0] = self._taken
            self._taken.clear()
            self._wake()

    def release(self) -> None:
        """Forget the copy."""
        self._taken = None
        self._wake()

    @property
    def held(self) -> bool:
        """True while a copy of what is read is kept."""
        return self._taken is not None

    def snapshot(self) -> StreamState:
        """The bytes the card has not read."""
        return StreamState(bytes(self._data))

    def restore(self, state: StreamState) -> None:
        """Put a snapshot back; a copy kept by `hold` is forgotten."""
        self._data[:] = state.data
        self._taken = None
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
