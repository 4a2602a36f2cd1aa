"""`hotswap-host demo`: a dozen programs go on while the kernel under them is replaced."""

from __future__ import annotations

import re
from typing import Any

import click
import msgspec
import trio
from rich.console import Console
from rich.table import Table

from hotswap.bus import Inbox, Outbox
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import RolledBack
from hotswap.switchover.image import KernelImage
from hotswap.switchover.options import Options
from hotswap.switchover.report import Report

from .backends import SerialBackEnd
from .board import Board, Ended, open_board
from .exits import Exit
from .images import crashing, refkernel, shipped

# what init starts, PROGRAM:ARGUMENT; long enough to live through all the switchovers
PROGRAMS = (
    "memory:40", "registers:60", "x87:40", "pipes:40", "sleeper:80", "timer:60", "waiter:20",
    "files:60", "clock:250", "ticker:200", "forker:20", "sorter:40", "catter:8",
)  # fmt: skip
LINE = re.compile(r"^(\w+) (ok (\d+)|FAILED .*)$")
PAUSE = 300_000_000  # ns of machine time between two switchovers
LIMIT = 180
"""Host time for all of it, s: ten seconds are usual, a busy host takes longer."""
MS = "{:.2f}"


class ProgramResult(msgspec.Struct):
    """What a program said of itself in its last line; `checks` it has made."""

    name: str
    ok: bool
    checks: int


class DemoResult(msgspec.Struct):
    """The whole demo. `ok` only when everything was as it should be."""

    ok: bool
    switches: list[dict[str, Any]]
    programs: list[ProgramResult]


class Serial:
    """The programs' lines as they come out of the serial port."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ticking = trio.Event()
        """Set when the programs run: the ticker has printed a line."""
        self._partial = ""

    async def serve(self, _inbox: Inbox, output: Outbox) -> None:
        """Collect until cancelled, as a back end."""
        while True:
            await output.ready()
            *lines, self._partial = (self._partial + output.take().decode("latin-1")).split("\n")
            self.lines.extend(line.rstrip("\r") for line in lines)
            if any(line.startswith("tick ") for line in lines):
                self.ticking.set()

    def programs(self) -> list[ProgramResult]:
        """Who has reported, by name."""
        names = {entry.split(":")[0] for entry in PROGRAMS}
        results = [
            ProgramResult(match[1], match[3] is not None, int(match[3] or 0))
            for line in self.lines
            if (match := LINE.match(line)) and match[1] in names
        ]
        return sorted(results, key=lambda result: result.name)


@click.command("demo")
@click.option("--json", "in_json", is_flag=True, help="The result as JSON.")
def demo_command(in_json: bool) -> int:
    """Boot a kernel with a dozen programs, replace it twice, break a third attempt.

    The programs check themselves all the time: memory, registers, x87, pipes, files, timers...
    """
    console = Console(quiet=in_json)
    result = trio.run(demo, console, restrict_keyboard_interrupt_to_checkpoints=True)
    if in_json:
        click.echo(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
    return Exit.OK if result.ok else Exit.FAILED


async def demo(console: Console) -> DemoResult:
    """Run it; show progress on `console`."""
    v1, v2 = refkernel(1), refkernel(2)
    serial, reports, ended = Serial(), [], None
    async with open_board(serial=SerialBackEnd("demo", serial.serve)) as board:
        board.boot(v1, initrd=shipped("initrd.cpio"), append=f"init=/bin/init {' '.join(PROGRAMS)}")
        console.print(f"[bold]{v1.name}[/] boots with {len(PROGRAMS)} programs")
        clock = board.backplane.clock
        with trio.move_on_after(LIMIT):
            await serial.ticking.wait()
            for title, image in (
                (f"{v2.name} replaces {v1.name}", v2),
                (f"{v1.name} replaces {v2.name}", v1),
                (f"a {v2.name} that crashes while it takes over", crashing(v2)),
            ):
                await clock.sleep_until(clock.now() + PAUSE)
                console.print(f"[bold]{title}[/]")
                reports.append(await _switch(board, image, console))
            console.print("[bold]waiting for the programs[/]")
            ended = await board.ended()
            await board.drain(seconds=10)
    result = judge(reports, serial, ended)
    _show(console, result, ended)
    return result


async def _switch(board: Board, image: KernelImage, console: Console) -> Report:
    with console.status("switching") as status:
        transaction = Switchover(
            board.machine, image, Options(patience=4), lambda event: status.update(event.phase)
        )
        try:
            return await transaction.run()
        except RolledBack as back:
            return back.report


def judge(reports: list[Report], serial: Serial, ended: Ended | None) -> DemoResult:
    """All is well when both replacements held, the crash was undone and nobody noticed."""
    outcomes = [report.outcome for report in reports]
    programs = serial.programs()
    names = {entry.split(":")[0] for entry in PROGRAMS}
    ok = (
        outcomes == ["committed", "committed", "rolled back"]
        and {program.name for program in programs} == names
        and all(program.ok and program.checks > 0 for program in programs)
        and ended is not None
        and ended.status == Exit.OK
    )
    return DemoResult(ok, [_switch_entry(report) for report in reports], programs)


def _switch_entry(report: Report) -> dict[str, Any]:
    entry: dict[str, Any] = msgspec.to_builtins(report)
    keys = ("from", "to", "outcome", "blackout_ms", "outside_pause_ms", "instructions", "phases",
            "rollback_ms", "phase", "reason")  # fmt: skip
    return {key: entry[key] for key in keys}


def _version(kernel: str) -> str:
    """1.0.0 of 1.0.0-refkernel, so that a row fits into 80 columns."""
    return kernel.partition("-")[0]


def _show(console: Console, result: DemoResult, ended: Ended | None) -> None:
    table = Table(title="Kernels replaced under running programs", title_justify="left")
    for column in ("kernel", "replaced by", "outcome", "programs stood still", "outputs held"):
        table.add_column(column, justify="right" if column.endswith(("still", "held")) else "left")
    for switch in result.switches:
        back = switch["outcome"] == "rolled back"
        table.add_row(
            _version(switch["from"]),
            _version(switch["to"]),
            f"{switch['outcome']}: {switch['reason']}" if back else switch["outcome"],
            f"{MS.format(switch['rollback_ms'] if back else switch['blackout_ms'])} ms",
            f"{switch['outside_pause_ms']:.1f} ms",
        )
    console.print(table)
    table = Table(title="What the programs found", title_justify="left")
    for column in ("program", "result", "checks"):
        table.add_column(column)
    for program in result.programs:
        table.add_row(program.name, "ok" if program.ok else "[red]FAILED[/]", str(program.checks))
    console.print(table)
    if result.ok:
        console.print("[green]All is well:[/] nothing was lost, and no program noticed.")
    elif ended is None:
        console.print("[red]The programs did not end in time.[/]")
    else:
        console.print("[red]Something went wrong; see above.[/]")
