"""What happens at the card author's bench, in the order it happens."""

from __future__ import annotations

from typing import Literal

import msgspec


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that happened; `what` says which of the others count.

    `time` is machine time in ns. in, out: `address` is the port. read, write: `address` is one of
    memory. irq, drq: `line` is the board's. output: `text` has the bytes as Latin-1.
    """

    time: int
    what: Literal[
        "in", "out", "read", "write", "wait", "input", "lines", "screen",
        "irq", "drq", "output", "log", "fault",
    ]  # fmt: skip
    address: int | None = None
    width: int | None = None
    value: int | None = None
    line: int | None = None
    level: bool | None = None
    text: str | None = None

    def __str__(self) -> str:
        return f"{self.time / 1e6:12.6f} ms  {self._words()}"

    def _words(self) -> str:
        match self.what:
            case "in" | "out" | "read" | "write":
                digits = 2 * (self.width or 1)
                place = 4 if self.what in {"in", "out"} else 8
                return f"{self.what} {self.address:#0{place + 2}x}: {self.value:#0{digits + 2}x}"
            case "irq" | "drq":
                return f"{self.what.upper()} {self.line} {'up' if self.level else 'down'}"
            case "output":
                return f"output {(self.text or '').encode('latin-1')!r}"
            case _:
                return f"{self.what} {self.text or ''}".rstrip()
