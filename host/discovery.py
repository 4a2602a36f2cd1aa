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
from typing import Any, NamedTuple

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


class _Plugin(NamedTuple):
    """An entry point, and the distribution it is from."""

    point: EntryPoint
    distribution: str
    version: str

    @property
    def whose(self) -> str:
        """The card in words."""
        return f"card {self.point.name} ({self.point.value}, from {self.distribution})"

    @property
    def is_new(self) -> bool:
        """Whether it is somebody else's, and has not been imported here yet."""
        return self.point.module not in sys.modules and self.distribution != OWN


def _plugins() -> dict[str, list[_Plugin]]:
    """As they are installed now: looked for again, for 10 ms, when a folder has changed."""
    return _scan(tuple((folder, _changed(folder)) for folder in sys.path))


@lru_cache(maxsize=1)
def _scan(_folders: tuple[tuple[str, int], ...]) -> dict[str, list[_Plugin]]:
    read = lru_cache(lambda dist: ("?", "?") if dist is None else (dist.name, dist.version))
    found: dict[str, list[_Plugin]] = {}
    for point in entry_points(group=ENTRY_POINTS):
        found.setdefault(point.name, []).append(_Plugin(point, *read(point.dist)))
    return found


def _changed(folder: str) -> int:
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0  # nothing is there, and nothing can be found there


def offers() -> list[Offer]:
    """Every card that could be inserted, by name; nothing is imported."""
    return [
        Offer(name, plugin.point.value, plugin.distribution, plugin.version)
        for name, plugins in sorted(_plugins().items())
        for plugin in plugins
    ]


def version_of(name: str) -> str:
    """The version of the distribution card `name` is from; empty when there is none."""
    plugins = _plugins().get(name)
    return plugins[0].version if plugins else ""


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
    if _find(name).is_new:
        await trio.to_thread.run_sync(_try_if_new, name, settings or {})
    return card_of(_load(name), settings)


async def fetch_type(name: str) -> type[Card[Any]]:
    """As `card_type`, for a running machine."""
    if _find(name).is_new:
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


def _find(name: str) -> _Plugin:
    plugins = _plugins()
    if name not in plugins:
        near = difflib.get_close_matches(name, plugins, 1)
        hint = (
            f"did you mean {near[0]}?"
            if near
            else "`hotswap-host card list --available` lists them"
        )
        raise PluginError(f"no card is called {name!r}; {hint}")
    found = plugins[name]
    if own := [plugin for plugin in found if plugin.distribution == OWN]:
        return own[0]  # or any plugin could keep every machine from starting
    if len(found) > 1:
        whose = " and ".join(sorted(plugin.distribution for plugin in found))
        raise PluginError(f"{whose} both offer a card {name}; uninstall one of them")
    return found[0]


def _try_if_new(name: str, settings: Mapping[str, object]) -> None:
    plugin = _find(name)
    if plugin.is_new:
        try_plugin(plugin.whose, plugin.point.module, name, settings)


def _load(name: str) -> type[Card[Any]]:
    """Import a plugin that has been tried."""
    plugin = _find(name)
    if plugin.is_new:
        with kept_from_stdout(name):
            _import(plugin)
    module = _import(plugin)
    with fence(f"{plugin.whose} offers no card"):
        kind = _ask(module, name)
    check_api(kind)
    return kind


_ask = lru_cache(maxsize=256)(ask)
"""To look for a plugin's functions takes a millisecond."""


def _import(plugin: _Plugin) -> Any:
    with fence(f"{plugin.whose} does not import"):
        return plugin.point.load()
