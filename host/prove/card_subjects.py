"""What `prove cards` inserts and pulls, and the guest that reaches for it all the while."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import msgspec

from hotswap.bus import Card, MemoryRange, Policy, PortRange, Resources, Slot, State
from hotswap.host.board import Board
from hotswap.host.elf_cards import ElfFile, Sandbox, read_elf

PORT, PORTS = 0x300, 8
WINDOW = 0xE000_0000
LATCH = PORT + 7
SAMPLE = Path(__file__).parents[1] / "guests" / "sample-card.o"
CODE = 0x1000
MANY = 3
"""Commands that may wait."""


class TallyState(State):
    """What happened to it."""

    reads: int = 0
    writes: int = 0
    done: int = 0
    latch: int = 0


class Command(msgspec.Struct, frozen=True):
    """Posted by OUT."""

    value: int


class Tally(Card[TallyState]):
    """Has one of everything a slot can give, and uses it: what of that is not given back?"""

    name = "tally"
    switchover = Policy.CARRY
    state_type = TallyState

    def resources(self) -> Resources:
        """Ports, a latch, lines, a window, a drive."""
        return Resources(
            ports=(PortRange(PORT, PORTS),),
            irqs=(5, 7),
            drqs=(1,),
            windows=(MemoryRange(WINDOW, 0x2000),),
            disks=1,
            latches={LATCH: "latch"},
        )

    def plugged(self, slot: Slot) -> None:
        """Memory of its own, and a second alarm."""
        self.video = slot.map_ram(WINDOW, 0x1000)
        self.second = slot.new_alarm()

    def read(self, port: int, width: int) -> int:
        """Count; the line follows."""
        self.state.reads += 1
        self.slot.irq.set(bool(self.state.reads & 1))
        return self.state.reads & 0xFF

    def write(self, port: int, width: int, value: int) -> None:
        """Work for the task, alarms, a byte for the back end, and a DMA request."""
        self.state.writes += 1
        now = self.slot.clock.now()
        self.slot.alarm.set(now + 1000)
        self.second.set(now + 10_000_000)
        self.slot.drq.set(True)
        self.slot.output.write(b"%c" % (value & 0xFF))
        if len(self.slot.commands) < MANY:
            self.slot.post(Command(value))

    def memory_read(self, address: int, width: int) -> int:
        """The part of the window that is not mapped."""
        self.state.reads += 1
        return 0

    def dma_read(self, line: int, size: int) -> bytes:
        """No DMA controller is on the board; the request just stands."""
        return b""

    async def run(self, slot: Slot) -> None:
        """Work on what was posted, and wait for the alarm meanwhile."""
        async for _ in slot.commands:
            await slot.alarm.wait()
            self.state.done += 1


def sample(sandbox: Sandbox) -> ElfFile:
    """The card in machine code with something of everything."""
    return read_elf(SAMPLE, sandbox)


async def make(board: Board, kind: str) -> Card[Any]:
    """A new card of a kind: `python`, `elf` or `process`."""
    if kind == "python":
        return Tally()
    return await board.make_card("sample", {}, sample("engine" if kind == "elf" else "process"))


def start_polling(board: Board) -> None:
    """A guest that reads and writes all ports and the window, over and over."""
    loop = b"\xba" + struct.pack("<I", PORT)  # L: mov edx, PORT
    loop += b"\xb9" + struct.pack("<I", PORTS)  # mov ecx, PORTS
    loop += b"\xec\xee\x42\xe2\xfb"  # M: in al, dx; out dx, al; inc edx; loop M
    loop += b"\xa1" + struct.pack("<I", WINDOW)  # mov eax, [WINDOW]
    loop += b"\x40\xa3" + struct.pack("<I", WINDOW)  # inc eax; mov [WINDOW], eax
    loop += b"\xa1" + struct.pack("<I", WINDOW + 0x1800)  # a part that is not mapped
    code = loop + b"\xe9" + struct.pack("<i", -(len(loop) + 5))  # jmp L
    board.processor.write_memory(CODE, code)
    board.processor.flat32(CODE, 0x8000)
    board.nursery.start_soon(board.processor.run, name="cpu")
