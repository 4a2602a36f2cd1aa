"""Lengths of machine time in words: `20 us`, `1.5 ms`."""

from __future__ import annotations

from decimal import Decimal

UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
"""In ns."""


def words(ns: int) -> str:
    """The length in the largest unit that leaves something before the point: `1.5 ms`."""
    unit = next((unit for unit in ("s", "ms", "us") if abs(ns) >= UNITS[unit]), "ns")
    number = f"{Decimal(ns) / UNITS[unit]:f}"
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {unit}"
