"""Hello card: ports 0x2A0-0x2A1, IRQ 5. It greets whoever writes a name to it, one ms later.

A card made by somebody else: it imports `hotswap.bus` and nothing more of hotswap-host.
"""

from enum import IntEnum
from typing import Any

import msgspec

from hotswap.bus import Card, Policy, PortRange, Resources, Settings, Slot, State, hookimpl

GREETING_NS = 1_000_000  # a polite pause, in machine time


class Register(IntEnum):
    """Offsets from the card's base."""

    NAME = 0  # w: the next letter of a name; 0 ends it
    COUNT = 1  # r: names greeted, and takes the interrupt request back


class Greet(msgspec.Struct, frozen=True):
    """Posted by the bus cycle that ends a name, done by the card's task."""

    name: str


class HelloSettings(Settings, frozen=True):
    """The jumpers."""

    base: int = 0x2A0
    irq: int = 5


class HelloState(State):
    """All the card knows; a switchover carries it, with the names not yet greeted."""

    letters: str = ""
    count: int = 0


class Hello(Card[HelloState]):
    """Says hello on `slot.output` and raises its IRQ."""

    name = "hello"
    switchover = Policy.CARRY
    state_type = HelloState
    settings_type = HelloSettings
    settings: HelloSettings

    def resources(self) -> Resources:
        """The ports and the line the jumpers say."""
        ports = (PortRange(self.settings.base, len(Register)),)
        return Resources(ports=ports, irqs=(self.settings.irq,))

    def read(self, port: int, width: int) -> int:
        """IN, in the CPU's turn: answer at once from the state."""
        if port - self.settings.base != Register.COUNT:
            return 0xFF
        self.slot.irq.set(False)
        return self.state.count & 0xFF

    def write(self, port: int, width: int, value: int) -> None:
        """OUT, in the CPU's turn: what takes time is posted to `run`."""
        if port - self.settings.base != Register.NAME:
            return
        if value:
            self.state.letters += chr(value)
        else:
            self.slot.post(Greet(self.state.letters))
            self.state.letters = ""

    async def run(self, slot: Slot) -> None:
        """Greet, one name after the other.

        A freeze may cancel this at the await, never between the lines after it; the command is then
        the first one of the next `run`. So each name is greeted exactly once.
        """
        async for command in slot.commands:
            await slot.clock.sleep_until(slot.clock.now() + GREETING_NS, slot.number)
            slot.output.write(f"hello, {command.name}\n".encode("latin-1"))
            self.state.count += 1
            slot.irq.set(True)


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """What the entry point `hello` in group `hotswap.cards` leads to."""
    return Hello if name == Hello.name else None
