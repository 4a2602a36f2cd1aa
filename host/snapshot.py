"""Snapshots: a whole machine between two instructions as a file, and the machine again from it.

`snapshot_elf` is the container, `snapshot_state` the schema of what is in it; a file may also be
that container in a zstd frame. Nothing of the machine that is saved changes by it: the CPU stands
and the cards are frozen while their state is copied, and machine time stands still.
"""

from __future__ import annotations

import functools
from collections import abc
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import trio
import zstandard

from hotswap.bus import Disk, Medium, Slot
from hotswap.bus.backplane import BackplaneState
from hotswap.bus.slot import SlotState
from hotswap.cpu import Ram
from hotswap.switchover.image import KernelImage
from hotswap.switchover.memory import MIB

from . import wall_clock
from .backends import SerialBackEnd
from .board import Board, PlugIn, open_board
from .cables import Cable, OpenCable
from .durable import write_durably
from .elf_cards import file_of
from .media_overlay import Overlay
from .media_raw import RawImage
from .snapshot_debug import debugger_notes, linear_mappings
from .snapshot_disks import identity, open_disks, save_disk
from .snapshot_elf import PAGE, Extent, Mapping, SnapshotError, build_core, open_core
from .snapshot_state import (
    VERSION,
    SavedCard,
    SavedDisk,
    SavedMachine,
    decode_machine,
    encode_machine,
    load_command,
    save_command,
)

FREEZE_CARD, FREEZE_ALL, FLUSH = 2.0, 5.0, 5.0
"""Host seconds cards have to come to rest, and before that to end what must not be cut short."""
ZSTD_MAGIC, ZSTD_LEVEL = b"\x28\xb5\x2f\xfd", 3
SUFFIX = ".zst"
FILE_MAX = 4 << 30
"""Bytes of a decompressed file: more than any machine has."""
_ZEROS = bytes(PAGE)
NOTHING: abc.Mapping[Any, Any] = MappingProxyType({})


class Snapshot(NamedTuple):
    """A machine in the host's memory: `ram` is what the extents of `machine` hold."""

    machine: SavedMachine
    ram: list[memoryview]
    debugger_notes: list[bytes]
    mappings: list[Mapping]


class Saved(NamedTuple):
    """A snapshot on disk: machine time in it, and the file's size in bytes."""

    time_ns: int
    size: int


# -- taking -------------------------------------------------------------------------------------


async def take_snapshot(board: Board) -> Snapshot:
    """The machine as it is now; it goes on as if nothing had happened.

    Raises `SnapshotError`, and `BusError` while a switchover is under way.
    """
    backplane = board.backplane
    with backplane.locked("a snapshot"):
        await flushed(board)
        async with board.standing():
            try:
                late = await backplane.quiesce(each=FREEZE_CARD, total=FREEZE_ALL, cut=False)
                if late:
                    raise SnapshotError(f"card {late[0]} does not come to rest; try again later")
                return _take(board)
            finally:
                backplane.thaw()


async def flushed(board: Board) -> None:
    """Wait for cards that flush: a freeze would hold them up. Raises `SnapshotError`."""
    if late := await board.backplane.flushed(FLUSH):
        raise SnapshotError(f"card {late[0]} is flushing; try again later")


def _take(board: Board) -> Snapshot:
    processor = board.processor
    extents, content = _stored(processor.ram)
    machine = describe(board, extents, save_disk)
    mappings = list(linear_mappings(machine.cpu, processor.holds, processor.read_memory))
    mappings += [Mapping(start, start, size) for start, size in processor.ram.spans]
    notes = debugger_notes(machine.cpu, processor.eflags, board.config.name)
    return Snapshot(machine, content, notes, mappings)


@functools.cache  # looking it up takes longer than all the rest
def this_program() -> str:
    """Its name and version."""
    return f"hotswap-host {version('hotswap-host')}"


