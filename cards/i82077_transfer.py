"""A command of the 82077AA that moves data: what it knows between its first byte and its result.

Intel 82077AA data sheet (290166), section 5.1, "Data Transfer Commands". `i82077_execution` takes
it from step to step.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from .i82077_registers import ST0, Code, Flag

END_OF_COUNT = 0x80
"""EC of VERIFY, in the byte of the drive: the last parameter counts sectors."""
TO_HOST = {Code.READ_DATA, Code.READ_DELETED_DATA, Code.READ_TRACK}
FROM_HOST = {Code.WRITE_DATA, Code.WRITE_DELETED_DATA, Code.FORMAT_TRACK}


class Step(Enum):
    SEEK = "seek"
    FIND = "find"
    HOST = "host"
    STORE = "store"


class Transfer(msgspec.Struct):
    """One command under way."""

    code: Code
    flags: int
    drive: int
    head: int
    """HDS: the head in use, which need not be the one in the ID."""
    c: int
    h: int
    r: int
    n: int
    eot: int
    count: int
    """VERIFY and READ TRACK: sectors left, 0 without limit. FORMAT TRACK: sectors of the track."""
    fill: int = 0
    step: Step = Step.FIND
    due: int | None = None
    """When the step ends by itself (ns of machine time)."""
    buffer: bytearray = msgspec.field(default_factory=bytearray)
    size: int = 0
    """Bytes the host is to move in HOST."""
    moved: int = 0
    tc: bool = False
    passed: int = 0
    """Sectors moved."""
    searched: bool = False
    """Two turns have been spent on this sector."""
    finished: bool = False
    """The sector it names has been moved."""
    st0: int = 0
    st1: int = 0
    st2: int = 0

    @property
    def to_host(self) -> bool:
        """The direction of HOST."""
        return self.code in TO_HOST

    @property
    def ready(self) -> bool:
        """The host has a byte to move."""
        return self.step is Step.HOST

    # -- the host's side, in HOST only --------------------------------------------------------

    def read(self, size: int) -> bytes:
        """At most `size` bytes for the host."""
        content = bytes(self.buffer[self.moved : self.moved + size])
        self.moved += len(content)
        return content

    def write(self, content: bytes) -> int:
        """Bytes from the host; returns how many there was room for."""
        room = self.size - self.moved
        self.buffer += content[:room]
        self.moved += min(room, len(content))
        return min(room, len(content))

    @property
    def complete(self) -> bool:
        """Nothing is left for the host to do in this step."""
        return self.step is Step.HOST and (self.tc or self.moved == self.size)

    # -- addresses ----------------------------------------------------------------------------

    def finish_sector(self) -> None:
        """The sector it names has been moved."""
        self.finished = True
        self.passed += 1
        if self.count:
            self.count -= 1

    @property
    def at_end(self) -> bool:
        """No sector of the cylinder comes after the one it names."""
        if self.code is Code.READ_TRACK:
            return not self.count
        return self.r == self.eot and (bool(self.head) or not self.flags & Flag.MT)

    def advance(self) -> None:
        """Name the next sector (table 5-6)."""
        self.finished = False
        if self.r != self.eot:
            self.r = self.r + 1 & 0xFF
            return
        self.r = 1
        if self.flags & Flag.MT:
            self.h ^= 1
            if not self.head:
                self.head = 1
                return
        self.c = self.c + 1 & 0xFF

    def result(self) -> tuple[int, ...]:
        """ST0 to ST2 and the ID."""
        abnormal = ST0.ABNORMAL if self.st1 else 0
        st0 = self.st0 | abnormal | self.head << 2 | self.drive
        return st0, self.st1, self.st2, self.c, self.h, self.r, self.n


def parse(command: bytes) -> Transfer:
    """The command as it was written to the FIFO."""
    code, flags = Code(command[0] & 0x1F), command[0] & 0xE0
    drive, head = command[1] & 3, command[1] >> 2 & 1
    c = h = r = n = eot = count = fill = 0
    if code is Code.FORMAT_TRACK:
        n, count, _, fill = command[2:]
    elif code is not Code.READ_ID:
        c, h, r, n, eot, _, length = command[2:]
        if code is Code.READ_TRACK:
            count = eot or 0x100
        elif code is Code.VERIFY and command[1] & END_OF_COUNT:
            count = length or 0x100
    return Transfer(code, flags, drive, head, c, h, r, n, eot, count, fill)
