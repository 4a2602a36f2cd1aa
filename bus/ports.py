"""The I/O space: who answers which port, and how wide cycles are cut to a card's data path.

A 16-bit cycle to an 8-bit ISA card becomes two 8-bit cycles, low byte first; an unaligned cycle is
cut the same way; a VLB card gets its 32-bit cycles whole. The cutting is decided when the lease is
taken, so that a cycle in a running guest is one list look-up and one call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from .burst import Burst
from .cycle import FLOATING, PORTS, PortRange, Space
from .errors import BusError
from .faulty_cycles import FaultyCycles
from .latches import PENDING, Latches
from .trace import BusTrace
from .wired import Decoder, WiredPort

Read: TypeAlias = Callable[[int, int], int]
Write: TypeAlias = Callable[[int, int, int], None]


class PortHolder(Protocol):
    """What the I/O space needs of a slot."""

    @property
    def number(self) -> int:
        """The slot."""
        ...

    @property
    def title(self) -> str:
        """The card's name, for messages."""
        ...


def _float(_port: int, width: int) -> int:
    return FLOATING[width]


def _ignore(_port: int, _width: int, _value: int) -> None:
    return


class _Lease(NamedTuple):
    holder: PortHolder
    read: Read
    write: Write
    width: int


class IoSpace:
    """65,536 ports: `reads[width][port](port, width)`, `writes[width][port](port, width, value)`.

    The CPU indexes the lists; they are changed in place, never replaced.
    """

    def __init__(self, trace: BusTrace) -> None:
        self._leases: dict[int, _Lease] = {}
        self._decoders: dict[int, list[Decoder]] = {}
        self._trace = trace
        self.latches = Latches()
        self.burst = Burst(self.latches.cells)
        self.faults: FaultyCycles | None = None
        """While faults are injected into some ports: what they do."""
        self._wanted: set[str] = set()  # who wants every cycle traced
        self._read: dict[int, list[Read]] = {w: [_float] * PORTS for w in (1, 2, 4)}
        self._write: dict[int, list[Write]] = {w: [_ignore] * PORTS for w in (1, 2, 4)}
        self.reads = {w: list(table) for w, table in self._read.items()}
        self.writes = {w: list(table) for w, table in self._write.items()}

    def holder(self, port: int) -> PortHolder | None:
        """The slot that leases `port`."""
        lease = self._leases.get(port)
        return None if lease is None else lease.holder

    def check(self, ranges: Sequence[PortRange], card: str) -> None:
        """Raise `BusError` when one of `ranges` is taken; nothing is changed."""
        for ports in ranges:
            for port in ports:
                if (holder := self.holder(port)) is not None:
                    raise BusError(
                        f"card {card}: port {port:#06x} (of {ports}) is taken by card "
                        f"{holder.title} in slot {holder.number}; set another base or remove it"
                    )

    def lease(
        self, ranges: Sequence[PortRange], holder: PortHolder, read: Read, write: Write, width: int
    ) -> None:
        """Give `ranges` to `holder`, whose data path is `width` bytes. Raises `BusError`."""
        self.check(ranges, holder.title)
        lease = _Lease(holder, read, write, width)
        leased = [port for ports in ranges for port in ports]
        self._leases |= dict.fromkeys(leased, lease)
        self._route(leased)

    def release(self, holder: PortHolder) -> None:
        """End every lease of `holder`; from the next cycle on its ports float."""
        released = [port for port, lease in self._leases.items() if lease.holder is holder]
        for port in released:
            del self._leases[port]
        self._route(released)

    def join(self, port: int, decoder: Decoder) -> None:
        """Let `decoder` answer cycles of `port` beside whoever leases it, see `wired`."""
        self._decoders.setdefault(port, []).append(decoder)
        self._route([port])

    def leave(self, port: int, decoder: Decoder) -> None:
        """End a `join`."""
        self._decoders[port].remove(decoder)
        if not self._decoders[port]:
            del self._decoders[port]
        self._route([port])

    def _route(self, changed: Iterable[int]) -> None:
        """Decide anew what becomes of the cycles that touch one of the `changed` ports."""
        for port in {near for p in changed for near in range(max(0, p - 3), p + 1)}:
            for w in (1, 2, 4):
                read, write = self._path(port, w)
                self._read[w][port], self._write[w][port] = read, write
                if not self._trace.on:
                    self.reads[w][port], self.writes[w][port] = read, write

    def _path(self, port: int, width: int) -> tuple[Read, Write]:
        """The card itself, a cut, or nobody."""
        leases = [self._leases.get(p) for p in range(port, port + width)]
        wired = any(p in self._decoders for p in range(port, port + width))
        if wired and width == 1:
            all_of_them = WiredPort(*self._alone(port, leases[0]), self._decoders[port])
            return all_of_them.read, all_of_them.write
        if not any(leases) and not wired:
            return _float, _ignore
        first = leases[0]
        whole = all(lease is first for lease in leases) and port % width == 0
        if first is not None and whole and width <= first.width:
            return self._alone(port, first)
        return (self._read16, self._write16) if width == 2 else (self._read32, self._write32)

    def _alone(self, port: int, lease: _Lease | None) -> tuple[Read, Write]:
        """Who leases the port, by way of the faults that are injected."""
        if lease is None:
            return _float, _ignore
        if self.faults is not None and self.faults.bars(port):
            return self._faulty_read, self._faulty_write
        return lease.read, lease.write

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

    def _faulty_read(self, port: int, width: int) -> int:
        assert self.faults is not None
        return self.faults.read(port, width, self._leases[port].read)

    def _faulty_write(self, port: int, width: int, value: int) -> None:
        assert self.faults is not None
        self.faults.write(port, width, value, self._leases[port].write)

    def inject(self, faults: FaultyCycles, changed: range) -> None:
        """From the next cycle on the ports `changed` have the `faults` that there are now.

        Their cycles all reach `faults`: no latch and no burst keeps them in native code.
        """
        self.settle()
        self.faults = faults
        self.latches.barred = self.burst.barred = faults.bars
        self.latches.enable(not self._trace.on)
        self._route(port for port in changed if port in self._leases)

    def _traced_read(self, port: int, width: int) -> int:
        value = self._read[width][port](port, width)
        self._trace.cycle(Space.PORT, False, port, width, value)
        return value

    def _traced_write(self, port: int, width: int, value: int) -> None:
        self._trace.cycle(Space.PORT, True, port, width, value)
        self._write[width][port](port, width, value)

    def settle(self) -> None:
        """Let the cards' states have what the processor's native code did without them."""
        self.latches.cells[PENDING] = 0
        self.latches.settle()
        self.burst.settle()

    def trace(self, on: bool, *, keep: bool = True) -> None:
        """Route every cycle through the trace, or straight to the cards again.

        Without `keep` its watchers alone see them. Who keeps and who watches do not disturb each
        other.
        """
        who = "keeps" if keep else "watches"
        (self._wanted.add if on else self._wanted.discard)(who)
        self._trace.keeping = "keeps" in self._wanted
        if self._trace.on == bool(self._wanted):
            return
        on = not self._trace.on
        self.settle()
        self._trace.on = on
        self.latches.enable(not on)
        self.burst.on = not on
        for w in (1, 2, 4):
            self.reads[w][:] = [self._traced_read] * PORTS if on else self._read[w]
            self.writes[w][:] = [self._traced_write] * PORTS if on else self._write[w]
