"""Commands whose `--json` answers on standard output, also when something is wrong."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from hotswap.bus.errors import HotswapError

from .exits import Exit, leaves


def print_json(reply: Any) -> None:
    """An answer, for programs and for eyes."""
    click.echo(msgspec.json.format(msgspec.json.encode(reply), indent=2).decode())


class JsonCommand(click.Command):
    """With `--json` a `HotswapError` is `{"ok": false, "error": ..., "todo": ...}` and status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """As click does."""
        try:
            return super().invoke(ctx)
        except (HotswapError, BaseExceptionGroup) as error:
            causes = leaves(error)
            expected = all(isinstance(cause, HotswapError) for cause in causes)
            if not (ctx.params.get("in_json") and expected):
                raise
            todo = next(filter(None, (getattr(cause, "todo", None) for cause in causes)), None)
            print_json({"ok": False, "error": "; ".join(map(str, causes)), "todo": todo})
            return Exit.FAILED


class JsonGroup(click.Group):
    """A group of them."""

    command_class = JsonCommand
