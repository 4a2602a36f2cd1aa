"""A machine that was assembled, opened: its board, its media, and what its connectors lead to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from hotswap.bus import Medium
from hotswap.cpu import Ram

from .assembly import Assembly, Cold
from .board import Board, open_board
from .cables import OpenCable
from .card_restart import restart_card
from .machine_file import MachineFile
from .media import open_medium


@asynccontextmanager
async def open_machine(
    assembly: Assembly,
    cables: Mapping[int, OpenCable],
    *,
    ram: Ram | None = None,
    prepare: Callable[[Board], None] = lambda board: None,
) -> AsyncIterator[Board]:
    """The machine, powered on; gone when the block ends, its media closed.

    `cables` are what `open_cables(assembly.cables)` gave, `ram` is as in `open_board`; `prepare` is
    called with the whole machine before anything starts. Raises `HotswapError` of many kinds
    before the guest has executed anything.
    """
    with ExitStack() as open_media:
        disks, floppies = _open_media(assembly.file, open_media)
        async with open_board(
            assembly.config, cards=assembly.cards, frozen=False, ram=ram
        ) as board:
            for number, (cable, back_end) in cables.items():
                board.connect(board.backplane.find(number), back_end, cable)
            for name, media in (("ide", disks), ("fdc", floppies)):
                slots = [plug.slot for plug in assembly.cards if plug.card == name]
                drives = [disk for slot in slots for disk in board.backplane.find(slot).disks]
                for drive, medium in zip(drives, media, strict=False):
                    drive.change(medium)
            for plug in assembly.cards:
                if plug.restart is not None:
                    title = board.backplane.find(plug.slot).title
                    board.nursery.start_soon(restart_card, board, plug, title, plug.restart)
            prepare(board)
            if isinstance(assembly.start, Cold):
                cold = assembly.start
                board.boot(cold.image, initrd=cold.initrd, append=cold.append)
            else:
                board.start(assembly.start)
            yield board


def _open_media(file: MachineFile, stack: ExitStack) -> tuple[list[Medium], list[Medium | None]]:
    """The media of the disks and of the floppies, to be closed by `stack`."""

    def insert(image: Path, read_only: bool, overlay: Path | None = None) -> Medium:
        medium = open_medium(image, overlay=overlay, read_only=read_only)
        stack.callback(medium.close)
        return medium

    disks = [insert(disk.image, disk.read_only, disk.overlay) for disk in file.disk]
    floppies = [
        None if floppy.image is None else insert(floppy.image, floppy.read_only)
        for floppy in file.floppy
    ]
    return disks, floppies
