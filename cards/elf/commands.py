"""What a card's code posts to its own task."""

from __future__ import annotations

import msgspec


class Work(msgspec.Struct, frozen=True):
    """hotswap_post: call work(what, argument)."""

    what: int
    argument: int
