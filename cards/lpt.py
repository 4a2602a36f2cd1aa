"""Parallel port: three ports from 0x378 (or another base), IRQ 7 (or another).

IBM Personal System/2 Hardware Interface Technical Reference, "Parallel Port": a standard port whose
data lines can be turned round. The printer at its far end puts every byte on `slot.output` and is
BUSY until there is room for the next one; nobody drives the data lines against the machine, so they
read as ones when they are turned round. IEEE 1284 names the printer's timing.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec

from hotswap.bus import Card, Policy, PortRange, Resources, Settings, Slot, State, hookimpl

PRINT_NS = 10_000
ACK_NS = 5_000
"""How long nACK is low, at the end of BUSY."""


class Reg(IntEnum):
    """Offsets from the base."""

    DATA = 0
    STATUS = 1  # r
    CONTROL = 2


class Status(IntEnum):
    """The printer's lines as they are on the plug, but for BUSY, which is inverted."""

    NO_TIMEOUT = 0x01  # EPP only: always one here
    RESERVED = 0x02
    NO_IRQ = 0x04  # 0: an acknowledge has come since the register was read
    NERROR = 0x08
    SELECT = 0x10
    PAPER_END = 0x20
    NACK = 0x40
    NOT_BUSY = 0x80


class Control(IntEnum):
    """1 drives the line low, except NINIT."""

    STROBE = 0x01  # a rise prints the data latch
    AUTO_FEED = 0x02
    NINIT = 0x04  # 0 resets the printer
    SELECT_IN = 0x08
    IRQ_ENABLE = 0x10
    INPUT = 0x20  # the data lines are turned round
    RESERVED = 0xC0  # ones


IDLE = Status.NERROR | Status.SELECT | Status.RESERVED | Status.NO_TIMEOUT


class Phase(IntEnum):
    """What the printer is doing with the byte it has."""

    READY = 0
    PRINTING = 1  # BUSY
    ACKNOWLEDGING = 2  # BUSY, nACK low; IRQ at its end


class LptSettings(Settings, frozen=True):
    """The jumpers: base address and IRQ line."""

    base: int = 0x378
    irq: int = 7


class LptState(State):
    data: int = 0
    control: int = Control.NINIT
    phase: Phase = Phase.READY
    acknowledged: bool = False
    """nACK has come since the status was read."""


class Print(msgspec.Struct, frozen=True):
    """Posted by the strobe, done by the card's task."""

    byte: int


class Lpt(Card[LptState]):
    """A printer port with a printer that never runs out of paper."""

    name = "lpt"
    switchover = Policy.CARRY
    state_type = LptState
    settings_type = LptSettings
    settings: LptSettings

    def resources(self) -> Resources:
        """Three ports at the base and one line."""
        ports = (PortRange(self.settings.base, len(Reg)),)
        return Resources(ports=ports, irqs=(self.settings.irq,))

    # -- bus cycles ---------------------------------------------------------------------------

    def read(self, port: int, width: int) -> int:
        """One register."""
        state = self.state
        match port - self.settings.base:
            case Reg.DATA:
                return 0xFF if state.control & Control.INPUT else state.data
            case Reg.STATUS:
                return self._status()
            case _:
                return state.control | Control.RESERVED

    def write(self, port: int, width: int, value: int) -> None:
        """One register; the status cannot be written."""
        match port - self.settings.base:
            case Reg.DATA:
                self.state.data = value
            case Reg.CONTROL:
                self._control(value)

    def _status(self) -> int:
        state, status = self.state, IDLE
        if state.phase is Phase.READY:
            status |= Status.NOT_BUSY
        if state.phase is not Phase.ACKNOWLEDGING:
            status |= Status.NACK
        if not state.acknowledged:
            status |= Status.NO_IRQ
        state.acknowledged = False
        return status

    def _control(self, value: int) -> None:
        state = self.state
        rising = value & ~state.control
        state.control = value & ~Control.RESERVED
        if not value & Control.IRQ_ENABLE:
            self.slot.irq.set(False)
        if rising & Control.STROBE and value & Control.NINIT and state.phase is Phase.READY:
            state.phase = Phase.PRINTING
            self.slot.post(Print(state.data))

    # -- the card's own task ------------------------------------------------------------------

    async def run(self, slot: Slot) -> None:
        """Print and acknowledge; a freeze in between loses no byte and doubles none."""
        clock, state = slot.clock, self.state
        async for command in slot.commands:
            if state.phase is Phase.PRINTING:
                await slot.output.room()
                await clock.sleep_until(clock.now() + PRINT_NS, slot.number)
                slot.output.write(bytes((command.byte,)))
                state.phase = Phase.ACKNOWLEDGING
            await clock.sleep_until(clock.now() + ACK_NS, slot.number)
            state.phase, state.acknowledged = Phase.READY, True
            if state.control & Control.IRQ_ENABLE:
                slot.irq.pulse()


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return Lpt if name == Lpt.name else None
