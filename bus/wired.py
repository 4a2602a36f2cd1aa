"""A port that several cards decode: all of them see every write, a read is the AND of them all.

Data lines are pulled up, and who does not answer leaves them alone; so what is read is low where
anybody pulls a line low. Cards may then look at what is on the lines, which is how ISA Plug and
Play finds out who else is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from .cycle import FLOATING


class Decoder(Protocol):
    """Who decodes a port beside others; an 8-bit card. None of these may raise."""

    def drive(self, port: int) -> int:
        """IN: what this one puts on the data lines, 0xFF for nothing."""
        ...

    def sense(self, port: int, value: int) -> None:
        """Still IN: what is on the lines, now that everybody drives them."""
        ...

    def port_written(self, port: int, value: int) -> None:
        """OUT."""
        ...


class WiredPort:
    """8-bit cycles of one port; `read` and `write` are those of whoever leases it, or of nobody."""

    def __init__(
        self,
        read: Callable[[int, int], int],
        write: Callable[[int, int, int], None],
        decoders: Sequence[Decoder],
    ) -> None:
        self._read, self._write = read, write
        self._decoders = tuple(decoders)  # of this cycle: one of them may leave in it

    def read(self, port: int, width: int) -> int:
        """IN."""
        value = self._read(port, width) & FLOATING[1]
        for decoder in self._decoders:
            value &= decoder.drive(port)
        for decoder in self._decoders:
            decoder.sense(port, value)
        return value

    def write(self, port: int, width: int, value: int) -> None:
        """OUT."""
        self._write(port, width, value)
        for decoder in self._decoders:
            decoder.port_written(port, value)