def describe(
    board: Board, ram: list[Extent], save: abc.Callable[[Disk], SavedDisk]
) -> SavedMachine:
    """All of the machine but the content of RAM; it stands between two instructions.

    Raises `SnapshotError`, `CpuStateError`, `CardError`, and what `save` raises.
    """
    processor, backplane, replaceable = board.processor, board.backplane, board.replaceable
    state = backplane.snapshot()
    return SavedMachine(
        written_by=this_program(),
        taken_at=wall_clock.iso(),
        config=board.config,
        time_ns=backplane.clock.now(),
        cpu=processor.take_state(),
        cards=[
            _saved(backplane.slots[slot.slot], slot, board.cables.get(slot.slot), save)
            for slot in state.slots
        ],
        irq=state.irq,
        drq=state.drq,
        kernel=_identity(replaceable.kernel) if replaceable else None,
        switchovers=replaceable.switchovers if replaceable else 0,
        ram_size=processor.ram.size,
        ram=ram,
    )


def _identity(kernel: KernelImage) -> KernelImage:
    """All of it but its content, which is in RAM, as far as it has not changed."""
    return msgspec.structs.replace(kernel, content=b"", elf=b"")


def _saved(
    slot: Slot, state: SlotState, cable: Cable | None, save: abc.Callable[[Disk], SavedDisk]
) -> SavedCard:
    return SavedCard(
        slot=state.slot,
        settings=msgspec.to_builtins(slot.card.settings, builtin_types=(bytes,)),
        resources=slot.resources,
        elf=file_of(slot.card),
        state=state.saved,
        commands=[save_command(slot.card, command) for command in state.commands],
        fault=state.fault,
        output=slot.output.snapshot(),
        input=slot.input.snapshot(),
        frames_out=slot.frames_out.snapshot(),
        frames_in=slot.frames_in.snapshot(),
        disks=[save(disk) for disk in slot.disks],
        cable=cable,
        pnp=state.pnp,
    )


def _stored(ram: Ram) -> tuple[list[Extent], list[memoryview]]:
    """The pages that are not all zeros, neighbours together."""
    extents: list[Extent] = []
    content: list[memoryview] = []
    for first, pages in ram.used_runs():
        run = ram.read(first * PAGE, pages * PAGE)
        begin = None
        for at in range(0, len(run) + PAGE, PAGE):
            if run[at : at + PAGE] not in (_ZEROS, b""):
                begin = at if begin is None else begin
            elif begin is not None:
                extents.append(Extent(first * PAGE + begin, at - begin))
                content.append(memoryview(run)[begin:at])
                begin = None
    return extents, content


# -- files --------------------------------------------------------------------------------------


def write_snapshot(path: Path, snapshot: Snapshot) -> int:
    """Write it durably, in a zstd frame when the name of `path` ends in .zst.

    Returns the size of the file, bytes. Raises `SnapshotError`; then there is no new file.
    """
    pieces = build_core(
        VERSION,
        snapshot.debugger_notes,
        encode_machine(snapshot.machine),
        snapshot.mappings,
        snapshot.machine.ram,
        snapshot.ram,
    )
    if path.suffix == SUFFIX:
        packer = zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True)
        chunks = packer.compressobj(sum(map(len, pieces)))
        pieces = [*(chunks.compress(piece) for piece in pieces), chunks.flush()]
    try:
        write_durably(path, pieces)
    except OSError as error:
        raise SnapshotError(
            f"{path}: cannot be written: {error.strerror}; give another file"
        ) from error
    return sum(map(len, pieces))


async def save_snapshot(board: Board, path: Path) -> Saved:
    """Take one and write it; the machine runs on while it is written. Raises as those two do."""
    snapshot = await take_snapshot(board)
    size = await trio.to_thread.run_sync(write_snapshot, path, snapshot)
    machine = snapshot.machine
    await trio.to_thread.run_sync(board.on_saved, path, machine.taken_at, machine.time_ns)
    return Saved(snapshot.machine.time_ns, size)


