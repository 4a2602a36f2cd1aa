"""The pins between the CPU socket, the interrupt controller and the rest of the board."""

from __future__ import annotations

from typing import Protocol, Self

import msgspec

from .errors import CodeError


class InterruptController(Protocol):
    """The 8259A pair as the CPU sees it: INTR and INTA."""

    def update(self) -> int | None:
        """Apply every logged edge; return the vector INTR asks for now, or None."""

    def acknowledge(self) -> None:
        """INTA: the vector `update` last returned has been delivered."""


class NumericErrors(Protocol):
    """The board's answer to x87 errors that are no exceptions (CR0.NE clear)."""

    def ferr(self) -> None:
        """FERR#: the CPU waits in front of an x87 instruction until it is interrupted."""


class CpuPins(Protocol):
    """What cards and the backplane may ask of the CPU. Every call is safe inside a bus cycle."""

    def sync_interrupts(self) -> None:
        """Notice a delivered interrupt, ask the controller again, arm or withdraw INTR."""

    def kick(self) -> None:
        """End the running slice at its next block, or wake a halted CPU to look around."""

    def nmi(self) -> None:
        """Raise NMI."""

    def set_a20(self, enabled: bool) -> None:
        """Drive the A20 gate; takes effect at once."""

    def ignne(self) -> None:
        """Pull IGNNE#: the x87 error that pulled FERR# is ignored until it is cleared."""

    def reset(self) -> None:
        """Pull RESET; the CPU starts at F000:FFF0 when the slice has ended."""


class Memory(Protocol):
    """Guest RAM, for cards that are bus masters. Addresses are physical."""

    def holds(self, start: int, size: int) -> bool:
        """Whether all of [start, start + size) is RAM."""
        ...

    def read_memory(self, start: int, size: int) -> bytes:
        """Bytes of RAM. Raises `HotswapError` when not all of them are RAM."""
        ...

    def write_memory(self, start: int, content: bytes, *, by: str = "host") -> None:
        """Store into RAM; code translated from there is dropped. Raises `HotswapError`.

        `by` says in the bus trace who wrote.
        """

    def map_ram(self, start: int, size: int) -> memoryview:
        """New, zeroed RAM outside guest RAM: loads and stores there are no bus cycles.

        Whole pages; between slices only. The view stays good after `unmap`, when the guest does not
        see that memory any more. Raises `HotswapError` when the place is taken.
        """
        ...

    def map_rom(self, start: int, content: bytes) -> None:
        """Likewise memory the guest cannot change: stores there are discarded."""

    def unmap(self, start: int) -> None:
        """Give what was mapped at `start` back to the bus. Raises `HotswapError`."""


class CpuShutdown(msgspec.Struct, frozen=True):
    """The CPU stopped for good: nothing but RESET, NMI or a rollback brings it back."""

    reason: str
    cs: int
    eip: int

    def __str__(self) -> str:
        return f"{self.reason} at {self.cs:04x}:{self.eip:08x}"


class CpuReset(msgspec.Struct, frozen=True):
    """RESET was pulled, by the keyboard controller or port 92h: the CPU is at F000:FFF0 again."""

    def __str__(self) -> str:
        return "the guest reset the machine"


class CardFault(msgspec.Struct, frozen=True):
    """A card raised; it is off the bus until it is removed or rolled back.

    The fields after `what` are those of `CodeError`, for a card in machine code.
    """

    slot: int
    card: str
    what: str
    function: str = ""
    file: str = ""
    line: int = 0
    callers: tuple[str, ...] = ()
    during: str = ""

    @classmethod
    def of(cls, slot: int, card: str, error: BaseException) -> Self:
        """What `error`, which came through a card, says of it."""
        if not isinstance(error, CodeError):
            return cls(slot, card, f"{type(error).__name__}: {error}")
        return cls(
            slot,
            card,
            error.what,
            function=error.function,
            file=error.file,
            line=error.line,
            callers=error.callers,
            during=error.during,
        )

    def __str__(self) -> str:
        return f"card {self.card} in slot {self.slot}: {self.what}"


class BudgetSpent(msgspec.Struct, frozen=True):
    """The guest has executed as many instructions as it was allowed."""

    instructions: int

    def __str__(self) -> str:
        return f"the guest has executed {self.instructions:,} instructions without an answer"


class StrayWrite(msgspec.Struct, frozen=True):
    """The write guard has seen a store where nobody may write.

    `eip` is that of the instruction, `address` linear, `physical` where it leads; `value` is what
    stands there behind the instruction, in memory's order: as many bytes as the first store to the
    page has had. `by` names a card that stored by DMA, in a cycle of the instruction at `eip`.
    """

    eip: int
    address: int
    physical: int
    value: bytes
    by: str = ""

    def __str__(self) -> str:
        count, value = len(self.value), int.from_bytes(self.value, "little")
        who = f"{self.by}, during the instruction at" if self.by else "the instruction at"
        what = f"{value:#x}" if count <= 8 else f"{self.value[:16].hex(' ')}..."
        unit = "byte" if count == 1 else "bytes"
        return (
            f"{who} EIP {self.eip:#x} wrote {what} ({count} {unit}) to {self.address:#x}, "
            f"physical {self.physical:#x}"
        )


BoardEvent = CpuShutdown | CpuReset | CardFault | BudgetSpent | StrayWrite
"""What the backplane reports to whoever listens."""
