"""`hotswap-host card`: the cards that could be inserted, and those of a running machine."""

from __future__ import annotations

import click
import msgspec
from rich.console import Console
from rich.table import Table

from .discovery import offers
from .exits import Exit


@click.group("card")
def card_command() -> None:
    """Look at cards."""


@card_command.command("list")
@click.option("--available", is_flag=True,
              help="List what could be inserted; needs no machine, imports no plugin.")  # fmt: skip
@click.option("--json", "in_json", is_flag=True, help="Answer in JSON.")
def list_command(available: bool, in_json: bool) -> int:
    """List cards."""
    if not available:
        raise click.UsageError("say --available: what could be inserted")
    found = offers()
    if in_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return Exit.OK
    table = Table(box=None, pad_edge=False)
    for column in ("name", "module", "distribution", "version"):
        table.add_column(column)
    for offer in found:
        table.add_row(offer.name, offer.module, offer.distribution, offer.version)
    Console().print(table)
    return Exit.OK
