"""Draws docs/timeline.svg, the timeline of a switchover, from one that was measured.

    hotswap-host demo --json | python docs/timeline.py > docs/timeline.svg

A column is a phase, whatever it took; its time is written over it.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from hotswap.switchover.phases import BLACKOUT, Phase

LEFT, COLUMN, TOP, LANE, BAR = 96, 82, 92, 44, 26  # px
PHASES = list(Phase)
WIDTH = LEFT + COLUMN * len(PHASES) + 12
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .small { font-size: 11px; fill: #57606a } .name { font-weight: 600 } .in { fill: #fff }
  .grid { stroke: #d0d7de } .black { fill: #f6f8fa; stroke: #d0d7de }
  .go { fill: #1a7f37 } .stop { fill: #8c959f } .old { fill: #0969da } .boot { fill: #6e7781 }
  .new { fill: #8250df } .held { fill: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 } .in { fill: #fff }
    .grid { stroke: #3d444d } .black { fill: #151b23; stroke: #3d444d }
    .go { fill: #238636 } .stop { fill: #656c76 } .old { fill: #1f6feb } .boot { fill: #59636e }
    .new { fill: #8957e5 } .held { fill: #bd561d }
  }
"""


class Bar(NamedTuple):
    """From the start of phase `first` to the end of `last`; `half` starts or ends in the middle."""

    first: Phase
    last: Phase
    kind: str
    text: str


def lanes(old: str, new: str) -> list[tuple[str, list[Bar]]]:
    """What goes on during a switchover, from top to bottom."""
    return [
        ("programs", [
            Bar(Phase.PLAN, Phase.PREPARE, "go", "run"),
            Bar(BLACKOUT[0], BLACKOUT[-1], "stop", "stand still"),
            Bar(Phase.PROBATION, Phase.PROBATION, "go", "run"),
        ]),
        ("kernel", [
            Bar(Phase.PLAN, Phase.SAVE, "old", old),
            Bar(Phase.SWITCH, Phase.DECODE, "boot", "bootstrap"),
            Bar(Phase.NEWINIT, Phase.PROBATION, "new", new),
        ]),
        ("outputs", [
            Bar(Phase.PLAN, Phase.STAGE, "go", "leave"),
            Bar(Phase.PREPARE, Phase.PROBATION, "held", "are held"),
        ]),
        ("a fault ends", [
            Bar(Phase.PLAN, Phase.STAGE, "boot", "nothing touched"),
            Bar(Phase.PREPARE, Phase.SAVE, "old", f"at R0, under {old}"),
            Bar(Phase.SWITCH, Phase.PROBATION, "old", f"at R1, under {old}"),
        ]),
    ]  # fmt: skip


def left(phase: Phase) -> int:
    """Where a phase's column begins."""
    return LEFT + COLUMN * PHASES.index(phase)


def text(x: int, y: int, content: str, kind: str = "", anchor: str = "middle") -> str:
    """One line of text."""
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(content)}</text>'


def drawing(switch: dict[str, Any]) -> Iterator[str]:
    """The SVG of one committed switchover, as `demo --json` reports it."""
    rows = lanes(switch["from"], switch["to"])
    bottom = TOP + LANE * len(rows)
    title = f"{switch['from']} is replaced by {switch['to']}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 8}" '
        f'role="img" aria-label="{escape(title)}">'
    )
    yield f"<style>{STYLE}</style>"
    x, width = left(BLACKOUT[0]), COLUMN * len(BLACKOUT)
    yield f'<rect x="{x}" y="8" width="{width}" height="{bottom - 8}" rx="4" class="black"/>'
    label = f"no program runs: {switch['blackout_ms']:.1f} ms"
    yield text(x + width // 2, 28, label, "name")
    for phase in PHASES:
        middle = left(phase) + COLUMN // 2
        yield text(middle, 56, phase.name, "name")
        yield text(middle, 74, f"{switch['phases'][phase.name]['ms']:.2f} ms", "small")
        x = left(phase)
        yield f'<line x1="{x}" y1="42" x2="{x}" y2="{bottom}" class="grid"/>'
    for number, (name, bars) in enumerate(rows):
        y = TOP + LANE * number
        yield text(LEFT - 8, y + 17, name, "name", "end")
        for bar in bars:
            x, end = left(bar.first) + 2, left(bar.last) + COLUMN - 2
            yield (
                f'<rect x="{x}" y="{y}" width="{end - x}" height="{BAR}" rx="4" '
                f'class="{bar.kind}"/>'
            )
            yield text((x + end) // 2, y + 17, bar.text, "in")
    yield "</svg>"


def main() -> int:
    """From a demo's JSON on stdin to SVG on stdout."""
    switches = json.load(sys.stdin)["switches"]
    committed = [switch for switch in switches if switch["outcome"] == "committed"]
    if not committed:
        sys.stderr.write("timeline.py: no switchover was committed in this demo\n")
        return 1
    print("\n".join(drawing(committed[0])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
