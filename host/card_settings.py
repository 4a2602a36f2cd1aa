"""A card's settings, checked key by key, so that everything wrong with them is found at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from hotswap.bus import Card

from .machine_fault import Fault, fault


def settings_faults(kind: type[Card[Any]], settings: Mapping[str, Any], path: str) -> list[Fault]:
    """What does not fit the card's settings, which stand at `path`."""
    return list(_faults(kind, settings, path))


def _faults(kind: type[Card[Any]], settings: Mapping[str, Any], path: str) -> Iterator[Fault]:
    types = get_type_hints(kind.settings_type, include_extras=True)
    types = {name: types[name] for name in kind.settings_type.__struct_fields__}
    for name, value in settings.items():
        place = f"{path}.{name}"
        if name not in types:
            near = fault(place, "", name, types)
            what = f"card {kind.name} has no such setting"
            yield msgspec.structs.replace(near, what=what, value="")
            continue
        try:
            msgspec.convert(value, types[name])
        except msgspec.ValidationError as error:
            what = str(error).partition(" - at")[0]
            yield fault(place, what[0].lower() + what[1:], value, _literals(types[name]))


def _literals(annotation: Any) -> tuple[Any, ...]:
    """The values a type allows, when it is a `Literal`."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return get_args(annotation) if get_origin(annotation) is Literal else ()
