"""What the VGA's monitor shows, from registers and memory.

IBM PS/2 Hardware Interface Technical Reference, "CRT Controller", "Attribute Controller" and
"Video DAC". One engine draws every graphics mode: it walks the CRTC's addresses as the chip does,
so start addresses, line compare, panning and the interleaved lines of the CGA come by themselves.
Scan lines and dots that only repeat the one before are left out: mode 13h is 320 by 200.
"""

from __future__ import annotations

from hotswap.bus import Cursor, PixelScreen, Screen, TextScreen

from .vga_registers import PALETTE_SOURCE, PLANE, Attr, Crtc, Gfx, Seq, VgaState, address, vertical

_SCREEN_OFF, _EIGHT_DOTS = 0x20, 0x01  # Seq.CLOCKING_MODE
_GRAPHICS = 0x01  # Gfx.MISCELLANEOUS
_SHIFT_PAIRS, _COLOURS_256 = 0x20, 0x40  # Gfx.MODE
_LINE_GRAPHICS, _BLINK, _SPLIT_UNPANNED, _COLOUR_SELECT = 0x04, 0x08, 0x20, 0x80  # Attr.MODE
_BYTES, _DOUBLEWORDS, _WRAP_15 = 0x40, 0x40, 0x20  # Crtc.MODE_CONTROL, UNDERLINE_LOCATION
_DOUBLED = 0x80  # Crtc.MAXIMUM_SCAN_LINE
_CURSOR_OFF = 0x20


def _taps(*bits: tuple[tuple[int, int], ...]) -> list[list[tuple[int, bytes]]]:
    """For each of eight pixels, planes and what their bytes are to its attribute.

    Of each pixel `bits` has the planes and bits, bit 0 of the attribute first.
    """
    return [
        [
            (plane, bytes((byte >> bit & 1) << position for byte in range(256)))
            for position, (plane, bit) in enumerate(pixel)
        ]
        for pixel in bits
    ]


