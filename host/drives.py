"""The drives of a machine file: what their images say, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

from hotswap.bus import SECTOR
from hotswap.cards.diskette import FORMATS, MODELS, Kind

from .machine_fault import Fault, blamed, fault
from .machine_file import DiskTable, FloppyTable, MachineFile
from .media import guess_geometry, open_medium
from .pc import Geometry

HEADS_MAX, TRACK_MAX = 16, 63
MADE_FOR: dict[str, Kind] = {
    "DD5": "360K", "HD5": "1.2M", "DD3": "720K", "HD3": "1.44M", "ED3": "2.88M",
}  # fmt: skip
DISKETTES = {sectors: MADE_FOR[form.density] for sectors, form in FORMATS.items()}
"""Drives by the sectors of their diskettes."""
DISK_MAX = 1 << 28
"""Sectors: as many as LBA has numbers for."""


def drives(machine: MachineFile, faults: list[Fault]) -> tuple[list[Geometry], list[str]]:
    """Geometries of the disks, kinds of the diskette drives. What is wrong is added to `faults`.

    The images are read; nothing is made.
    """
    geometries = [_geometry(n, table, faults) for n, table in enumerate(machine.disk)]
    diskettes = [_diskette(n, table, faults) for n, table in enumerate(machine.floppy)]
    _check_sharing(machine, faults)
    return geometries, diskettes


def _geometry(number: int, table: DiskTable, faults: list[Fault]) -> Geometry:
    path, overlay = f"disk[{number}]", table.overlay
    if overlay is not None and not overlay.exists() and not table.read_only:
        overlay = None  # it will be made
    with blamed(faults, path), open_medium(table.image, overlay=overlay, read_only=True) as medium:
        if medium.sectors > DISK_MAX:
            what = f"{table.image}: is larger than 128 GiB, the most an ATA drive can have"
            faults.append(Fault(f"{path}.image", what))
        if table.geometry is None:
            return guess_geometry(medium)
        cylinders, heads, track = table.geometry
        size = cylinders * heads * track
        if heads > HEADS_MAX or track > TRACK_MAX:
            what = f"at most {HEADS_MAX} heads and {TRACK_MAX} sectors are possible"
            faults.append(fault(f"{path}.geometry", what, table.geometry))
        elif size > medium.sectors:
            what = f"are {size} sectors, and {table.image} has {medium.sectors}"
            faults.append(fault(f"{path}.geometry", what, table.geometry))
        else:
            return cylinders, heads, track
    return 1, HEADS_MAX, TRACK_MAX


def _diskette(number: int, table: FloppyTable, faults: list[Fault]) -> str:
    usual = table.kind or "1.44M"
    if table.image is None:
        return usual
    path = f"floppy[{number}]"
    with blamed(faults, path), open_medium(table.image, read_only=True) as medium:
        form = FORMATS.get(medium.sectors)
        if form is None:
            sizes = ", ".join(f"{sectors // 2}K" for sectors in sorted(FORMATS))
            what = f"{table.image}: {medium.sectors * SECTOR:,} bytes are the size of no diskette"
            faults.append(Fault(f"{path}.image", f"{what}; there are {sizes}"))
            return usual
        kind = table.kind or MADE_FOR[form.density]
        if form.density not in MODELS[kind].rates:
            what = f"such a drive cannot read {table.image}; it fits {MADE_FOR[form.density]}"
            faults.append(fault(f"{path}.kind", what, kind))
        return kind
    return usual


def _check_sharing(machine: MachineFile, faults: list[Fault]) -> None:
    """Two drives with the same file, of which one wants to write."""
    files: list[tuple[str, Path, bool]] = []
    for n, disk in enumerate(machine.disk):
        files.append((f"disk[{n}].image", disk.image, not disk.read_only and not disk.overlay))
        if disk.overlay is not None:
            files.append((f"disk[{n}].overlay", disk.overlay, not disk.read_only))
    for n, floppy in enumerate(machine.floppy):
        if floppy.image is not None:
            files.append((f"floppy[{n}].image", floppy.image, not floppy.read_only))
    seen: dict[Path, tuple[str, bool]] = {}
    for path, file, writes in files:
        other, written = seen.setdefault(file.resolve(), (path, writes))
        if other != path and (writes or written):
            what = f"{file}: is {other}, too; give each an overlay, or set read_only for both"
            faults.append(Fault(path, what))
