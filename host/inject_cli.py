"""`hotswap-host inject`: let things go wrong on the bus of a running machine, and mend them."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any, Literal

import click
from rich.console import Console
from rich.table import Table

from hotswap.bus.cycle import Space
from hotswap.bus.injection import (
    AnyFault,
    Corrupt,
    CycleFault,
    Delay,
    DelayIrq,
    Drop,
    Duplicate,
    HangCard,
    KillCard,
    LoseDrq,
    LoseIrq,
    LoseTc,
    StormIrq,
)

from .control import Request
from .duration import as_duration
from .exits import Exit
from .remote import ask, control_option, json_option, say

Wrapped = Callable[..., Any]


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no number; write e.g. 960 or 0x3c0") from None


def _as_number(_ctx: click.Context, _param: click.Parameter, value: str) -> int:
    return _number(value)


def _as_range(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """`FIRST` or `FIRST-LAST`."""
    if value is None:
        return None
    first, _, last = value.partition("-")
    if (end := _number(last or first)) < (begin := _number(first)):
        raise click.BadParameter(f"{value} ends before it begins; write {last}-{first}")
    return begin, end


def _as_value(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> dict[str, int] | None:
    """`VALUE` or `VALUE/MASK`, as the keys of a fault."""
    if value is None:
        return None
    wanted, _, mask = value.partition("/")
    keys = {"value": _number(wanted)}
    return keys | ({"mask": _number(mask)} if mask else {})


def _all(options: list[Callable[[Wrapped], Wrapped]]) -> Callable[[Wrapped], Wrapped]:
    return lambda command: reduce(lambda done, option: option(done), reversed(options), command)


_asking = _all([control_option, json_option])
_choosing = _all([
    click.option("--skip", type=int, default=0, metavar="N", help="Leave the first N alone."),
    click.option("--every", type=int, default=1, metavar="N", help="Hit every N-th."),
    click.option("--times", type=int, default=0, metavar="N", help="Hit N times.  [default: "
                 "without end]"),
    click.option("--probability", type=float, default=1.0, metavar="P",
                 help="Hit with this probability."),
    click.option("--seed", type=int, default=0, metavar="N", help="Of the random numbers for it."),
])  # fmt: skip
_cycles = _all([
    click.option("--port", callback=_as_range, metavar="FIRST[-LAST]",
                 help="Cycles of these ports."),
    click.option("--memory", callback=_as_range, metavar="FIRST[-LAST]",
                 help="Loads and stores there, in windows of cards."),
    click.option("--in", "direction", flag_value="in", help="Only what is read."),
    click.option("--out", "direction", flag_value="out", help="Only what is written."),
    click.option("--value", callback=_as_value, metavar="VALUE[/MASK]", help="Only this value."),
])  # fmt: skip
_time = click.option("--time", "ns", callback=as_duration, required=True, metavar="TIME",
                     help='Of machine time, e.g. "20 us".')  # fmt: skip


@click.group("inject")
def inject_command() -> None:
    """Let things go wrong on the bus of a running machine, and mend them."""


@inject_command.command("list")
@_asking
def list_command(control: Path, in_json: bool) -> int:
    """List what is injected, and how often it has hit."""
    reply = ask(control, Request("injections"))
    if in_json or not reply["ok"]:
        return say(reply, in_json=in_json)
    _print(reply["result"])
    return Exit.OK


@inject_command.command("clear")
@click.argument("numbers", type=int, nargs=-1, metavar="[NUMBER]...")
@click.option("--all", "everything", is_flag=True, help="Mend all there is.")
@_asking
def clear_command(control: Path, numbers: tuple[int, ...], everything: bool, in_json: bool) -> int:
    """Mend what is injected, by its number."""
    if bool(numbers) == everything:
        raise click.UsageError("give the numbers of injections, or --all")
    if any(number < 1 for number in numbers):
        raise click.UsageError("injections are numbered from 1; `inject list` shows them")
    status = int(Exit.OK)
    for number in numbers or (0,):
        reply = ask(control, Request("uninject", injection=number))
        status = max(status, say(reply, in_json=in_json))
        if reply["ok"] and not in_json:
            _print(reply["result"])
    return status


def _print(injections: list[dict[str, Any]]) -> None:
    if not injections:
        click.echo("nothing is injected")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("number", "what", "matched", "hits", ""):
        table.add_column(column)
    for each in injections:
        cells = (each["number"], each["what"], each["matched"], each["hits"])
        table.add_row(*map(str, cells), "spent" if each["spent"] else "")
    Console().print(table)


def _inject(control: Path, in_json: bool, make: Callable[[], AnyFault]) -> int:
    try:
        fault = make()
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    reply = ask(control, Request("inject", fault=fault))
    if reply["ok"] and not in_json:
        click.echo(f"injection {reply['result']['number']}: {reply['result']['what']}")
        return Exit.OK
    return say(reply, in_json=in_json)


def _cycle_keys(
    port: tuple[int, int] | None,
    memory: tuple[int, int] | None,
    direction: Literal["in", "out"] | None,
    value: dict[str, int] | None,
) -> dict[str, Any]:
    if (port is None) == (memory is None):
        raise click.UsageError("say where: --port or --memory, and one of them")
    first, last = port or memory or (0, 0)
    space = Space.PORT if memory is None else Space.MEMORY
    where = {"first": first, "last": last, "space": space, "direction": direction or "both"}
    return where | (value or {})


def _cycle_command(
    name: str, kind: type[CycleFault], words: str, *options: Callable[[Wrapped], Wrapped]
) -> None:
    def command(
        control: Path, in_json: bool, port: Any, memory: Any, direction: Any, value: Any,
        **keys: Any,
    ) -> int:  # fmt: skip
        where = _cycle_keys(port, memory, direction, value)
        return _inject(control, in_json, lambda: kind(**where, **keys))  # type: ignore[arg-type, return-value]

    decorated = _all([*options, _cycles, _choosing, _asking])(command)
    inject_command.command(name, help=words)(decorated)


def _line_command(
    name: str, kind: Callable[..., AnyFault], key: str, words: str,
    *options: Callable[[Wrapped], Wrapped],
) -> None:  # fmt: skip
    def command(control: Path, in_json: bool, **keys: Any) -> int:
        return _inject(control, in_json, lambda: kind(**keys))

    argument = click.argument(key, type=int, metavar="LINE")
    inject_command.command(name, help=words)(_all([argument, *options, _asking])(command))


def _card_command(name: str, kind: Callable[..., AnyFault], words: str) -> None:
    def command(control: Path, in_json: bool, card: str) -> int:
        which: str | int = int(card) if card.isascii() and card.isdigit() else card
        return _inject(control, in_json, lambda: kind(card=which))

    argument = click.argument("card", metavar="CARD|SLOT")
    inject_command.command(name, help=words)(_all([argument, _asking])(command))


def _bits(name: str, words: str) -> Callable[[Wrapped], Wrapped]:
    return click.option(f"--{name}", callback=_as_number, default="0", metavar="MASK", help=words)


_cycle_command("drop", Drop, "Lose cycles: what is read floats, what is written never arrives.")
_cycle_command("delay", Delay, "Let cycles take longer, as with wait states; 10 ms at most.", _time)
_cycle_command("duplicate", Duplicate, "Let cycles reach their card twice.")
_cycle_command(
    "corrupt", Corrupt, "Change the data of cycles.", _bits("xor", "Bits that are inverted."),
    _bits("high", "Bits that are stuck at 1."), _bits("low", "Bits that are stuck at 0."),
)  # fmt: skip
_line_command("lose-irq", LoseIrq, "irq", "Lose interrupt requests of a line.", _choosing)
_line_command("delay-irq", DelayIrq, "irq", "Let interrupt requests come later.", _time, _choosing)
_line_command(
    "storm-irq", StormIrq, "irq", "Raise a line again and again.",
    click.option("--period", "ns", callback=as_duration, required=True, metavar="TIME",
                 help='Of machine time, at least "10 us".'),
    click.option("--times", type=int, default=0, metavar="N",
                 help="That often.  [default: without end]"),
)  # fmt: skip
_line_command("lose-drq", LoseDrq, "drq", "Lose DMA requests of a line.", _choosing)
_line_command("lose-tc", LoseTc, "drq", "Hide the end of DMA transfers from their card.", _choosing)
_card_command("hang", HangCard, "Let a card's task stand still; its ports go on answering.")
_card_command("kill", KillCard, "Take a card off the bus, as if it had raised.")
