"""What this host offers: the engine with what is active on it, the sandbox, and the cards."""

from __future__ import annotations

from typing import Any

import msgspec

from hotswap.cpu import probe

from .discovery import offers
from .sandbox import active


def inventory() -> dict[str, Any]:
    """Facts for `hotswap-host info`. Raises `UnsupportedEngine` when no level fits this host."""
    facts: dict[str, Any] = msgspec.to_builtins(probe())
    facts["sandbox"] = active()
    facts["cards"] = [msgspec.to_builtins(offer) for offer in offers()]
    return facts
