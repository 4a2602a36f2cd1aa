"""Diskettes and the drives that turn them: formats, data rates, where the heads are.

An image knows its size only, so that is what says how the diskette is formatted: sectors of 512
bytes, MFM, numbered from 1, as in ISO 7487 (360K), ISO 8630 (1.2M), ISO 8860 (720K) and ISO 9529
(1.44M) and as DOS made use of them. A diskette of any other size is an unformatted one. A drive
reads what is made for it, at the data rate that follows from how fast it turns (IBM PC/AT Technical
Reference, "Fixed Disk and Diskette Drive Adapter").
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from hotswap.bus import Disk

Kind: TypeAlias = Literal["none", "360K", "1.2M", "720K", "1.44M", "2.88M"]
"""A diskette drive, by its largest diskette."""
SIZE_CODE = 2
"""N of 512 bytes."""
DEFAULT_TRACK = 18
"""Sectors a track is reckoned with where there is none."""


class Format(msgspec.Struct, frozen=True):
    """Cylinders, heads, sectors of a track; `density` is that of the diskette, with its inches."""

    cylinders: int
    heads: int
    track: int
    density: Literal["DD5", "HD5", "DD3", "HD3", "ED3"]


FORMATS = {
    form.cylinders * form.heads * form.track: form
    for form in (
        Format(40, 1, 8, "DD5"),
        Format(40, 1, 9, "DD5"),
        Format(40, 2, 8, "DD5"),
        Format(40, 2, 9, "DD5"),
        Format(80, 2, 8, "DD3"),
        Format(80, 2, 9, "DD3"),
        Format(80, 2, 15, "HD5"),
        Format(80, 2, 18, "HD3"),
        Format(80, 2, 21, "HD3"),
        Format(80, 2, 36, "ED3"),
    )
}
"""By the sectors of the diskette: 160K to 360K, 640K, 720K, 1.2M, 1.44M, 1.68M, 2.88M."""


class Model(msgspec.Struct, frozen=True):
    """A kind of drive. `rates` are in kbit/s, by the diskettes it reads and writes."""

    cylinders: int
    rpm: int
    rates: dict[str, int]


MODELS: dict[Kind, Model] = {
    "none": Model(0, 300, {}),
    "360K": Model(40, 300, {"DD5": 250}),
    "1.2M": Model(80, 360, {"DD5": 300, "HD5": 500}),
    "720K": Model(80, 300, {"DD3": 250}),
    "1.44M": Model(80, 300, {"DD3": 250, "HD3": 500}),
    "2.88M": Model(80, 300, {"DD3": 250, "HD3": 500, "ED3": 1000}),
}
SPARE = 2
"""Cylinders from the last one to where the carriage is stopped."""


class Drive(msgspec.Struct):
    """What a drive, and the diskette in it, know between two commands."""

    cylinder: int = 0
    """Where the heads are, of the drive's own cylinders."""
    changed: bool = True
    """Disk change line: the diskette was changed, and no step pulse has come since."""
    unsaved: bool = False
    """Written since the motor was switched on."""
    deleted: set[int] = msgspec.field(default_factory=set)
    """Sectors with a deleted data mark; images have no place for it, so a change forgets it."""


class Track(msgspec.Struct, frozen=True):
    """One side of the cylinder under the heads; `lba` is that of its sector 1."""

    cylinder: int
    head: int
    sectors: int
    lba: int


class Mechanism:
    """A drive of some kind, and the place for a diskette in it."""

    def __init__(self, disk: Disk, kind: Kind) -> None:
        self.disk = disk
        self.model = MODELS[kind]

    @property
    def format(self) -> Format | None:
        """Of the diskette; None when there is none, or none that is formatted."""
        return FORMATS.get(self.disk.sectors)

    @property
    def revolution_ns(self) -> int:
        """Of the real drive."""
        return 60_000_000_000 // self.model.rpm

    @property
    def sector_ns(self) -> int:
        """How long a sector takes to pass under the head."""
        found = self.format
        return self.revolution_ns // (DEFAULT_TRACK if found is None else found.track)

    def step(self, drive: Drive, steps: int) -> None:
        """Move the heads inward (negative: outward), up to the stops."""
        last = self.model.cylinders - 1 + SPARE
        drive.cylinder = max(0, min(drive.cylinder + steps, last))
        if steps and self.disk.medium is not None:
            drive.changed = False

    def track(self, drive: Drive, head: int, rate: int) -> Track | None:
        """What `head` finds at `rate` kbit/s; None when no address mark passes under it."""
        found = self.format
        if found is None or head >= found.heads or self.model.rates.get(found.density) != rate:
            return None
        pitch = self.model.cylinders // found.cylinders  # 40 cylinders: every second one of 80
        cylinder, between = divmod(drive.cylinder, pitch)
        if between or cylinder >= found.cylinders:
            return None
        return Track(cylinder, head, found.track, (cylinder * found.heads + head) * found.track)
