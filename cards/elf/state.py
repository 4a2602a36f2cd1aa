"""What a card's code has of the host, apart from its memory: the other half of its state."""

from __future__ import annotations

import msgspec

from hotswap.bus import State

from .descriptor import TIMERS_MAX


class Picture(msgspec.Struct, frozen=True):
    """What hotswap_screen said: pixels at an address of the card's."""

    pixels: int
    width: int
    height: int
    stride: int
    bits: int


class ElfState(State):
    """Timers, blocks and the rest; the memory is in the engine."""

    timers: list[int | None] = msgspec.field(default_factory=lambda: [None] * TIMERS_MAX)
    """When each runs out, ns of machine time."""
    blocks: dict[int, tuple[int, int]] = msgspec.field(default_factory=dict)
    """What hotswap_keep named: address and size by number."""
    picture: Picture | None = None
    busy_until: int = 0
    """The card's processor works on a timer or on what was posted; ns of machine time."""
    wants_room: bool = False
    """hotswap_room was 0, and output has not been called since."""
