"""The state by the names of its fields, as a card in Python with the same fields encodes it.

A number is an integer, or None where it is optional; bytes are bytes; a list is of integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hotswap.bus import CodeEngine, HotswapError, StateError

from .descriptor import ElfField, FieldKind

SIGNED = {FieldKind.SIGNED}


def take(engine: CodeEngine, fields: Iterable[ElfField]) -> dict[str, Any]:
    """What the fields hold. Raises `StateError` when a length is larger than its room."""
    return {field.name: _value(engine, field) for field in fields}


def _value(engine: CodeEngine, field: ElfField) -> Any:
    content = engine.read(field.at, field.size)
    length = int.from_bytes(engine.read(field.length, 4), "little") if field.length else None
    match field.kind:
        case FieldKind.BYTES:
            return content[: _count(field, length, 1)]
        case FieldKind.LIST:
            count = _count(field, length, field.item)
            return [
                int.from_bytes(content[at : at + field.item], "little")
                for at in range(0, count * field.item, field.item)
            ]
        case FieldKind.BOOL:
            return any(content)
        case FieldKind.OPTIONAL if not length:
            return None
        case _:
            return int.from_bytes(content, "little", signed=field.kind in SIGNED)


def _count(field: ElfField, length: int | None, item: int) -> int:
    room = field.size // item
    if length is None:
        return room
    if length > room:
        raise StateError(f"field {field.name}: its length is {length}, there is room for {room}")
    return length


def stores(fields: Iterable[ElfField], values: Mapping[str, Any]) -> list[tuple[int, bytes]]:
    """What to put where. Raises `StateError` naming the field that does not fit."""
    missing = [field.name for field in fields if field.name not in values]
    unknown = set(values) - {field.name for field in fields}
    if missing or unknown:
        name = missing[0] if missing else min(unknown)
        there = "the saved state has no such field" if missing else "the card has no such field"
        raise StateError(f"field {name}: {there}; give the card a migrate(), or the same fields")
    found: list[tuple[int, bytes]] = []
    for field in fields:
        found += _stores(field, values[field.name])
    return found


def _stores(field: ElfField, value: Any) -> list[tuple[int, bytes]]:
    content, length = _content(field, value)
    found = [(field.at, content.ljust(field.size, b"\0"))]
    if field.length:
        found.append((field.length, length.to_bytes(4, "little")))
    elif len(content) != field.size:
        raise StateError(f"field {field.name}: {len(content)} bytes, and it has {field.size}")
    return found


def _content(field: ElfField, value: Any) -> tuple[bytes, int]:
    """The bytes of a field and its length."""
    match field.kind:
        case FieldKind.BYTES:
            if not isinstance(value, bytes):
                raise _wrong(field, value, "bytes")
            if len(value) > field.size:
                raise StateError(f"field {field.name}: {len(value)} bytes, {field.size} fit")
            return value, len(value)
        case FieldKind.LIST:
            if not isinstance(value, list) or any(type(item) is not int for item in value):
                raise _wrong(field, value, "a list of integers")
            if len(value) * field.item > field.size:
                room = field.size // field.item
                raise StateError(f"field {field.name}: {len(value)} items, {room} fit")
            items = [_number(field, item, field.item, signed=False) for item in value]
            return b"".join(items), len(value)
        case FieldKind.BOOL:
            if type(value) is not bool:
                raise _wrong(field, value, "true or false")
            return int(value).to_bytes(field.size, "little"), 0
        case FieldKind.OPTIONAL if value is None:
            return bytes(field.size), 0
        case _:
            if type(value) is not int:
                raise _wrong(field, value, "an integer")
            signed = field.kind in SIGNED
            return _number(field, value, field.size, signed=signed), 1


def _number(field: ElfField, value: int, size: int, *, signed: bool) -> bytes:
    try:
        return value.to_bytes(size, "little", signed=signed)
    except OverflowError as error:
        raise StateError(f"field {field.name}: {value} does not fit {size} bytes") from error


def _wrong(field: ElfField, value: Any, wanted: str) -> StateError:
    return StateError(f"field {field.name}: {type(value).__name__}, and it takes {wanted}")


def store(engine: CodeEngine, found: Iterable[tuple[int, bytes]]) -> None:
    """Put it there. Raises `StateError`."""
    try:
        for address, content in found:
            engine.write(address, content)
    except HotswapError as error:
        raise StateError(str(error)) from error
