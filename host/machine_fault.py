"""What can be wrong with a machine: where, what was said, and what could have been."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, get_args

import msgspec
from pydantic import BaseModel

from hotswap.bus import HotswapError


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with a machine file. `path` is as in TOML, e.g. `disk[0].image`.

    `value` is what stands there, as TOML would have it; `allowed` are the names that may.
    """

    path: str
    what: str
    value: str = ""
    allowed: tuple[str, ...] = ()
    nearest: str = ""

    def __str__(self) -> str:
        place = f"{self.path} = {self.value}" if self.value else self.path
        text = f"{place}: {self.what}" if place else self.what
        if self.allowed:
            text += f"; allowed are {', '.join(self.allowed)}"
        if self.nearest:
            text += f"; did you mean {self.nearest}?"
        return text


class MachineError(HotswapError):
    """A machine that cannot be built; `faults` is everything that is wrong with it.

    Nothing was started. `source` is the machine file, empty when it came from the command line.
    """

    def __init__(self, source: str, faults: Sequence[Fault]) -> None:
        self.source = source
        self.faults = tuple(faults)
        lines = [str(fault) for fault in faults]
        if len(lines) > 1:
            lines = [f"{len(lines)} faults", *(f"  {line}" for line in lines)]
        if source:
            lines[0] = f"{source}: {lines[0]}"
        super().__init__("\n".join(lines))


def fault(path: str, what: str, value: object = None, allowed: Iterable[object] = ()) -> Fault:
    """A fault with the allowed name that is nearest to `value`."""
    names = [str(name) for name in allowed]
    near = difflib.get_close_matches(str(value), names, 1) if value is not None else []
    shown = "" if value is None else _as_toml(value)
    return Fault(path, what, shown, tuple(names), near[0] if near else "")


@contextmanager
def blamed(faults: list[Fault], path: str) -> Iterator[None]:
    """A `HotswapError` that is raised in here is a fault of the item at `path`."""
    try:
        yield
    except HotswapError as error:
        faults.append(Fault(path, str(error)))


def from_pydantic(root: type[BaseModel], error: Mapping[str, Any]) -> Fault:
    """The fault for an error of pydantic's."""
    loc: tuple[int | str, ...] = error["loc"]
    path, kind = path_of(loc), error["type"]
    if kind == "extra_forbidden":
        names = list(table_at(root, loc[:-1]).model_fields)
        near = difflib.get_close_matches(str(loc[-1]), names, 1)
        return Fault(path, "no such key", "", tuple(names), near[0] if near else "")
    if kind == "missing":
        return Fault(path, "is missing")
    if kind == "literal_error":
        names = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        return fault(path, "is not allowed", error["input"], names)
    if kind == "model_type":
        return fault(path, "is no table", error["input"])
    message: str = error["msg"]
    if kind == "file":
        return Fault(path, message)
    if kind == "forms":
        return fault(path, message, error["input"], error["ctx"]["allowed"])
    return fault(path, message[0].lower() + message[1:], error["input"])


def path_of(loc: Iterable[int | str]) -> str:
    """`("disk", 0, "image")` as `disk[0].image`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return "".join(parts).removeprefix(".")


def table_at(root: type[BaseModel], loc: Iterable[int | str]) -> type[BaseModel]:
    """The class of the table at `loc`."""
    table = root
    for part in loc:
        if isinstance(part, str):
            table = _model_in(table.model_fields[part].annotation) or table
    return table


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _as_toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, Mapping):
        return "{...}"
    return str(value)
