"""The version of the card author's API, and what it means for a card.

The minor number counts additions: a card for 1.0 works with every 1.x. The major number counts
changes that break cards.
"""

from __future__ import annotations

from typing import Any

from .card import Card
from .errors import BusError

API_VERSION = (1, 0)
"""Of everything `hotswap.bus` exports: (major, minor)."""


def check_api(kind: type[Card[Any]]) -> None:
    """Raise `BusError` when a card is written for an API that is not here."""
    wanted: object = kind.api
    match wanted:
        case (int(major), int(minor)):
            pass
        case _:
            raise BusError(
                f"card {kind.name}: its api is {wanted!r}; make it two numbers, as {API_VERSION}"
            )
    have = f"this hotswap-host has {API_VERSION[0]}.{API_VERSION[1]}"
    if major > API_VERSION[0] or (major == API_VERSION[0] and minor > API_VERSION[1]):
        raise BusError(
            f"card {kind.name} is written for API {major}.{minor} of hotswap.bus, {have}; "
            "install a newer hotswap-host, or an older version of the card"
        )
    if major < API_VERSION[0]:
        raise BusError(
            f"card {kind.name} is written for API {major}.{minor} of hotswap.bus, {have}; "
            "install a newer version of the card, or an older hotswap-host"
        )