def read_core(path: Path) -> bytes:
    """The ELF core in `path`, out of its zstd frame if it is in one. Raises `SnapshotError`."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SnapshotError(f"{path}: {error.strerror}; give a snapshot that can be read") from None
    if content[:4] != ZSTD_MAGIC:
        return content
    try:
        size = zstandard.frame_content_size(content)
        if not 0 <= size <= FILE_MAX:
            raise SnapshotError(f"{path}: damaged, {size} bytes cannot be; use another copy")
        return zstandard.ZstdDecompressor().decompress(content, max_output_size=size)
    except (zstandard.ZstdError, MemoryError) as error:
        raise SnapshotError(f"{path}: damaged: {error}; use another copy") from error


def read_snapshot(path: Path) -> Snapshot:
    """Read and check a file. Raises `SnapshotError` with the reason."""
    name = str(path)
    core = open_core(content := read_core(path), name, VERSION)
    machine = decode_machine(core.machine, name)
    if machine.ram_size != machine.config.memory * MIB or machine.cpu.model != machine.config.cpu:
        raise SnapshotError(f"{name}: RAM or CPU are not those of its machine; save it again")
    view, at = memoryview(content), core.ram_at
    ram: list[memoryview] = []
    for extent in machine.ram:
        ram.append(view[at : at + extent.size])
        at += extent.size
    if at > len(view):
        raise SnapshotError(f"{name}: RAM is cut short; use another copy")
    return Snapshot(machine, ram, [], [])


# -- restoring ----------------------------------------------------------------------------------


@asynccontextmanager
async def open_restored(
    snapshot: Snapshot,
    serial: SerialBackEnd | None = None,
    *,
    moved: abc.Mapping[Path, Path] = NOTHING,
    cables: abc.Mapping[int, OpenCable] = NOTHING,
    ram: Ram | None = None,
    identify: abc.Callable[[RawImage | Overlay], str] = identity,
    prepare: abc.Callable[[Board], None] = lambda board: None,
    media: abc.Mapping[int, list[Medium | None]] | None = None,
) -> AsyncIterator[Board]:
    """The machine again, standing where it stood; `go_on(board, snapshot)` lets it run.

    Its disks are opened again, `moved` has the new place of files that are elsewhere now. The
    first serial port goes to `serial`, or `cables` has what all ports are connected to. `ram` is
    where RAM goes, by default new memory; `identify` is how a disk is known again; `prepare` is
    called with the machine before anything is connected to it. `media` are what is in the drives,
    by slot, when it is not to be opened. Raises
    `PluginError`, `StateError`, `SnapshotError`, `MediaError`, `UnsupportedEngine` when something
    of it cannot be had here.
    """
    machine = snapshot.machine
    plugs = [
        PlugIn(card.slot, card.name, card.settings, resources=card.resources, elf=card.elf)
        for card in machine.cards
    ]
    with ExitStack() as open_media:
        disks = media or open_disks(machine, moved, open_media, identify)
        async with open_board(machine.config, serial, plugs, ram=ram) as board:
            for number, inserted in disks.items():
                for disk, medium in zip(board.backplane.find(number).disks, inserted, strict=True):
                    disk.change(medium)
            _put_back(board, snapshot)
            prepare(board)
            for number, (cable, back_end) in cables.items():
                board.connect(board.backplane.find(number), back_end, cable)
            yield board


def go_on(board: Board, snapshot: Snapshot) -> None:
    """Let a restored machine run."""
    machine = snapshot.machine
    board.go_on(machine.time_ns, machine.kernel, machine.switchovers)


def _put_back(board: Board, snapshot: Snapshot) -> None:
    machine, processor, backplane = snapshot.machine, board.processor, board.backplane
    for extent, content in zip(machine.ram, snapshot.ram, strict=True):
        processor.write_memory(extent.start, content, by="snapshot")
    processor.put_state(machine.cpu)
    slots = []
    for saved in machine.cards:
        slot = backplane.slots[saved.slot]
        commands = [load_command(slot.card, command) for command in saved.commands]
        slots.append(SlotState(saved.slot, saved.state, commands, saved.fault, saved.pnp))
    backplane.restore(BackplaneState(slots, machine.irq, machine.drq))
    for saved in machine.cards:
        slot = backplane.slots[saved.slot]
        slot.output.restore(saved.output)
        slot.input.restore(saved.input)
        slot.frames_out.restore(saved.frames_out)
        slot.frames_in.restore(saved.frames_in)
        if saved.fault is not None:
            backplane.unplug_ports(slot)
