"""What a network back end is: the far end of a card's wire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec

from hotswap.bus import FrameInbox, FrameOutbox, HotswapError

Serve: TypeAlias = Callable[[FrameInbox, FrameOutbox], Awaitable[None]]


class NetworkError(HotswapError):
    """A network back end cannot be opened or has ended: which, why, and what to do about it."""


class NetworkBackEnd(msgspec.Struct, frozen=True):
    """A back end that is open; `name` is for people.

    `serve(slot.frames_in, slot.frames_out)` is a task of the machine's nursery and runs until it is
    cancelled. It raises `NetworkError` when the far end is gone.
    """

    name: str
    serve: Serve
