"""What a card's monitor shows, from the pixels in its memory."""

from __future__ import annotations

from hotswap.bus import BusError, CodeEngine, HotswapError, PixelScreen
from hotswap.cards.dispi import to_rgb

from .state import Picture

_R3G3B2 = b"".join(
    bytes((red * 255 // 7, green * 255 // 7, blue * 255 // 3))
    for red in range(8)
    for green in range(8)
    for blue in range(4)
)
"""R, G, B of each value of a pixel of 8 bits."""


PICTURE_MAX = 4096
"""Pixels of a side."""
DEPTHS = {8: 1, 15: 2, 16: 2, 32: 4}
"""Bytes of a pixel by bits."""


def check(picture: Picture, engine: CodeEngine) -> None:
    """Raise `HotswapError` when there is no such picture, or its corners are nowhere."""
    width, height, bits = picture.width, picture.height, picture.bits
    if bits not in DEPTHS or not (0 < height <= PICTURE_MAX and 0 < width <= PICTURE_MAX):
        raise HotswapError(f"{width} x {height} pixels of {bits} bits")
    line = width * DEPTHS[bits]
    if not line <= picture.stride <= 4 * PICTURE_MAX:
        raise HotswapError(f"a stride of {picture.stride} bytes for lines of {line}")
    for end in (picture.pixels, picture.pixels + (height - 1) * picture.stride + line - 1):
        engine.read(end, 1)


def shown(picture: Picture | None, engine: CodeEngine) -> PixelScreen:
    """The screen. Raises `BusError` when there is none."""
    if picture is None:
        raise BusError("the card has not said what its monitor shows")
    line = picture.width * DEPTHS[picture.bits]
    try:
        content = b"".join(
            engine.read(picture.pixels + row * picture.stride, line)
            for row in range(picture.height)
        )
    except HotswapError as error:
        raise BusError(f"the pixels are nowhere: {error}") from error
    if picture.bits == 8:
        rgb = b"".join(_R3G3B2[3 * value : 3 * value + 3] for value in content)
    else:
        rgb = to_rgb(content, picture.bits)
    return PixelScreen(picture.width, picture.height, rgb)
