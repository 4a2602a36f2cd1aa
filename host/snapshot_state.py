"""What a snapshot holds, apart from RAM: the schema of the machine note, as msgpack.

Fields are only ever added, each with a default; whatever else changes raises `VERSION`.
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from hotswap.bus import Card, CardFault, FramesState, Resources, SavedState, StreamState
from hotswap.bus.line import LinesState
from hotswap.bus.pnp_logic import PnpState
from hotswap.cpu import CpuState
from hotswap.switchover.image import KernelImage
from hotswap.switchover.machine import kernel_name

from .board import BoardConfig
from .cables import Cable
from .elf_cards import ElfFile
from .snapshot_elf import Extent, SnapshotError

VERSION = 1


class SavedCommand(msgspec.Struct, frozen=True, array_like=True):
    """A posted command that was not carried out: its class in the card's module, its fields."""

    kind: str
    fields: Any


class SavedDisk(msgspec.Struct, frozen=True):
    """A drive; `identity` is that of the medium in it, empty when there is none.

    Its content is not in the snapshot: `image` and `overlay` are the files that have it, absolute,
    empty when it is in none.
    """

    identity: str = ""
    image: str = ""
    overlay: str = ""
    read_only: bool = False

    def __str__(self) -> str:
        files = " + ".join(filter(None, (self.image, self.overlay)))
        return files or self.identity or "empty"


class SavedCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card with everything its slot holds."""

    slot: int
    settings: dict[str, Any]
    state: SavedState
    commands: list[SavedCommand]
    fault: CardFault | None
    output: StreamState
    input: StreamState
    frames_out: FramesState
    frames_in: FramesState
    disks: list[SavedDisk]
    cable: Cable | None = None
    resources: Resources | None = None
    """What it had leased; None in snapshots of older programs."""
    pnp: PnpState | None = None
    """Of a Plug and Play card, with what the guest has made it lease since."""
    elf: ElfFile | None = None
    """What it is made of, when it is not in Python."""

    @property
    def name(self) -> str:
        """What it is inserted by."""
        return self.state.card


class SavedMachine(msgspec.Struct, frozen=True, kw_only=True):
    """One machine between two instructions. `time_ns` is machine time, `taken_at` the host's."""

    written_by: str
    taken_at: str
    config: BoardConfig
    time_ns: int
    cpu: CpuState
    cards: list[SavedCard]
    irq: LinesState
    drq: LinesState
    kernel: KernelImage | None
    switchovers: int
    ram_size: int
    ram: list[Extent]


def encode_machine(machine: SavedMachine) -> bytes:
    """The machine note. Raises `SnapshotError` when a card's settings or commands are no data."""
    try:
        return msgspec.msgpack.encode(machine)
    except (TypeError, ValueError, OverflowError) as error:
        raise SnapshotError(f"the machine's state cannot be written: {error}") from error


def decode_machine(content: bytes, name: str) -> SavedMachine:
    """A machine note of file `name`. Raises `SnapshotError`."""
    try:
        return msgspec.msgpack.decode(content, type=SavedMachine)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"{name}: does not fit this hotswap-host: {error}") from error


def cables_of(machine: SavedMachine, serial: str | None, *, only_serial: bool) -> dict[int, Cable]:
    """What its connectors led to, by slot, but the first serial port leads to `serial`, if any."""
    cables = {card.slot: card.cable for card in machine.cards if card.cable and not only_serial}
    uarts = sorted(card.slot for card in machine.cards if card.name == "uart")
    return cables | {slot: Cable(serial, "serial") for slot in uarts[:1] if serial is not None}


# -- commands: their classes are the card's own -------------------------------------------------


def save_command(card: Card[Any], command: Any) -> SavedCommand:
    """A command as values. Raises `SnapshotError` unless it is a struct its card's module names."""
    kind = type(command)
    if _command_type(card, kind.__name__) is not kind:
        raise SnapshotError(
            f"card {card.name}: a command of type {kind.__name__} cannot be saved; make it a "
            "msgspec.Struct at the top level of the card's module"
        )
    return SavedCommand(kind.__name__, msgspec.to_builtins(command, builtin_types=(bytes,)))


def load_command(card: Card[Any], saved: SavedCommand) -> Any:
    """The command again. Raises `SnapshotError`."""
    kind = _command_type(card, saved.kind)
    if kind is None:
        raise SnapshotError(f"card {card.name}: knows no command {saved.kind}; use a newer card")
    try:
        return msgspec.convert(saved.fields, kind, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise SnapshotError(
            f"card {card.name}: the waiting command {saved.kind} does not fit: {error}"
        ) from error


def _command_type(card: Card[Any], name: str) -> type[msgspec.Struct] | None:
    for base in type(card).__mro__:
        found = getattr(sys.modules.get(base.__module__), name, None)
        if isinstance(found, type) and issubclass(found, msgspec.Struct):
            return found
    return None


def facts(machine: SavedMachine) -> dict[str, Any]:
    """What `snapshot info` says."""
    config, kernel = machine.config, machine.kernel
    return {
        "machine": config.name,
        "version": VERSION,
        "written_by": machine.written_by,
        "taken_at": machine.taken_at,
        "cpu": machine.cpu.model,
        "cs_eip": f"{machine.cpu.cs.selector:04x}:{machine.cpu.eip:08x}",
        "memory_mib": config.memory,
        "stored_bytes": sum(extent.size for extent in machine.ram),
        "clock": "instructions" if config.deterministic else "real time",
        "time_ns": machine.time_ns,
        "instructions": machine.cpu.instructions,
        "kernel": kernel_name(kernel) if kernel else "",
        "cards": [
            {
                "slot": card.slot,
                "card": card.name,
                "version": card.state.version,
                "commands": len(card.commands),
                "to_send": len(card.output.data) + sum(map(len, card.frames_out.frames)),
                "received": len(card.input.data) + sum(map(len, card.frames_in.frames)),
                "disks": ", ".join(map(str, card.disks)),
                "fault": card.fault.what if card.fault else "",
            }
            for card in machine.cards
        ],
    }
