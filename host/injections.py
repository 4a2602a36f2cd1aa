"""Fault injection for operators: `inject`, `injections` and `uninject` of the control socket."""

from __future__ import annotations

from typing import Any

import msgspec

from hotswap.bus import Backplane, BusError
from hotswap.bus.faulty_cycles import Injection
from hotswap.bus.injection import AnyFault


def description(injection: Injection) -> dict[str, Any]:
    """An injection for people and machines."""
    return {
        "number": injection.number,
        "what": str(injection.fault),
        "matched": injection.matched,
        "hits": injection.hits,
        "spent": injection.spent,
        "fault": msgspec.to_builtins(injection.fault),
    }


def listed(backplane: Backplane) -> list[dict[str, Any]]:
    """All that is injected."""
    return [description(injection) for injection in backplane.injections]


def inject(backplane: Backplane, fault: AnyFault | None) -> dict[str, Any]:
    """Inject it. Raises `BusError`."""
    if fault is None:
        raise BusError("inject needs a fault: what is to go wrong, see docs/injection.md")
    return description(backplane.injections.add(fault))


def uninject(backplane: Backplane, number: int) -> list[dict[str, Any]]:
    """Remove injection `number`, or all for 0; what they have done. Raises `BusError`."""
    numbers = [number] if number else [injection.number for injection in backplane.injections]
    return [description(backplane.injections.remove(each)) for each in numbers]
