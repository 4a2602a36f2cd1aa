"""Rehearsals as people read them."""

from __future__ import annotations

from typing import Any


def rehearsed(result: dict[str, Any]) -> str:
    """A rehearsal, in a line."""
    at = f"at {result['time_ns'] / 1e9:.6f} s"
    if result["outcome"] != "rehearsed ok":
        return f"{result['outcome']} in {result['phase']}, {at}"
    count = result["processes"]
    return (
        f"rehearsed ok {at}: blackout predicted {result['predicted_ms']:.2f} ms, "
        f"took {result['blackout_ms']:.2f} ms there, "
        f"{count} {'process goes' if count == 1 else 'processes go'} on; "
        f"the machine stood {result['pause_ms']:.2f} ms for it"
    )


def summed_up(found: dict[str, Any]) -> str:
    """Several of them, in a line."""
    least, median, most = found["blackout_ms"]
    first = found["first_failure"]
    return (
        f"{found['ok']} of {found['count']} rehearsed ok, blackout {least:.2f} to {most:.2f} ms, "
        f"median {median:.2f}; the machine stood up to {found['pause_ms']:.2f} ms"
        + (f"; first failure: number {first}" if first else "")
    )
