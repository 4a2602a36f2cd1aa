"""A guest of its own finds, configures and uses Plug and Play cards, with nothing but port cycles.

`tests/guests/isapnp.c`: what it does was written from the specification, not from the cards.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from hotswap.bus import Slot
from hotswap.host.board import Board, BoardConfig, open_board
from hotswap.host.loader_flat import load_flat
from hotswap.host.snapshot import go_on, open_restored, read_snapshot, take_snapshot, write_snapshot
from hotswap.switchover.memory import MIB

GUEST = Path(__file__).parent / "guests" / "isapnp.bin"
UART, NE2000 = "22680501", "4A8C8019"
"""Their identifiers, as bytes."""


class Told:
    """Tells the guest what to do over COM1, and reads what it has done."""

    def __init__(self, board: Board) -> None:
        self.board = board

    async def __call__(self, letter: str, end: str) -> list[str]:
        """The lines it says, up to the one that matches `end`."""
        self.board.serial.input.feed(letter.encode())
        said = ""
        with trio.fail_after(60):
            while not re.search(f"^{end}\n", said, re.MULTILINE):
                await self.board.serial.output.ready()
                said += self.board.serial.output.take().decode()
        return said.splitlines()

    async def echoes(self, slot: Slot, byte: int) -> None:
        """A byte fed to a serial port comes back from it, by way of the guest."""
        slot.input.feed(bytes((byte,)))
        assert await self("e", f"echo {byte:02X}")
        assert slot.output.take() == bytes((byte,))


@pytest.fixture
async def board() -> AsyncIterator[Board]:
    config = BoardConfig(memory=2, deterministic=True, switchover=False)
    async with open_board(config) as machine:
        machine.start(load_flat(GUEST.read_bytes(), "isapnp.bin", MIB, "protected", 2 * MIB))
        yield machine


async def test_without_cards_it_finds_none(board: Board) -> None:
    assert await Told(board)("i", "cards .*") == ["cards 00"]


async def test_it_configures_what_is_there_and_what_is_inserted_while_it_runs(board: Board) -> None:
    tell = Told(board)
    await board.plug_in("uart", {"pnp": True})
    await board.plug_in("ne2000", {"pnp": True})
    first = board.backplane.slots[len(board.backplane.slots) - 2]
    lines = await tell("i", "cards .*")
    assert lines == [
        f"card 01 {NE2000} {first.number + 1:08X}",
        f"card 02 {UART} {first.number:08X}",
        "device 4A8C8019 at 0280 irq 3",
        "device 41D00501 at 03E8 irq 5",
        "cards 02",
    ]
    await tell.echoes(first, 0x42)
    later = await board.plug_in("uart", {"pnp": True})
    assert await tell("i", "cards .*") == [
        f"card 03 {UART} {later.number:08X}",
        "device 41D00501 at 02E8 irq 7",
        "cards 03",
    ]
    await tell.echoes(later, 0x43)
    assert board.backplane.leases[first.number].irqs == (5,)


async def test_it_goes_round_what_others_have(board: Board) -> None:
    """COM3 is there with jumpers, IRQ 3 belongs to a printer, and something answers at 0x203."""
    tell = Told(board)
    await board.plug_in("uart", {"base": 0x3E8, "irq": 3})
    await board.plug_in("lpt", {"base": 0x278, "irq": 5})
    await board.plug_in("debugexit", {"base": 0x203})
    slot = await board.plug_in("uart", {"pnp": True})
    lines = await tell("i", "cards .*")
    assert lines[1:] == ["device 41D00501 at 02E8 irq 7", "cards 01"]
    await tell.echoes(slot, 0x44)


async def test_what_it_deactivates_can_be_had_by_another_card(board: Board) -> None:
    tell = Told(board)
    await board.plug_in("uart", {"pnp": True})
    assert "device 41D00501 at 03E8 irq 3" in await tell("i", "cards .*")
    assert await tell("d", "active .*") == ["active 00"]
    await board.plug_in("uart", {"base": 0x3E8, "irq": 3})


async def test_a_machine_from_a_snapshot_goes_on_with_its_cards(
    board: Board, tmp_path: Path
) -> None:
    tell = Told(board)
    number = (await board.plug_in("uart", {"pnp": True})).number
    await tell("i", "cards .*")
    await board.pause()
    snapshot = await take_snapshot(board)
    write_snapshot(tmp_path / "file", snapshot)
    async with open_restored(read_snapshot(tmp_path / "file")) as restored:
        go_on(restored, snapshot)
        again = Told(restored)
        await again.echoes(restored.backplane.slots[number], 0x45)
        await restored.plug_in("uart", {"pnp": True})
        assert (await again("i", "cards .*"))[-1] == "cards 02"
