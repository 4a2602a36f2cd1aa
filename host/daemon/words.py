"""What is said at the daemon's control socket: requests, and how a machine is."""

from __future__ import annotations

from typing import Literal

import msgspec

from hotswap.host.control import FileName


class DaemonRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What a client asks the daemon for. `name` is a machine's, `file` a machine file."""

    op: Literal["list", "start", "stop", "reload", "shutdown"]
    name: str = ""
    file: FileName = ""


class CardStatus(msgspec.Struct, frozen=True):
    """A card of a machine; `fault` is empty when it has none."""

    slot: int
    card: str
    fault: str


class MachineStatus(msgspec.Struct, frozen=True):
    """How a machine is.

    `state`: starting, running, paused, switching over, not answering, restarting, stopping, stopped
    or failed. `why` it failed, is restarted or does not run; `next_in_s` until it is started again.
    `pid` is 0 while it has no process. `control` is its socket.
    """

    name: str
    file: str
    state: str
    why: str = ""
    pid: int = 0
    uptime_s: float = 0.0
    kernel: str = ""
    restarts: int = 0
    next_in_s: float = 0.0
    control: str = ""
    file_changed: bool = False
    cards: list[CardStatus] = []

    @property
    def in_words(self) -> str:
        """Its state on a line."""
        state = self.state
        if state == "restarting":
            state = f"restarting in {self.next_in_s:.0f} s"
        return f"{state}: {on_a_line(self.why)}" if self.why else state


def on_a_line(text: str) -> str:
    """The lines of `text`, as when several things are wrong."""
    return "; ".join(line.strip() for line in text.splitlines())


class MachineEvent(msgspec.Struct, frozen=True, tag_field="type", tag="machine"):
    """The state of a machine while the daemon ends; a line each, before the reply."""

    machine: str
    state: str


class DaemonStatus(msgspec.Struct, frozen=True):
    """The daemon and its machines, and the files that are none, with what is wrong with each."""

    pid: int
    runtime: str
    logs: str
    machines: list[MachineStatus]
    faulty: dict[str, str] = {}
