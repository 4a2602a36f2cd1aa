"""What a Plug and Play card says of itself: who it is, its logical devices, what each could use.

Plug and Play ISA Specification, version 1.0a. A card gives a `PlugAndPlay` and leases nothing: the
guest finds it, chooses for each logical device among its `Choices`, and activates it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal, TypeAlias, TypeVar

import msgspec

from .errors import BusError

EisaId: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}[0-9A-F]{4}$")]
"""Three letters of a vendor and four hexadecimal digits of a product, as `PNP0501`."""

MOST_PORTS, MOST_WINDOWS, MOST_LINES, MOST_DEVICES = 8, 4, 2, 255
"""Descriptors of a logical device, and logical devices of a card (4.6, appendix A)."""
RESERVED = (0x279, 0xA79)
"""ADDRESS and WRITE_DATA: who has them would be written to by every isolation."""
WINDOWS_END = 1 << 24
"""Memory descriptors have addresses of 24 bits."""


class PortChoice(msgspec.Struct, frozen=True):
    """`count` ports from `first`, or any `step` further up to `last`."""

    first: int
    count: int
    last: int = -1
    step: int = 1

    @property
    def bases(self) -> range:
        """Where it may begin."""
        return range(self.first, max(self.first, self.last) + 1, self.step)

    def __post_init__(self) -> None:
        if not (1 <= self.count <= 255 and 1 <= self.step <= 255):
            raise ValueError(f"{self.count} ports by steps of {self.step}: give 1 to 255 of each")
        if not 0 < self.first <= self.bases[-1] <= 0x10000 - self.count:
            raise ValueError(f"ports from {self.first:#x} to {self.last:#x} are beyond 1-0xffff")


class MemoryChoice(msgspec.Struct, frozen=True):
    """A window of `size` bytes at `first`, or any `step` further up to `last`; multiples of 4096.

    The size is a power of two, of which the addresses are multiples: the card compares the bits
    of an address above it.
    """

    first: int
    size: int
    last: int = -1
    step: int = 0x1000

    @property
    def bases(self) -> range:
        """Where it may begin."""
        return range(self.first, max(self.first, self.last) + 1, self.step)

    def __post_init__(self) -> None:
        if self.size < 0x1000 or self.size & (self.size - 1) or self.size > WINDOWS_END >> 1:
            raise ValueError(f"a window of {self.size:#x} bytes: give a power of two from 0x1000")
        if self.step <= 0 or self.step > 0x10000 or any(b % self.size for b in self.bases[:2]):
            raise ValueError(
                f"windows of {self.size:#x} bytes from {self.first:#x} by steps of {self.step:#x}:"
                " give multiples of the size, steps of at most 0x10000"
            )
        if not 0 < self.first <= self.bases[-1] <= WINDOWS_END - self.size:
            raise ValueError(f"windows from {self.first:#x} to {self.last:#x} are beyond 16 MiB")


class IrqChoice(msgspec.Struct, frozen=True):
    """One of some IRQ lines, high true; `level` says it stays high until served."""

    lines: Sequence[Annotated[int, msgspec.Meta(ge=1, le=15)]]
    level: bool = False

    def __post_init__(self) -> None:
        if not self.lines or not all(1 <= line <= 15 and line != 2 for line in self.lines):
            raise ValueError(f"IRQ {list(self.lines)}: give lines of 1 to 15, but for 2")


class DmaChoice(msgspec.Struct, frozen=True):
    """One of some DMA channels: 0 to 3 move bytes, 5 to 7 words."""

    channels: Sequence[Literal[0, 1, 2, 3, 5, 6, 7]]

    def __post_init__(self) -> None:
        if not self.channels or not {0, 1, 2, 3, 5, 6, 7}.issuperset(self.channels):
            raise ValueError(f"DMA {list(self.channels)}: give channels of 0 to 3 and 5 to 7")


class Choices(msgspec.Struct, frozen=True):
    """What a logical device needs: of each one its choice."""

    ports: Sequence[PortChoice] = ()
    windows: Sequence[MemoryChoice] = ()
    irqs: Sequence[IrqChoice] = ()
    dmas: Sequence[DmaChoice] = ()


Kind = TypeVar("Kind", PortChoice, MemoryChoice, IrqChoice, DmaChoice)


class LogicalDevice(msgspec.Struct, frozen=True):
    """One function of a card, configured and activated by itself.

    It needs `always`, and one of the `alternatives` if there are any (dependent functions), best
    first. `latches` are as in `Resources`, but by offset from its first port.
    """

    id: EisaId
    always: Choices = Choices()
    alternatives: Sequence[Choices] = ()
    compatible: Sequence[EisaId] = ()
    name: str = ""
    latches: Mapping[int, str] = {}

    @property
    def ports(self) -> list[list[PortChoice]]:
        """By I/O descriptor, what it may be."""
        return _columns(self.always.ports, [other.ports for other in self.alternatives])

    @property
    def windows(self) -> list[list[MemoryChoice]]:
        """By memory descriptor."""
        return _columns(self.always.windows, [other.windows for other in self.alternatives])

    @property
    def irqs(self) -> list[list[IrqChoice]]:
        """By interrupt descriptor."""
        return _columns(self.always.irqs, [other.irqs for other in self.alternatives])

    @property
    def dmas(self) -> list[list[DmaChoice]]:
        """By DMA descriptor."""
        return _columns(self.always.dmas, [other.dmas for other in self.alternatives])

    def faults(self) -> Iterator[str]:
        """What no hardware could be, or no guest could tell."""
        columns: tuple[tuple[str, list[list[int]], int], ...] = (
            ("ports", [[c.count for c in choices] for choices in self.ports], MOST_PORTS),
            ("windows", [[c.size for c in choices] for choices in self.windows], MOST_WINDOWS),
            ("IRQs", [[c.level for c in choices] for choices in self.irqs], MOST_LINES),
            ("DMA channels", [[0 for _ in choices] for choices in self.dmas], MOST_LINES),
        )
        for what, column, most in columns:
            if len(column) > most:
                yield f"{len(column)} descriptors of {what}; at most {most} can be configured"
            for number, shapes in enumerate(column):
                if len(set(shapes)) > 1:
                    yield (
                        f"the alternatives of {what}, descriptor {number}, are of different sizes "
                        "or kinds, which a card could not tell from what the guest writes"
                    )
        for port in RESERVED:
            for choice in itertools.chain(*self.ports):
                if any(port - choice.count < base <= port for base in choice.bases):
                    yield f"ports from {choice.first:#x} would cover {port:#x}, Plug and Play's own"
        if self.latches and not self.ports:
            yield "latches without ports"


class PlugAndPlay(msgspec.Struct, frozen=True):
    """A card as the guest finds it. Two of the same `id` differ by their `serial`.

    Without a `serial` it is the number of the card's slot.
    """

    id: EisaId
    name: str
    devices: Sequence[LogicalDevice]
    serial: Annotated[int, msgspec.Meta(ge=0, le=0xFFFFFFFF)] | None = None

    def check(self, card: str) -> None:
        """Raise `BusError` saying what of it cannot be."""
        for fault in self._faults():
            raise BusError(f"card {card}: its Plug and Play identity does not fit: {fault}")

    def _faults(self) -> Iterator[str]:
        try:
            msgspec.convert(msgspec.to_builtins(self), PlugAndPlay)
        except msgspec.ValidationError as error:
            yield str(error)
            return
        if not 0 < len(self.devices) <= MOST_DEVICES:
            yield f"{len(self.devices)} logical devices; give 1 to {MOST_DEVICES}"
        for name in (self.name, *(device.name for device in self.devices)):
            if not (name.isascii() and name.isprintable()):
                yield f"the name {name!r} is not printable ASCII"
        for device in self.devices:
            yield from (f"{device.id}: {fault}" for fault in device.faults())


class Configuration(msgspec.Struct, frozen=True):
    """What the guest has chosen for a logical device, by descriptor; None where it chose nothing.

    `ports` and `windows` are bases, `irqs` and `dmas` lines.
    """

    ports: tuple[int | None, ...] = ()
    windows: tuple[int | None, ...] = ()
    irqs: tuple[int | None, ...] = ()
    dmas: tuple[int | None, ...] = ()


def _columns(always: Sequence[Kind], others: Sequence[Sequence[Kind]]) -> list[list[Kind]]:
    """By descriptor: those needed always come first, behind them one of the alternatives."""
    longest = max((len(other) for other in others), default=0)
    behind = [[other[n] for other in others if n < len(other)] for n in range(longest)]
    return [[choice] for choice in always] + behind
