"""A machine saved in the middle of a disk transfer: the restored one moves the rest of it."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked as settle

from hotswap.bus import SECTOR
from hotswap.host.board import Board, BoardConfig, open_board
from hotswap.host.media import open_medium
from hotswap.host.pytest_plugin import Ports
from hotswap.host.snapshot import open_restored, read_snapshot, take_snapshot, write_snapshot

READ, WRITE, READ_MULTIPLE, WRITE_MULTIPLE, SET_MULTIPLE = 0x20, 0x30, 0xC4, 0xC5, 0xC6
LBA, COUNT, BLOCK = 7, 12, 4
SECTORS = 64
MOVES = {0, 1, 255, 256, 257, 700, 1024, 2047, 3071}
"""Words of the transfer before which the machine moves into another process's shoes."""
OLD = bytes(n * 7 & 0xFF for n in range(SECTORS * SECTOR))
NEW = bytes(n * 11 & 0xFF for n in range(COUNT * SECTOR))


@asynccontextmanager
async def with_disk(folder: Path) -> AsyncIterator[Board]:
    """A machine with an overlay in its first drive."""
    config = BoardConfig(memory=1, deterministic=True, switchover=False)
    with open_medium(folder / "image", overlay=folder / "overlay") as medium:
        async with open_board(config) as board:
            (await board.plug_in("ide")).disks[0].change(medium)
            yield board


class Driver:
    """Of the drive in a machine that is saved and goes on as another one at some of its words."""

    def __init__(self, folder: Path, machine: AsyncExitStack, board: Board) -> None:
        self.file, self.overlay = folder / "saved", folder / "overlay"
        self.machine, self.board = machine, board
        self.moves = self.under_way = 0

    @property
    def ports(self) -> Ports:
        return Ports(self.board.backplane)

    async def move(self) -> None:
        """End the machine; what it was goes on from files.

        The overlay is copied before a card has its turn again: the drive may have to write yet.
        """
        snapshot = await take_snapshot(self.board)
        self.moves += 1
        copy = self.overlay.with_name(f"overlay {self.moves}")
        shutil.copy(self.overlay, copy)
        await trio.to_thread.run_sync(write_snapshot, self.file, snapshot)
        await self.machine.aclose()
        self.under_way += not filecmp.cmp(self.overlay, copy, shallow=False)
        restored = open_restored(read_snapshot(self.file), moved={self.overlay: copy})
        self.board, self.overlay = await self.machine.enter_async_context(restored), copy
        self.board.backplane.thaw()

    def command(self, code: int, lba: int, count: int) -> None:
        for reg, value in ((6, 0xE0), (2, count), (3, lba), (4, 0), (5, 0), (7, code)):
            self.ports.write(0x1F0 + reg, value)

    async def status(self) -> int:
        """Once it is not busy; reading it takes the interrupt back."""
        await settle()
        return self.ports.read(0x1F7)

    async def perform(self, code: int, content: bytes) -> bytes:
        """Move `content`, or read as much, a block at a time."""
        block = BLOCK if code in (READ_MULTIPLE, WRITE_MULTIPLE) else 1
        if block > 1:
            self.command(SET_MULTIPLE, 0, block)
            assert await self.status() == 0x50
        self.command(code, LBA, COUNT)
        moved = bytearray()
        for word in range(COUNT * SECTOR // 2):
            if word in MOVES:
                await self.move()
            if word % (block * SECTOR // 2) == 0:
                await settle()
                first_write = code in (WRITE, WRITE_MULTIPLE) and word == 0
                assert self.board.slot("ide").irq.level != first_write
                assert await self.status() == 0x58
            if word + 1 in MOVES:  # what this word gives the drive to do is saved undone
                await self.board.backplane.quiesce(each=1, total=1)
            if code in (WRITE, WRITE_MULTIPLE):
                value = int.from_bytes(content[2 * word : 2 * word + 2], "little")
                self.ports.write(0x1F0, value, width=2)
            else:
                value = self.ports.read(0x1F0, width=2)
            moved += value.to_bytes(2, "little")
        await self.move()
        assert await self.status() == 0x50
        return bytes(moved)


@pytest.mark.parametrize("code", [READ, READ_MULTIPLE, WRITE, WRITE_MULTIPLE])
async def test_the_restored_machine_moves_the_rest_of_a_transfer(code: int, tmp_path: Path) -> None:
    await trio.Path(tmp_path / "image").write_bytes(OLD)
    place = slice(LBA * SECTOR, (LBA + COUNT) * SECTOR)
    wanted = bytearray(OLD)
    if code in (WRITE, WRITE_MULTIPLE):
        wanted[place] = NEW
    async with AsyncExitStack() as machine:
        board = await machine.enter_async_context(with_disk(tmp_path))
        driver = Driver(tmp_path, machine, board)
        assert await driver.perform(code, NEW) == wanted[place]
        assert driver.board.slot("ide").disks[0].read(0, SECTORS) == wanted
        assert driver.moves == len(MOVES) + 1
        if code in (WRITE, WRITE_MULTIPLE):
            assert driver.under_way, "once, what was saved had sectors to write yet"
    with open_medium(tmp_path / "image", overlay=driver.overlay, read_only=True) as medium:
        assert medium.read(0, SECTORS) == wanted
    assert await trio.Path(tmp_path / "image").read_bytes() == OLD
