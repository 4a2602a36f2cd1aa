"""`hotswap-host bench`: figures of this host, each held against something measured beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import click
import msgspec
import trio
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from .bench_bus import bench_bus
from .bench_cards import bench_cards
from .bench_hotplug import bench_hotplug
from .bench_result import Row
from .bench_scale import bench_scale
from .bench_switch import bench_control, bench_quiesce, bench_switch
from .bench_systems import COMPUTE, ROUNDS, bench_systems
from .exits import Exit

# name: (largest or smallest ratio allowed, what it is held against); docs/bench.md explains each
LIMITS = {
    "bus.in": ("at most", 1.5, "a trivial hook through Unicorn's bindings"),
    "bus.out": ("at most", 1.5, "a trivial hook through Unicorn's bindings"),
    "cpu.compute": ("at least", 0.95, "the bare engine, same cures"),
    "cpu.mixed": ("at least", 0.85, "stock engine with trivial hooks"),
    "bus.posted_command": ("at most", 10, "one poll"),
    "card.python": ("the base", 1, "itself"),
    "card.elf": ("at most", 10, "a card in Python"),
    "card.ratio": ("at most", 10, "a card in Python"),
    "card.sandbox": ("reported:", 1, "a card in Python"),
    "card.idle_200": ("at most", 1, "2 % of a core"),
    "card.insert_ms": ("at most", 1, "5 ms"),
    "card.insert_python_ms": ("at most", 1, "5 ms"),
    "card.insert_elf_ms": ("at most", 1, "5 ms"),
    "card.insert_max_ms": ("at most", 1, "5 ms"),
    "card.slope_bytes": ("at most", 1, "100 B a round"),
    "control.latency_p99": ("at most", 1, "20 ms"),
    "switchover.quiesce_100_cards": ("at most", 1, "5 ms"),
    "switchover.blackout_mode2": ("at most", 1, "5 ms, translation apart"),
    "switchover.blackout_mode2_p99": ("at most", 1, "15 ms, translation apart"),
    "switchover.translation": ("a part", 1, "that blackout, with it"),
    "switchover.blackout_mode0": ("at most", 1, "20 ms, translation apart"),
    "switchover.outside_pause": ("at most", 1, "100 ms"),
    "switchover.rollback": ("at most", 1.2, "the whole blackout"),
    "switchover.user_pages_copied": ("at most", 0, "none"),
    "switchover.process": ("at most", 1.25, "a further one among few"),
    "switchover.bytes_copied": ("at most", 1.02, "image, map and dirty pages"),
}


LIMITS |= {f"systems.{name}": ("at least", 0.35, "QEMU's TCG") for name in COMPUTE}
LIMITS |= {
    "systems.compute": ("at least", 0.65, "QEMU's TCG, geometric mean"),
    "systems.in": ("at least", 0.6, "QEMU's TCG"),
    "systems.out": ("at least", 0.2, "QEMU's TCG"),
    "systems.linux": ("at most", 1.5, "QEMU's CPU time"),
}
BESIDE = "QEMU's TCG beside it"
"""What rows of `systems` are held against that have no limit."""

json_ = click.option("--json", "in_json", is_flag=True, help="The rows as JSON.")


@click.group("bench", invoke_without_command=True)
@json_
@click.pass_context
def bench_command(context: click.Context, in_json: bool) -> int:
    """Measure bus, CPU and switchover; about a minute. Ratios are of alternated runs."""
    if context.invoked_subcommand:
        return Exit.OK
    return _run(_bench, in_json)


@bench_command.command("systems")
@json_
@click.option("--rounds", type=click.IntRange(min=1), default=ROUNDS, show_default=True,
              help="Ratios are medians of so many.")  # fmt: skip
def systems_command(in_json: bool, rounds: int) -> int:
    """Run whole guests beside QEMU, the same binaries; about a minute on a quiet host.

    Ratios are of QEMU's speed; those of Linux are of its CPU time. Progress goes to stderr.
    """

    async def measure(_console: Console) -> list[Row]:
        return await bench_systems(rounds, partial(click.echo, err=True))

    return _run(measure, in_json)


def _run(measure: Callable[[Console], Awaitable[list[Row]]], in_json: bool) -> int:
    console = Console(quiet=in_json)
    rows = trio.run(measure, console, restrict_keyboard_interrupt_to_checkpoints=True)
    if in_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
        return Exit.OK
    table = Table(title="hotswap-host bench", title_justify="left", box=SIMPLE, padding=(0, 1))
    table.add_column("what", no_wrap=True)
    for column in ("value", "baseline", "ratio"):
        table.add_column(column, no_wrap=True, justify="right")
    table.add_column("wanted")
    for row in rows:
        value, base = f"{row.value:.3g} {row.unit}", f"{row.baseline:.3g} {row.unit}"
        table.add_row(row.name, value, base, f"{row.ratio:.2f}", _wanted(row.name))
    console.print(table)
    return Exit.OK


def _wanted(name: str) -> str:
    if name not in LIMITS:
        return BESIDE
    how, limit, against = LIMITS[name]
    return f"{how} {limit:g} x {against}"


async def _bench(console: Console) -> list[Row]:
    rows: list[Row] = []
    with console.status("bus and CPU"):
        rows += await bench_bus()
    with console.status("cards in machine code"):
        rows += await bench_cards()
    with console.status("cards that come and go"):
        rows += await bench_hotplug()
    with console.status("control socket"):
        rows.append(await bench_control())
    with console.status("cards"):
        rows.append(await bench_quiesce())
    with console.status("switchovers with 64 processes"):
        rows += await bench_switch()
    with console.status("switchovers with up to 1,000 processes"):
        rows += await bench_scale()
    return rows
