"""A number on the command line: within its range, which NaN is not."""

from __future__ import annotations

import math
from typing import Any

import click


class Number(click.FloatRange):
    """`click.FloatRange`, to which NaN is neither too small nor too large."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number. Raises `click.BadParameter`."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value} is no number", param, ctx)
        return number
