"""A running machine, forked: all another process needs to go on from the same instant.

The machine stands only while what it has written since its last rollback point is copied; the rest
of its RAM is copied before, while it runs. Its rollback point, its disks and whatever it is
connected to stay as they are.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import Any

import msgspec
import trio

from hotswap.bus import Card, Disk

from .board import Board
from .discovery import PluginError, card_type
from .elf_cards import file_of
from .media_shared import SharedDisk, share
from .snapshot import describe, flushed
from .snapshot_elf import SnapshotError
from .snapshot_state import SavedDisk, encode_machine

TRIES, FREEZE = 5, 0.05
"""How often, and for how many host seconds each, cards may take to come to rest."""


class Fork(msgspec.Struct, frozen=True):
    """A machine between two instructions; whoever has taken it closes what it holds open.

    `machine` is a `SavedMachine` as `encode_machine` has it, without RAM, which is in file `ram`;
    `disks` are by slot. The machine has stood for `pause_ms` of host time, in which `copied` pages
    of RAM were copied.
    """

    machine: bytes
    ram: int
    disks: dict[int, list[SharedDisk | None]]
    time_ns: int
    pause_ms: float
    copied: int

    @property
    def descriptors(self) -> list[int]:
        """What the other process has to inherit."""
        disks = [disk for disks in self.disks.values() for disk in disks if disk is not None]
        return [self.ram, *(n for disk in disks for n in disk.descriptors)]


async def fork(board: Board, stack: ExitStack, purpose: str = "a fork") -> Fork:
    """Fork the machine as it is now; `stack` closes the descriptors.

    Raises `SnapshotError`, `MediaError` when it cannot be, and `BusError` during a switchover.
    """
    ram, backplane = board.processor.ram, board.backplane
    for number, slot in backplane.slots.items():
        if file_of(slot.card) is None:
            _check_installed(number, slot.card)
    with backplane.locked(purpose):  # nobody commits
        copy = await trio.to_thread.run_sync(ram.copy_base)
        stack.callback(os.close, copy)
        late: list[str] = []
        for _ in range(TRIES):
            await flushed(board)
            began = time.perf_counter_ns()
            async with board.standing():
                try:
                    late = await backplane.quiesce(each=FREEZE, total=FREEZE, cut=False)
                    if late:
                        continue
                    pages = ram.copy_written(copy)
                    machine = encode_machine(describe(board, [], _named_elsewhere))
                    disks = {
                        number: [share(disk, stack) for disk in slot.disks]
                        for number, slot in backplane.slots.items()
                    }
                    now = backplane.clock.now()
                finally:
                    backplane.thaw()
            pause_ms = (time.perf_counter_ns() - began) / 1e6
            return Fork(machine, copy, disks, now, pause_ms, pages)
    raise SnapshotError(f"card {late[0]} does not come to rest; try again later")


def _check_installed(number: int, card: Card[Any]) -> None:
    """The other process makes its cards by name."""
    try:
        card_type(card.name)
    except PluginError as error:
        raise SnapshotError(
            f"card {card.name} in slot {number} cannot be had in another process: {error}; "
            "remove it first"
        ) from error


def _named_elsewhere(_disk: Disk) -> SavedDisk:
    return SavedDisk()
