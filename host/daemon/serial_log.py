"""Where what the guest sends through a serial port goes that would lead to a terminal."""

from __future__ import annotations

from hotswap.bus import Inbox, Outbox
from hotswap.host.backends import CHUNK, SerialBackEnd

from .log_file import BoundedFile


def serial_log(file: BoundedFile) -> SerialBackEnd:
    """A back end that writes to `file`; nothing comes from there, and a full disk loses bytes."""

    async def serve(_inbox: Inbox, output: Outbox) -> None:
        while True:
            await output.ready()
            with output.lend(CHUNK) as content:
                file.append(content)

    return SerialBackEnd(str(file.path), serve)
