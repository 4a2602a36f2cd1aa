"""8237A pair: ports 0x00-0x1F and 0xC0-0xDF, page registers 0x81-0x8F; DRQ 0 to 3 and 5 to 7.

The first chip moves bytes within 64 KiB, the second one words within 128 KiB; HRQ of the first is
DREQ0 of the second, board line 4. The page registers give the address bits above the chip's sixteen
(IBM PC/AT Technical Reference, "System Board, Direct Memory Access"). Page register 0x80 is the
power-on self test display, a card of its own; the others that no channel uses read back.

Transfers are made between two slices of the CPU and around the cycles of these ports, in the order
of priority, each as far as its card, its count or its request lets it go. A card that has nothing
to give keeps its request and is asked again in the next turn, as is one that requests beyond TC.

A new kernel never sees what the old one has programmed (COLD_RESET): memory which that set aside
for a transfer is no longer its own. The cascade is open from power-on as every BIOS leaves it;
kernels that are started without one count on that.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hotswap.bus import Card, Cycle, Policy, PortRange, Slot, Space, State, hookimpl

from .i8237 import I8237, Channel, Select, Transfer

FIRST, SECOND = 0x00, 0xC0
PAGES = 0x80
CASCADE = 4
"""The line the first chip's HRQ is on."""
PAGE_OF_LINE = (0x7, 0x3, 0x1, 0x2, 0xF, 0xB, 0x9, 0xA)
"""Which page register goes with a DRQ line; 4's is driven during refresh."""


def _cascading() -> I8237:
    chip = I8237(mask=0x0E)
    chip.channels[0].mode = Select.CASCADE
    return chip


class DmaState(State):
    first: I8237 = msgspec.field(default_factory=I8237)
    second: I8237 = msgspec.field(default_factory=_cascading)
    pages: list[int] = msgspec.field(default_factory=lambda: [0] * 16)


