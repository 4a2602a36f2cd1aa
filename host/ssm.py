"""`hotswap-host ssm`: look into Save State Maps."""

from __future__ import annotations

from pathlib import Path

import click

from hotswap.switchover.show import decode, show_json, show_text

from .exits import Exit


@click.group("ssm")
def ssm_command() -> None:
    """Look into Save State Maps."""


@ssm_command.command("show")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "in_json", is_flag=True, help="JSON instead of tables.")
def show(file: Path, in_json: bool) -> int:
    """Decode the map in FILE; say what is wrong with a broken one (exit status 1)."""
    try:
        content = file.read_bytes()
    except OSError as error:
        click.echo(f"hotswap-host: {file}: {error.strerror}; give the file of a map", err=True)
        return Exit.FAILED
    click.echo(show_json(content) if in_json else show_text(content).rstrip())
    return Exit.FAILED if decode(content).faults else Exit.OK
