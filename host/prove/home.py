"""A machine at one instant, to be taken back to it for every case of a campaign.

Booting anew for each would cost a second; this costs milliseconds. What was tried before leaves no
trace in it: memory, processor, cards and their queues, streams, and what the board knows of its
kernel are as they were.
"""

from __future__ import annotations

import copy

import trio.testing

from hotswap.host.board import Board
from hotswap.host.guest import Guest

KNOWN = ("kernel", "before", "switchovers", "queries", "ratios")
"""What the board knows of its kernels."""
PAGE, BLOCK = 4096, 1 << 16


class Home:
    """Where `guest` is now. Make it with `Home.of`; the machine stands then, and after `go`."""

    def __init__(self, guest: Guest) -> None:
        board = guest.board
        ram, machine = board.processor.ram, board.machine
        self.guest = guest
        self.now = board.backplane.clock.now()
        self._memory = {start: ram.read(start, size) for start, size in ram.spans}
        self._cpu = board.processor.checkpoint()
        self._cards = board.backplane.snapshot()
        self._streams = {
            slot.number: (slot.output.snapshot(), slot.input.snapshot())
            for slot in board.backplane.slots.values()
        }
        self._known = {name: copy.copy(getattr(machine, name)) for name in KNOWN}
        self._said = len(guest.text)

    @classmethod
    async def of(cls, guest: Guest) -> Home:
        """Stop the machine and remember where it is."""
        board = guest.board
        await board.pause()
        await _freeze(board)
        home = cls(guest)
        await _thaw(board)
        return home

    async def go(self) -> None:
        """Take the machine there, from wherever it is; it stands."""
        board, guest = self.guest.board, self.guest
        await board.pause()
        await _freeze(board)
        self._restore_memory(board)
        board.processor.restore(self._cpu)
        board.backplane.restore(self._cards)
        for number, (output, inbox) in self._streams.items():
            slot = board.backplane.slots[number]
            slot.output.restore(output)
            slot.input.restore(inbox)
        for name, value in self._known.items():
            setattr(board.machine, name, copy.copy(value))
        guest.text = guest.text[: self._said]
        await _thaw(board)

    def _restore_memory(self, board: Board) -> None:
        for start, content in self._memory.items():
            now = memoryview(board.processor.ram.read(start, len(content)))
            was = memoryview(content)
            for block in range(0, len(content), BLOCK):
                if now[block : block + BLOCK] == was[block : block + BLOCK]:
                    continue
                for at in range(block, min(block + BLOCK, len(content)), PAGE):
                    page = was[at : at + PAGE]
                    if now[at : at + PAGE] != page:
                        board.processor.write_memory(start + at, page, by="home")


async def _freeze(board: Board) -> None:
    await trio.testing.wait_all_tasks_blocked()  # what is on its way has arrived
    await board.backplane.quiesce(each=1, total=1)


async def _thaw(board: Board) -> None:
    board.backplane.thaw()
    await trio.testing.wait_all_tasks_blocked()
