"""A card's settings: said in words, read from words, and checked key by key, all at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from hotswap.bus import Settings

from .machine_fault import Fault, fault

LIMITS = {
    "minimum": " from ",
    "exclusiveMinimum": " above ",
    "maximum": " to ",
    "exclusiveMaximum": " below ",
    "multipleOf": " in steps of ",
    "pattern": " matching ",
}
"""Of a number or a text, as JSON Schema calls them, and in words."""


class Setting(msgspec.Struct, frozen=True, omit_defaults=True):
    """One setting, for people and machines. `type` is in words."""

    name: str
    type: str
    default: Any = None
    required: bool = False
    settable: bool = False
    """It may be changed while the card is plugged in."""
    value: Any = None
    """What it is set to, of a card that is plugged in."""


def settings_faults(
    card: str, kind: type[Settings], given: Mapping[str, Any], path: str
) -> list[Fault]:
    """What of `given`, which stands at `path`, does not fit the settings of `card`."""
    return list(_faults(card, kind, given, path))


def _faults(
    card: str, kind: type[Settings], given: Mapping[str, Any], path: str
) -> Iterator[Fault]:
    types = _types(kind)
    for name, value in given.items():
        place = f"{path}.{name}"
        if name not in types:
            near = fault(place, "", name, types)
            what = f"card {card} has no such setting"
            yield msgspec.structs.replace(near, what=what, value="")
            continue
        try:
            msgspec.convert(value, types[name])
        except msgspec.ValidationError as error:
            yield _fault(card, types[name], place, value, str(error))


def _fault(card: str, annotation: Any, place: str, value: Any, error: str) -> Fault:
    """A value that does not fit, with what would; `error` is msgspec's."""
    what, _, where = error.partition(" - at `$")
    if where:  # deep in a list or table
        return Fault(place + where.rstrip("`"), f"card {card}: {what[0].lower()}{what[1:]}")
    if literals := _literals(annotation):
        return fault(place, f"card {card} does not take this", value, literals)
    words = _in_words(msgspec.json.schema(annotation))
    return fault(place, f"card {card} takes {words}", value)


def _types(settings: type[Settings]) -> dict[str, Any]:
    types = get_type_hints(settings, include_extras=True)
    return {name: types[name] for name in settings.__struct_fields__}


def _literals(annotation: Any) -> tuple[Any, ...]:
    """The values a type allows, when it is a `Literal`."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return get_args(annotation) if get_origin(annotation) is Literal else ()


# -- from words ---------------------------------------------------------------------------------


def from_words(settings: type[Settings], given: Mapping[str, Any]) -> dict[str, Any]:
    """Each value that is text as its setting's type has it; what does not fit stays as it is.

    Numbers may be in any base Python knows; lists and tables are JSON.
    """
    types = _types(settings)
    return {name: _from_word(types[name], value) if name in types else value
            for name, value in given.items()}  # fmt: skip


def _from_word(annotation: Any, word: Any) -> Any:
    if not isinstance(word, str) or _fits(word, annotation, strict=True):
        return word
    for read in (lambda text: int(text, 0), msgspec.json.decode, str):
        try:
            value = read(word)
        except ValueError:
            continue
        if _fits(value, annotation, strict=not isinstance(value, str)):
            return msgspec.to_builtins(msgspec.convert(value, annotation, strict=False))
    return word


def _fits(value: Any, annotation: Any, *, strict: bool) -> bool:
    try:
        msgspec.convert(value, annotation, strict=strict)
    except msgspec.ValidationError:
        return False
    return True


# -- in words -----------------------------------------------------------------------------------


def settings_of(
    kind: type[Settings], settable: frozenset[str], now: Settings | None = None
) -> list[Setting]:
    """The settings of a card, some of them `settable`; with the values they have `now`."""
    types = _types(kind)
    return [
        Setting(
            name=field.name,
            type=_in_words(msgspec.json.schema(types[field.name])),
            default=_plain(_default(field)),
            required=field.required,
            settable=field.name in settable,
            value=None if now is None else _plain(getattr(now, field.name)),
        )
        for field in msgspec.structs.fields(kind)
    ]


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default is not msgspec.NODEFAULT:
        return field.default
    return None if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _plain(value: Any) -> Any:
    """As JSON has it; of bytes only how many, they may be a BIOS."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return msgspec.to_builtins(value, str_keys=True)


def _in_words(schema: Mapping[str, Any]) -> str:
    """A JSON schema in short: `integer from 0 to 15`, `"a" or "b"`, `list of integer`."""
    if "$ref" in schema:
        return "table"
    if "enum" in schema:
        return " or ".join(msgspec.json.encode(value).decode() for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_in_words, schema["anyOf"])))
    kind = str(schema.get("format") or schema.get("type") or schema.get("contentEncoding", "any"))
    if kind == "array" and isinstance(items := schema.get("items"), Mapping):
        return f"list of {_count(schema)}{_in_words(items)}"
    names = {"string": "text", "object": "table", "array": "list", "base64": "bytes"}
    limits = "".join(f"{words}{schema[key]}" for key, words in LIMITS.items() if key in schema)
    return names.get(kind, kind) + limits


def _count(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    if most is None:
        return f"{least} or more " if least else ""
    return f"{most} " if least == most else f"{least} to {most} "
