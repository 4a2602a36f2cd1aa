"""A record as a picture: an SVG with a column for each phase, whatever it took.

Time runs evenly within a column; what a phase took is written over it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from xml.sax.saxutils import escape

from hotswap.switchover.phases import BLACKOUT

from .record import Record
from .spans import LANES, Span, spans

LEFT, COLUMN, TOP, LANE, BAR = 96, 82, 92, 44, 26  # px
LETTER = 6.5
"""px a letter takes: a bar that its text does not fit into has none."""
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .small { font-size: 11px; fill: #57606a } .name { font-weight: 600 } .in { fill: #fff }
  .grid { stroke: #d0d7de } .black { fill: #f6f8fa; stroke: #d0d7de }
  .go { fill: #1a7f37 } .stop { fill: #8c959f } .old { fill: #0969da } .boot { fill: #6e7781 }
  .new { fill: #8250df } .held { fill: #bc4c00 } .wrong { fill: #cf222e; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 } .in { fill: #fff }
    .grid { stroke: #3d444d } .black { fill: #151b23; stroke: #3d444d }
    .go { fill: #238636 } .stop { fill: #656c76 } .old { fill: #1f6feb } .boot { fill: #59636e }
    .new { fill: #8957e5 } .held { fill: #bd561d } .wrong { fill: #f85149 }
  }
"""


def timeline(record: Record) -> str:
    """The SVG of one switchover."""
    return "\n".join(_drawing(record)) + "\n"


class _Axis:
    """Where an instant is drawn: the columns are `phases`, in the order of time."""

    def __init__(self, phases: list[Span], over: float) -> None:
        self.starts = [span.start_ms for span in phases]
        self.ends = [*self.starts[1:], over]

    @property
    def right(self) -> float:
        return LEFT + COLUMN * len(self.starts)

    def x(self, at_ms: float) -> float:
        column = bisect_right(self.starts, at_ms) - 1
        if column < 0:
            return LEFT
        start, end = self.starts[column], self.ends[column]
        part = min((at_ms - start) / (end - start), 1) if end > start else 1
        return LEFT + COLUMN * (column + part)


def _text(x: float, y: float, content: str, kind: str = "", anchor: str = "middle") -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(content)}</text>'
    )


def _drawing(record: Record) -> Iterator[str]:
    report, drawn = record.report, spans(record)
    phases = [span for span in drawn if span.lane == "phases"]
    axis = _Axis(phases, record.took_ms)
    lanes = [lane for lane in LANES if lane != "phases"] if phases else []
    bottom = TOP + LANE * len(lanes)
    wrong = report.outcome not in ("committed", "planned")
    title = f"{report.old} to {report.new}: {report.outcome}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(title)}" '
        f'viewBox="0 0 {max(axis.right + 12, 480):.0f} {bottom + (30 if wrong else 8)}">'
    )
    yield f"<style>{STYLE}</style>"
    yield from _blackout(record, phases, axis, bottom)
    for span in phases:
        start = axis.x(span.start_ms)
        yield f'<line x1="{start:.1f}" y1="42" x2="{start:.1f}" y2="{bottom}" class="grid"/>'
        kind = "wrong" if span.kind == "failed" else "name"
        yield _text(start + COLUMN / 2, 56, span.name, kind)
        yield _text(start + COLUMN / 2, 74, f"{span.end_ms - span.start_ms:.2f} ms", "small")
    for number, lane in enumerate(lanes):
        yield from _lane(lane, [span for span in drawn if span.lane == lane], number, axis)
    if wrong:
        where = f"{report.outcome} in {report.phase}: {report.reason}"
        yield _text(8, bottom + 18, where, "wrong", "start")
    yield "</svg>"


def _blackout(record: Record, phases: list[Span], axis: _Axis, bottom: float) -> Iterator[str]:
    names = {phase.name for phase in BLACKOUT}
    black = [span for span in phases if span.name in names]
    if not black:
        return
    if black[-1] is not phases[-1] and phases[-1].kind == "undo" and not record.report.blackout_ms:
        black.append(phases[-1])
    start = axis.x(black[0].start_ms)
    width = COLUMN * len(black)
    box = f'width="{width}" height="{bottom - 8}" rx="4"'
    yield f'<rect x="{start:.1f}" y="8" {box} class="black"/>'
    took = record.report.blackout_ms or black[-1].end_ms - black[0].start_ms
    label = f"no program runs: {took:.1f} ms" if len(black) > 1 else f"{took:.1f} ms"
    yield _text(start + width / 2, 28, label, "name")


def _lane(name: str, bars: list[Span], number: int, axis: _Axis) -> Iterator[str]:
    y = TOP + LANE * number
    yield _text(LEFT - 8, y + 17, name, "name", "end")
    for bar in bars:
        x, end = axis.x(bar.start_ms) + 2, axis.x(bar.end_ms) - 2
        if end <= x:
            continue
        yield (
            f'<rect x="{x:.1f}" y="{y}" width="{end - x:.1f}" height="{BAR}" rx="4" '
            f'class="{bar.kind}"/>'
        )
        if end - x >= LETTER * len(bar.name):
            yield _text((x + end) / 2, y + 17, bar.name, "in")
