"""The other end of the wire in runs that are repeated: a station with a script, on a hub.

It is no part of the machine, so a snapshot does not hold it. What it remembers goes beside the
snapshot, and a restored machine finds it as it was: the machine stands when both are saved, and
then no frame is between them that is not in the card's slot.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

import msgspec
import trio

from .board import Board
from .network_hub import Hub
from .network_peer import Fetch, Peer, PeerState, Ping

CARD = "ne2000"


class Role(msgspec.Struct, frozen=True):
    """Who the station is, what it does by itself, and what it remembers: nothing at first."""

    address: str
    script: Sequence[Ping | Fetch]
    state: PeerState | None = None


@asynccontextmanager
async def _on_a_hub(board: Board, role: Role) -> AsyncIterator[Peer]:
    hub, slot = Hub("rerun"), board.slot(CARD)
    peer = Peer(role.address, script=role.script, clock=board.backplane.clock)
    if role.state is not None:
        peer.state = role.state
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hub.port().serve, slot.frames_in, slot.frames_out)
        nursery.start_soon(peer.join, hub.port())
        yield peer
        nursery.cancel_scope.cancel()


def with_peer(board: Board, role: Role | None) -> AbstractAsyncContextManager[Peer | None]:
    """For the time of the block, the station of this role on a hub with the machine's NE2000."""
    return nullcontext() if role is None else _on_a_hub(board, role)


def as_it_is(role: Role, peer: Peer) -> Role:
    """The role with what the station remembers by now."""
    return msgspec.structs.replace(role, state=peer.state)
