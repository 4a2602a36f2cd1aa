"""The disks of a saved machine: which files they were, and those files again.

A snapshot does not hold what is on a disk, it names it: the drive's medium has an identity, which
is a digest of its content, and a machine goes on only with disks that are exactly as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from hotswap.bus import Disk, Medium

from .media import open_medium
from .media_overlay import Overlay
from .media_raw import RawImage
from .snapshot_elf import SnapshotError
from .snapshot_state import SavedDisk, SavedMachine


def save_disk(disk: Disk) -> SavedDisk:
    """What is in the drive, made durable. Raises `MediaError`."""
    disk.flush()
    medium = disk.medium
    if medium is None:
        return SavedDisk()
    if not isinstance(medium, RawImage | Overlay):
        return SavedDisk(medium.identity)
    image, overlay = medium.places
    return SavedDisk(medium.identity, _name(image), _name(overlay), medium.read_only)


def name_disk(disk: Disk) -> SavedDisk:
    """As `save_disk`, at once: its identity is when its files were last changed."""
    medium = disk.medium
    if not isinstance(medium, RawImage | Overlay):
        return SavedDisk() if medium is None else SavedDisk(medium.identity)
    image, overlay = medium.places
    return SavedDisk(last_change(medium), _name(image), _name(overlay), medium.read_only)


def _name(file: Path | None) -> str:
    return "" if file is None else str(file.absolute())


def last_change(medium: RawImage | Overlay) -> str:
    """Size and time of the last change of the files that have the medium."""
    files = [file.stat() for file in medium.places if file is not None]
    return "changed " + " ".join(f"{file.st_size}:{file.st_mtime_ns}" for file in files)


def identity(medium: RawImage | Overlay) -> str:
    """That of the content."""
    return medium.identity


def open_disks(
    machine: SavedMachine,
    moved: Mapping[Path, Path],
    stack: ExitStack,
    identify: Callable[[RawImage | Overlay], str] = identity,
) -> dict[int, list[Medium | None]]:
    """What was in the drives, by slot; `stack` closes it. `moved` are files' old and new places.

    Raises `SnapshotError` when a disk is not as it was, `MediaError` when it cannot be opened.
    """
    left = {card.slot: card.disks for card in machine.cards if card.disks}
    named = {Path(file) for disks in left.values() for d in disks for file in (d.image, d.overlay)}
    for path in moved:
        if path not in named:
            raise SnapshotError(
                f"{path}: is no disk of the saved machine; `hotswap-host snapshot info` lists them"
            )
    return {
        slot: [_open(disk, moved, stack, identify) for disk in disks]
        for slot, disks in left.items()
    }


def _open(
    saved: SavedDisk,
    moved: Mapping[Path, Path],
    stack: ExitStack,
    identify: Callable[[RawImage | Overlay], str],
) -> Medium | None:
    if not saved.identity:
        return None
    if not saved.image:
        raise SnapshotError("a disk of the saved machine was in no file; it cannot be had again")
    image, overlay = (
        None if not file else moved.get(Path(file), Path(file))
        for file in (saved.image, saved.overlay)
    )
    assert image is not None
    for file in (image, overlay):
        if file is not None and not file.exists():
            raise SnapshotError(
                f"{file}: a disk of the saved machine is not there; if it was moved, say where to "
                "with --moved OLD=NEW"
            )
    medium = open_medium(image, overlay=overlay, read_only=saved.read_only)
    stack.callback(medium.close)
    if identify(medium) != saved.identity:
        raise SnapshotError(
            f"{overlay or image}: has changed since the machine was saved; give a copy from then "
            "with --moved OLD=NEW"
        )
    return medium
