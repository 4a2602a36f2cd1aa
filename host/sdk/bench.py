"""A session at the card author's bench: `hotswap-host sdk run`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TextIO

import click
import msgspec
import trio

from hotswap.bus import Card, HotswapError, Resources
from hotswap.host.card_engines import CardEngines
from hotswap.host.card_kind import CardKind, kind_of
from hotswap.host.discovery import make_card
from hotswap.host.elf_cards import Sandbox, in_engine

from .events import Event
from .steps import WORDS, Quit, parse
from .workbench import Workbench, open_workbench

Show = Callable[[str], None]


class Bench(msgspec.Struct, frozen=True):
    """A session: the card, what it leased, all that happened, and the fault it ended with."""

    card: str
    ports: list[str]
    windows: list[str]
    irqs: list[int]
    drqs: list[int]
    events: list[Event]
    fault: str | None


class Source:
    """Where the steps come from: options, a script, or whoever sits at the terminal."""

    def __init__(self, given: Iterable[str], script: TextIO | None) -> None:
        self._given, self._script = list(given), script
        self.asks = not self._given and script is None and sys.stdin.isatty()
        """Somebody is asked for them, and may make mistakes."""

    def lines(self) -> Iterator[tuple[str, str]]:
        """Each with where it stands."""
        for line in self._given:
            yield "", line
        if self.asks:
            yield from self._typed()
        elif self._script is not None or not self._given:
            script = self._script or sys.stdin
            for number, line in enumerate(script, start=1):
                yield f"{getattr(script, 'name', 'input')}, line {number}: ", line.rstrip("\n")

    def _typed(self) -> Iterator[tuple[str, str]]:
        while True:
            try:
                line = input("> ")
            except EOFError:
                click.echo()
                return
            yield "", line


def run_bench(
    card: str, settings: Mapping[str, str], sandbox: Sandbox, steps: Source, show: Show
) -> Bench:
    """Try the card of this name, or in this file. Raises `HotswapError`."""
    return trio.run(_session, card, settings, sandbox, steps, show)


async def _session(
    name: str, settings: Mapping[str, str], sandbox: Sandbox, steps: Source, show: Show
) -> Bench:
    with CardEngines() as engines:
        async with open_workbench() as bench:
            card = await _card(kind_of(name, sandbox), settings, engines)
            await bench.insert(card)
            resources = bench.slot.resources
            show(_title(card, resources))
            await _work(bench, steps, show)
            fault = None if bench.fault is None else bench.fault.what
            await bench.backplane.remove(bench.slot.number)
    return Bench(
        card=card.name,
        ports=[str(ports) for ports in resources.ports],
        windows=[str(window) for window in resources.windows],
        irqs=list(resources.irqs),
        drqs=list(resources.drqs),
        events=bench.events,
        fault=fault,
    )


async def _card(kind: CardKind, given: Mapping[str, str], engines: CardEngines) -> Card[Any]:
    settings = kind.fitting(given)
    if kind.elf is None:
        return make_card(kind.name, settings)
    return in_engine(kind.elf.image, settings, await engines.take(kind.elf.sandbox))


def _title(card: Card[Any], resources: Resources) -> str:
    parts = [f"ports {', '.join(map(str, resources.ports))}"] if resources.ports else []
    parts += [f"memory {', '.join(map(str, resources.windows))}"] if resources.windows else []
    parts += [f"IRQ {', '.join(map(str, resources.irqs))}"] if resources.irqs else []
    parts += [f"DRQ {', '.join(map(str, resources.drqs))}"] if resources.drqs else []
    return f"card {card.name}: {'; '.join(parts) or 'no resources'}"


async def _work(bench: Workbench, steps: Source, show: Show) -> None:
    shown = 0
    for where, line in steps.lines():
        if line.strip() == "help":
            show(WORDS.rstrip())
            continue
        try:
            step = parse(line, where)
            if isinstance(step, Quit):
                return
            if step is not None:
                await bench.do(step)
        except HotswapError as error:
            if not steps.asks:
                raise
            click.echo(str(error), err=True)
        for event in bench.events[shown:]:
            show(str(event))
        shown = len(bench.events)
