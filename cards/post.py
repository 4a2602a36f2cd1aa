"""Power-on self test display: port 0x80, which keeps the code last written to it.

The port is a register of the DMA page register file that no channel uses, so it reads back (IBM
PC/AT Technical Reference, "System Board, DMA"). Many systems write to it only to let a
microsecond pass.
"""

from __future__ import annotations

from typing import Any

from hotswap.bus import Card, Policy, PortRange, State, hookimpl

PORT = 0x80


class PostState(State):
    code: int = 0


class Post(Card[PostState]):
    """Two hexadecimal digits; a new code is also logged at level debug."""

    name = "post"
    ports = PortRange(PORT, 1)
    switchover = Policy.CARRY
    state_type = PostState

    def read(self, port: int, width: int) -> int:
        """The code last written."""
        return self.state.code

    def write(self, port: int, width: int, value: int) -> None:
        """Show a code. The same one again is a delay and not worth a line."""
        if value != self.state.code:
            self.state.code = value
            self.slot.log.debug("power-on self test", code=f"{value:02x}")


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return Post if name == Post.name else None
