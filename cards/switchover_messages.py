"""What the coordinator and the switchover card say to each other: orders, and signals."""

from __future__ import annotations

import msgspec

from hotswap.bus import BoardEvent

from .mailbox import Ack, Command, Verdict


class Begin(msgspec.Struct, frozen=True):
    """To the card: a switchover begins. `image` is what DMA_GO copies to `dest`."""

    txn: int
    budget_us: int
    target_minor: int
    image: bytes
    dest: int


class Issue(msgspec.Struct, frozen=True):
    """To the card: put `command` into CMD; `interrupt` raises the IRQ as well."""

    command: Command
    interrupt: bool = False


class End(msgspec.Struct, frozen=True):
    """To the card: the switchover is over, CMD is NONE again and ACK is deaf."""


class Mark(msgspec.Struct, frozen=True):
    """To the card: put a mark among the signals."""

    number: int


class Acknowledged(msgspec.Struct, frozen=True):
    """From the card: the guest wrote ACK; the map registers as they were then."""

    phase: int
    code: int
    ssm_pa: int
    ssm_len: int
    verdict: Verdict = Verdict.ANSWER

    def __str__(self) -> str:
        name = Ack(self.phase).name if self.phase in set(Ack) else f"{self.phase:#x}"
        return f"ACK {name} code {self.code:#x}"


class Heartbeat(msgspec.Struct, frozen=True):
    """From the card: the guest says how far it is, 0 to 65535."""

    progress: int


class Standstill(msgspec.Struct, frozen=True):
    """From the card: the guest's heartbeats show that it does not get on."""

    what: str

    def __str__(self) -> str:
        return self.what


class LogLine(msgspec.Struct, frozen=True):
    """From the card: what the guest wrote to LOG."""

    text: str


class Marked(msgspec.Struct, frozen=True):
    """From the card: here is the mark; every signal before it is old."""

    number: int


Signal = Marked | Acknowledged | Heartbeat | Standstill | LogLine | BoardEvent
