"""R1, the rollback point: RAM, CPU, cards and lines at one instant, and the way back to it."""

from __future__ import annotations

from hotswap.bus import Backplane, BackplaneState
from hotswap.cpu import Checkpoint, Processor

DIRTY_ENOUGH = 64
"""Pages: committing ahead ends when a round has no more than this many left."""
ROUNDS = 8


class RollbackPoint:
    """Everything the guest could notice, as it is when this is made.

    RAM is not copied: its private pages become the base of the mapping, so that going back is
    forgetting what was written since. `pages` says how many had to be written to the base. With
    `still` not even outputs from before it leave. Raises `CommitError`, then the one before holds.
    """

    def __init__(self, processor: Processor, backplane: Backplane, *, still: bool = False) -> None:
        self._cpu: Checkpoint = processor.checkpoint()
        self._cards: BackplaneState = backplane.snapshot()  # a card may raise: so before RAM
        self.pages = processor.ram.commit()
        backplane.hold_streams(still=still)

    def restore(self, processor: Processor, backplane: Backplane) -> None:
        """Be there again: outputs since are forgotten, inputs are back. Freeze the cards first."""
        processor.rollback(self._cpu)
        backplane.restore(self._cards)
        backplane.rewind_streams()


def commit_round(processor: Processor) -> int:
    """Write what the guest has dirtied to the base while it runs; returns the pages written.

    Invisible to the guest. Several rounds before the blackout leave little to do in it.
    """
    return processor.ram.commit()
