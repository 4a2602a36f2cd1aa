"""Which cards there are, and how one is made: entry points in group `hotswap.cards`.

Listing imports nothing. A plugin is imported only when its card is wanted, inside a fence: one
that raises or exits at import harms nobody and is reported by name.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import msgspec
import pluggy

from hotswap.bus import ENTRY_POINTS, Card, HotswapError, hookspecs


class PluginError(HotswapError):
    """A card plugin cannot be found, does not import or does not offer its card."""


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


def card_type(name: str) -> type[Card[Any]]:
    """Import the plugin of card `name` and ask it for its class. Raises `PluginError`."""
    points = _entry_points()
    if name not in points:
        near = difflib.get_close_matches(name, points, 1)
        hint = f"did you mean {near[0]}?" if near else "`hotswap-host info` lists the cards"
        raise PluginError(f"no card is called {name!r}; {hint}")
    point = points[name]
    whose = f"card {name} ({point.value}, from {point.dist.name if point.dist else 'nowhere'})"
    with _fence(f"{whose} does not import"):
        module = point.load()
    with _fence(f"{whose} offers no card"):
        plugins = pluggy.PluginManager("hotswap")
        plugins.add_hookspecs(hookspecs)
        plugins.register(module, name)
        found = plugins.hook.hotswap_card(name=name)
    if not (isinstance(found, type) and issubclass(found, Card)):
        raise PluginError(f"{whose} offers no card: its hotswap_card({name!r}) returned {found!r}")
    return found


def make_card(name: str, settings: Mapping[str, object] | None = None) -> Card[Any]:
    """A new card. Raises `PluginError` when it is unknown or its settings do not fit."""
    return card_of(card_type(name), settings)


def card_of(kind: type[Card[Any]], settings: Mapping[str, object] | None = None) -> Card[Any]:
    """A new card of a class. Raises `PluginError` when its settings do not fit."""
    try:
        fitting = msgspec.convert(dict(settings or {}), kind.settings_type)
    except msgspec.ValidationError as error:
        raise PluginError(f"card {kind.name}: settings do not fit: {error}") from error
    with _fence(f"card {kind.name} cannot be made"):
        return kind(fitting)


@contextmanager
def _fence(what: str) -> Iterator[None]:
    """Whatever a foreign module does in here is a `PluginError`."""
    try:
        yield
    except (Exception, SystemExit) as error:
        raise PluginError(f"{what}: {type(error).__name__}: {error}") from error
