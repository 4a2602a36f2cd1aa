"""System control port A: port 0x92, the fast way to gate A20 and to reset the CPU.

IBM Personal System/2 Hardware Interface Technical Reference, "System Control Port A". There is no
keyboard controller on this board, so the A20 gate is this port's alone; it starts open, because
kernels are started by a loader, which would have opened it.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Any

from hotswap.bus import Card, Policy, PortRange, Slot, State, hookimpl

PORT = 0x92


class ControlA(IntFlag):
    ALTERNATE_HOT_RESET = 0x01  # a rise resets the CPU, and only the CPU
    ALTERNATE_GATE_A20 = 0x02  # 1: address bit 20 goes through
    SECURITY_LOCK = 0x08  # of the clock's memory; kept, but locks nothing
    ACTIVITY_LIGHT = 0xC0  # of the disk; kept


WRITABLE = (
    ControlA.ALTERNATE_HOT_RESET
    | ControlA.ALTERNATE_GATE_A20
    | ControlA.SECURITY_LOCK
    | ControlA.ACTIVITY_LIGHT
)
"""All but bit 4, the watchdog timer's: there is none."""


class Port92State(State):
    control_a: int = ControlA.ALTERNATE_GATE_A20


class Port92(Card[Port92State]):
    """A latch whose low two bits go to the CPU."""

    name = "port92"
    ports = PortRange(PORT, 1)
    switchover = Policy.CARRY
    state_type = Port92State

    def plugged(self, slot: Slot) -> None:
        """Drive A20 as the latch says."""
        self._gate_a20()

    def read(self, port: int, width: int) -> int:
        """The latch."""
        return self.state.control_a

    def write(self, port: int, width: int, value: int) -> None:
        """Set the latch; a reset happens when the CPU's slice has ended."""
        rising = value & ~self.state.control_a
        self.state.control_a = value & WRITABLE
        self._gate_a20()
        if rising & ControlA.ALTERNATE_HOT_RESET and self.slot.backplane.cpu is not None:
            self.slot.backplane.cpu.reset()

    def _gate_a20(self) -> None:
        if self.slot.backplane.cpu is not None:
            enabled = bool(self.state.control_a & ControlA.ALTERNATE_GATE_A20)
            self.slot.backplane.cpu.set_a20(enabled)


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return Port92 if name == Port92.name else None
