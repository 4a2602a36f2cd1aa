"""What this host offers: the engine with what is active on it, and the cards there are."""

from __future__ import annotations

from typing import Any

import msgspec

from hotswap.cpu import probe

from .discovery import offers


def inventory() -> dict[str, Any]:
    """Facts for `hotswap-host info`. Raises `UnsupportedEngine` when no level fits this host."""
    facts: dict[str, Any] = msgspec.to_builtins(probe())
    facts["cards"] = [msgspec.to_builtins(offer) for offer in offers()]
    return facts
