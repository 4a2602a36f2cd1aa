"""A machine that was assembled, opened: its board, its media, and what its connectors lead to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from hotswap.bus import Medium, Slot

from .assembly import Assembly, Cold
from .backends import SerialBackEnd, open_backend
from .board import Board, open_board
from .machine_file import MachineFile
from .media import open_medium


@asynccontextmanager
async def open_machine(
    assembly: Assembly, serial: SerialBackEnd | None = None
) -> AsyncIterator[Board]:
    """The machine, powered on; gone when the block ends, its media closed.

    The first serial port goes to `serial`, by default where the machine file says. Raises
    `HotswapError` of many kinds before the guest has executed anything.
    """
    ports = [] if serial is None else [serial]
    for table in assembly.file.serial[len(ports) :]:
        port = await open_backend(table.to)
        ports.append(port)
    with ExitStack() as open_media:
        disks, floppies = _open_media(assembly.file, open_media)
        first = ports[0] if ports else None
        async with open_board(assembly.config, first, assembly.cards, frozen=False) as board:
            for uart, port in list(zip(_slots(board, "uart"), ports, strict=False))[1:]:
                board.nursery.start_soon(port.serve, uart.input, uart.output)
            for name, media in (("ide", disks), ("fdc", floppies)):
                drives = [disk for slot in _slots(board, name) for disk in slot.disks]
                for drive, medium in zip(drives, media, strict=False):
                    drive.change(medium)
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


def _slots(board: Board, name: str) -> list[Slot]:
    slots = sorted(board.backplane.slots.items())
    return [slot for _, slot in slots if slot.title == name]
