"""`hotswap-host card`: the cards that could be inserted, and those of a running machine."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import click
import msgspec
from rich.console import Console
from rich.table import Table

from .control import SLOT_MAX, Request
from .daemon.target import machine_option
from .discovery import offers
from .exits import Exit
from .json_command import JsonGroup, print_json
from .remote import ask, control_option, json_option, say

PIPED = 1000
"""Columns of a table that nobody sees at a terminal."""

target_argument = click.argument("target", metavar="SLOT|NAME")
maybe_control_option = machine_option(required=False)
sandbox_option = click.option(
    "--sandbox", type=click.Choice(["engine", "process"]), default="engine", show_default=True,
    help="Where machine code runs: in this process's memory, or in a process that can touch "
         "nothing.",
)  # fmt: skip
same_sandbox_option = click.option(
    "--sandbox", type=click.Choice(["engine", "process"]),
    help="Where machine code runs.  [default: where that of the card before does]",
)  # fmt: skip


def _settings(
    _context: click.Context, _param: click.Parameter, words: tuple[str, ...]
) -> dict[str, str]:
    """KEY=VALUE each."""
    pairs = [word.partition("=") for word in words]
    for key, equals, value in pairs:
        if not (key and equals):
            raise click.BadParameter(f"{key + equals + value!r} is no KEY=VALUE")
    return {key: value for key, _, value in pairs}


set_option = click.option(
    "--set", "settings", multiple=True, callback=_settings, metavar="KEY=VALUE",
    help="A setting of the card; repeatable.",
)  # fmt: skip


words_argument = click.argument("words", metavar="[KEY=VALUE]...", nargs=-1, callback=_settings)


def named(card: str) -> str:
    """A card as the machine knows it: the file it is in with its whole path."""
    is_file = "/" in card or card.endswith(".o")  # as elf_cards, which takes long to import
    return str(Path(card).absolute()) if is_file else card


@click.group("card", cls=JsonGroup)
def card_command() -> None:
    """List, insert, pull and replace the cards of a running machine.

    A card is named as `card list --available` has it, or by its ELF file (a name with a / or
    ending in .o).
    """


@card_command.command("list")
@click.option("--available", is_flag=True,
              help="List what could be inserted; needs no machine, imports no plugin.")  # fmt: skip
@maybe_control_option
@json_option
def list_command(available: bool, control: Path | None, in_json: bool) -> int:
    """List the cards of the machine at SOCKET, or those that could be inserted."""
    if not available:
        if control is None:
            raise click.UsageError(
                "give --control SOCKET or --machine NAME, or --available for what there could be"
            )
        return _list(control, in_json)
    found = offers()
    if in_json:
        print_json(found)
        return Exit.OK
    table = Table(box=None, pad_edge=False)
    for column in ("name", "module", "distribution", "version"):
        table.add_column(column)
    for offer in found:
        table.add_row(offer.name, offer.module, offer.distribution, offer.version)
    _console().print(table)
    return Exit.OK


def _console() -> Console:
    """As wide as a line gets, when nobody sees where it would have been folded."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPED)


def _list(control: Path, in_json: bool) -> int:
    reply = ask(control, Request("cards"))
    if not in_json and reply["ok"]:
        table = Table(box=None, pad_edge=False)
        for column in ("slot", "card", "kind", "version", "resources", "policy", "state"):
            table.add_column(column, overflow="fold")
        for card in reply["result"]:
            table.add_row(
                str(card["slot"]), card["name"], card["implementation"], card["version"],
                _resources(card["resources"]), card["policy"], _state(card),
            )  # fmt: skip
        _console().print(table)
    return say(reply, in_json=in_json)


def _resources(resources: Mapping[str, Any]) -> str:
    """As `ports 0x03f8-0x03ff; IRQ 4`."""
    named = (("ports", "ports"), ("irqs", "IRQ"), ("drqs", "DRQ"), ("windows", "memory"))
    words = [f"{kind} {', '.join(map(str, resources[key]))}" for key, kind in named
             if resources[key]]  # fmt: skip
    drives = [f"drives {resources['drives']}"] if resources["drives"] else []
    return "; ".join([*words, *drives])


def _state(card: Mapping[str, Any]) -> str:
    return f"faulted: {card['fault']}" if card["fault"] else str(card["state"])