_PLANAR = _taps(*(tuple((plane, 7 - x) for plane in range(4)) for x in range(8)))
"""A bit of each plane a pixel."""
_INTERLEAVED = _taps(
    *(
        tuple((plane + x // 4, 6 - 2 * (x % 4) + bit) for plane in (0, 2) for bit in (0, 1))
        for x in range(8)
    )
)
"""Pairs of bits: four pixels of the even planes, then four of the odd ones."""


def screen(state: VgaState) -> Screen:
    """What is shown at this instant; the cursor and what blinks are visible."""
    if state.graphics[Gfx.MISCELLANEOUS] & _GRAPHICS:
        return _pixels(state)
    return _text(state)


def colours(dac: bytes | bytearray, *, bits: int = 6) -> tuple[bytes, bytes, bytes]:
    """The red, green and blue of 256 DAC registers in 8 bits; for `bytes.translate`."""
    if bits == 6:
        dac = bytes((value << 2 | value >> 4) & 0xFF for value in dac)
    return bytes(dac[0::3]), bytes(dac[1::3]), bytes(dac[2::3])


def paint(indices: bytes | bytearray, palette: tuple[bytes, bytes, bytes]) -> bytes:
    """R, G, B of each pixel, from an index of each."""
    rgb = bytearray(3 * len(indices))
    for component in range(3):
        rgb[component::3] = indices.translate(palette[component])
    return bytes(rgb)


def _off(state: VgaState) -> bool:
    clocking = state.sequencer[Seq.CLOCKING_MODE]
    return bool(clocking & _SCREEN_OFF) or not state.attribute_index & PALETTE_SOURCE


def _dac_indices(state: VgaState) -> bytes:
    """The DAC register of each attribute of 4 bits, through the palette."""
    attribute = state.attribute
    select = attribute[Attr.COLOUR_SELECT]
    indices = bytearray(16)
    for colour in range(16):
        index = attribute[colour & attribute[Attr.PLANE_ENABLE]] & 0x3F
        if attribute[Attr.MODE_CONTROL] & _COLOUR_SELECT:
            index = index & 0x0F | (select & 3) << 4
        indices[colour] = (index | select << 4 & 0xC0) & state.pel_mask
    return bytes(indices)


# -- text -------------------------------------------------------------------------------------


def _text(state: VgaState) -> TextScreen:
    crtc, attribute = state.crtc, state.attribute
    columns = crtc[Crtc.HORIZONTAL_DISPLAY_END] + 1
    height = (crtc[Crtc.MAXIMUM_SCAN_LINE] & 0x1F) + 1
    row_lines = 2 * height if crtc[Crtc.MAXIMUM_SCAN_LINE] & _DOUBLED else height
    rows = (vertical(crtc, Crtc.VERTICAL_DISPLAY_END, 1, 6) + 1) // row_lines
    start, pitch = address(crtc, Crtc.START_ADDRESS), 2 * crtc[Crtc.OFFSET]
    split = _line_compare(crtc) // row_lines + 1
    cells = bytearray(2 * columns * rows)
    for row in range(rows):
        first = start + row * pitch if row < split else (row - split) * pitch
        words = _fetch(state, first, columns, 0)
        at = 2 * columns * row
        cells[at : at + 2 * columns : 2] = words[0::4]
        cells[at + 1 : at + 2 * columns : 2] = words[1::4]
    palette = paint(_dac_indices(state), colours(state.dac))
    return TextScreen(
        columns,
        rows,
        bytes(len(cells)) if _off(state) else bytes(cells),
        None if _off(state) else _cursor(crtc, columns, rows, start, pitch, height),
        palette,
        _font(state, height),
        8 if state.sequencer[Seq.CLOCKING_MODE] & _EIGHT_DOTS else 9,
        height,
        bool(attribute[Attr.MODE_CONTROL] & _BLINK),
        bool(attribute[Attr.MODE_CONTROL] & _LINE_GRAPHICS),
    )


def _cursor(
    crtc: bytearray, columns: int, rows: int, start: int, pitch: int, height: int
) -> Cursor | None:
    row, column = divmod(address(crtc, Crtc.CURSOR_LOCATION) - start, pitch or columns)
    top, bottom = crtc[Crtc.CURSOR_START] & 0x1F, min(crtc[Crtc.CURSOR_END] & 0x1F, height - 1)
    if crtc[Crtc.CURSOR_START] & _CURSOR_OFF or top > bottom:
        return None
    if not (0 <= row < rows and column < columns):
        return None
    return Cursor(column, row, top, bottom)


def _font(state: VgaState, height: int) -> bytes:
    """Map B for characters whose attribute has bit 3 clear, then map A."""
    select = state.sequencer[Seq.CHARACTER_MAP_SELECT]
    plane_2 = state.memory[2::4]
    font = bytearray()
    for number in (select & 3 | select >> 2 & 4, select >> 2 & 3 | select >> 3 & 4):
        base = (number & 3) * 0x4000 + (number >> 2) * 0x2000
        for glyph in range(base, base + 0x2000, 32):
            font += plane_2[glyph : glyph + height]
    return bytes(font)


# -- addresses --------------------------------------------------------------------------------


def _line_compare(crtc: bytearray) -> int:
    bit_9 = (crtc[Crtc.MAXIMUM_SCAN_LINE] >> 6 & 1) << 9
    return crtc[Crtc.LINE_COMPARE] | (crtc[Crtc.OVERFLOW] >> 4 & 1) << 8 | bit_9


def _memory_address(crtc: bytearray, counter: int, scan: int) -> int:
    """Where the memory is read: the CRTC's counter in bytes, words or doublewords.

    Bits 13 and 14 may come from the scan line within the row.
    """
    mode = crtc[Crtc.MODE_CONTROL]
    if crtc[Crtc.UNDERLINE_LOCATION] & _DOUBLEWORDS:
        counter = counter << 2 | counter >> 12 & 3
    elif not mode & _BYTES:
        counter = counter << 1 | counter >> (15 if mode & _WRAP_15 else 13) & 1
    for bit, substitute in ((13, not mode & 1), (14, not mode & 2)):
        if substitute:
            counter = counter & ~(1 << bit) | (scan & 1) << bit
        scan >>= 1
    return counter & PLANE - 1


def _fetch(state: VgaState, first: int, count: int, scan: int) -> bytes:
    """What `count` steps of the CRTC's counter read: a byte of each plane for each of them."""
    crtc, words = state.crtc, memoryview(state.memory).cast("I")
    step = _memory_address(crtc, 1, 0) or 1
    at, last = (_memory_address(crtc, first + n, scan) for n in (0, count - 1))
    if last - at == step * (count - 1):
        return words[at : last + 1 : step].tobytes()
    at_each = (_memory_address(crtc, first + n, scan) for n in range(count))
    return b"".join(state.memory[4 * at : 4 * at + 4] for at in at_each)


# -- graphics ---------------------------------------------------------------------------------


def _pixels(state: VgaState) -> PixelScreen:
    crtc, attribute = state.crtc, state.attribute
    columns = crtc[Crtc.HORIZONTAL_DISPLAY_END] + 1
    lines = vertical(crtc, Crtc.VERTICAL_DISPLAY_END, 1, 6) + 1
    scans, repeat = (crtc[Crtc.MAXIMUM_SCAN_LINE] & 0x1F) + 1, 1
    if crtc[Crtc.MODE_CONTROL] & 3 == 3:  # no address depends on the scan line
        scans, repeat = 1, scans
    if crtc[Crtc.MAXIMUM_SCAN_LINE] & _DOUBLED:
        repeat *= 2
    height = lines // repeat
    packed = state.graphics[Gfx.MODE] & _COLOURS_256
    width = columns * (4 if packed else 8)
    if _off(state):
        return PixelScreen(width, height, bytes(3 * width * height))
    start, pitch = address(crtc, Crtc.START_ADDRESS), 2 * crtc[Crtc.OFFSET]
    pan = attribute[Attr.PEL_PANNING] & 7
    pan = pan >> 1 if packed else pan
    split = _line_compare(crtc) // repeat + 1
    row_pans: list[int] = []
    fetched = bytearray()
    for y in range(height):
        if y == split:
            start = 0
            pan = 0 if attribute[Attr.MODE_CONTROL] & _SPLIT_UNPANNED else pan
        row, scan = divmod(y - split if y >= split else y, scans)
        # one character more, for panning
        fetched += _fetch(state, start + row * pitch, columns + 1, scan)
        row_pans.append(pan)
    line = width + width // columns
    dots = fetched if packed else _serialised(fetched, state.graphics[Gfx.MODE])
    picture = b"".join(
        dots[y * line + pan : y * line + pan + width] for y, pan in enumerate(row_pans)
    )
    if packed:
        shown = bytes(index & state.pel_mask for index in range(256))
    else:
        shown = _dac_indices(state).ljust(256, b"\0")
    return PixelScreen(width, height, paint(picture.translate(shown), colours(state.dac)))


def _serialised(fetched: bytes | bytearray, mode: int) -> bytearray:
    """Attributes of 4 bits, eight for each byte of the planes, as the shift registers give them."""
    planes = [fetched[plane::4] for plane in range(4)]
    dots = bytearray(2 * len(fetched))
    for x, taps in enumerate(_INTERLEAVED if mode & _SHIFT_PAIRS else _PLANAR):
        attributes = 0
        for plane, bits in taps:
            attributes |= int.from_bytes(planes[plane].translate(bits))
        dots[x::8] = attributes.to_bytes(len(planes[0]))
    return dots
