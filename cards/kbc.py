"""8042 keyboard controller: ports 0x60 and 0x64, IRQ 1 and IRQ 12, with a keyboard and a mouse.

IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device
Controller". The chip itself is in `i8042`, what is plugged into it in `ps2_keyboard` and
`ps2_mouse`. What fingers do is fed to `slot.input` as scan codes of set 2, which wait there until
the keyboard has room for them; what a hand does with the mouse is a posted `Moved`.

The output port also gates A20 and resets the CPU. Port 0x92 can do the same, and whoever is written
to last has its way.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec
import trio

from hotswap.bus import Card, Policy, PortRange, Resources, Slot, State, hookimpl

from .i8042 import I8042, OutputPort
from .ps2_mouse import Moved

__all__ = ["Kbc", "KbcState", "Moved", "hotswap_card"]


class Port(IntEnum):
    DATA = 0x60
    STATUS = 0x64  # r
    COMMAND = 0x64  # w


class KbcState(State):
    chip: I8042 = msgspec.field(default_factory=I8042)


class Kbc(Card[KbcState]):
    """The keyboard controller with a keyboard and a mouse plugged in."""

    name = "kbc"
    switchover = Policy.CARRY
    state_type = KbcState

    def __init__(self, settings: Any = None) -> None:
        super().__init__(settings)
        self._room = trio.Event()

    def resources(self) -> Resources:
        """Two ports and two lines."""
        return Resources(ports=(PortRange(Port.DATA, 1), PortRange(Port.COMMAND, 1)), irqs=(1, 12))

    # -- bus cycles ---------------------------------------------------------------------------

    def read(self, port: int, width: int) -> int:
        """The status, or the byte in the output buffer, which is free then."""
        deadline = self.slot.alarm.deadline
        if deadline is not None and self.slot.clock.now() >= deadline:
            self._settle()  # a guest that polls need not wait for the alarm
        if port == Port.STATUS:
            return self.state.chip.status
        value = self.state.chip.read()
        self._settle()
        return value

    def write(self, port: int, width: int, value: int) -> None:
        """A command, its argument, or a byte for the keyboard."""
        chip = self.state.chip
        driven = chip.command(value) if port == Port.COMMAND else chip.data(value)
        cpu = self.slot.backplane.cpu
        if driven is not None and cpu is not None:
            cpu.set_a20(bool(driven & OutputPort.A20))
            if not driven & OutputPort.RESET:
                cpu.reset()
        self._settle()

    def _settle(self) -> None:
        """Bring the chip up to now, drive the lines, and set the alarm to what comes next."""
        chip, idle = self.state.chip, not self.slot.input
        chip.settle(self.slot.clock.now(), idle=idle)
        interrupts = chip.interrupts
        for wire, bit in zip(self.slot.irqs, (OutputPort.IRQ_1, OutputPort.IRQ_12), strict=True):
            wire.set(bool(interrupts & bit))
        if not idle and chip.keyboard.room:
            self._room.set()
            self.slot.backplane.kick()
        deadline = chip.due(idle=idle)
        if deadline != self.slot.alarm.deadline:
            self.slot.alarm.set(deadline)

    # -- the card's own task ------------------------------------------------------------------

    async def run(self, slot: Slot) -> None:
        """Take what fingers and hand do, and let time pass."""
        self._settle()  # the alarm is not part of the state
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._type, slot)
            nursery.start_soon(self._wait, slot)
            async for moved in slot.commands:
                self.state.chip.mouse.move(moved)
                self._settle()

    async def _type(self, slot: Slot) -> None:
        while True:
            await slot.input.wait()
            self._room = trio.Event()
            keyboard = self.state.chip.keyboard
            while slot.input and keyboard.room:
                keyboard.key(slot.input.read(1)[0], slot.clock.now())
            self._settle()
            if slot.input:
                await self._room.wait()

    async def _wait(self, slot: Slot) -> None:
        while True:
            await slot.alarm.wait()
            self._settle()


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return Kbc if name == Kbc.name else None
