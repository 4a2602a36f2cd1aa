"""8259A pair: ports 0x20-0x21 and 0xA0-0xA1, the second chip on IR2 of the first.

Watches the backplane's sixteen IRQ lines and asks the CPU for INTR. Wiring: IBM PC/AT Technical
Reference, "System Board, Interrupts"; the chip itself is in `i8259`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hotswap.bus import Card, Policy, PortRange, Slot, State, hookimpl

from .i8259 import I8259

FIRST, SECOND = 0x20, 0xA0
CASCADE = 2
"""The input of the first chip that the INT pin of the second is on."""


class PicState(State):
    first: I8259 = msgspec.field(default_factory=I8259)
    second: I8259 = msgspec.field(default_factory=lambda: I8259(sp=False))


class Pic(Card[PicState]):
    """The interrupt controller of the AT. No lines of its own: it watches those of the board."""

    name = "pic"
    ports = (PortRange(FIRST, 2), PortRange(SECOND, 2))
    switchover = Policy.REINITIALISE
    state_type = PicState

    def reinitialise(self) -> None:
        """Both chips wait for ICW1, with the lines at their pins."""
        self.power_on()
        self.plugged(self.slot)

    def plugged(self, slot: Slot) -> None:
        """Take over the lines as they are."""
        for line, level in enumerate(slot.backplane.irq.levels):
            if level:
                chip, pin = self._input(line)
                chip.lines |= 1 << pin
        slot.backplane.controller = self

    # -- the IRQ lines ------------------------------------------------------------------------

    def _input(self, line: int) -> tuple[I8259, int]:
        if line == CASCADE:
            line = 9  # where the AT brings the IRQ 2 contact of its slots
        return (self.state.first, line) if line < 8 else (self.state.second, line - 8)

    def _cascade(self) -> None:
        """The first chip sees the second one's INT pin."""
        level = self.state.second.int_out
        if level != bool(self.state.first.lines & 1 << CASCADE):
            self.state.first.drive(CASCADE, level)

    def _take_edges(self) -> None:
        backplane = self.slot.backplane
        if edges := backplane.irq.take():
            backplane.trace.edges("IRQ", edges)
            for edge in edges:
                chip, pin = self._input(edge.line)
                chip.drive(pin, edge.level)
                self._cascade()

    def update(self) -> int | None:
        """Apply every logged edge; return the vector INTR now asks for, or None."""
        self._take_edges()
        first, second = self.state.first, self.state.second
        if not first.int_out:
            return None
        line = first.pending()
        if line == CASCADE and first.cascades >> CASCADE & 1:
            return second.vector + second.pending()
        return first.vector + line

    def acknowledge(self) -> None:
        """INTA: the vector `update` last returned has been delivered."""
        first = self.state.first
        line = first.acknowledge()
        if line == CASCADE and first.cascades >> CASCADE & 1:
            self.state.second.acknowledge()
            first.drive(CASCADE, False)  # INT falls during INTA, so a further request is an edge
            self._cascade()

    # -- bus cycles ---------------------------------------------------------------------------

    def read(self, port: int, width: int) -> int:
        """Poll word, IRR, ISR or IMR."""
        chip = self.state.first if port < SECOND else self.state.second
        if port & 1 and not chip.poll:
            return chip.imr  # which nothing but the CPU changes
        self._sync()
        polled = chip.poll
        value = chip.read(port & 1)
        if polled:  # an INTA, but of this chip alone
            self._cascade()
            self._sync()
        return value

    def write(self, port: int, width: int, value: int) -> None:
        """ICW or OCW."""
        self._sync()
        chip = self.state.first if port < SECOND else self.state.second
        chip.write(port & 1, value)
        self._cascade()
        self._sync()

    def _sync(self) -> None:
        """Let the CPU notice what was delivered, and this card every edge, up to this cycle."""
        if (cpu := self.slot.backplane.cpu) is not None:
            cpu.sync_interrupts()
        self._take_edges()  # there may be no CPU, or one that must not be interrupted now


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return Pic if name == Pic.name else None
