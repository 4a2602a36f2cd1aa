"""PNG files, read back by a decoder somebody else wrote."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hotswap.bus import PixelScreen
from hotswap.host.png import png


@st.composite
def pictures(draw: st.DrawFn) -> PixelScreen:
    width, height = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    size = 3 * width * height
    return PixelScreen(width, height, draw(st.binary(min_size=size, max_size=size)))


@given(pictures())
def test_a_decoder_finds_every_pixel(picture: PixelScreen) -> None:
    with Image.open(io.BytesIO(png(picture))) as found:
        found.load()
        assert (found.format, found.mode) == ("PNG", "RGB")
        assert found.size == (picture.width, picture.height)
        assert found.tobytes() == picture.rgb


def test_a_large_picture_of_one_colour_is_a_small_file() -> None:
    assert len(png(PixelScreen(1024, 768, bytes(3 * 1024 * 768)))) < 4096
