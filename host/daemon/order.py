"""What the daemon and the process of a machine tell each other, but for the control socket.

The daemon gives an `Order` on the command line. The process writes READY to its standard output
when it answers at its control socket, and `LastWords` to its standard error, as the last line,
when it ends. Standard error is memory (memfd_create(2)) of a fixed size, so no disk is needed to
die, and it can be read under /proc by a daemon that came later.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

import msgspec

READY = b"ready\n"
WORDS_MAX = 65536
"""Bytes of standard error."""


class Order(msgspec.Struct, frozen=True):
    """Run the machine of `file` as `name`. `runtime` and `logs` are folders, all paths absolute."""

    name: str
    file: str
    runtime: str
    logs: str
    restarts: int = 0


class LastWords(msgspec.Struct, frozen=True, tag_field="type", tag="last words"):
    """How it ended: see `restart.Ending`."""

    status: int
    message: str = ""
    unfit: bool = False
    asked: bool = False


def words_file() -> int:
    """A standard error for a machine's process. Raises `OSError`."""
    file = os.memfd_create("stderr", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(file, WORDS_MAX)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
    return file


def last_words(file: int) -> LastWords | str:
    """What was written to a standard error: the last words, or just the last line."""
    lines = os.pread(file, WORDS_MAX, 0).rstrip(b"\0").split(b"\n")
    for line in reversed(lines):
        if line.strip():
            with suppress(msgspec.DecodeError, UnicodeDecodeError):
                return msgspec.json.decode(line, type=LastWords)
            return line.decode("utf-8", "replace").strip()
    return ""
