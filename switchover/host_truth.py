"""Level 3 of a map's validation: what only the host can know, its own truth.

Each function raises the first MapError of one kind of record.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from hotswap.bus import Backplane, Policy

from .container import record_fault
from .faults import Fault
from .records import Dev
from .savemap import SaveStateMap
from .schema import PAGE, SectionType

POLICIES = list(Policy)
"""By their numbers in DEV."""


def hold_clock(found: SaveStateMap, asked: int, now: int) -> None:
    """The map says what time it was written, by the card's clock: after it was `asked` for (ns)."""
    mono = found.time.mono_ns
    if not asked <= mono <= now:
        when = f"mono_ns {mono}, the card's clock went from {asked} to {now} meanwhile"
        raise record_fault(Fault.CLOCK, SectionType.TIME, found.time, when)


def hold_cards(found: SaveStateMap, backplane: Backplane) -> None:
    """DEV is the cards that are inserted, each once, with their policies."""
    inserted = {
        number: (slot.title.encode()[:16], POLICIES.index(slot.policy))
        for number, slot in backplane.slots.items()
    }
    for dev in found.dev:
        wanted = inserted.pop(dev.dev_id, None)
        if wanted is None:
            what = f"{dev.driver.decode('latin-1')} is in no slot, or twice in the map"
            raise record_fault(Fault.CARDS, SectionType.DEV, dev, what)
        if wanted != (dev.driver, dev.policy):
            what = f"slot {dev.dev_id} holds {wanted[0].decode()}, policy {wanted[1]}"
            raise record_fault(Fault.CARDS, SectionType.DEV, dev, what)
    for number, (title, policy) in inserted.items():
        missing = Dev(number, driver=title, policy=policy)
        raise record_fault(Fault.CARDS, SectionType.DEV, missing, f"{title.decode()} is missing")


def hold_checksums(found: SaveStateMap, memory: Callable[[int, int], bytes]) -> None:
    """Frames have the checksums FRAME gives of them; 0 is none. `memory(address, size)` reads RAM.

    It reads every frame that has one: nothing for the blackout.
    """
    for frame in found.frame:
        if frame.crc:
            crc = zlib.crc32(memory(frame.paddr, frame.n_pages * PAGE))
            if crc != frame.crc:
                what = f"checksum {frame.crc:#010x}, the frames give {crc:#010x}"
                raise record_fault(Fault.FRAME_CRC, SectionType.FRAME, frame, what)
