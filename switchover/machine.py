"""What a switchover works on: the board's CPU, its backplane, its memory layout, its kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from hotswap.bus import Backplane
from hotswap.cards.switchover import SwitchoverCard
from hotswap.cpu import Processor

from .errors import Refused
from .image import KernelImage
from .memory import MemoryPlan
from .prediction import REMEMBERED
from .report import PhaseEvent, Report


class Durability(Protocol):
    """Where R1 is kept beside RAM, so that it outlives this process.

    Between `seal` and `forget` nothing leaves the machine. All raise `DurabilityError`.
    """

    async def ahead(self) -> None:
        """In STAGE, while the guest runs: what takes long of `settle`, which comes soon after."""

    def settle(self) -> None:
        """What the host still keeps back for the machine goes to its files; then R0 is taken."""

    def write(self) -> None:
        """Before RAM is committed for R1: write everything else down. It does not count yet."""

    def seal(self) -> None:
        """RAM is committed: from here on what was written down is R1."""

    def forget(self) -> None:
        """Before anything is let out: there is no R1 any more. Fine when there was none."""


class Witness(Protocol):
    """Who keeps the record of one switchover."""

    def tell(self, event: PhaseEvent) -> None:
        """A phase has begun, or ended."""

    async def close(self, report: Report) -> None:
        """It has ended, as `report` says, which is told where the record is. Raises nothing."""


class Machine(msgspec.Struct):
    """A machine whose kernel can be replaced. `kernel` is what runs on it now."""

    processor: Processor
    backplane: Backplane
    plan: MemoryPlan
    kernel: KernelImage
    switchovers: int = 0
    """Transactions tried so far; the next one's number is one more, in 15 bits, never 0."""
    durability: Durability | None = None
    """Where R1 is kept; without, a SIGKILL is a power cut at any time."""
    witness: Callable[[str], Witness | None] = lambda _image: None
    """Called as a switchover to that image begins: who keeps its record, if anybody does."""
    before: KernelImage | None = None
    """The kernel that ran before `kernel`, to go back to."""
    queries: int = 0
    """Times the kernel was asked for its capabilities."""
    ratios: list[float] = msgspec.field(default_factory=list)
    """Of each switchover since power-on: what the blackout took, to what it was modelled as."""

    def next_txn(self) -> int:
        """The number of a new transaction, as it stands in ACK."""
        self.switchovers += 1
        return (self.switchovers - 1) % 0x7FFF + 1

    def next_query(self) -> int:
        """The number of a question to the kernel, which no transaction has."""
        self.queries += 1
        return 0x8000 | (self.queries - 1) % 0x7FFF + 1

    def replaced(self, kernel: KernelImage, report: Report) -> None:
        """`kernel` runs now: a switchover has been committed."""
        self.before = self.kernel if self.kernel.content else None
        self.kernel = kernel
        if report.plan is not None:
            self.ratios.append(report.blackout_ms / report.plan.modelled_ms)
            del self.ratios[:-REMEMBERED]

    def kernel_before(self) -> KernelImage:
        """What a reverse switchover goes back to. Raises Refused when there is nothing."""
        if self.before is None:
            raise Refused(
                "no kernel ran here before this one, or its image was not kept (a snapshot "
                "keeps none)",
                "switch over to an image instead",
            )
        return self.before

    def card(self) -> SwitchoverCard:
        """The switchover card. Raises Refused when none is plugged in or it is faulted."""
        for slot in self.backplane.slots.values():
            if isinstance(slot.card, SwitchoverCard) and slot.fault is None:
                return slot.card
        raise Refused("no switchover card is plugged in", "insert card `switchover`")


def kernel_name(image: KernelImage) -> str:
    """What to call a kernel: the version in its note, or the file's name."""
    return image.note.version.decode("ascii", "replace") if image.note else image.name
