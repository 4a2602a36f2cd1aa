"""Attributes of a text screen as a terminal gets them."""

from __future__ import annotations

import pytest

from hotswap.cards.vga_registers import VgaState
from hotswap.cards.vga_screen import screen
from hotswap.host.terminal_colours import STANDARD, Depth, attributes, depth, for_depth

TRUE: Depth = 16_777_216


def test_the_standard_palette_is_the_one_a_card_has_at_power_on() -> None:
    assert getattr(screen(VgaState()), "palette") == STANDARD  # noqa: B009 (of a text screen)


@pytest.mark.parametrize(
    ("attribute", "sgr"),
    [(0x07, "37;40"), (0x10, "30;44"), (0x41, "34;41"), (0x0E, "93;40"), (0x6A, "92;43"),
     (0x0F, "97;40"), (0x8F, "97;40;5"), (0xF9, "94;47;5")],
)  # fmt: skip
@pytest.mark.parametrize("colours", [16, 256, TRUE])
def test_the_usual_sixteen_are_the_terminals_own(attribute: int, sgr: str, colours: Depth) -> None:
    assert attributes(STANDARD, True, colours)[attribute] == sgr


def test_backgrounds_are_bright_where_nothing_blinks() -> None:
    styles = attributes(STANDARD, False, 16)
    assert (styles[0x8F], styles[0xF9]) == ("97;100", "94;107")


@pytest.mark.parametrize(
    ("colours", "sgr"), [(TRUE, "38;2;255;135;0;40"), (256, "38;5;208;40"), (16, "37;40")]
)
def test_a_colour_the_guest_has_made_is_sent_as_well_as_can_be(colours: Depth, sgr: str) -> None:
    palette = STANDARD[: 3 * 7] + bytes([255, 135, 0]) + STANDARD[3 * 8 :]
    assert attributes(palette, True, colours)[7] == sgr
    assert attributes(palette, True, colours)[6] == "33;40"


@pytest.mark.parametrize(
    ("colours", "sgr"), [(TRUE, "48;2;250;3;4"), (256, "48;5;196"), (16, "41")]
)
def test_pixels_are_sent_as_well_as_can_be(colours: Depth, sgr: str) -> None:
    assert for_depth(colours)(bytes([250, 3, 4]), False) == sgr


@pytest.mark.parametrize(
    ("environment", "colours"),
    [({"TERM": "linux"}, 16), ({"TERM": "xterm-256color"}, 256), ({"TERM": "vt100"}, 16),
     ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, TRUE)],
)  # fmt: skip
def test_the_environment_says_how_many_colours_there_are(
    environment: dict[str, str], colours: Depth
) -> None:
    assert depth(environment) == colours