class Dma(Card[DmaState]):
    """The DMA controller of the AT. It watches the DRQ lines of the board."""

    name = "dma"
    ports = (PortRange(FIRST, 32), PortRange(PAGES + 1, 15), PortRange(SECOND, 32))
    drq = CASCADE
    switchover = Policy.COLD_RESET
    state_type = DmaState

    def plugged(self, slot: Slot) -> None:
        """Take over the lines as they are."""
        self._take_levels()
        slot.backplane.dma = self

    def power_on(self) -> None:
        """RESET does not lower the lines of others."""
        super().power_on()
        if hasattr(self, "slot"):
            self._take_levels()

    # -- the DRQ lines ------------------------------------------------------------------------

    def _take_levels(self) -> None:
        for line, level in enumerate(self.slot.backplane.drq.levels):
            self._drive(line, level)

    def _drive(self, line: int, level: bool) -> None:
        if line != CASCADE:
            self._chip(line).drive(line & 3, level)

    def _take_edges(self) -> None:
        backplane = self.slot.backplane
        if edges := backplane.drq.take():
            backplane.trace.edges("DRQ", edges)
            for edge in edges:
                self._drive(edge.line, edge.level)

    def _chip(self, line: int) -> I8237:
        return self.state.first if line < CASCADE else self.state.second

    def _next(self, skip: int) -> int | None:
        """The line that has the bus: the pair's priorities, without the lines in `skip`."""
        held = self.slot.backplane.drq.held
        first, second = self.state.first, self.state.second
        inner = first.next(skip & 0xF, 0 if held else 0xF)
        second.drive(0, inner is not None)
        cascading = inner is not None and second.channels[0].select is Select.CASCADE
        channel = second.next(skip >> CASCADE | (not cascading), 0b0001 if held else 0xF)
        if channel is None:
            return None
        return CASCADE + channel if channel else inner

    # -- transfers ----------------------------------------------------------------------------

    def serve(self) -> None:
        """Make the transfers that are asked for; at most one TC for each line."""
        self._take_edges()
        skip = 0
        while (line := self._next(skip)) is not None:
            if not self._transfer(line):
                skip |= 1 << line
            self._take_edges()

    def _transfer(self, line: int) -> bool:
        """One run of addresses; False when the line has to wait for the next turn."""
        chip, number = self._chip(line), line & 3
        if chip is self.state.first:
            self.state.second.begin(0)
        channel = chip.begin(number)
        if channel.select is Select.CASCADE:
            return False  # a bus master, which finds its way to memory itself
        if chip.copies(number):
            return self._copy(chip, line)
        shift = 1 if line > CASCADE else 0
        dack, transfers = self.slot.backplane.acknowledge_dma(line), channel.run()
        size = transfers << shift
        match channel.transfer:
            case Transfer.WRITE:
                content = dack.read(size)
                moved = len(content) >> shift
                self._store(line, moved, content[: moved << shift])
            case Transfer.READ:
                content = self._load(line, transfers)
                moved = dack.write(content, transfers == channel.count + 1) >> shift
            case _:
                moved = len(dack.read(size)) >> shift
        if not moved:
            return False
        if chip.advance(number, moved):
            dack.end()
            return False
        return moved == transfers

    def _copy(self, chip: I8237, line: int) -> bool:
        """A run of bytes by way of the temporary register; False after TC."""
        source, target = chip.channels[0], chip.channels[1]
        transfers = min(source.run(), target.run())
        if chip.holds_source:
            content = self._load(line, 1) * transfers
        else:
            transfers = min(transfers, self._ahead(line, source, target))
            content = self._load(line, transfers)
        chip.temporary = content[-1]
        self._store(line + 1, transfers, content)
        return not chip.advance_copy(transfers)

    def _ahead(self, line: int, source: Channel, target: Channel) -> int:
        """Transfers that read nothing one of them has written."""
        if self.state.pages[PAGE_OF_LINE[line]] != self.state.pages[PAGE_OF_LINE[line + 1]]:
            return 0x10000
        if source.decrements != target.decrements:
            return 1
        distance = target.address - source.address
        if source.decrements:
            distance = -distance
        return distance if distance > 0 else 0x10000

    # -- memory -------------------------------------------------------------------------------

    def _lowest(self, line: int, transfers: int) -> int:
        """The lowest physical address of the channel's next `transfers`."""
        chip = self._chip(line)
        channel: Channel = chip.channels[line & 3]
        first = channel.address - (transfers - 1 if channel.decrements else 0)
        page = self.state.pages[PAGE_OF_LINE[line]]
        return page << 16 | first if line < CASCADE else (page & 0xFE) << 16 | first << 1

    def _in_order(self, line: int, content: bytes) -> bytes:
        """From the order of addresses to that of transfers, or back."""
        if not self._chip(line).channels[line & 3].decrements:
            return content
        if line < CASCADE:
            return content[::-1]
        words = range(len(content) - 2, -1, -2)
        return b"".join(content[at : at + 2] for at in words)

    def _load(self, line: int, transfers: int) -> bytes:
        backplane, start = self.slot.backplane, self._lowest(line, transfers)
        memory, size = backplane.memory, transfers << (line > CASCADE)
        if memory is not None and memory.holds(start, size):
            return self._in_order(line, memory.read_memory(start, size))
        return self._in_order(line, bytes(self._cycle(start + at) for at in range(size)))

    def _store(self, line: int, transfers: int, content: bytes) -> None:
        if not content:
            return
        backplane, start = self.slot.backplane, self._lowest(line, transfers)
        memory, content = backplane.memory, self._in_order(line, content)
        if memory is not None and memory.holds(start, len(content)):
            memory.write_memory(start, content, by=self.name)
            return
        for at, byte in enumerate(content):
            self._cycle(start + at, byte)

    def _cycle(self, address: int, value: int | None = None) -> int:
        """One byte where not all is RAM: RAM, a card's window, or nothing."""
        backplane = self.slot.backplane
        memory = backplane.memory
        if memory is not None and memory.holds(address, 1):
            if value is None:
                return memory.read_memory(address, 1)[0]
            memory.write_memory(address, bytes((value,)), by=self.name)
            return value
        try:
            if value is None:
                return backplane.memory_read(address, 1) & 0xFF
            backplane.memory_write(address, 1, value)
        except Exception as error:  # the fault of the card in whose window it is
            cycle = Cycle(Space.MEMORY, value is not None, address, 1, value or 0)
            backplane.cycle_failed(cycle, error)
            return 0xFF
        return value

    # -- bus cycles ---------------------------------------------------------------------------

    def read(self, port: int, width: int) -> int:
        """A register, as it is after every transfer asked for up to this cycle."""
        self.serve()
        if PAGES < port < PAGES + 0x10:
            return self.state.pages[port - PAGES]
        return self._at(port).read(self._reg(port))

    def write(self, port: int, width: int, value: int) -> None:
        """A register; what it lets through is transferred before the cycle ends."""
        self.serve()
        if PAGES < port < PAGES + 0x10:
            self.state.pages[port - PAGES] = value
        else:
            self._at(port).write(self._reg(port), value)
            self.serve()

    def _at(self, port: int) -> I8237:
        return self.state.first if port < SECOND else self.state.second

    def _reg(self, port: int) -> int:
        """A3 to A0: the first chip is there twice, the second at even addresses and odd ones."""
        return port & 0xF if port < SECOND else (port - SECOND) >> 1


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return Dma if name == Dma.name else None
