"""A hub inside the process: what one port sends, all others hear.

Whichever port wakes first repeats for all of them, in the order of the ports; so what cards of one
machine send between two slices arrives in the same order every time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from hotswap.bus import FrameInbox, FrameOutbox

from .network_backend import NetworkBackEnd


class Hub:
    """Any number of ports, of one machine or of several in the process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._wires: dict[int, tuple[FrameInbox, FrameOutbox]] = {}
        self._ports = 0

    def port(self) -> NetworkBackEnd:
        """The next port; its number is its place in the order."""
        number, self._ports = self._ports, self._ports + 1
        return NetworkBackEnd(f"hub {self.name} port {number}", self._serve(number))

    def _serve(self, number: int) -> Callable[[FrameInbox, FrameOutbox], Awaitable[None]]:
        async def serve(frames_in: FrameInbox, frames_out: FrameOutbox) -> None:
            self._wires[number] = frames_in, frames_out
            try:
                while True:
                    await frames_out.ready()
                    self._repeat()
            finally:
                del self._wires[number]

        return serve

    def _repeat(self) -> None:
        wires = sorted(self._wires.items())
        for number, (_, frames_out) in wires:
            while (frame := frames_out.take()) is not None:
                for other, (frames_in, _) in wires:
                    if other != number:
                        frames_in.feed(frame)


class Hubs:
    """The hubs of one process, by name; a hub is there from its first use on."""

    def __init__(self) -> None:
        self._hubs: dict[str, Hub] = {}

    def hub(self, name: str) -> Hub:
        """The hub called `name`."""
        return self._hubs.setdefault(name, Hub(name))


async def unplugged(_frames_in: FrameInbox, frames_out: FrameOutbox) -> None:
    """No cable: what is sent is lost."""
    while True:
        await frames_out.ready()
        frames_out.take()
        await trio.lowlevel.checkpoint()
