"""`hotswap-host screen`: what a running machine's monitor shows, as text, JSON or PNG."""

from __future__ import annotations

from pathlib import Path

import click

from .control import Request
from .exits import Exit
from .remote import ask, control_option, json_option, say


@click.command("screen")
@control_option
@click.option("--png", type=click.Path(path_type=Path), metavar="FILE",
              help="Save a picture of it, in any mode.")  # fmt: skip
@json_option
def screen_command(control: Path, png: Path | None, in_json: bool) -> int:
    """Show what the monitor of the machine at SOCKET shows: the text, or a picture with --png."""
    reply = ask(control, Request("screen", file=str(png.absolute()) if png else ""))
    if in_json or not reply["ok"]:
        return say(reply, in_json=in_json)
    result = reply["result"]
    size = f"{result.get('width')} by {result.get('height')} pixels"
    if png is not None:
        click.echo(f"{png}: {size}")
    elif result["mode"] == "text":
        click.echo("\n".join(result["lines"]))
    else:
        click.echo(
            f"hotswap-host: the screen is a picture of {size}; save it with --png FILE", err=True
        )
        return Exit.FAILED
    return Exit.OK
