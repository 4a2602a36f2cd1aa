"""How a run ended, as far as two runs have to agree."""

from __future__ import annotations

import copy
from typing import NamedTuple

from hotswap.host.guest import Guest
from hotswap.host.rerun import digest
from hotswap.switchover.canonical import CanonicalMap

APART = ("switchover", "pit", "cmos")
"""The mailbox is the switchover's own. Of the PIT count the counters and of the RTC the cells as
they read now: up to when these two have looked for ticks is their own bookkeeping."""


class Exact(NamedTuple):
    """All a guest could notice, what it has sent, and the instant; mostly as digests.

    `memory` leaves out what a switchover keeps for itself: recorder, bootstrap, and the reserve.
    """

    memory: str
    cpu: str
    cards: str
    output: str
    time_ns: int
    instructions: int

    @classmethod
    def of(cls, guest: Guest) -> Exact:
        """As the machine is now; it stands."""
        board = guest.board
        ram, plan = board.processor.ram, board.machine.plan
        own = sorted([(0x500, plan.taken[0].hi), (0xA0000, 0xC0000), (plan.reserve.lo, ram.size)])
        memory, at = [], 0
        for start, end in own:
            memory.append(ram.read(at, start - at))
            at = end
        plane = board.backplane
        saved = plane.snapshot()
        saved.slots = [slot for slot in saved.slots if slot.saved.card not in APART]
        counters = board.slot("pit").card.state.counters
        clock = copy.deepcopy(board.slot("cmos").card.state.chip)
        clock.settle(plane.clock.now())
        return cls(
            memory=digest(memory),
            cpu=digest([repr(board.processor.take_state()).encode()]),
            cards=digest([repr(saved).encode(), repr(counters).encode(), bytes(clock.cells)]),
            output=digest([guest.text.encode()]),
            time_ns=plane.clock.now(),
            instructions=board.processor.instructions,
        )

    def differences(self, other: Exact) -> list[str]:
        """What differs from `other`, by name."""
        pairs = zip(self._fields, self, other, strict=True)
        return [name for name, here, there in pairs if here != there]


class Seen(NamedTuple):
    """What programs and the outside have seen, whichever kernel ran and whenever: processes and
    what they hold, their memory, what was printed.
    """

    processes: CanonicalMap
    pages: dict[tuple[int, int], str]
    output: list[str]

    @classmethod
    async def of(cls, guest: Guest) -> Seen:
        """As it is now; the machine runs, and all programs have come to rest."""
        examined = await guest.examine()
        output = sorted(line for line in guest.lines if not line.startswith("refkernel "))
        return cls(*examined.digest(), output)

    def differences(self, other: Seen) -> list[str]:
        """What differs from `other`, in words."""
        found = []
        if self.output != other.output:
            odd = sorted(set(self.output) ^ set(other.output))
            found.append(f"output: {', '.join(odd) or 'in number'}")
        if self.processes != other.processes:
            kinds = [
                k for k, records in self.processes.items() if records != other.processes.get(k)
            ]
            found.append(f"processes: {', '.join(kind.name for kind in kinds)}")
        if self.pages != other.pages:
            pages = [p for p in sorted(self.pages) if self.pages[p] != other.pages.get(p)]
            shown = ", ".join(f"{address:#x} of {pid}" for pid, address in pages[:3])
            found.append(f"memory: {len(pages)} pages: {shown}")
        return found
