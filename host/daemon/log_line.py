"""Lines of a log: one JSON object each, written by the daemon and by the machines' processes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

from hotswap.host import wall_clock

from .log_file import BoundedFile

LOST = "log lines were lost for lack of room"


class LogLine(msgspec.Struct, frozen=True):
    """One event. `machine` is empty for the daemon's own, `fields` is all else there is to say."""

    time: str
    machine: str
    level: str
    event: str
    fields: dict[str, Any] = {}

    def for_people(self) -> str:
        """On a line, without anything that moves a terminal's cursor."""
        whose = f"{self.machine}:" if self.machine else ""
        words = [self.time, f"{self.level:<7}", whose, self.event]
        words += [f"{key}={value}" for key, value in self.fields.items() if "\n" not in str(value)]
        text = _visible(" ".join(word for word in words if word))
        more = [str(value).rstrip() for value in self.fields.values() if "\n" in str(value)]
        return "\n".join([text, *(f"    {_visible(each)}" for m in more for each in m.split("\n"))])


def decoded(line: bytes) -> LogLine | None:
    """A line as it stands in a file; None when it is none, as after a disk was full."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.decode(line, type=LogLine)
    return None


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _now() -> str:
    now = datetime.fromtimestamp(wall_clock.now_ns() / 1e9, UTC)
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class LogWriter:
    """What structlog writes to: lines into a file, and to `show` if somebody wants to see them."""

    def __init__(self, file: BoundedFile, show: Callable[[LogLine], None] | None = None) -> None:
        self._file, self._show = file, show
        self._torn = False  # the last line of the file is a part of one
        self._lost = 0

    def msg(self, line: LogLine) -> None:
        """Write a line; what there is no room for is counted."""
        if self._show is not None:
            self._show(line)
        if self._lost:
            note = LogLine(line.time, line.machine, "warning", LOST, {"count": self._lost})
            if not self._written(note):
                self._lost += 1
                return
            self._lost = 0
        if not self._written(line):
            self._lost += 1

    debug = info = warning = error = critical = msg

    def _written(self, line: LogLine) -> bool:
        content = (b"\n" if self._torn else b"") + encode(line) + b"\n"
        count = self._file.append(content)
        if count:
            self._torn = count < len(content)
        return count == len(content)


def encode(line: LogLine) -> bytes:
    """A line of JSON, without its end; what JSON has no form for is there as text."""
    return msgspec.json.encode(line, enc_hook=str)


def _as_line(machine: str) -> structlog.typing.Processor:
    def process(
        _logger: Any, _name: str, given: MutableMapping[str, Any]
    ) -> tuple[tuple[LogLine], dict[str, Any]]:
        fields = dict(given)
        level, event = str(fields.pop("level", "info")), str(fields.pop("event", ""))
        line = LogLine(_now(), str(fields.pop("machine", machine)), level, event, _named(fields))
        return (line,), {}

    return process


def _named(fields: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in fields.items()}


def log_to(writer: LogWriter, machine: str = "") -> None:
    """Everything that is logged from now on goes to `writer`, as `machine`'s unless it says whose.

    What is at least worth "info": a machine that works as it should writes little.
    """
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: writer,
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _as_line(machine),
        ],
        cache_logger_on_first_use=False,
    )
