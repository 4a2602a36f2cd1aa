"""The whole plugin API. A plugin is a module named by an entry point in group `hotswap.cards`.

The entry point's name is the card's name; the module is imported only when that card is inserted
or asked about.
"""

from __future__ import annotations

from typing import Any

import pluggy

from .card import Card

hookspec = pluggy.HookspecMarker("hotswap")
hookimpl = pluggy.HookimplMarker("hotswap")
"""Marks a plugin's `hotswap_card`."""

ENTRY_POINTS = "hotswap.cards"
"""The entry-point group card plugins are listed under."""


@hookspec(firstresult=True)
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """Return the card class called `name`, or None when this plugin has no such card."""
