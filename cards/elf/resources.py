"""What a card leases, as its descriptor declares it."""

from __future__ import annotations

from typing import cast

from hotswap.bus import MemoryRange, PortRange, Resources, Width

from .image import ElfImage


def resources_of(image: ElfImage) -> tuple[Resources, ...]:
    """Every way to set the card's jumpers."""
    width = cast("Width", image.descriptor.cycle_width)
    return tuple(
        Resources(
            ports=tuple(PortRange(first, count) for first, count in one.ports),
            irqs=one.irqs,
            drqs=one.drqs,
            windows=tuple(MemoryRange(first, size) for first, size in one.windows),
            cycle_width=width,
        )
        for one in image.descriptor.resources
    )
