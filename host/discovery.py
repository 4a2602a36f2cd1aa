"""Which cards there are, and how one is made: entry points in group `hotswap.cards`.

Listing imports nothing. A plugin is imported only when its card is wanted, inside a fence
(`plugin_fence`): one that misbehaves harms nobody and is reported by name.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import msgspec
import trio

from hotswap.bus import ENTRY_POINTS, Card
from hotswap.bus.api import check_api

from .plugin_fence import PluginError, fence, kept_from_stdout, try_plugin
from .plugin_trial import ask

__all__ = [
    "Offer",
    "PluginError",
    "card_of",
    "card_type",
    "fetch_card",
    "fetch_type",
    "make_card",
    "offers",
    "version_of",
]

OWN = "hotswap-host"


class Offer(msgspec.Struct, frozen=True):
    """A card that could be inserted: its name, the module it is in, the distribution it is from."""

    name: str
    module: str
    distribution: str
    version: str
    """That of the distribution."""


def _entry_points() -> dict[str, EntryPoint]:
    """As they are installed now: looked for again, for 10 ms, when a folder has changed."""
    return _scan(tuple((folder, _changed(folder)) for folder in sys.path))


@lru_cache(maxsize=1)
def _scan(_folders: tuple[tuple[str, int], ...]) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _changed(folder: str) -> int:
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0  # nothing is there, and nothing can be found there


def offers() -> list[Offer]:
    """Every card that could be inserted, by name; nothing is imported."""
    return [
        Offer(name, point.value, *(_from(point) or ("?", "?")))
        for name, point in sorted(_entry_points().items())
    ]


def _from(point: EntryPoint) -> tuple[str, str] | None:
    """Name and version of the distribution that has the entry point."""
    return None if point.dist is None else (point.dist.name, point.dist.version)


def version_of(name: str) -> str:
    """The version of the distribution card `name` is from; empty when there is none."""
    point = _entry_points().get(name)
    return (_from(point) or ("", ""))[1] if point is not None else ""


def card_type(name: str) -> type[Card[Any]]:
    """Import the plugin of card `name` and ask it for its class. Raises `PluginError`."""
    _try_if_new(name, {})
    return _load(name)


def make_card(name: str, settings: Mapping[str, object] | None = None) -> Card[Any]:
    """A new card. Raises `PluginError` when it is unknown or its settings do not fit.

    A plugin that is new here is tried first, in another process; this one waits.
    """
    _try_if_new(name, settings or {})
    return card_of(_load(name), settings)


async def fetch_card(name: str, settings: Mapping[str, object] | None = None) -> Card[Any]:
    """As `make_card`, for a running machine: it goes on while a new plugin is tried."""
    if _is_new(_find(name)):
        await trio.to_thread.run_sync(_try_if_new, name, settings or {})
    return card_of(_load(name), settings)


async def fetch_type(name: str) -> type[Card[Any]]:
    """As `card_type`, for a running machine."""
    if _is_new(_find(name)):
        await trio.to_thread.run_sync(_try_if_new, name, {})
    return _load(name)


def card_of(kind: type[Card[Any]], settings: Mapping[str, object] | None = None) -> Card[Any]:
    """A new card of a class. Raises `PluginError` when its settings do not fit."""
    try:
        fitting = msgspec.convert(dict(settings or {}), kind.settings_type)
    except msgspec.ValidationError as error:
        from .card_settings import settings_faults  # what explains errors is heavy

        found = settings_faults(kind.name, kind.settings_type, settings or {}, "settings")
        what = "; ".join(map(str, found)) or str(error)
        raise PluginError(f"card {kind.name}: settings do not fit: {what}") from error
    with fence(f"card {kind.name} cannot be made"):
        return kind(fitting)


def _find(name: str) -> EntryPoint:
    points = _entry_points()
    if name not in points:
        near = difflib.get_close_matches(name, points, 1)
        hint = (
            f"did you mean {near[0]}?"
            if near
            else "`hotswap-host card list --available` lists them"
        )
        raise PluginError(f"no card is called {name!r}; {hint}")
    return points[name]


def _whose(point: EntryPoint) -> str:
    distribution, _ = _from(point) or ("nowhere", "")
    return f"card {point.name} ({point.value}, from {distribution})"


def _is_new(point: EntryPoint) -> bool:
    """Whether somebody else's plugin has not been imported here yet."""
    return point.module not in sys.modules and (_from(point) or "?")[0] != OWN


def _try_if_new(name: str, settings: Mapping[str, object]) -> None:
    point = _find(name)
    if _is_new(point):
        try_plugin(_whose(point), point.module, name, settings)


def _load(name: str) -> type[Card[Any]]:
    """Import a plugin that has been tried."""
    point = _find(name)
    if _is_new(point):
        with kept_from_stdout(name):
            _import(point)
    module = _import(point)
    with fence(f"{_whose(point)} offers no card"):
        kind = ask(module, name)
    check_api(kind)
    return kind


def _import(point: EntryPoint) -> Any:
    with fence(f"{_whose(point)} does not import"):
        return point.load()
