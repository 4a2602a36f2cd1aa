"""Fixtures for the tests of cards, here and in other distributions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Protocol

import pytest

from hotswap.bus import Backplane, open_backplane
from hotswap.cpu import CodePool
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import RolledBack
from hotswap.switchover.image import KernelImage
from hotswap.switchover.options import Options
from hotswap.switchover.protocol import BootMode
from hotswap.switchover.report import Report

from .board import Board, BoardConfig, open_board
from .guest import PATIENCE, Guest
from .images import refkernel
from .virtual_clock import Ports, VirtualClock

__all__ = ["Ports", "SwitchKernel", "VirtualClock"]


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
def engines() -> Iterator[CodePool]:
    """Engines for cards in machine code: `elf_card(path, settings, engines)`."""
    with CodePool() as pool:
        yield pool


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
