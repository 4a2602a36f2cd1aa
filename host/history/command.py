"""`hotswap-host history`: the switchovers there were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hotswap.host.exits import Exit

from .chrome_trace import chrome_trace
from .live import why
from .record import HistoryError, Record, find, folder, records
from .timeline import timeline

SHOWN = 20
UNCUT = 1000
"""Columns where no terminal cuts lines off."""


def _file_option(name: str, text: str) -> Callable[[Any], Any]:
    kind = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
    return click.option(name, type=kind, metavar="FILE", help=text)


@click.command("history")
@click.argument("name", metavar="[ID]", required=False)
@click.option("--json", "in_json", is_flag=True, help="All that is recorded, as JSON.")
@_file_option("--svg", "Draw the record as a timeline; - is standard output.")
@_file_option("--trace", "Write it as a trace for Perfetto or chrome://tracing.")
@click.option("--count", type=click.IntRange(min=1), default=SHOWN, show_default=True,
              help="How many of the newest to list.")  # fmt: skip
@click.option("--folder", "at", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
              envvar="HOTSWAP_HOST_HISTORY", help="Where the records are.")  # fmt: skip
def history_command(
    name: str | None,
    in_json: bool,
    svg: Path | None,
    trace: Path | None,
    count: int,
    at: Path | None,
) -> int:
    """List the switchovers of this user's machines, or show one.

    ID is the number that the list shows; `last` is the newest.
    """
    at = at or folder()
    if name is None and (svg or trace):
        name = "last"
    if name is None:
        damaged: list[str] = []
        found = list(records(at, damaged.append))[-count:]
        _list(found, at, in_json=in_json)
        for problem in damaged:
            click.echo(f"hotswap-host: {problem}", err=True)
        return Exit.FAILED if damaged else Exit.OK
    record = find(at, name)
    if svg:
        _write(svg, timeline(record))
    if trace:
        _write(trace, msgspec.json.encode(chrome_trace(record)).decode() + "\n")
    if in_json:
        click.echo(_json(record))
    elif not (svg or trace):
        _show(record)
    return Exit.OK


def _write(path: Path, text: str) -> None:
    try:
        with click.open_file(str(path), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        if path.is_file():
            path.unlink()  # half of a file is of no use
        raise HistoryError(f"{path}: {error.strerror}; name another file") from error


def _json(what: Record | list[Record]) -> str:
    return msgspec.json.format(msgspec.json.encode(what), indent=2).decode()


def _list(found: list[Record], at: Path, *, in_json: bool) -> None:
    if in_json:
        click.echo(_json(found))
        return
    if not found:
        click.echo(f"no switchover has left a record in {at}")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("id", "began", "from", "to", "outcome", "in", "blackout", "why"):
        table.add_column(column, justify="right" if column in ("id", "blackout") else "left",
                         no_wrap=column != "why")  # fmt: skip
    for record in found:
        report = record.report
        blackout = f"{report.blackout_ms:.2f} ms" if report.blackout_ms else ""
        began = record.began[:19].replace("T", " ")
        table.add_row(record.id, began, report.old, report.new, _coloured(report.outcome),
                      report.phase, blackout, escape(report.reason))  # fmt: skip
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = UNCUT
    console.print(table)


def _coloured(outcome: str) -> str:
    colour = {"committed": "green", "planned": "cyan", "lost": "red"}.get(outcome, "yellow")
    return f"[{colour}]{outcome}[/]"


def _show(record: Record) -> None:
    report, console = record.report, Console(highlight=False)
    console.print(f"{record.began}  {report.old} to {report.new}: {_coloured(report.outcome)}")
    console.print(f"image {record.image}, mode {report.mode}, machine process {record.machine}",
                  soft_wrap=True)  # fmt: skip
    table = Table(box=None, pad_edge=False)
    for column in ("phase", "from", "took", "instructions", ""):
        table.add_column(column, justify="left" if column in ("phase", "") else "right")
    begun: dict[str, float] = {}
    for moment in record.moments:
        if moment.state == "begun":
            begun[moment.phase] = moment.at_ms
        else:
            start = begun.get(moment.phase, moment.at_ms)
            table.add_row(moment.phase, f"{start:.2f} ms", f"{moment.at_ms - start:.2f} ms",
                          f"{moment.instructions:,}", f"[red]{escape(moment.why)}[/]")  # fmt: skip
    console.print(table)
    if report.blackout_ms:
        console.print(
            f"no program ran for {report.blackout_ms:.2f} ms, outputs were held for "
            f"{report.outside_pause_ms:.1f} ms"
        )
    for title, text in why(msgspec.to_builtins(report)):
        console.print(f"[bold]{title}[/] {escape(text)}", soft_wrap=True)
    for line in report.log:
        console.print(f"  the kernel said: {line}", markup=False, soft_wrap=True)
