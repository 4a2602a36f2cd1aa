"""A record as a trace for chrome://tracing and Perfetto.

Trace Event Format, JSON object form: complete events (`ph` X), `ts` and `dur` in us.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .record import Record
from .spans import LANES, Span, spans

_THREADS = {lane: number for number, lane in enumerate(LANES, 1)}


def chrome_trace(record: Record) -> dict[str, Any]:
    """The trace: a thread for the phases, and one each for what they mean to a part."""
    return {
        "displayTimeUnit": "ms",
        "otherData": {"id": record.id, "from": record.report.old, "to": record.report.new},
        "traceEvents": list(_events(record)),
    }


def _events(record: Record) -> Iterator[dict[str, Any]]:
    common = {"pid": record.machine}
    yield {"ph": "M", "name": "process_name", "args": {"name": "hotswap-host"}, **common}
    for name, thread in _THREADS.items():
        yield {"ph": "M", "name": "thread_name", "tid": thread, "args": {"name": name}, **common}
    for span in spans(record):
        yield {**_complete(span), "tid": _THREADS[span.lane], **common}


def _complete(span: Span) -> dict[str, Any]:
    event: dict[str, Any] = {
        "ph": "X",
        "name": span.name,
        "cat": span.lane,
        "ts": span.start_ms * 1000,
        "dur": (span.end_ms - span.start_ms) * 1000,
    }
    if span.lane == "phases":
        event["args"] = {"instructions": span.instructions, "failed": span.why}
    return event
