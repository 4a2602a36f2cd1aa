"""Where the beam is: the VGA's blanking and retrace as functions of machine time.

IBM PS/2 Hardware Interface Technical Reference, "CRT Controller Registers". Counts start with the
first character of the first line.
"""

from __future__ import annotations

from .vga_registers import Crtc, Misc, Seq, Status1, VgaState, vertical

_DOT_CLOCKS = (25_175_000, 28_322_000)  # Hz
_SECOND = 1_000_000_000
_EIGHT_DOTS, _HALVED = 0x01, 0x08  # Seq.CLOCKING_MODE


def frame(state: VgaState) -> tuple[int, int, int]:
    """Dot clock in Hz, dots per line, lines per frame, all with their retraces."""
    crtc, clocking = state.crtc, state.sequencer[Seq.CLOCKING_MODE]
    clock = _DOT_CLOCKS[bool(state.misc_output & Misc.CLOCK_28_MHZ)]
    dots = (8 if clocking & _EIGHT_DOTS else 9) << bool(clocking & _HALVED)
    lines = vertical(crtc, Crtc.VERTICAL_TOTAL, 0, 5) + 2
    return clock, (crtc[Crtc.HORIZONTAL_TOTAL] + 5) * dots, lines


def status_1(state: VgaState, now: int) -> int:
    """INPUT_STATUS_1 at `now`, machine time in ns."""
    crtc = state.crtc
    clock, dots, lines = frame(state)
    line, dot = divmod(now * clock // _SECOND % (dots * lines), dots)
    shown = dots * (crtc[Crtc.HORIZONTAL_DISPLAY_END] + 1) // (crtc[Crtc.HORIZONTAL_TOTAL] + 5)
    status = 0
    if dot >= shown or line > vertical(crtc, Crtc.VERTICAL_DISPLAY_END, 1, 6):
        status = Status1.DISPLAY_DISABLED
    start = vertical(crtc, Crtc.VERTICAL_RETRACE_START, 2, 7)
    length = (crtc[Crtc.VERTICAL_RETRACE_END] - start & 0x0F) or 16  # its end's low four bits
    if start <= line < start + length:
        status |= Status1.VERTICAL_RETRACE
    return status
