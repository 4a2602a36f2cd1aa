"""A capture file of what crosses the boundary between machine and back end, in pcapng.

Blocks as in draft-ietf-opsawg-pcapng: a section header, one interface (Ethernet, nanoseconds), then
an enhanced packet block for each frame, with its direction. A frame that a rollback took back has
never crossed and is not in the file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from hotswap.bus import FRAME_MAX, FrameInbox, FrameOutbox

from .network_backend import NetworkBackEnd, NetworkError

SECTION_HEADER, INTERFACE, ENHANCED_PACKET = 0x0A0D0D0A, 1, 6
BYTE_ORDER_MAGIC = 0x1A2B3C4D
LINKTYPE_ETHERNET = 1
OPT_END, IF_NAME, IF_TSRESOL, EPB_FLAGS = 0, 2, 9, 2
NANOSECONDS = b"\x09"  # 10 to the power of minus 9
INBOUND, OUTBOUND = 1, 2


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + size + body + size


def header(name: str) -> bytes:
    """How a file begins whose only interface is called `name`."""
    section = struct.pack("<IHHq", BYTE_ORDER_MAGIC, 1, 0, -1)
    options = _option(IF_NAME, name.encode()) + _option(IF_TSRESOL, NANOSECONDS)
    interface = struct.pack("<HHI", LINKTYPE_ETHERNET, 0, FRAME_MAX)
    end = _option(OPT_END, b"")
    return _block(SECTION_HEADER, section) + _block(INTERFACE, interface + options + end)


def packet(frame: bytes, time: int, direction: int) -> bytes:
    """One frame at `time` (ns). What is longer than a frame may be is cut, and its length kept."""
    seen = frame[:FRAME_MAX]
    fixed = struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(seen), len(frame))
    flags = _option(EPB_FLAGS, struct.pack("<I", direction)) + _option(OPT_END, b"")
    return _block(ENHANCED_PACKET, fixed + _padded(seen) + flags)


def capture(
    back_end: NetworkBackEnd, path: Path, now: Callable[[], int], *, append: bool = False
) -> NetworkBackEnd:
    """`back_end`, with everything that goes to and from it written to `path`.

    `now` gives ns: the wall clock, or machine time if two runs are to be compared. With `append`
    it is a further section of a file that is there already. Raises
    `NetworkError` when the file cannot be written.
    """
    with _complaint(path), path.open("ab" if append else "wb") as file:
        file.write(header(back_end.name))

    async def serve(frames_in: FrameInbox, frames_out: FrameOutbox) -> None:
        with path.open("ab", buffering=0) as log:

            def write(direction: int, frame: bytes) -> None:
                with _complaint(path):
                    log.write(packet(frame, now(), direction))

            frames_in.watch, frames_out.watch = partial(write, INBOUND), partial(write, OUTBOUND)
            try:
                await back_end.serve(frames_in, frames_out)
            finally:
                frames_in.watch = frames_out.watch = None

    return NetworkBackEnd(f"{back_end.name}, captured in {path}", serve)


@contextmanager
def _complaint(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NetworkError(
            f"capture file {path}: {error.strerror}; give a file that can be written"
        ) from error
