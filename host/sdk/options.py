"""Options of `sdk run` that are steps: what counts is the order in which they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from hotswap.host.json_command import JsonCommand

ORDER = "hotswap.host.sdk.order"
STEPS = {"in_": "in", "out": "out", "wait": "wait", "input": "input"}
"""The word of a step by the option's name."""


class InOrder(JsonCommand):
    """A command that keeps the order of its options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; the names of the options, one for each time they stand, are kept."""
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        ctx.meta[ORDER] = [param.name for param in order]
        return super().parse_args(ctx, args)


class Given:
    """The steps among the options of a command."""

    def __init__(self, ctx: click.Context, values: Mapping[str, Any]) -> None:
        self._order: list[str] = ctx.meta[ORDER]
        self._values = values

    def lines(self) -> Iterator[str]:
        """One step each, as in a script."""
        left = {name: iter(self._values[name]) for name in STEPS}
        for name in self._order:
            if name in STEPS:
                value: str = next(left[name])
                cycle = name in {"in_", "out"}
                yield f"{STEPS[name]} {value.replace(':', ' ') if cycle else value}"
