"""A switchover while it is under way: the phase, its budget, and what is waited for."""

from __future__ import annotations

import time
from typing import Any, Self

import trio
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hotswap.switchover.phases import Phase

REFRESH = 0.1
"""s between two pictures while nothing happens."""


class LiveView:
    """Phase events as they come: a table that is drawn again on a terminal, lines elsewhere.

    A context manager; `refresh` is its task.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._events: dict[str, dict[str, Any]] = {}
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._draw(over=True)
            self._live.stop()

    def show(self, event: dict[str, Any]) -> None:
        """Take in a phase event."""
        before = self._events.get(event["phase"], {})
        self._events[event["phase"]] = {
            **event,
            "limit_ms": before.get("limit_ms") or event["limit_ms"],
            "limit_instructions": before.get("limit_instructions") or event["limit_instructions"],
        }
        if event["state"] == "begun":
            self._began = time.monotonic()
        elif self._live is None:
            self._console.print(_line(event), soft_wrap=True)
        self._draw()

    async def refresh(self) -> None:
        """Let the time of the phase under way be seen to pass, until cancelled."""
        while True:
            await trio.sleep(REFRESH)
            self._draw()

    def _draw(self, *, over: bool = False) -> None:
        if self._live is not None:
            self._live.update(self._picture(over=over), refresh=True)

    def _picture(self, *, over: bool) -> Group:
        table = Table.grid(padding=(0, 2))
        waits_for = ""
        for phase in Phase:
            event = self._events.get(phase.name)
            if event is None:
                continue
            under_way = event["state"] == "begun" and not over
            ms = (time.monotonic() - self._began) * 1000 if under_way else event["ms"]
            waits_for = event["waits_for"] if under_way else waits_for
            table.add_row(
                _state("now" if under_way else event["state"]),
                phase.name,
                f"{ms:9.2f} ms",
                ProgressBar(total=event["limit_ms"], completed=ms, width=10),
                f"of {event['limit_ms']:,.10g} ms",
                f"{event['instructions']:,} instructions" if event["instructions"] else "",
                Text(event["why"], style="red"),
            )
        rest = [Text(f"waits for {waits_for}", style="dim")] if waits_for else []
        return Group(table, *rest)


def _state(state: str) -> str:
    return {"done": "[green]done[/]", "failed": "[red]failed[/]", "now": "[yellow]now[/]"}.get(
        state, state
    )


def _line(event: dict[str, Any]) -> Text:
    if event["state"] == "failed":
        return Text(f"  failed {event['phase']:<10} {event['why']}")
    took = f"{event['ms']:8.2f} ms {event['instructions']:>12,} instructions"
    return Text(f"  done   {event['phase']:<10} {took}")


def why(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Of a switchover that did not happen: why, in which phase, what was saved, what to do."""
    if report["outcome"] in ("committed", "planned"):
        return []
    rows = [
        (f"{report['outcome']} in {report['phase']}:", report["reason"]),
        ("at fault:", report["fault_of"]),
        ("saved:", report["saved"]),
        ("next:", report["todo"]),
    ]
    return [(title, text) for title, text in rows if text]
