"""The words of the card author's bench."""

import re

import pytest

from hotswap.host.sdk.errors import SdkError
from hotswap.host.sdk.steps import Cycle, Feed, Lines, Picture, Quit, Step, Wait, parse


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("in 0x3f8", Cycle(memory=False, address=0x3F8, width=1)),
        ("  in 760 2  # comment", Cycle(memory=False, address=760, width=2)),
        ("out 0x3F8 0x41", Cycle(memory=False, address=0x3F8, width=1, value=0x41)),
        ("out 0x3F8=65 4", Cycle(memory=False, address=0x3F8, width=4, value=65)),
        ("out 0x3F8 = 65", Cycle(memory=False, address=0x3F8, width=1, value=65)),
        ("read 0xE0000000 4", Cycle(memory=True, address=0xE000_0000, width=4)),
        ("write 0xA0000 255", Cycle(memory=True, address=0xA0000, width=1, value=255)),
        ("wait 20", Wait(20_000_000)),
        ("wait 20 ms", Wait(20_000_000)),
        ("wait 1.5us", Wait(1_500)),
        ("wait 100ns", Wait(100)),
        ("wait 2s", Wait(2_000_000_000)),
        (r"input a # b\n\x80", Feed(b"a # b\n\x80")),
        ("irq", Lines()),
        ("screen shot.png", Picture("shot.png")),
        ("quit", Quit()),
        ("", None),
        ("# only a comment", None),
    ],
)
def test_a_line_is_a_step(line: str, step: Step | None) -> None:
    assert parse(line) == step


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("in", "is no step; there are: in PORT, out PORT VALUE"),
        ("frob 1", "is no step"),
        ("in 0x10000", "0x10000 is not from 0 to 0xffff"),
        ("in COM1", "'COM1' is no number, as 760 or 0x2f8"),
        ("in 0x3f8 3", "a cycle of 3 bytes; there are those of 1, 2 and 4"),
        ("in 0x3f8 wide", "'wide' is no number"),
        ("out 0x3f8 256", "256 is not from 0 to 0xff"),
        ("out 0x3f8 -1", "-1 is not from 0 to 0xff"),
        ("write 0x100000000 1", "is not from 0 to 0xffffffff"),
        ("wait soon", "'soon' is no time, as 20ms, 5us or 1.5s"),
        ("wait 2h", "'2h' is no time"),
        ("wait 3601s", "is more than an hour"),
        (r"input \x", "x"),
        ("input \u20ac", "latin"),
    ],
)
def test_a_line_that_is_none_is_refused_with_its_place(line: str, why: str) -> None:
    with pytest.raises(SdkError, match=f"(?s)^steps, line 7: .*{re.escape(why)}"):
        parse(line, "steps, line 7: ")
