"""A card's settings as its descriptor declares them: their types, and their bytes.

The default of a setting is what stands in its place in the object.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, cast

import msgspec

from hotswap.bus import Settings

from .descriptor import ElfSetting, SettingKind
from .errors import ElfError
from .image import ElfImage


def settings_type(image: ElfImage) -> type[Settings]:
    """The class of the card's settings. Raises `ElfError` when a default is none of its values."""
    fields: list[tuple[str, Any, Any]] = []
    for setting in image.descriptor.settings:
        if keyword.iskeyword(setting.name) or not setting.name.isidentifier():
            raise ElfError(f"{image.name}: setting {setting.name}: choose a name Python allows")
        default = _default(image, setting)
        kind = _type(setting)
        try:
            msgspec.convert(default, kind)
        except msgspec.ValidationError as error:
            raise ElfError(
                f"{image.name}: setting {setting.name}: its default does not fit: {error}"
            ) from error
        fields.append((setting.name, kind, default))
    made = msgspec.defstruct(
        "ElfSettings", fields, bases=(Settings,), frozen=True, forbid_unknown_fields=True
    )
    return cast("type[Settings]", made)


def _type(setting: ElfSetting) -> Any:
    match setting.kind:
        case SettingKind.NUMBER:
            return Annotated[int, msgspec.Meta(ge=setting.least, le=setting.most)]
        case SettingKind.FLAG:
            return bool
        case SettingKind.TEXT:
            return Annotated[str, msgspec.Meta(max_length=setting.most - 1)]


def _default(image: ElfImage, setting: ElfSetting) -> int | bool | str:
    data = image.data
    assert data is not None  # the descriptor's check: it is in the card's data
    at = setting.at - data.address
    found = data.content[at : at + setting.size].ljust(setting.size, b"\0")
    if setting.kind is SettingKind.TEXT:
        return found.partition(b"\0")[0].decode("utf-8", "replace")
    number = int.from_bytes(found, "little")
    return bool(number) if setting.kind is SettingKind.FLAG else number


def convert(image: ElfImage, kind: type[Settings], settings: Mapping[str, Any]) -> Settings:
    """`settings` as that class. Raises `ElfError` naming the one that does not fit."""
    known = {setting.name for setting in image.descriptor.settings}
    for name in settings:
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise ElfError(
                f"card {image.descriptor.name}: it has no setting {name}; there are: {there}"
            )
    try:
        return msgspec.convert(dict(settings), kind)
    except msgspec.ValidationError as error:
        raise ElfError(f"card {image.descriptor.name}: settings do not fit: {error}") from error


def stores(image: ElfImage, settings: Settings) -> Iterator[tuple[int, bytes]]:
    """What to put where. Raises `ElfError` when a text does not fit its place."""
    for setting in image.descriptor.settings:
        value = getattr(settings, setting.name)
        if setting.kind is SettingKind.TEXT:
            text = value.encode()
            if len(text) >= setting.most or b"\0" in text:
                raise ElfError(
                    f"card {image.descriptor.name}: setting {setting.name}: {len(text)} bytes; "
                    f"{setting.most - 1} fit, without a 0"
                )
            yield setting.at, text.ljust(setting.most, b"\0")
        else:
            yield setting.at, int(value).to_bytes(4, "little")
