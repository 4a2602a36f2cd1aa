"""What went on during a switchover, and when: the lanes that its pictures draw."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hotswap.switchover.phases import BLACKOUT, Phase

from .record import Record

LANES = ("phases", "programs", "kernel", "outputs", "a fault ends")


class Span(NamedTuple):
    """Something that went on in `lane` from `start_ms` to `end_ms` after the request.

    `kind`: go, stop, old, boot, new, held, done, failed, undo. `instructions` and `why` (it failed)
    are a phase's.
    """

    lane: str
    name: str
    kind: str
    start_ms: float
    end_ms: float
    instructions: int = 0
    why: str = ""


def spans(record: Record) -> list[Span]:
    """In the lanes of LANES, each in the order of time."""
    phases = list(_phases(record))
    return [*phases, *_lanes(record, {span.name: span for span in phases})]


def _phases(record: Record) -> Iterator[Span]:
    begun: dict[str, float] = {}
    for moment in record.moments:
        if moment.state == "begun":
            begun[moment.phase] = moment.at_ms
        elif moment.phase in begun:
            start = begun.pop(moment.phase)
            yield Span("phases", moment.phase, moment.state, start, moment.at_ms,
                       moment.instructions, moment.why)  # fmt: skip
            if moment.state == "failed" and record.report.rollback_ms:
                back = moment.at_ms + record.report.rollback_ms
                yield Span("phases", "way back", "undo", moment.at_ms, back)


def _lanes(record: Record, phase: dict[str, Span]) -> Iterator[Span]:
    report, over = record.report, record.took_ms
    undo = next((span for span in phase.values() if span.kind == "undo"), None)
    left = undo.start_ms if undo else over

    def begins(which: Phase) -> float:
        return phase[which.name].start_ms if which.name in phase else left

    def stretch(lane: str, *parts: tuple[str, str, float]) -> Iterator[Span]:
        """Parts (name, kind, end) that follow each other from the request on."""
        start = 0.0
        for name, kind, end in parts:
            if end > start:
                yield Span(lane, name, kind, start, end)
                start = end

    committed = phase.get(BLACKOUT[-1].name)
    yield from stretch(
        "programs",
        ("run", "go", begins(BLACKOUT[0])),
        ("stand still", "stop", committed.end_ms if committed else 0),
        ("run", "go", left if committed else 0),
        ("stand still", "stop", undo.end_ms if undo else 0),
        ("run", "go", over),
    )
    new = "boot" if Phase.NEWINIT.name not in phase else "new"
    yield from stretch(
        "kernel",
        (report.old, "old", begins(Phase.SWITCH)),
        ("bootstrap", "boot", begins(Phase.NEWINIT)),
        (report.new, new, left),
        (report.old, "old", over),
    )
    held = begins(Phase.PREPARE)
    yield from stretch(
        "outputs",
        ("leave", "go", held),
        ("are held", "held", min(over, held + report.outside_pause_ms) if held < over else over),
        ("leave", "go", over),
    )
    yield from stretch(
        "a fault ends",
        ("nothing touched", "boot", held),
        ("at R0", "old", begins(Phase.SWITCH)),
        ("at R1", "old", left),
    )
