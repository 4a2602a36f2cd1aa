"""x87 errors the way of the PC/AT: port 0xF0, IRQ 13.

An x87 error that CR0.NE does not make an exception pulls FERR#, which sets a latch that drives the
line. A write to the port clears the latch and pulls IGNNE#, so that the interrupt's program can use
the x87; the processor lets go of it when FERR# drops. Intel486 Data Book, "FERR#" and "IGNNE#"; IBM
PC/AT Technical Reference, "Coprocessor": 0xF1, which reset the 80287, does nothing since the x87 is
in the processor.
"""

from __future__ import annotations

from typing import Any

from hotswap.bus import Card, Policy, PortRange, Slot, State, hookimpl

CLEAR_BUSY = 0xF0


class FerrState(State):
    latch: bool = False


class Ferr(Card[FerrState]):
    """The latch between FERR# and IRQ 13."""

    name = "ferr"
    ports = PortRange(CLEAR_BUSY, 2)
    irq = 13
    switchover = Policy.CARRY
    state_type = FerrState

    def plugged(self, slot: Slot) -> None:
        """Listen to FERR#."""
        slot.backplane.numeric_errors = self

    def ferr(self) -> None:
        """FERR# fell: the processor waits in front of an x87 instruction."""
        self.state.latch = True
        self.slot.irq.set(True)

    def write(self, port: int, width: int, value: int) -> None:
        """Whatever is written clears the latch."""
        if port == CLEAR_BUSY:
            self.state.latch = False
            self.slot.irq.set(False)
            if (cpu := self.slot.backplane.cpu) is not None:
                cpu.ignne()


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return Ferr if name == Ferr.name else None
