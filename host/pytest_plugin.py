"""The pytest plugin: fixtures, options and reports for tests of cards and guests.

What the fixtures give is in `hotswap.host.rig`; how to use them is in docs/testing.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Protocol, cast

import pytest

from hotswap.bus import Backplane
from hotswap.cpu import CodePool
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import RolledBack
from hotswap.switchover.image import KernelImage
from hotswap.switchover.options import Options
from hotswap.switchover.protocol import BootMode
from hotswap.switchover.report import Report

from .board import Board, BoardConfig, open_board
from .duration import nanoseconds
from .exits import leaves
from .guest import PATIENCE, Guest
from .images import refkernel
from .pytest_instruments import (
    expect_cycle,
    expect_irq,
    expect_no_cycle,
    expect_no_irq,
    expect_no_serial,
    expect_screen,
    expect_serial,
    inject,
    insert_card,
    pass_time,
    press_keys,
    send_serial,
)
from .pytest_report import FOLDERS, add_sections, collecting
from .rig import Ports, Rig, VirtualClock, open_rig
from .rig.evidence import collect
from .rig.opened import Clock, Machine, Opened, open_bare, open_guest

__all__ = [
    "Ports",
    "SwitchKernel",
    "VirtualClock",
    "expect_cycle",
    "expect_irq",
    "expect_no_cycle",
    "expect_no_irq",
    "expect_no_serial",
    "expect_screen",
    "expect_serial",
    "inject",
    "insert_card",
    "pass_time",
    "press_keys",
    "send_serial",
]


# -- options ---------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options and ini options; the former win."""
    group = parser.getgroup("hotswap", "hotswap-host: boards, cards and guests")
    group.addoption(
        "--hotswap-trace", type=int, metavar="N",
        help="show the last N records of the bus trace when a test with a rig fails; 40",
    )  # fmt: skip
    group.addoption(
        "--hotswap-clock", choices=["virtual", "real"],
        help="machine time of guests: counted in instructions (the default), or the host's",
    )  # fmt: skip
    parser.addini("hotswap_trace", "as --hotswap-trace", default="40")
    parser.addini("hotswap_clock", "as --hotswap-clock", default="virtual")
    parser.addini(
        "hotswap_guard", "how long, in host time, a test with a rig may take", default="120 s"
    )


def pytest_configure(config: pytest.Config) -> None:
    """The mark; and the ini options are checked."""
    config.addinivalue_line(
        "markers",
        "hotswap_machine(file=None, clock=None, **tables): the rig is a machine with a guest: a "
        "machine file, or its tables",
    )
    try:
        int(config.getini("hotswap_trace"))
        nanoseconds(config.getini("hotswap_guard"))
    except ValueError as error:
        raise pytest.UsageError(f"ini option hotswap_trace or hotswap_guard: {error}") from error
    if config.getini("hotswap_clock") not in {"virtual", "real"}:
        raise pytest.UsageError("ini option hotswap_clock: use virtual or real")


def _option(config: pytest.Config, name: str) -> Any:
    given = config.getoption(f"hotswap_{name}")
    return config.getini(f"hotswap_{name}") if given is None else given


# -- reports ---------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Whatever board the test has leaves what the report of a failure shows."""
    with collecting(item):
        try:
            return (yield)
        except BaseExceptionGroup as group:
            if any(isinstance(leaf, KeyboardInterrupt) for leaf in leaves(group)):
                raise KeyboardInterrupt from group  # else it is one more failed test to pytest
            raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A failure shows the bus trace, the serial lines, the screen and the slots."""
    report = yield
    if call.when == "call" and cast("Any", report).failed:
        add_sections(item, cast("pytest.TestReport", report))
    return report


# -- fixtures --------------------------------------------------------------------------------------


@pytest.fixture
def virtual_clock() -> VirtualClock:
    """Machine time owned by the test."""
    return VirtualClock()


@pytest.fixture
def hotswap_machine(request: pytest.FixtureRequest) -> Machine | None:
    """The machine of `rig`, by default that of the mark, else none; a test may override it."""
    mark = request.node.get_closest_marker("hotswap_machine")
    if mark is None:
        return None
    tables = {key: value for key, value in mark.kwargs.items() if key not in {"file", "clock"}}
    file = mark.args[0] if mark.args else mark.kwargs.get("file")
    if (file is None) == (not tables):
        raise pytest.UsageError("hotswap_machine: give a machine file or its tables, one of them")
    return tables if file is None else Path(request.path.parent, file)


@pytest.fixture
def hotswap_clock(request: pytest.FixtureRequest) -> Clock:
    """Of the machine of `rig`: that of the mark, the option, the ini option; may be overridden."""
    mark = request.node.get_closest_marker("hotswap_machine")
    chosen = None if mark is None else mark.kwargs.get("clock")
    clock = _option(request.config, "clock") if chosen is None else chosen
    if clock not in {"virtual", "real"}:
        raise pytest.UsageError(f"hotswap_machine: clock is {clock!r}; use virtual or real")
    return cast("Clock", clock)


@pytest.fixture
async def _opened(
    request: pytest.FixtureRequest,
    virtual_clock: VirtualClock,
    hotswap_machine: Machine | None,
    hotswap_clock: Clock,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Opened]:
    request.node.stash[FOLDERS] = tmp_path_factory
    if hotswap_machine is None:
        opening = open_bare(virtual_clock)
    else:
        opening = open_guest(hotswap_machine, hotswap_clock, request.path.parent)
    async with opening as opened:
        try:
            yield opened
        finally:
            if "rig" not in request.fixturenames:
                collect(opened.backplane)


@pytest.fixture
def backplane(_opened: Opened) -> Backplane:
    """An empty backplane on `virtual_clock`; or that of the machine of `rig`."""
    return _opened.backplane


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
async def rig(request: pytest.FixtureRequest, _opened: Opened) -> AsyncIterator[Rig]:
    """`backplane` with its instruments: cards in and out, expectations with deadlines, faults."""
    async with open_rig(
        _opened.backplane,
        _opened.time,
        board=_opened.board,
        trace=int(_option(request.config, "trace")),
        seconds=nanoseconds(request.config.getini("hotswap_guard")) / 1e9,
    ) as opened:
        yield opened


@pytest.fixture
async def board(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Board]:
    """A deterministic machine with the usual cards, not booted; its serial port is memory."""
    request.node.stash[FOLDERS] = tmp_path_factory
    async with open_board(BoardConfig(deterministic=True)) as machine:
        try:
            yield machine
        finally:
            collect(machine.backplane)


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
