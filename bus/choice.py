"""Enumerations that document themselves: register tables, commands, kinds."""

from __future__ import annotations

from enum import IntEnum
from typing import Self


class Choice(IntEnum):
    """An enumeration whose members carry a line of documentation: `NAME = value, "doc"`."""

    doc: str

    def __new__(cls, value: int, doc: str = "") -> Self:
        """Make the member `value`, documented by `doc`."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.doc = doc
        return member
