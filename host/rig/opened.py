"""What a rig is put on: an empty backplane without a processor, or a machine with a guest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import trio

from hotswap.bus import Backplane, open_backplane
from hotswap.host.board import Board
from hotswap.host.virtual_clock import VirtualClock

from .expectation import GuestTime, HandTime, Time

Clock: TypeAlias = Literal["virtual", "real"]
"""Virtual: time is counted in instructions, and equal runs are equal."""
Machine: TypeAlias = Mapping[str, Any] | Path
"""The tables of a machine file, or such a file."""


class Opened(NamedTuple):
    """A board that is there, its time, and its machine if it has a processor."""

    backplane: Backplane
    time: Time
    board: Board | None


def document(machine: Machine, clock: Clock) -> dict[str, Any]:
    """The tables of `machine` for a test: with that clock, and without a terminal.

    Serial ports that lead to a terminal lead to the test. Raises `MachineError` when a file is no
    TOML.
    """
    from hotswap.host.machine_file import read_document  # not before a test wants one

    tables = dict(read_document(machine) if isinstance(machine, Path) else machine)
    counted = {"clock": "instructions" if clock == "virtual" else "real"}
    tables["machine"] = {**tables.get("machine", {}), **counted}
    ports = tables.get("serial", [{}])
    tables["serial"] = [
        {**port, "to": "memory"} if port.get("to", "stdio") == "stdio" else port for port in ports
    ]
    tables.pop("display", None)
    return tables


@asynccontextmanager
async def open_guest(machine: Machine, clock: Clock, base: Path) -> AsyncIterator[Opened]:
    """A machine, powered on; paths in tables are relative to `base`. Raises `MachineError`."""
    from hotswap.host.assembly import assemble
    from hotswap.host.cables import open_cables
    from hotswap.host.machine import open_machine
    from hotswap.host.machine_file import check

    base = machine.parent if isinstance(machine, Path) else base
    assembly = assemble(check(document(machine, clock), base=base))
    async with open_machine(assembly, await open_cables(assembly.cables)) as board:
        time = GuestTime(board.backplane.clock, lambda: board.processor.running, board.ended)
        yield Opened(board.backplane, time, board)


@asynccontextmanager
async def open_bare(clock: VirtualClock) -> AsyncIterator[Opened]:
    """An empty backplane on `clock`, whose time passes by itself while somebody waits for it."""
    async with open_backplane(clock.machine) as backplane, trio.open_nursery() as nursery:
        time = HandTime(clock)
        nursery.start_soon(time.drive)
        try:
            yield Opened(backplane, time, None)
        finally:
            nursery.cancel_scope.cancel()
