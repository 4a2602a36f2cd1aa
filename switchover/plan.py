"""What PLAN finds out, for people and programs: `hotswap-host switchover --plan`."""

from __future__ import annotations

import msgspec


class KernelFacts(msgspec.Struct):
    """One kernel as it describes itself. `drivers`: card, and the state versions it takes over."""

    version: str
    map_version: str
    features: str
    sections: dict[str, int]
    drivers: dict[str, tuple[int, int]]


class CardFacts(msgspec.Struct):
    """One card: what becomes of it, and who drives it."""

    slot: int
    card: str
    policy: str
    state_version: int
    old_drives: bool
    new_drives: bool


class Plan(msgspec.Struct, rename={"old": "from", "new": "to"}):
    """What PLAN has found out. The `load` range is physical; `signature` as signature.py has it."""

    old: KernelFacts
    new: KernelFacts
    load: tuple[int, int]
    target_minor: int
    processes: int
    frames: int
    map_bytes: int
    cards: list[CardFacts]
    quiesce: list[list[str]]
    """The waves in which the cards are frozen."""
    signature: str = "not asked for"
    modelled_ms: float = 0.0
    predicted_ms: float = 0.0
    """The blackout; `modelled_ms` times what `earlier` switchovers of this machine took of it."""
    earlier: int = 0
