"""All of `hotswap.bus`, a line a name, as docs/card-api.txt has it: `python docs/card_api.py`."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

import hotswap.bus

LISTING = Path(__file__).with_name("card-api.txt")
USED = {
    "Slot": (
        "number", "card", "resources", "log", "commands", "output", "input", "frames_out",
        "frames_in", "irqs", "drqs", "disks", "fault", "alarm", "backplane", "clock", "irq", "drq",
        "new_alarm", "calling", "post", "feed", "burst_in", "burst_out", "map_ram", "map_rom",
        "flush", "title", "running", "policy", "lease", "leased", "release",
    ),
    "Backplane": (
        "clock", "io", "windows", "irq", "drq", "slots", "controller", "dma", "numeric_errors",
        "memory", "cpu", "leases", "insert", "remove", "replace", "change", "find", "card",
        "screen", "listening", "kick", "settle_order", "quiesce", "thaw", "snapshot", "restore",
        "hold_streams", "rewind_streams", "release_streams", "locked", "frozen",
    ),
}  # fmt: skip
"""What cards and their tests use of these; the rest of them is the board's, and may change."""
HEAD = """\
The card author's API of hotswap-host, {}.{}. Written by `python docs/card_api.py`; see cards.md.
"""


def listing() -> str:
    """What a card may rely on: every name with its members, fields, values and signatures."""
    lines = (line for name in hotswap.bus.__all__ for line in _entry(name))
    return HEAD.format(*hotswap.bus.API_VERSION) + "\n" + "".join(f"{line}\n" for line in lines)


def _entry(name: str) -> Iterator[str]:
    thing: Any = getattr(hotswap.bus, name)
    if inspect.isclass(thing):
        bases = [base.__name__ for base in thing.__bases__ if base is not object]
        yield f"class {name}({', '.join(bases)})" if bases else f"class {name}"
        found: dict[str, str] = {}
        for line in (line for each in _shown(thing) for line in _members(each)):
            member = _named(line)
            found[member] = max(found.get(member, ""), line, key=len)  # the one that says its type
        used = USED.get(name)
        yield from (f"    {line}" for each, line in found.items() if used is None or each in used)
    elif inspect.isfunction(thing):
        yield f"{name}{inspect.signature(thing)}"
    elif name == "API_VERSION":
        yield name  # it stands above
    else:
        yield f"{name} = {thing!r}" if not callable(thing) else name


def _shown(kind: type) -> list[type]:
    """The class; with the classes it is made of, where those are not listed themselves."""
    return [each for each in kind.__mro__ if each.__module__.startswith("hotswap.bus.")
            and (each is kind or each.__name__ not in hotswap.bus.__all__)]  # fmt: skip


def _named(line: str) -> str:
    """The name a line is about."""
    found = re.match(r"(?:async def )?(\w+)", line)
    return found[1] if found else ""


def _members(kind: type) -> Iterator[str]:
    if issubclass(kind, Enum):
        yield from (f"{member.name} = {member.value!r}" for member in kind)
        return
    if issubclass(kind, msgspec.Struct):
        yield from (_field(kind, field) for field in msgspec.structs.fields(kind))
    elif "__init__" in vars(kind) and not getattr(kind, "_is_protocol", False):
        yield f"__init__{_signature(kind.__init__)}"
        yield from _set_in_init(kind)
    of_instances = not issubclass(kind, msgspec.Struct)  # a struct's are among its fields
    for name, annotation in vars(kind).get("__annotations__", {}).items():
        if not name.startswith("_") and (of_instances or "ClassVar" in annotation):
            yield f"{name}: {annotation}"
    for name, value in vars(kind).items():
        if name.startswith("_"):
            continue
        function = getattr(value, "__func__", value)
        if isinstance(value, property):
            returned = inspect.signature(value.fget).return_annotation  # type: ignore[arg-type]
            yield f"{name} -> {returned}"
        elif inspect.isfunction(function):
            word = "async def " if inspect.iscoroutinefunction(function) else ""
            yield f"{word}{name}{_signature(function)}"


def _field(kind: type, field: msgspec.structs.FieldInfo) -> str:
    written = (vars(base).get("__annotations__", {}).get(field.name) for base in kind.__mro__)
    annotation = next(each for each in written if each is not None)
    return f"{field.name}: {annotation}{'' if field.required else ' = ...'}"


def _signature(function: Any) -> str:
    text = str(inspect.signature(function)).replace("'", "")
    return re.sub(r"<function (\w+) at 0x\w+>", r"\1", text)


def _set_in_init(kind: type) -> Iterator[str]:
    """Attributes an instance has from the beginning."""
    source = textwrap.dedent(inspect.getsource(kind.__init__))  # type: ignore[misc]
    for node in ast.walk(ast.parse(source)):
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets += [node.target] if isinstance(node, ast.AnnAssign) else []
        for target in targets:
            for each in target.elts if isinstance(target, ast.Tuple) else [target]:
                text = ast.unparse(each)
                if re.fullmatch(r"self\.[a-z]\w*", text):
                    kind_of = (
                        f": {ast.unparse(node.annotation)}"
                        if isinstance(node, ast.AnnAssign)
                        else ""
                    )
                    yield text.removeprefix("self.") + kind_of


if __name__ == "__main__":
    LISTING.write_text(listing())
