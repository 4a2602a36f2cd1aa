"""What may be chosen for a switchover."""

from __future__ import annotations

import msgspec

from .protocol import BootMode


class Options(msgspec.Struct, frozen=True):
    """How to switch. `patience` stretches every limit of host time (slow or busy hosts, tests)."""

    mode: BootMode = BootMode.DMA
    probation_ms: float = 40
    """Nothing leaves for so long and the blackout: together no more than 100 ms, as a rule."""
    blackout_max_ms: float = 250
    patience: float = 1.0
    reverse: bool = False
    """Whether the image is the kernel that ran before, which is told so (`ssm_boot.func`)."""
    guard: bool = False
    """Whether the first stray write before COMMIT is to be named at once."""
    frame_crcs: bool = False
    """Whether the checksums the map gives of frames are held against memory; takes its time."""


DEFAULT = Options()
