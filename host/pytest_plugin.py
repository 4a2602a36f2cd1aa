"""Fixtures for the tests of cards, here and in other distributions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import pytest
import trio.testing

from hotswap.bus import Backplane, MachineClock, open_backplane
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import RolledBack
from hotswap.switchover.image import KernelImage
from hotswap.switchover.options import Options
from hotswap.switchover.protocol import BootMode
from hotswap.switchover.report import Report

from .board import Board, BoardConfig, open_board
from .guest import PATIENCE, Guest
from .images import refkernel


class VirtualClock:
    """Machine time that stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = 0
        """Machine time in ns; assign to it to let time pass unnoticed by the alarms."""
        self.machine = MachineClock(lambda: self.now, self._wait)

    def _wait(self, ns: int) -> None:
        self.now += ns

    async def advance(self, ns: int) -> None:
        """Let `ns` pass: every alarm rings at its own instant and all tasks come to rest."""
        await trio.testing.wait_all_tasks_blocked()
        end = self.now + ns
        while (deadline := self.machine.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.machine.fire()
            await trio.testing.wait_all_tasks_blocked()
        self.now = end


class Ports:
    """IN and OUT as a guest would do them; `width` is 1, 2 or 4 bytes."""

    def __init__(self, backplane: Backplane) -> None:
        self._backplane = backplane

    def read(self, port: int, width: int = 1) -> int:
        """IN."""
        return self._backplane.io.reads[width][port](port, width)

    def write(self, port: int, value: int, width: int = 1) -> None:
        """OUT."""
        self._backplane.io.writes[width][port](port, width, value)


@pytest.fixture
def virtual_clock() -> VirtualClock:
    """Machine time owned by the test."""
    return VirtualClock()


@pytest.fixture
async def backplane(virtual_clock: VirtualClock) -> AsyncIterator[Backplane]:
    """An empty backplane on `virtual_clock`."""
    async with open_backplane(virtual_clock.machine) as plane:
        yield plane


@pytest.fixture
def ports(backplane: Backplane) -> Ports:
    """Port cycles on `backplane`."""
    return Ports(backplane)


@pytest.fixture
async def board() -> AsyncIterator[Board]:
    """A deterministic machine with the usual cards, not booted; its serial port is memory."""
    async with open_board(BoardConfig(deterministic=True)) as machine:
        yield machine


@pytest.fixture
def guest(board: Board) -> Guest:
    """The guest of `board`; boot it."""
    return Guest(board)


class SwitchKernel(Protocol):
    """Replaces the kernel of `board`; options as in `Options`."""

    async def __call__(
        self, image: KernelImage | int, *, mode: int = 2, probation_ms: float = 40
    ) -> Report:
        """The report, also of one that was rolled back; Refused and Lost are raised."""
        ...


@pytest.fixture
def switchover(board: Board) -> SwitchKernel:
    """Switch over to an image, or to the reference kernel of that version."""

    async def switch(
        image: KernelImage | int, *, mode: int = 2, probation_ms: float = 40
    ) -> Report:
        new = refkernel(image) if isinstance(image, int) else image
        options = Options(mode=BootMode(mode), probation_ms=probation_ms, patience=PATIENCE)
        try:
            return await Switchover(board.machine, new, options).run()
        except RolledBack as back:
            return back.report

    return switch
