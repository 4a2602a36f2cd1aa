"""Code page 437 in Unicode: what a terminal is sent for a byte of the screen."""

import unicodedata

import pytest

from hotswap.host.code_page import CP437


def test_every_code_is_one_character_that_takes_one_cell() -> None:
    assert len(CP437) == 256
    assert all(char.isprintable() for char in CP437)
    assert all(unicodedata.east_asian_width(char) not in "WF" for char in CP437)


def test_ascii_is_itself() -> None:
    assert CP437[0x20:0x7F] == "".join(map(chr, range(0x20, 0x7F)))


@pytest.mark.parametrize(
    ("code", "char"),
    [(0x00, " "), (0x01, "☺"), (0x10, "►"), (0x1F, "▼"), (0x7F, "⌂"), (0x81, "ü"), (0xC4, "─"),
     (0xDB, "█"), (0xE1, "ß"), (0xFE, "■"), (0xFF, " ")],
)  # fmt: skip
def test_others_have_the_glyphs_of_a_pc(code: int, char: str) -> None:
    assert CP437[code] == char
