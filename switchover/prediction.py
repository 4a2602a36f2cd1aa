"""How long the blackout will be: a model of what it is made of, corrected by what it was before.

    ms = 24 + 1.2 + 0.025 x processes + 0.006 x KiB of map + KiB of image x by mode: 0.04 in
    mode 0, 0.02 in mode 1, 0.001 in mode 2

The 24 are translation: what the engine knew of the kernel's range is forgotten at SWITCH, so the
bootstrap's and the new kernel's blocks are new to it in every switchover. The figures are the
processor time that first switchovers of the reference kernels took on a 2.1 GHz host, 2 to 118
processes. A machine's earlier switchovers say how this host and this guest differ: the median of
took/modelled of the last `REMEMBERED`.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from .capabilities import Capabilities
from .plan import Plan
from .protocol import BootMode, Caps

TRANSLATION_MS = 24.0
BASE_MS = 1.2
PROCESS_MS = 0.025
MAP_KIB_MS = 0.006
IMAGE_KIB_MS = {BootMode.LZ4: 0.04, BootMode.COPY: 0.02, BootMode.DMA: 0.001}
REMEMBERED = 8


def modelled_ms(caps: Caps, image_bytes: int, mode: BootMode) -> float:
    """The blackout in ms by the model alone."""
    return (
        TRANSLATION_MS
        + BASE_MS
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
