"""Disks: what stands between a drive's electronics and the medium in it.

A card reads and writes sectors on its `Disk`; the host puts a `Medium` into it, an image file as a
rule. While a switchover is undecided the medium is not touched: what is written is kept, and
forgotten when the switchover is undone. A flush that the guest asks for in that time is made good
when all is released; nobody outside can tell, for no output has left since either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from .errors import BusError, MediaError

SECTOR = 512
"""Bytes of a sector."""
HELD_MAX = (64 << 20) // SECTOR
"""Sectors a disk keeps off its medium before a card should wait."""


class Medium(Protocol):
    """Sectors of 512 bytes, numbered from 0. Calls return at once: no network, no spinning up."""

    @property
    def sectors(self) -> int:
        """How many there are."""
        ...

    @property
    def read_only(self) -> bool:
        """True when `write` is refused."""
        ...

    @property
    def identity(self) -> str:
        """A name for exactly this content; equal content of the same kind has the same."""
        ...

    def read(self, lba: int, count: int) -> bytes:
        """`count` sectors from `lba`. Raises `MediaError` when they cannot be read."""
        ...

    def write(self, lba: int, content: bytes) -> None:
        """Whole sectors from `lba`. Raises `MediaError` when they cannot be written."""

    def flush(self) -> None:
        """Return when everything written will survive a power failure. Raises `MediaError`."""


def nobody() -> None:
    """No card wants to know."""


class Disk:
    """A drive's place for a medium; empty at first. `slot.disks` has those of a card."""

    def __init__(self) -> None:
        self.on_change: Callable[[], None] = nobody
        """Called after each `change`; set by the card."""
        self.on_room: Callable[[], None] = nobody
        """Called when it is not `full` any more; set by a card that waits for it."""
        self.held_max = HELD_MAX
        self._medium: Medium | None = None
        self._kept: dict[int, bytes] | None = None
        """Sectors written since the mark; None without a mark."""
        self._owed: dict[int, bytes] = {}
        """Sectors let out which the medium did not take; tried again at each write and flush."""
        self._flush_owed = False
        self._flush_before = False
        """Whether a flush was owed at the mark already."""

    @property
    def medium(self) -> Medium | None:
        """What is in the drive."""
        return self._medium

    @property
    def sectors(self) -> int:
        """Size of the medium, 0 without one."""
        return 0 if self._medium is None else self._medium.sectors

    @property
    def read_only(self) -> bool:
        """True when the medium is write-protected."""
        return self._medium is not None and self._medium.read_only

    @property
    def full(self) -> bool:
        """True when a card should wait with its next write: so much is held already."""
        return self._kept is not None and len(self._kept) >= self.held_max

    @property
    def settled(self) -> bool:
        """True when the medium has all that was written."""
        return not self._owed and not self._kept

    def change(self, medium: Medium | None) -> None:
        """Put `medium` in, or take out what is there. Raises `BusError` while writes are held."""
        if self._kept is not None:
            raise BusError("cannot change a disk during a switchover; try again when it ended")
        self._owed.clear()
        self._medium = medium
        self.on_change()

    # -- the card's side ----------------------------------------------------------------------

    def read(self, lba: int, count: int) -> bytes:
        """`count` sectors from `lba`. Raises `MediaError`."""
        content = self._checked(lba, count).read(lba, count)
        if not self._owed and not self._kept:
            return content
        sectors = _by_sector(lba, content)
        for newer in (self._owed, self._kept or {}):
            sectors |= {n: newer[n] for n in sectors.keys() & newer.keys()}
        return b"".join(sectors.values())

    def write(self, lba: int, content: bytes) -> None:
        """Whole sectors from `lba`. Raises `MediaError`."""
        medium = self._checked(lba, len(content) // SECTOR)
        if len(content) % SECTOR:
            raise ValueError(f"{len(content)} bytes are no whole sectors")
        if medium.read_only:
            raise MediaError("the medium is write-protected")
        if self._kept is not None:
            self._kept |= _by_sector(lba, content)
        elif self._owed:
            self._owed |= _by_sector(lba, content)
            self._write_back(medium)
        else:
            medium.write(lba, content)

    def flush(self) -> None:
        """What was written survives a power failure, or will when it is let out.

        Raises `MediaError`.
        """
        if self._medium is None:
            return
        if self._kept is not None:
            self._flush_owed = True
            return
        self._write_back(self._medium)
        self._medium.flush()
        self._flush_owed = False

    def _checked(self, lba: int, count: int) -> Medium:
        if self._medium is None:
            raise MediaError("there is no medium in the drive")
        last = self._medium.sectors
        if not (lba >= 0 and count > 0 and lba + count <= last):
            raise MediaError(f"sectors {lba}+{count} are beyond the medium's {last}")
        return self._medium

    # -- the switchover's side ----------------------------------------------------------------

    def hold(self, *, still: bool = False) -> None:
        """Set the mark, or move it on: what is written from here on stays off the medium.

        With `still` so does what a mark before this one has kept, until the release.
        """
        if still and self._kept is not None:
            self._owed |= self._kept
            self._flush_before = self._flush_owed
        else:
            self.release()
            self._flush_before = False
        self._kept = {}

    def rewind(self) -> None:
        """Forget what was written since the mark; the mark stays."""
        if self._kept is not None:
            self._kept.clear()
            self._flush_owed = self._flush_before
            self.on_room()

    def release(self) -> None:
        """Lift the mark: everything goes to the medium.

        What the medium does not take (the host's disk is full) is read back all the same, and the
        card hears of it at its next write or flush, as with any write cache.
        """
        if self._kept is None:
            return
        self._owed |= self._kept
        self._kept = None
        self.on_room()
        try:
            if self._flush_owed:
                self.flush()
            elif self._medium is not None:
                self._write_back(self._medium)
        except MediaError:
            pass

    @property
    def pending(self) -> dict[int, bytes]:
        """Sectors, by LBA, that were written and are not on the medium yet, held or not."""
        return self._owed | (self._kept or {})

    def owe(self, sectors: Mapping[int, bytes]) -> None:
        """Let out sectors that are to be written and flushed at the next chance."""
        self._owed |= sectors
        self._flush_owed = self._flush_owed or bool(sectors)

    @property
    def held(self) -> bool:
        """True while writes stay off the medium."""
        return self._kept is not None

    def _write_back(self, medium: Medium) -> None:
        """Hand over what is owed, neighbours together. Raises `MediaError`; the rest stays owed."""
        for lba in sorted(self._owed):
            end = lba
            while end in self._owed:
                end += 1
            if end == lba:
                continue  # went with the one before it
            medium.write(lba, b"".join(self._owed[n] for n in range(lba, end)))
            for n in range(lba, end):
                del self._owed[n]


def _by_sector(lba: int, content: bytes) -> dict[int, bytes]:
    at = range(0, len(content), SECTOR)
    return {lba + n: bytes(content[i : i + SECTOR]) for n, i in enumerate(at)}
