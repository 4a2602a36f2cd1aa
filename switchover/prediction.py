"""How long the blackout will be: a model of what it is made of, corrected by what it was before.

    ms = 1.2 + 0.012 x processes + 0.006 x KiB of map + by mode: 0.05 x KiB of image in mode 0,
    0.001 x KiB in modes 1 and 2

The figures are those of a 2.1 GHz host with all blocks translated. A machine's earlier switchovers
say how this host and this guest differ: the median of took/modelled of the last `REMEMBERED`.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from .capabilities import Capabilities
from .plan import Plan
from .protocol import BootMode, Caps

BASE_MS = 1.2
PROCESS_MS = 0.012
MAP_KIB_MS = 0.006
IMAGE_KIB_MS = {BootMode.LZ4: 0.05, BootMode.COPY: 0.001, BootMode.DMA: 0.001}
REMEMBERED = 8


def modelled_ms(caps: Caps, image_bytes: int, mode: BootMode) -> float:
    """The blackout in ms by the model alone."""
    return (
        BASE_MS
        + PROCESS_MS * caps.processes
        + MAP_KIB_MS * caps.map_len / 1024
        + IMAGE_KIB_MS[mode] * image_bytes / 1024
    )


def correction(ratios: Sequence[float]) -> float:
    """What to multiply the model by; `ratios`: took/modelled of earlier switchovers."""
    return median(ratios[-REMEMBERED:]) if ratios else 1.0


def predict(
    plan: Plan, old: Capabilities, image_bytes: int, mode: BootMode, ratios: Sequence[float]
) -> None:
    """Put the prediction into the plan."""
    plan.modelled_ms = modelled_ms(old.caps, image_bytes, mode)
    plan.earlier = len(ratios[-REMEMBERED:])
    plan.predicted_ms = plan.modelled_ms * correction(ratios)