@card_command.command("info")
@click.argument("card", metavar="NAME|SLOT|FILE.o")
@maybe_control_option
@json_option
def info_command(card: str, control: Path | None, in_json: bool) -> int:
    """Say what a card can be set to and has leased; of one that is inserted, how it is."""
    if control is not None:
        reply = ask(control, Request("card_info", card=named(card)))
        if in_json or not reply["ok"]:
            return say(reply, in_json=in_json)
        _print_info(reply["result"])
        return Exit.OK
    from .card_report import offered

    info: dict[str, Any] = msgspec.to_builtins(offered(named(card)))
    if in_json:
        print_json(info)
    else:
        _print_info(info)
    return Exit.OK


def _print_info(info: Mapping[str, Any]) -> None:
    console = _console()
    console.print(f"{info['name']} {info['version']} ({info['implementation']})", soft_wrap=True)
    if "slot" in info:
        console.print(f"  in slot {info['slot']}, {_state({'fault': '', **info})}", soft_wrap=True)
    console.print(f"  switchover: {info['policy']}; state version {info['state_version']}")
    for resources in info["resources"]:
        console.print(f"  {_resources(resources) or 'no resources'}", soft_wrap=True)
    if info["settings"]:
        table = Table(box=None, pad_edge=False)
        for column in ("  setting", "type", "default", "is", ""):
            table.add_column(column, overflow="fold")
        for each in info["settings"]:
            default = "needed" if each.get("required") else _short(each.get("default"))
            table.add_row(
                f"  {each['name']}", each["type"], default, _short(each.get("value")),
                "can be set" if each.get("settable") else "",
            )  # fmt: skip
        console.print(table)
    if statistics := info.get("statistics"):
        counted = [f"{name} {value}" for name, value in statistics.items() if value]
        if counted:
            console.print(f"  {', '.join(counted)}", soft_wrap=True)


def _short(value: Any) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()


@card_command.command("insert")
@click.argument("card", metavar="NAME|FILE.o")
@words_argument
@click.option("--slot", type=click.IntRange(0, SLOT_MAX), metavar="N",
              help="By default the first that is free.")  # fmt: skip
@set_option
@sandbox_option
@click.option("--to", default="", metavar="WHERE",
              help="What goes into its connector, as with run: stdio, pty, tcp:HOST:PORT or a "
                   "FILE, which is written on at its end; peer, passt or tap:IFACE.  [default: "
                   "nothing]")  # fmt: skip
@control_option
@json_option
def insert_command(
    card: str,
    words: dict[str, str],
    slot: int | None,
    settings: dict[str, str],
    sandbox: Literal["engine", "process"],
    to: str,
    control: Path,
    in_json: bool,
) -> int:
    """Insert a card into the machine at SOCKET, which runs on."""
    from .far_end import absolute

    request = Request(
        "card_insert", card=named(card), slot=slot, settings=settings | words, sandbox=sandbox,
        to=absolute(to),
    )  # fmt: skip
    return _change(control, request, "inserted", in_json)


@card_command.command("remove")
@target_argument
@control_option
@json_option
def remove_command(target: str, control: Path, in_json: bool) -> int:
    """Pull a card: its ports float and its lines drop at once.

    Any card may be pulled, as on a real PC; what the guest makes of it is the guest's.
    """
    return _change(control, Request("card_remove", card=target), "removed", in_json)


@card_command.command("replace")
@target_argument
@click.argument("new", metavar="NAME|FILE.o")
@words_argument
@set_option
@same_sandbox_option
@control_option
@json_option
def replace_command(
    target: str,
    new: str,
    words: dict[str, str],
    settings: dict[str, str],
    sandbox: Literal["engine", "process"] | None,
    control: Path,
    in_json: bool,
) -> int:
    """Put another implementation in a card's place; its driver does not notice.

    The new one has the settings of the old one that it knows, and those given.
    """
    request = Request(
        "card_replace", card=target, new=named(new), settings=settings | words, sandbox=sandbox
    )
    return _change(control, request, "replaced", in_json)


@card_command.command("set")
@target_argument
@click.argument("settings", metavar="KEY=VALUE...", nargs=-1, required=True,
                callback=_settings)  # fmt: skip
@control_option
@json_option
def set_command(target: str, settings: dict[str, str], control: Path, in_json: bool) -> int:
    """Change settings of a card while it is plugged in."""
    return _change(control, Request("card_set", card=target, settings=settings), "set", in_json)


def _change(control: Path, request: Request, done: str, in_json: bool) -> int:
    """Ask for it and say what became of the card."""
    reply = ask(control, request)
    if reply["ok"] and not in_json:
        card = reply["result"]
        resources = _resources(card["resources"])
        what = f"{card['name']} in slot {card['slot']} {done}"
        click.echo(f"{what}: {resources}" if resources else what)
    return say(reply, in_json=in_json)
