"""What is plugged into the connectors of cards: serial and parallel cables, networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import msgspec
import trio

from hotswap.bus import FrameInbox, FrameOutbox, Inbox, Outbox

from .backends import SerialBackEnd, open_backend
from .network import Hubs, NetworkBackEnd, open_network

BackEnd: TypeAlias = SerialBackEnd | NetworkBackEnd


class Cable(msgspec.Struct, frozen=True):
    """Where a card's bytes go, as `open_backend` has it, or its frames, as `open_network` has it.

    Frames can be captured in a file; `port` is what bytes go through, "serial" or "parallel".
    With `append`, a file that is there already is written on at its end.
    """

    to: str
    port: str = ""
    capture: str = ""
    append: bool = False

    @property
    def frames(self) -> bool:
        """Whether it is a network's."""
        return not self.port


class OpenCable(NamedTuple):
    """A cable and what is at its far end."""

    cable: Cable
    back_end: BackEnd


async def open_cables(cables: Mapping[int, Cable]) -> dict[int, OpenCable]:
    """Open what is at their ends; all are by slot. Raises `BackEndError`, `NetworkError`."""
    hubs = Hubs()
    opened: dict[int, OpenCable] = {}
    for slot, cable in sorted(cables.items(), key=lambda pair: not pair[1].frames):
        back_end = (
            open_network(cable.to, hubs=hubs)
            if cable.frames
            else await open_backend(cable.to, append=cable.append)
        )
        opened[slot] = OpenCable(cable, back_end)
    return opened


async def unused(back_end: BackEnd) -> None:
    """Close a back end that no card has got; it does so itself when it is cancelled."""
    with trio.CancelScope() as scope:
        scope.cancel()
        if isinstance(back_end, NetworkBackEnd):
            await back_end.serve(FrameInbox(), FrameOutbox())
        else:
            await back_end.serve(Inbox(), Outbox())
