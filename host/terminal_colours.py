"""Colours of a PC in those of a terminal, as parameters of SGR (ECMA-48, Select Graphic Rendition).

The sixteen of an unchanged palette are the terminal's own sixteen, whatever its user has made of
them; others are sent as they are, or as the nearest where the terminal has 256 or 16.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from rich.color import Color, ColorSystem
from rich.console import Console

Depth: TypeAlias = Literal[16, 256, 16_777_216]
DEPTHS: dict[str | None, Depth] = {"256": 256, "truecolor": 16_777_216}
SYSTEMS = {16: ColorSystem.STANDARD, 256: ColorSystem.EIGHT_BIT}
STANDARD = bytes.fromhex(
    "000000 0000aa 00aa00 00aaaa aa0000 aa00aa aa5500 aaaaaa"
    "555555 5555ff 55ff55 55ffff ff5555 ff55ff ffff55 ffffff"
)
"""The palette of a VGA's text modes: bits IRGB. A terminal's bits are IBGR."""

Sgr: TypeAlias = Callable[[bytes, bool], str]
"""From R, G, B, and whether it is for the foreground, to SGR parameters."""


def depth(environment: Mapping[str, str] = os.environ) -> Depth:
    """How many colours the terminal has, by TERM and COLORTERM."""
    console = Console(force_terminal=True, _environ=environment)
    return DEPTHS.get(console.color_system, 16)


def for_depth(colours: Depth) -> Sgr:
    """How any colour is sent to a terminal of so many colours."""
    if colours not in SYSTEMS:
        return _exact
    return functools.partial(_nearest, SYSTEMS[colours])


def attributes(palette: bytes, blinks: bool, colours: Depth) -> list[str]:
    """SGR parameters of each of the 256 attributes of a text screen."""
    sgr = for_depth(colours)

    def code(number: int, foreground: bool) -> str:
        rgb = palette[3 * number : 3 * number + 3]
        if colours == 16 or rgb == STANDARD[3 * number : 3 * number + 3]:
            return _own(number, foreground)
        return sgr(rgb, foreground)

    fore, back = ([code(number, side) for number in range(16)] for side in (True, False))
    if not blinks:
        return [f"{fore[each & 15]};{back[each >> 4]}" for each in range(256)]
    return [
        f"{fore[each & 15]};{back[each >> 4 & 7]}{';5' if each & 0x80 else ''}"
        for each in range(256)
    ]


def _own(number: int, foreground: bool) -> str:
    """One of the terminal's sixteen: 30-37 and 90-97, 40-47 and 100-107."""
    hue = number >> 2 & 1 | number & 2 | number << 2 & 4
    return str((30 if foreground else 40) + hue + (60 if number & 8 else 0))


def _exact(rgb: bytes, foreground: bool) -> str:
    red, green, blue = rgb
    return f"{38 if foreground else 48};2;{red};{green};{blue}"


@functools.lru_cache(maxsize=16384)
def _nearest(system: ColorSystem, rgb: bytes, foreground: bool) -> str:
    colour = Color.from_rgb(*rgb).downgrade(system)
    return ";".join(colour.get_ansi_codes(foreground=foreground))
