"""The tables in README.md and docs/, made from the code: `python docs/tables.py [--check]`.

A table stands between `<!-- table: NAME -->` and `<!-- end -->`; `machine.schema.json` is from the
code, too. With --check nothing is written: status 1 when something is not what the code says.
"""

import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, get_args

import click

from hotswap.bus import Card, Choice
from hotswap.cards.mailbox import Ack, Command
from hotswap.cards.switchover import Argument, Register
from hotswap.host import pytest_plugin
from hotswap.host.__main__ import COMMANDS, main_group
from hotswap.host.exits import Exit
from hotswap.host.machine_file import MachineFile, Table, json_schema
from hotswap.host.prove.command import CAMPAIGNS
from hotswap.switchover.phases import LIMITS, Phase
from hotswap.switchover.protocol import Reason

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
SCHEMA = ROOT / "docs" / "machine.schema.json"
HERE = ("jobs", "count")
"""Options whose defaults depend on this computer, or on a table that grows."""
BLOCK = re.compile(r"(<!-- table: ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
EXITS = {
    Exit.OK: "all is well; also 0 to the debug-exit port, or a reset under `--no-reboot`",
    Exit.FAILED: "refused or failed; the message says what, where and what to do next",
    Exit.USAGE: "the command line is wrong",
    Exit.TIMEOUT: "`--timeout` is over",
    Exit.GUEST: "the guest has crashed: triple fault, or halted with interrupts off",
    Exit.NOTHING_TO_RESUME: "`resume` finds nothing: it was a power cut, or the machine has ended",
    Exit.DEBUG_EXIT: "the guest wrote n to the debug-exit port; 255 from n = 245 on",
    Exit.INTERRUPTED: "Ctrl-C, SIGTERM, or SIGHUP, as when the terminal is closed",
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


def options() -> str:
    """Every command with its arguments and options."""
    return "\n".join(_options(main_group, "hotswap-host"))


def _options(command: click.Command, path: str) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    usage = [] if isinstance(command, click.Group) else command.collect_usage_pieces(context)[1:]
    summary = (command.help or "").split("\n\n")[0].replace("\n", " ")
    mine = [each for each in command.params if isinstance(each, click.Option)]
    table = rows(["option", ""], map(partial(_option, context), mine)) if mine else ""
    yield "\n".join([f"### `{' '.join([path, *usage])}`", "", summary, "", table]).rstrip() + "\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            member = command.get_command(context, name)
            assert member is not None
            yield from _options(member, f"{path} {name}")


def _option(context: click.Context, option: click.Option) -> tuple[str, str]:
    names, text = option.get_help_record(context) or ("", "")
    if option.name in HERE:
        text = re.sub(r" *\[default: \d+(?:; )?", " [", text).replace(" []", "")
    if isinstance(option.envvar, str):
        text += f"; or `{option.envvar}` in the environment"
    return f"`{names}`", re.sub(" +", " ", text).replace("<", "\\<")


def campaigns() -> str:
    """The campaigns of `hotswap-host prove`."""
    return rows(["campaign", "what is tried"], ([f"`{n}`", text] for n, text in CAMPAIGNS.items()))


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
    order = [name for name in vars(pytest_plugin) if name in found and name[0] != "_"]
    docs = {name: inspect.getdoc(found[name]) or "" for name in order}
    return rows(["fixture", ""], ([f"`{name}`", docs[name]] for name in order))


def hooks() -> str:
    """What a card may override, in the order of the class."""
    found = {
        name: value
        for name, value in vars(Card).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    lines = (
        [f"`{name}{_signature(function)}`", _first_paragraph(function)]
        for name, function in found.items()
    )
    return rows(["hook", ""], lines)


def _signature(function: Callable[..., Any]) -> str:
    text = str(inspect.signature(function)).replace("'", "")
    return text.replace("(self, ", "(").replace("(self)", "()").removesuffix(" -> None")


def _first_paragraph(function: Callable[..., Any]) -> str:
    return (inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ")


def machine_keys(key: str) -> str:
    """The keys of a table of machine files."""
    annotation = MachineFile.model_fields[key].annotation
    assert annotation is not None
    (kind,) = (
        each
        for each in (annotation, *get_args(annotation))
        if isinstance(each, type) and issubclass(each, Table)
    )
    properties = kind.model_json_schema()["properties"]
    lines = (
        [f"`{name}`", value_kind(schema), default_of(schema), schema.get("description", "")]
        for name, schema in properties.items()
    )
    return rows(["key", "value", "by default", ""], lines)


def value_kind(schema: dict[str, Any]) -> str:
    """What may stand there, in short."""
    choices = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    (choice,) = choices
    if "enum" in choice:
        return ", ".join(f"`{value}`" for value in choice["enum"])
    if choice.get("type") == "array":
        items = choice["items"]
        return "tables" if "$ref" in items else f"list of {value_kind(items)}"
    lo, hi = choice.get("minimum"), choice.get("maximum")
    if lo is not None:
        return f"{lo} to {hi}" if hi is not None else f"{lo} or more"
    kind: str = choice.get("format", choice["type"])
    names = {"path": "file", "string": "text", "object": "table", "date-time": "date and time"}
    return names.get(kind, kind)


def default_of(schema: dict[str, Any]) -> str:
    """What holds without the key; empty when there is nothing to show."""
    if "default" not in schema:
        return "has to be there"
    value = schema["default"]
    return "" if value in (None, "", [], {}) else f"`{json.dumps(value)}`"


TABLES: dict[str, Callable[[], str]] = {
    "registers": lambda: choices(Register, "offset", 2),
    "CMD": lambda: choices(Command),
    "ACK": lambda: choices(Ack, width=2),
    "ARG_SEL": lambda: choices(Argument),
    "reasons": lambda: choices(Reason),
    "phases": phases,
    "commands": commands,
    "options": options,
    "campaigns": campaigns,
    "exit statuses": exits,
    "fixtures": fixtures,
    "hooks": hooks,
} | {f"machine {key}": partial(machine_keys, key) for key in MachineFile.model_fields}


def renewed(text: str) -> str:
    """A document's text with every table as the code says. Raises KeyError for an unknown one."""
    return BLOCK.sub(lambda block: block[1] + TABLES[block[2]]() + block[3], text)


def main() -> int:
    """Write the tables, or say which documents have old ones."""
    old = [path for path in DOCUMENTS if renewed(path.read_text()) != path.read_text()]
    new = {path: renewed(path.read_text()) for path in old}
    if not SCHEMA.exists() or json.loads(SCHEMA.read_text()) != json.loads(json_schema()):
        new[SCHEMA] = json_schema()
    for path, text in new.items():
        print(path.relative_to(ROOT))
        if "--check" not in sys.argv:
            path.write_text(text)
    return 1 if new and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
