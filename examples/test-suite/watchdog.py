"""A watchdog: ports 0x310-0x311, IRQ 11. Who does not kick it in time is bitten.

310h  w  the time it waits, in ms; 0: for ever
      r  how often it has bitten
311h  w  a kick: it waits from the beginning again, and IRQ 11 is low
"""

from hotswap.bus import Card, PortRange, Slot, State

BASE = 0x310
MS = 1_000_000


class WatchdogState(State):
    limit: int = 0
    bites: int = 0
    due: int | None = None


class Watchdog(Card[WatchdogState]):
    """Raises IRQ 11 when its time is over, and says so on its output."""

    name = "watchdog"
    ports = PortRange(BASE, 2)
    irq = 11
    state_type = WatchdogState

    def read(self, port: int, width: int) -> int:
        return self.state.bites & 0xFF if port == BASE else 0xFF

    def write(self, port: int, width: int, value: int) -> None:
        if port == BASE:
            self.state.limit = value
        self.slot.irq.set(False)
        limit = self.state.limit
        self.state.due = self.slot.clock.now() + limit * MS if limit else None
        self.slot.alarm.set(self.state.due)

    async def run(self, slot: Slot) -> None:
        slot.alarm.set(self.state.due)
        while True:
            await slot.alarm.wait()
            self.state.due = None
            self.state.bites += 1
            slot.output.write(b"woof\r\n")
            slot.irq.set(True)
