"""A TAP interface of the host: frames to and from its network stack, for root or its owner."""

from __future__ import annotations

import errno
import fcntl
import os
import struct

import trio

from hotswap.bus import FRAME_MAX, FrameInbox, FrameOutbox

from .network_backend import NetworkBackEnd, NetworkError

DEVICE = "/dev/net/tun"
TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000  # frames without a header before them
IFNAMSIZ = 16
ADVICE = {
    errno.ENOENT: "load the module: modprobe tun",
    errno.EACCES: "run as root, or have root run: ip tuntap add {name} mode tap user $USER",
    errno.EPERM: "run as root, or have root run: ip tuntap add {name} mode tap user $USER",
    errno.EBUSY: "another program has it; give another interface",
    errno.EINVAL: "it is no TAP interface; give another name",
}


def open_tap(name: str) -> NetworkBackEnd:
    """Open TAP interface `name`, made when it is not there. Raises `NetworkError`.

    It is the host's business to give it an address and to set it up; what is sent while it is
    down is lost.
    """
    if not 0 < len(name.encode()) < IFNAMSIZ:
        raise NetworkError(f"tap:{name}: an interface name has 1 to {IFNAMSIZ - 1} bytes")
    try:
        fd = os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
        except OSError:
            os.close(fd)
            raise
    except OSError as error:
        advice = ADVICE.get(error.errno or 0, "see `ip tuntap help`").format(name=name)
        raise NetworkError(f"tap:{name}: {error.strerror}; {advice}") from error

    async def serve(frames_in: FrameInbox, frames_out: FrameOutbox) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_pump_in, fd, frames_in)
                await _pump_out(fd, frames_out)
        finally:
            os.close(fd)

    return NetworkBackEnd(f"tap {name}", serve)


async def _pump_in(fd: int, frames_in: FrameInbox) -> None:
    while True:
        await frames_in.room()
        try:
            frames_in.feed(os.read(fd, FRAME_MAX + 1))
        except BlockingIOError:
            await trio.lowlevel.wait_readable(fd)


async def _pump_out(fd: int, frames_out: FrameOutbox) -> None:
    while True:
        await frames_out.ready()
        frame = frames_out.peek()
        assert frame is not None
        try:
            os.write(fd, frame)  # all of it or nothing
        except BlockingIOError:
            await trio.lowlevel.wait_writable(fd)
            continue
        except OSError as error:
            if error.errno != errno.EIO:  # it is down
                raise NetworkError(f"tap: {error.strerror}; was the interface removed?") from error
        frames_out.consume()
