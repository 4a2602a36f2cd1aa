"""Card state: one typed, versioned structure per card, and its saved form."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

import msgspec

from .errors import CARD_RAISES, StateError


class State(msgspec.Struct):
    """Base of every card's state: plain data, no references to anything outside.

    `VERSION` counts incompatible changes. A card that can read older states overrides `migrate`.
    """

    VERSION: ClassVar[int] = 1

    @classmethod
    def migrate(cls, version: int, fields: dict[str, Any]) -> dict[str, Any]:
        """Turn the fields of an older `version` into this version's.

        Raises `StateError` for one it does not know; what else it raises becomes one.
        """
        raise StateError(
            f"{cls.__name__} is at version {cls.VERSION} and cannot read version {version}; "
            "give it a migrate()"
        )


class SavedState(msgspec.Struct, frozen=True):
    """A card's state as bytes: msgpack of its fields, with the card's name and state version."""

    card: str
    version: int
    fields: bytes


S = TypeVar("S", bound=State)


def save_state(card: str, state: State) -> SavedState:
    """The state of `card` as it is now. Raises `StateError` when it is not plain data."""
    try:
        fields = msgspec.msgpack.encode(state)
    except (TypeError, ValueError, OverflowError) as error:
        raise StateError(f"card {card}: its state cannot be saved: {error}") from error
    return SavedState(card, state.VERSION, fields)


def load_state(kind: type[S], saved: SavedState) -> S:
    """The state in `saved`. Raises `StateError` naming the field that does not fit."""
    fields: Any
    try:
        if saved.version == kind.VERSION:
            return msgspec.msgpack.decode(saved.fields, type=kind)
        if saved.version > kind.VERSION:
            raise StateError(
                f"card {saved.card}: state version {saved.version} is newer than this card's "
                f"{kind.VERSION}; use a newer card"
            )
        fields = msgspec.msgpack.decode(saved.fields, type=dict[str, Any])
        return msgspec.convert(_migrated(kind, saved, fields), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StateError(f"card {saved.card}: the saved state does not fit: {error}") from error


def _migrated(kind: type[State], saved: SavedState, fields: dict[str, Any]) -> dict[str, Any]:
    try:
        return kind.migrate(saved.version, fields)
    except CARD_RAISES as error:
        if isinstance(error, StateError):
            raise
        what = f"{type(error).__name__}: {error}"
        raise StateError(
            f"card {saved.card}: its migrate() from version {saved.version} raised {what}"
        ) from error
