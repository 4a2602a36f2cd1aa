"""A run in a durable folder: from power-on, or from a snapshot, until the machine has ended."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from hotswap.cpu import Ram
from hotswap.switchover.memory import MIB

from . import wall_clock
from .board import Board, BoardConfig
from .durable_folder import DurableFolder, open_folder
from .durable_machine import KeptInFolder
from .durable_ram import new_ram
from .snapshot import this_program


class DurableRun:
    """A machine in a folder; without one, a machine like any other."""

    def __init__(self, folder: DurableFolder | None, ram: Ram | None) -> None:
        self.folder, self.ram = folder, ram

    def attach(self, board: Board) -> None:
        """Before the machine starts: its R1 is kept here, and where it was saved is noted."""
        if self.folder is not None:
            board.durability = KeptInFolder(board, self.folder)
            board.on_saved = self.folder.note_snapshot

    def ended(self) -> None:
        """The machine has ended by itself or was stopped. Raises `DurabilityError`."""
        if self.folder is not None and not self.folder.has_r1:
            record = self.folder.machine()
            self.folder.end(msgspec.structs.replace(record, ended_at=wall_clock.iso()))


@contextmanager
def open_durable(path: Path | None, config: BoardConfig) -> Iterator[DurableRun]:
    """A new machine of this kind in the folder at `path`. Raises `DurabilityError`."""
    if path is None:
        yield DurableRun(None, None)
        return
    with open_folder(path, make=True) as folder, begin(folder, config) as run:
        yield run


@contextmanager
def begin(folder: DurableFolder, config: BoardConfig) -> Iterator[DurableRun]:
    """As `open_durable`, in a folder that is open."""
    folder.begin(config.name, this_program(), sys.argv)
    with new_ram(folder, config.memory * MIB) as ram:
        yield DurableRun(folder, ram)
