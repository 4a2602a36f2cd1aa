"""`hotswap-host list|start|stop`: what operators ask of a daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec
import trio
from click.core import ParameterSource

from hotswap.host.control import Request
from hotswap.host.exits import Exit
from hotswap.host.remote import ask, json_option, say

from .client import ask_daemon, runtime_at, runtime_option
from .runtime import Runtime
from .target import machine_option
from .words import DaemonRequest, DaemonStatus, MachineStatus, on_a_line

GOING = 5.0
"""Seconds a daemon without machines may take to end."""


@click.command("list")
@json_option
@runtime_option
def list_command(in_json: bool, runtime: Path | None) -> int:
    """List the daemon's machines and how they are."""
    reply = ask_daemon(runtime_at(runtime), DaemonRequest("list"))
    if in_json or not reply["ok"]:
        return say(reply, in_json=in_json)
    status = msgspec.convert(reply["result"], DaemonStatus)
    header = ("machine", "pid", "up", "kernel", "restarts", "cards", "state")
    rows = [header, *map(_row, status.machines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
    for path, why in status.faulty.items():
        click.echo(f"not served: {path}: {on_a_line(why.removeprefix(f'{path}: '))}")
    return Exit.OK


def _row(machine: MachineStatus) -> tuple[str, ...]:
    faulty = sum(1 for card in machine.cards if card.fault)
    cards = f"{len(machine.cards)}, {faulty} faulty" if faulty else f"{len(machine.cards) or ''}"
    changed = "; its file has changed" if machine.file_changed else ""
    return (
        machine.name,
        str(machine.pid or ""),
        _duration(machine.uptime_s) if machine.pid else "",
        machine.kernel,
        str(machine.restarts),
        cards,
        machine.in_words + changed,
    )


def _duration(seconds: float) -> str:
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if days:
        return f"{days:.0f} d {hours % 24:.0f} h"
    if hours:
        return f"{hours:.0f} h {minutes % 60:.0f} min"
    return f"{minutes:.0f} min {seconds % 60:.0f} s" if minutes else f"{seconds:.0f} s"


@click.command("start")
@click.argument("machine", metavar="NAME|FILE")
@json_option
@runtime_option
def start_command(machine: str, in_json: bool, runtime: Path | None) -> int:
    """Start a machine the daemon knows, or that of a machine file; wait until it runs.

    A FILE has a / in it or ends in .toml.
    """
    is_file = "/" in machine or machine.endswith(".toml")
    request = (
        DaemonRequest("start", file=str(Path(machine).absolute()))
        if is_file
        else DaemonRequest("start", machine)
    )
    return say(ask_daemon(runtime_at(runtime), request), in_json=in_json)


@click.command("stop")
@click.argument("name", required=False)
@click.option("--daemon", is_flag=True, help="Stop all machines, then the daemon.")
@machine_option(required=False, keeps_runtime=True)
@json_option
@click.pass_context
def stop_command(
    context: click.Context,
    name: str | None,
    daemon: bool,
    control: Path | None,
    runtime: Path | None,
    in_json: bool,
) -> int:
    """End a running machine; what it has sent out is delivered first.

    With NAME the daemon does it: it waits for the end, and kills a machine that does not end.
    """
    named = [
        context.get_parameter_source(each) is ParameterSource.COMMANDLINE
        for each in ("name", "daemon", "control", "machine")
    ]
    if sum(named) > 1 or not (any(named) or control):
        raise click.UsageError("what? give one of NAME, --daemon, --control and --machine")
    if name is not None:
        request = DaemonRequest("stop", name)
        return say(ask_daemon(runtime_at(runtime), request), in_json=in_json)
    if daemon:
        return _end_daemon(runtime_at(runtime), in_json)
    assert control is not None
    return say(ask(control, Request("stop")), in_json=in_json)


def _end_daemon(runtime: Runtime, in_json: bool) -> int:
    """Its answer comes when all machines are at rest; then it only has to go."""

    def show(event: dict[str, Any]) -> None:
        if in_json:
            click.echo(msgspec.json.encode(event).decode())
        else:
            click.echo(f"{event['machine']}: {event['state']}")

    async def until_gone() -> None:
        with trio.move_on_after(GOING):
            while runtime.holder() is not None:  # noqa: ASYNC110 (another process's)
                await trio.sleep(0.02)

    reply = ask_daemon(runtime, DaemonRequest("shutdown"), show)
    trio.run(until_gone)
    return say(reply, in_json=in_json)
