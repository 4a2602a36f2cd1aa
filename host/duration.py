"""Lengths of time as people write them: `100 ms`, `1.5s`, `20 us`; in ns."""

from __future__ import annotations

import re
from decimal import Decimal

import click

from hotswap.bus.duration import UNITS, words

__all__ = ["UNITS", "as_duration", "nanoseconds", "words"]

_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|ms|s)", re.ASCII)


def nanoseconds(text: str) -> int:
    """How long that is, rounded to ns. Raises ValueError."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no length of time; write e.g. 100 ms, 1.5 s, 20 us or 50 ns")
    return round(Decimal(match[1]) * UNITS[match[2]])


def as_duration(_ctx: click.Context, _param: click.Parameter, value: str) -> int:
    """Callback of an option: the length in ns. Raises `click.BadParameter`."""
    try:
        return nanoseconds(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
