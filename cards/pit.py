"""8254 timer: ports 0x40-0x43; its counter 0 is IRQ 0, its counter 2 the speaker on port 0x61.

CLK is 1.193182 MHz on all three. GATE 0 and GATE 1 are tied high, GATE 2 is bit 0 of port 0x61
(IBM PC/AT Technical Reference, "System Timers"). The chip itself is in `i8254`.

IRQ 0 follows OUT 0 where it rises, which is what interrupts; the low phases of the repeating modes
are too short to matter to anyone but a level triggered 8259A and are not driven. After a pause
(snapshot, debugger, switchover) the ticks that were missed are given between the regular ones, at
twice the rate, up to `CATCH_UP` of them; what is beyond that is gone. The regular ticks keep their
place throughout.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec
import trio

from hotswap.bus import FLOATING, Card, Policy, PortRange, Slot, State, hookimpl

from .i8254 import Access, Counter

CLK_HZ = 1_193_182
CATCH_UP = 100
"""Ticks."""
REFRESH = 18
"""CLK pulses between two memory refreshes, 15 us."""


class Port(IntEnum):
    COUNTER_0 = 0x40
    COUNTER_1 = 0x41
    COUNTER_2 = 0x42
    CONTROL = 0x43  # w
    SYSTEM_B = 0x61


class SystemB(IntEnum):
    """Port B of the system board."""

    GATE_2 = 0x01
    SPEAKER = 0x02
    PARITY_CHECK_OFF = 0x04
    CHANNEL_CHECK_OFF = 0x08
    REFRESH = 0x10  # r: toggles with every memory refresh
    OUT_2 = 0x20  # r


WRITABLE = 0x0F
COUNTER_OF_READ_BACK = 3


class PitState(State):
    counters: list[Counter] = msgspec.field(
        default_factory=lambda: [Counter(), Counter(), Counter(gate=False)]
    )
    system_b: int = 0
    due: int | None = None
    """The CLK pulse at which IRQ 0 gets its next edge."""
    served: int = 0
    """The CLK pulse up to which the rises of OUT 0 have reached IRQ 0."""
    owed: int = 0
    """Missed ticks still to be given."""
    repay_at: int = 0
    """The CLK pulse at which the next of them is due."""


class Pit(Card[PitState]):
    """The interval timer: IRQ 0, the refresh toggle and the tone of the speaker."""

    name = "pit"
    ports = (PortRange(Port.COUNTER_0, 4), PortRange(Port.SYSTEM_B, 1))
    irq = 0
    switchover = Policy.REINITIALISE
    state_type = PitState

    def reinitialise(self) -> None:
        """All three counters wait for a control word."""
        self.power_on()
        self.plugged(self.slot)

    def plugged(self, slot: Slot) -> None:
        """IRQ 0 takes the level of OUT 0."""
        self.state.served = self._clk()
        slot.irq.set(self.state.counters[0].out(self.state.served))

    def _clk(self) -> int:
        """CLK pulses since power-on."""
        return self.slot.clock.now() * CLK_HZ // 1_000_000_000

    # -- bus cycles ---------------------------------------------------------------------------

    def read(self, port: int, width: int) -> int:
        """A counter's status or count, or port B."""
        clk = self._clk()
        if port == Port.SYSTEM_B:
            out = SystemB.OUT_2 if self.state.counters[2].out(clk) else 0
            refresh = SystemB.REFRESH if clk // REFRESH & 1 else 0
            return self.state.system_b | refresh | out
        if port == Port.CONTROL:
            return FLOATING[width]
        self._tick(clk)
        return self.state.counters[port - Port.COUNTER_0].read(clk)

    def write(self, port: int, width: int, value: int) -> None:
        """A control word, a byte of a count, or port B."""
        clk = self._clk()
        if port == Port.SYSTEM_B:
            self.state.system_b = value & WRITABLE
            self.state.counters[2].set_gate(bool(value & SystemB.GATE_2), clk)
            return
        self._tick(clk)
        if port != Port.CONTROL:
            index = port - Port.COUNTER_0
            self.state.counters[index].write(value, clk)
        elif (index := value >> 6) == COUNTER_OF_READ_BACK:
            self._read_back(value, clk)
            return
        elif value >> 4 & 3 == Access.LATCH:
            self.state.counters[index].latch_count(clk)
            return
        else:
            self.state.counters[index].program(value, clk)
        if index == 0:
            self.state.owed = 0  # ticks of another period than the one they were missed at
            self.slot.irq.set(self.state.counters[0].out(clk))
            self._arm()

    def _read_back(self, command: int, clk: int) -> None:
        """COUNT and STATUS are active low; bits 1 to 3 select the counters."""
        for index, counter in enumerate(self.state.counters):
            if command & 2 << index:
                if not command & 0x20:
                    counter.latch_count(clk)
                if not command & 0x10:
                    counter.latch_status(clk)

    # -- IRQ 0 --------------------------------------------------------------------------------

    async def run(self, slot: Slot) -> None:
        """Raise IRQ 0 at each deadline."""
        with slot.calling(self._due):
            self._due()
            self._arm()
            await trio.sleep_forever()

    def _due(self) -> None:
        self._tick(self._clk())

    def _tick(self, clk: int) -> None:
        """Bring IRQ 0 up to pulse `clk`: one edge if one is due; the others are owed."""
        state, counter = self.state, self.state.counters[0]
        if state.due is None or clk < state.due:
            state.served = clk
            return
        rises, rise = 0, counter.next_rise(state.served)
        while rise is not None and rise <= clk and rises <= CATCH_UP:
            rises, rise = rises + 1, counter.next_rise(rise)
        state.served = clk
        if rises:
            state.owed = min(state.owed + rises - 1, CATCH_UP)
        else:
            state.owed -= 1
        state.repay_at = clk + (counter.period or 0) // 2
        self.slot.irq.pulse()
        self._arm()

    def _arm(self) -> None:
        """Set the alarm to the next edge; the n-th is computed from the first, so none drifts."""
        due = self.state.counters[0].next_rise(self.state.served)
        if due is not None and self.state.owed:
            due = min(due, self.state.repay_at)
        self.state.due = due
        deadline = None if due is None else -(-due * 1_000_000_000 // CLK_HZ)
        if deadline != self.slot.alarm.deadline:
            self.slot.alarm.set(deadline)


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return Pit if name == Pit.name else None
