"""`hotswap-host switchover|pause|continue|keys|info`: commands to a running machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click
import msgspec
import trio
from rich.console import Console
from rich.table import Table

from .control import (
    BLACKOUT_MAX,
    BLACKOUT_MIN,
    PATIENCE_MAX,
    PROBATION_MAX,
    REHEARSALS_MAX,
    ControlError,
    Request,
    connect,
)
from .daemon.target import machine_option
from .exits import Exit
from .history.live import LiveView, why
from .number import Number
from .rehearsal_words import rehearsed, summed_up

control_option = machine_option()
"""Commands to a running machine have `control`, its socket; by --control or --machine."""

ANSWER = 10.0
"""Seconds a machine has to say how it is, before more is asked of it."""
LONG = frozenset({"snapshot", "switchover"})
"""What is asked for at once, and may take as long as it takes."""
GOES_ON = (
    "hotswap-host: the machine goes on with the switchover; "
    "`hotswap-host history last` tells what became of it"
)


def ask(
    control: Path,
    request: Request,
    show: Callable[[dict[str, Any]], None] = lambda event: None,
    meanwhile: Callable[[], Awaitable[None]] = trio.sleep_forever,
) -> dict[str, Any]:
    """Send `request`; call `show` with each event, run `meanwhile`; return the reply.

    Raises `ControlError` when there is no machine, or it does not answer within `ANSWER`; then
    nothing was asked of it but how it is. Only what is `LONG` is not preceded by that question.
    """
    nothing = "there is nothing to stop" if request.op == "stop" else ""

    async def talk() -> dict[str, Any]:
        message: dict[str, Any] = {}
        async with connect(control, nothing) as ask:
            if request.op not in LONG:
                with trio.move_on_after(ANSWER) as limit:
                    (message,) = [line async for line in ask(Request("info"))]
                if limit.cancelled_caught:
                    raise ControlError(
                        f"the machine at {control} does not answer within {ANSWER:g} s: its "
                        "process is stopped, which `kill -CONT` ends, or busy, or hangs"
                    )
                if request.op == "info":
                    return message
            async with trio.open_nursery() as nursery:
                nursery.start_soon(meanwhile)
                async for message in ask(request):
                    if "ok" not in message:
                        show(message)
                nursery.cancel_scope.cancel()
        return message

    return trio.run(talk)


def wrong(reply: dict[str, Any]) -> str:
    """The error of a reply, and what to do about it, which refusals say in both."""
    error, todo = str(reply["error"]), reply.get("todo") or ""
    return error if error.endswith(todo) else f"{error}; {todo}"


def say(reply: dict[str, Any], *, in_json: bool) -> int:
    """Print a reply, or what was wrong; the exit status."""
    if not reply["ok"]:
        reply.setdefault("todo", None)
    if in_json:
        click.echo(msgspec.json.format(msgspec.json.encode(reply), indent=2).decode())
    elif not reply["ok"]:
        click.echo(f"hotswap-host: {wrong(reply)}", err=True)
    return Exit.OK if reply["ok"] else Exit.FAILED


@click.command("switchover")
@click.argument("image", type=click.Path(path_type=Path), required=False)
@control_option
@click.option("--reverse", is_flag=True,
              help="Go back to the kernel that ran before, without IMAGE.")  # fmt: skip
@click.option("--signature", type=click.Path(path_type=Path), metavar="FILE",
              help="The image's minisign signature.  [default: IMAGE.minisig]")  # fmt: skip
@click.option("--trust", multiple=True, metavar="KEYFILE|KEY",
              help="Insist on a signature by one of these keys, whatever the machine "
                   "asks.")  # fmt: skip
@click.option("--plan", is_flag=True, help="Check everything, touch nothing.")
@click.option("--mode", type=click.IntRange(0, 2), default=2, show_default=True,
              help="How the image gets over the old kernel: 0 the guest unpacks it, "
                   "1 the guest copies it, 2 the card copies it.")  # fmt: skip
@click.option(
    "--probation",
    type=Number(0, PROBATION_MAX),
    default=40,
    metavar="MS",
    show_default=True,
    help="How long outputs stay held and the way back open.",
)
@click.option(
    "--blackout-max",
    type=Number(BLACKOUT_MIN, BLACKOUT_MAX),
    default=250,
    metavar="MS",
    show_default=True,
    help="Go back when no program has run for that long, times --patience.",
)
@click.option(
    "--patience",
    type=Number(1, PATIENCE_MAX),
    default=1,
    metavar="FACTOR",
    show_default=True,
    help="Multiply every limit of time, on a slow or busy host.",
)
@click.option(
    "--save-map",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Keep the Save State Map, for `hotswap-host ssm show`.",
)
@click.option("--dry-run", is_flag=True,
              help="Rehearse it on a fork of the machine, which does not notice.")  # fmt: skip
@click.option("--count", type=click.IntRange(1, REHEARSALS_MAX), default=1, metavar="N",
              help="With --dry-run: rehearse at N instants.")  # fmt: skip
@click.option("--guard", is_flag=True,
              help="Name the instruction of the first stray write before COMMIT.")  # fmt: skip
@click.option("--json", "in_json", is_flag=True, help="JSON lines: the events, then the report.")
def switchover_command(
    image: Path | None,
    control: Path,
    reverse: bool,
    signature: Path | None,
    trust: tuple[str, ...],
    plan: bool,
    dry_run: bool,
    count: int,
    guard: bool,
    mode: int,
    probation: float,
    blackout_max: float,
    patience: float,
    save_map: Path | None,
    in_json: bool,
) -> int:
    """Replace the kernel of the machine at SOCKET by IMAGE, or by the one before.

    Anything that goes wrong ends back under the old kernel, with exit status 1 and the reason.
    """
    if count > 1 and not dry_run:
        raise click.UsageError("--count is for rehearsals: give --dry-run as well")
    if dry_run and (plan or save_map):
        raise click.UsageError("--dry-run goes with neither --plan nor --save-map")
    console = Console(highlight=False)

    def show(event: dict[str, Any]) -> None:
        click.echo(msgspec.json.encode(event).decode())

    kept = str(save_map.absolute()) if save_map else ""
    if (image is None) != reverse:
        raise click.UsageError("give an IMAGE, or --reverse for the kernel before")
    request = Request(
        "switchover",
        str(image.absolute()) if image else "",
        plan,
        mode,
        probation,
        kept,
        patience=patience,
        guard=guard,
        dry_run=dry_run,
        count=count,
        blackout_max_ms=blackout_max,
        signature=str(signature.absolute()) if signature else "",
        trust=[str(Path(word).absolute()) if Path(word).is_file() else word for word in trust],
        reverse=reverse,
    )
    try:
        if in_json:
            reply = ask(control, request, show)
        elif count > 1:
            reply = ask(control, request, lambda e: console.print(rehearsed(e), soft_wrap=True))
        else:
            with LiveView(console) as view:
                reply = ask(control, request, view.show, view.refresh)
    except* (KeyboardInterrupt, OSError, SystemExit):  # or nobody takes what is printed
        if not dry_run and not plan:
            click.echo(GOES_ON, err=True)
        raise
    result = reply.get("result") or {}
    not_kept = result.get("map_error") or result.get("record_error")
    if in_json:
        click.echo(msgspec.json.encode(reply).decode())
        return Exit.OK if reply["ok"] and not not_kept else Exit.FAILED
    if dry_run and result:
        words = summed_up(result["summary"]) if count > 1 else rehearsed(result)
        console.print(words, soft_wrap=True)
        return say(reply, in_json=False)
    if reply["ok"]:
        words = "could be replaced by" if plan else "was replaced by"
        console.print(f"{result['from']} {words} {result['to']}")
        if plan:
            show_plan(console, result["plan"])
        else:
            count = result["processes"]
            console.print(
                f"blackout {result['blackout_ms']:.2f} ms "
                f"({result['predicted_ms']:.2f} predicted), outputs held "
                f"{result['outside_pause_ms']:.1f} ms, "
                f"{count} {'process' if count == 1 else 'processes'} went on"
            )
    if result.get("record"):
        console.print(f"record: hotswap-host history {result['record']}", soft_wrap=True)
    status = Exit.OK
    if not reply["ok"]:
        status = Exit.FAILED
        first, *rest = why(result) or [("", wrong(reply))]
        click.echo(f"hotswap-host: {' '.join(first).strip()}", err=True)
        for line in rest:
            click.echo(" ".join(line), err=True)
    if not_kept:
        click.echo(f"hotswap-host: {not_kept}", err=True)
        return Exit.FAILED
    return status


def show_plan(console: Console, plan: dict[str, Any]) -> None:
    """What PLAN has found out, for people."""
    lo, hi = plan["load"]
    earlier = f", corrected by {plan['earlier']} earlier ones" if plan["earlier"] else ""
    for name, fact in (
        ("map", f"1.{plan['target_minor']}, about {plan['map_bytes']:,} bytes, "
                f"{plan['processes']} processes, {plan['frames']} frames in use"),
        ("load", f"{lo:#x}-{hi:#x}"),
        ("signature", plan["signature"]),
        ("blackout", f"{plan['predicted_ms']:.2f} ms predicted{earlier}"),
    ):  # fmt: skip
        console.print(f"  {name:<10} {fact}", highlight=False)
    for card in plan["cards"]:
        driven = "driven by both kernels" if card["old_drives"] and card["new_drives"] else ""
        name = f"slot {card['slot']} {card['card']}"
        console.print(f"  {name:<20} {card['policy']:<12} {driven}", highlight=False)


def _simple(op: Any, control: Path, in_json: bool, text: str = "") -> int:
    return say(ask(control, Request(op, text=text)), in_json=in_json)


json_option = click.option("--json", "in_json", is_flag=True, help="Answer in JSON.")


@click.command("pause")
@control_option
@json_option
def pause_command(control: Path, in_json: bool) -> int:
    """Stop the machine between two instructions; its clock stands still."""
    return _simple("pause", control, in_json)


@click.command("continue")
@control_option
@json_option
def continue_command(control: Path, in_json: bool) -> int:
    """Let a paused machine go on."""
    return _simple("continue", control, in_json)


@click.command("keys")
@click.argument("text")
@control_option
@json_option
def keys_command(text: str, control: Path, in_json: bool) -> int:
    """Type TEXT on the keyboard of the machine at SOCKET.

    A key or chord is named in angle brackets: "root<enter>", "<ctrl-alt-del>", "<f1>"; "<lt>" is
    the character itself.
    """
    return _simple("keys", control, in_json, text)


@click.command("info")
@machine_option(required=False)
@json_option
def info_command(control: Path | None, in_json: bool) -> int:
    """Say how the machine at SOCKET is, or what this host offers: engine, cures in use, cards."""
    if control is not None:
        reply = ask(control, Request("info"))
        if in_json or not reply["ok"]:
            return say(reply, in_json=in_json)
        facts = reply["result"]
    else:
        from .inventory import inventory

        facts = inventory()
        if in_json:
            click.echo(msgspec.json.format(msgspec.json.encode(facts), indent=2).decode())
            return Exit.OK
    print_facts(facts)
    return Exit.OK


def print_facts(facts: dict[str, Any]) -> None:
    """A line a fact, a table for each list of alike ones."""
    console = Console()
    for name, fact in facts.items():
        if isinstance(fact, list):
            table = Table(title=name, title_justify="left", box=None, pad_edge=False)
            for column in fact[0] if fact else ():
                table.add_column(column)
            for row in fact:
                table.add_row(*(str(value) for value in row.values()))
            console.print(table)
        else:
            console.print(f"{name:<16} {_line(fact)}", highlight=False, soft_wrap=True)


def _line(fact: Any) -> str:
    if isinstance(fact, dict):
        return ", ".join(f"{key} {value}" for key, value in fact.items())
    return str(fact)
