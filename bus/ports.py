"""The I/O space: who answers which port, and how wide cycles are cut to a card's data path.

A 16-bit cycle to an 8-bit ISA card becomes two 8-bit cycles, low byte first; an unaligned cycle is
cut the same way; a VLB card gets its 32-bit cycles whole. The cutting is decided when the lease is
taken, so that a cycle in a running guest is one list look-up and one call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from .cycle import FLOATING, PORTS, PortRange, Space
from .errors import BusError
from .trace import BusTrace

Read: TypeAlias = Callable[[int, int], int]
Write: TypeAlias = Callable[[int, int, int], None]


class PortHolder(Protocol):
    """What the I/O space needs of a slot."""

    number: int

    @property
    def title(self) -> str:
        """The card's name, for messages."""
        ...


def _float(_port: int, width: int) -> int:
    return FLOATING[width]


def _ignore(_port: int, _width: int, _value: int) -> None:
    return


class IoSpace:
    """65,536 ports: `reads[width][port](port, width)`, `writes[width][port](port, width, value)`.

    The CPU indexes the lists; they are changed in place, never replaced.
    """

    def __init__(self, trace: BusTrace) -> None:
        self._holders: dict[int, PortHolder] = {}
        self._trace = trace
        self._split_read: dict[int, Read] = {1: _float, 2: self._read16, 4: self._read32}
        self._split_write: dict[int, Write] = {1: _ignore, 2: self._write16, 4: self._write32}
        self._read: dict[int, list[Read]] = {w: [_float] * PORTS for w in (1, 2, 4)}
        self._write: dict[int, list[Write]] = {w: [_ignore] * PORTS for w in (1, 2, 4)}
        self.reads = {w: list(table) for w, table in self._read.items()}
        self.writes = {w: list(table) for w, table in self._write.items()}

    def holder(self, port: int) -> PortHolder | None:
        """The slot that leases `port`."""
        return self._holders.get(port)

    def check(self, ranges: Sequence[PortRange], card: str) -> None:
        """Raise `BusError` when one of `ranges` is taken; nothing is changed."""
        for ports in ranges:
            for port in range(ports.start, ports.start + ports.count):
                if (holder := self._holders.get(port)) is not None:
                    raise BusError(
                        f"card {card}: port {port:#06x} (of {ports}) is taken by card "
                        f"{holder.title} in slot {holder.number}; set another base or remove it"
                    )

    def lease(
        self, ranges: Sequence[PortRange], holder: PortHolder, read: Read, write: Write, width: int
    ) -> None:
        """Give `ranges` to `holder`, whose data path is `width` bytes. Raises `BusError`."""
        self.check(ranges, holder.title)
        for ports in ranges:
            for port in range(ports.start, ports.start + ports.count):
                self._holders[port] = holder
                self._read[1][port], self._write[1][port] = read, write
        for ports in ranges:
            for port in self._neighbourhood(ports):
                self._route(port, width, read, write, holder)

    def release(self, ranges: Sequence[PortRange]) -> None:
        """End a lease; from the next cycle on the ports float."""
        for ports in ranges:
            for port in range(ports.start, ports.start + ports.count):
                del self._holders[port]
                self._read[1][port], self._write[1][port] = _float, _ignore
        for ports in ranges:
            for port in self._neighbourhood(ports):
                self._route(port, 1, _float, _ignore, None)

    @staticmethod
    def _neighbourhood(ports: PortRange) -> range:
        return range(max(0, ports.start - 3), ports.start + ports.count)

    def _route(
        self, port: int, width: int, read: Read, write: Write, holder: PortHolder | None
    ) -> None:
        """Decide what a 16- and a 32-bit cycle at `port` becomes."""
        for wide in (2, 4):
            covered = [self._holders.get(p) for p in range(port, min(port + wide, PORTS))]
            if (
                holder is not None
                and wide <= width
                and port % wide == 0
                and all(h is holder for h in covered)
            ):
                self._read[wide][port], self._write[wide][port] = read, write
            elif any(covered):
                self._read[wide][port] = self._split_read[wide]
                self._write[wide][port] = self._split_write[wide]
            else:
                self._read[wide][port], self._write[wide][port] = _float, _ignore
        if not self._trace.on:
            for w in (1, 2, 4):
                self.reads[w][port] = self._read[w][port]
                self.writes[w][port] = self._write[w][port]

    def _read16(self, port: int, _width: int) -> int:
        high = (port + 1) & 0xFFFF
        low = self._read[1][port](port, 1)
        return low | self._read[1][high](high, 1) << 8

    def _read32(self, port: int, _width: int) -> int:
        high = (port + 2) & 0xFFFF
        low = self._read[2][port](port, 2)
        return low | self._read[2][high](high, 2) << 16

    def _write16(self, port: int, _width: int, value: int) -> None:
        high = (port + 1) & 0xFFFF
        self._write[1][port](port, 1, value & 0xFF)
        self._write[1][high](high, 1, value >> 8 & 0xFF)

    def _write32(self, port: int, _width: int, value: int) -> None:
        high = (port + 2) & 0xFFFF
        self._write[2][port](port, 2, value & 0xFFFF)
        self._write[2][high](high, 2, value >> 16 & 0xFFFF)

    def _traced_read(self, port: int, width: int) -> int:
        value = self._read[width][port](port, width)
        self._trace.cycle(Space.PORT, False, port, width, value)
        return value

    def _traced_write(self, port: int, width: int, value: int) -> None:
        self._trace.cycle(Space.PORT, True, port, width, value)
        self._write[width][port](port, width, value)

    def trace(self, on: bool) -> None:
        """Route every cycle through the trace, or straight to the cards again."""
        self._trace.on = on
        for w in (1, 2, 4):
            self.reads[w][:] = [self._traced_read] * PORTS if on else self._read[w]
            self.writes[w][:] = [self._traced_write] * PORTS if on else self._write[w]
