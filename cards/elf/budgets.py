"""How much a card's code may do in one call, and how often it is called."""

from __future__ import annotations

import msgspec


class Budgets(msgspec.Struct, frozen=True):
    """Settings of the host. Instructions of one call, by what is called."""

    cycle: int = 20_000
    """read, write, memory_read, memory_write: the processor waits."""
    turn: int = 200_000
    """timer, dma_read, dma_write, dma_end, input, output: between two slices."""
    work: int = 2_000_000
    """work, power_on, plugged, reinitialise, migrate, restored; all constructors together."""
    lines: int = 1024
    """Changes of IRQ and DRQ lines in one call."""
    lines_of_log: int = 20
    """For each second of machine time; a third of them at once."""
    output: int = 1 << 20
    """Bytes that may wait for a back end; what is more is dropped."""


INSTRUCTION_NS = 10
"""Machine time an instruction in the card's own time takes: timers and what it posts to itself come
no faster than a processor of 100 million instructions a second would get to them."""
PERIOD_NS = 10_000
"""Least time between two turns of a card's timers."""
