"""The tables in README.md and docs/, made from the code: `python docs/tables.py [--check]`.

A table stands between `<!-- table: NAME -->` and `<!-- end -->`. With --check nothing is written:
status 1 when a table is not what the code says.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from hotswap.bus import Choice
from hotswap.cards.switchover import Ack, Argument, Command, Register
from hotswap.host import pytest_plugin
from hotswap.host.__main__ import COMMANDS
from hotswap.host.exits import Exit
from hotswap.switchover.phases import LIMITS, Phase
from hotswap.switchover.protocol import Reason

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"(<!-- table: ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
EXITS = {
    Exit.OK: "all is well; also 0 to the debug-exit port, or a reset under `--no-reboot`",
    Exit.FAILED: "refused or failed; the message says what, where and what to do next",
    Exit.USAGE: "the command line is wrong",
    Exit.TIMEOUT: "`--timeout` is over",
    Exit.GUEST: "the guest has crashed: triple fault, or halted with interrupts off",
    Exit.DEBUG_EXIT: "the guest wrote n to the debug-exit port",
    Exit.INTERRUPTED: "Ctrl-C, or SIGTERM",
}


def rows(header: Iterable[str], lines: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    heads = list(header)
    body = [[str(cell).replace("|", "\\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in (heads, ["-"] * len(heads), *body))


def choices(kind: type[Choice], number: str = "value", width: int = 0) -> str:
    """A table of an enumeration that documents itself; numbers in hexadecimal of `width` digits."""
    return rows(
        [number, "name", "meaning"],
        ([f"{value:#0{width + 2}x}" if width else int(value), value.name, value.doc]
         for value in kind),
    )  # fmt: skip


def phases() -> str:
    """The phases of a switchover with what each may take."""

    def limit(phase: Phase) -> str:
        allowed = LIMITS[phase]
        count = f", {allowed.instructions:,} instructions" if allowed.instructions else ""
        return f"{allowed.seconds:g} s{count}"

    lines = ([int(phase), phase.name, phase.doc, limit(phase)] for phase in Phase)
    return rows(["", "phase", "what happens", "at most"], lines)


def commands() -> str:
    """The commands of `hotswap-host`."""
    lines = ([f"`hotswap-host {name}`", text] for name, (_, text) in COMMANDS.items())
    return rows(["command", "what it does"], lines)


def exits() -> str:
    """The exit statuses."""

    def number(status: Exit) -> str:
        return f"{status:d} + n" if status is Exit.DEBUG_EXIT else f"{status:d}"

    return rows(["status", "meaning"], ([number(status), EXITS[status]] for status in Exit))


def fixtures() -> str:
    """What the pytest plugin offers."""

    def is_fixture(thing: Any) -> bool:
        return type(thing).__name__ == "FixtureFunctionDefinition"

    found = dict(inspect.getmembers(pytest_plugin, is_fixture))
    order = [name for name in vars(pytest_plugin) if name in found]
    docs = {name: inspect.getdoc(found[name]) or "" for name in order}
    return rows(["fixture", ""], ([f"`{name}`", docs[name]] for name in order))


TABLES: dict[str, Callable[[], str]] = {
    "registers": lambda: choices(Register, "offset", 2),
    "CMD": lambda: choices(Command),
    "ACK": lambda: choices(Ack, width=2),
    "ARG_SEL": lambda: choices(Argument),
    "reasons": lambda: choices(Reason),
    "phases": phases,
    "commands": commands,
    "exit statuses": exits,
    "fixtures": fixtures,
}


def renewed(text: str) -> str:
    """A document's text with every table as the code says. Raises KeyError for an unknown one."""
    return BLOCK.sub(lambda block: block[1] + TABLES[block[2]]() + block[3], text)


def main() -> int:
    """Write the tables, or say which documents have old ones."""
    old = [path for path in DOCUMENTS if renewed(path.read_text()) != path.read_text()]
    for path in old:
        print(path.relative_to(ROOT))
        if "--check" not in sys.argv:
            path.write_text(renewed(path.read_text()))
    return 1 if old and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
