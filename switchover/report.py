"""What a switchover tells while it runs and leaves behind when it has ended."""

from __future__ import annotations

from typing import Literal

import msgspec

from .phases import Phase
from .plan import Plan

Outcome = Literal["committed", "rolled back", "refused", "planned", "lost"]


class PhaseEvent(msgspec.Struct, frozen=True, tag="phase"):
    """A phase began, ended or failed. `ms` of host time and guest instructions it has taken.

    With one that begins comes what it may take (0: no limit), and what it will wait for.
    """

    txn: int
    phase: str
    state: Literal["begun", "done", "failed"]
    ms: float = 0.0
    instructions: int = 0
    why: str = ""
    limit_ms: float = 0.0
    limit_instructions: int = 0
    waits_for: str = ""


class PhaseTime(msgspec.Struct):
    """What one phase took."""

    ms: float
    instructions: int


class Stray(msgspec.Struct, frozen=True):
    """The first stray write, as the guard has seen it. `value` in hexadecimal, memory's order.

    `function` has stored, when the kernel's symbols say so; `by` a card, on its behalf. `frame` is
    whose memory that was.
    """

    eip: int
    function: str
    address: int
    physical: int
    size: int
    value: str
    frame: str
    by: str = ""


class Report(msgspec.Struct, rename={"old": "from", "new": "to"}):
    """One switchover. Times are host milliseconds; `instructions` those of the whole blackout.

    `phase`: where it ended. When it was not committed: the `reason`, whose fault it is (`fault_of`:
    old kernel, new kernel, card NAME, host too slow, operator), what was `saved`, and `todo` next.
    `blackout_ms`: no user instruction ran. `outside_pause_ms`: how long outputs were held, which is
    the pause a peer sees. `engine_ms`: the part of the blackout spent in guest code.
    `pages_committed` were written back for R1 within the blackout, `durable_ms` the part of it
    taking R1 took where it is kept in a folder. `stray` is what the write guard has seen. `plan` is
    what PLAN found out, `predicted_ms` the blackout it expected. `record` is the id of the record
    that was kept of it, `record_error` why none could be.
    """

    txn: int
    old: str
    new: str
    mode: int
    outcome: Outcome = "refused"
    phase: str = Phase.PLAN.name
    reason: str = ""
    fault_of: str = ""
    saved: str = ""
    todo: str = ""
    predicted_ms: float = 0.0
    blackout_ms: float = 0.0
    outside_pause_ms: float = 0.0
    rollback_ms: float = 0.0
    instructions: int = 0
    engine_ms: float = 0.0
    pages_ahead: int = 0
    pages_committed: int = 0
    durable_ms: float = 0.0
    user_pages_copied: int = 0
    map_bytes: int = 0
    processes: int = 0
    plan: Plan | None = None
    phases: dict[str, PhaseTime] = {}
    stray: Stray | None = None
    log: list[str] = []
    record: str = ""
    record_error: str = ""
