"""Locks on files that can be asked about without being taken, even for an instant.

Open file description locks (fcntl(2)): they belong to the open file, are gone when its last
descriptor is closed, however the process ended, and hold within one process, too. flock(2) is the
same but for the asking, and who asked by trying would turn away who comes at that moment.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct

_FLOCK = struct.Struct("@hhqqi4x")
"""`struct flock`: l_type, l_whence, l_start, l_len (0: all), l_pid."""


def take(file: int) -> bool:
    """Lock an open file; False when somebody else has it. Raises `OSError`."""
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, _whole(fcntl.F_WRLCK))
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def taken(file: int) -> bool:
    """Whether somebody else has it locked. Raises `OSError`."""
    answer = fcntl.fcntl(file, fcntl.F_OFD_GETLK, _whole(fcntl.F_WRLCK))
    kind: int = _FLOCK.unpack(answer)[0]
    return kind != fcntl.F_UNLCK


def _whole(kind: int) -> bytes:
    return _FLOCK.pack(kind, os.SEEK_SET, 0, 0, 0)
