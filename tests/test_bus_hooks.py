"""Every hook of `Card` is called by a real machine, and documented."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import (
    SECTOR,
    BusError,
    Card,
    Choices,
    Configuration,
    IrqChoice,
    LogicalDevice,
    MemoryRange,
    PlugAndPlay,
    Policy,
    PortChoice,
    PortRange,
    Resources,
    Settings,
    Slot,
    State,
)
from hotswap.host.board import Board
from hotswap.host.discovery import make_card
from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import Ports, SwitchKernel

from .isapnp import PnpGuest

DOCUMENT = Path(__file__).parents[1] / "docs" / "cards.md"
HOOKS = [
    name
    for name, value in vars(Card).items()
    if inspect.isfunction(value) and not name.startswith("_")
]
ATTRIBUTES = [name for name in Card.__annotations__ if not name.startswith("_")]
PORT, WINDOW, CODE, BUFFER = 0x300, 0xB0000, 0x8000, 0x9000
DRQ = 1

Test = TypeVar("Test", bound=Callable[..., object])
HELD: dict[str, str] = {}
"""The test that holds each hook."""


def hears(*hooks: str) -> Callable[[Test], Test]:
    """The probe of this test has to hear of `hooks`, or it fails."""

    def mark(test: Test) -> Test:
        HELD.update(dict.fromkeys(hooks, test.__name__))
        return test

    return mark


class ProbeSettings(Settings, frozen=True):
    colour: str = "red"


class ProbeState(State):
    out: bytes = b"abcdefgh"
    came: bytes = b""


class Base(Card[ProbeState]):
    """Has ports, a window, a DRQ line and a data port with bursts."""

    name = "probe"
    state_type = ProbeState
    settings_type = ProbeSettings
    settable = frozenset({"colour"})
    switchover = Policy.REINITIALISE
    identity: PlugAndPlay | None = None

    def plug_and_play(self) -> PlugAndPlay | None:
        return self.identity

    def resources(self) -> Resources:
        return Resources(
            ports=(PortRange(PORT, 2),),
            drqs=(DRQ,),
            windows=(MemoryRange(WINDOW, 4096),),
            cycle_width=2,
        )

    def read(self, port: int, width: int) -> int:
        word, self.state.out = self.state.out[:width], self.state.out[width:]
        if len(self.state.out) > 2:
            self.slot.burst_in(port, width, self.state.out[:-2])
        return int.from_bytes(word, "little")

    def write(self, port: int, width: int, value: int) -> None:
        self.state.came += value.to_bytes(width, "little")
        if len(self.state.came) < SECTOR:
            self.slot.burst_out(port, width, SECTOR - len(self.state.came))

    def burst_read(self, port: int, size: int) -> None:
        self.state.out = self.state.out[size:]

    def burst_written(self, port: int, content: bytes) -> None:
        self.state.came += content

    def memory_read(self, address: int, width: int) -> int:
        return 0x5A

    def dma_read(self, line: int, size: int) -> bytes:
        self.slot.drq.set(False)
        return self.state.out[:size]

    def dma_write(self, line: int, content: bytes, terminal: bool) -> int:
        self.slot.drq.set(False)
        self.state.came += content
        return len(content)


class Probe(Base):
    """Writes down which hooks were called, with what."""

    def __init__(self, settings: Any = None) -> None:
        self.heard: list[tuple[Any, ...]] = []
        super().__init__(settings)


def _written_down(name: str) -> Callable[..., Any]:
    function = getattr(Base, name)

    @functools.wraps(function)
    def call(self: Probe, *arguments: Any) -> Any:
        self.heard.append((name, *arguments))
        return function(self, *arguments)

    return call


for _name in HOOKS:
    setattr(Probe, _name, _written_down(_name))


@pytest.fixture
async def probe(request: pytest.FixtureRequest, board: Board) -> AsyncIterator[Probe]:
    """A probe on a real machine; the test fails when it has not heard what it should."""
    card = Probe()
    slot = await board.backplane.insert(card)
    yield card
    promised = {hook for hook, test in HELD.items() if test == request.node.name}
    assert promised
    assert promised <= {name for name, *_ in card.heard}
    assert slot.fault is None


def calls(probe: Probe, *hooks: str) -> list[tuple[Any, ...]]:
    return [call for call in probe.heard if call[0] in hooks]


async def run_guest(board: Board, code: str) -> None:
    """Machine code in hexadecimal, which ends the machine by the debug-exit port."""
    board.processor.write_memory(CODE, bytes.fromhex(code + "31c0 e6f4 ebfe"))
    board.processor.flat32(CODE, 0x7000)
    board.nursery.start_soon(board.processor.run)
    with trio.fail_after(60):
        assert (await board.ended()).status == 0


def test_every_hook_is_held_by_a_test() -> None:
    assert set(HELD) == set(HOOKS), "write a test with @hears(...) for a hook that has none"


@pytest.mark.parametrize("name", HOOKS + ATTRIBUTES)
def test_every_hook_is_documented(name: str) -> None:
    pattern = rf"`{name}\b[^`]*`|(?:def|async def) {name}\("
    assert re.search(pattern, DOCUMENT.read_text()), f"docs/cards.md says nothing of `{name}`"


@hears("power_on", "alternatives", "resources", "plugged")
async def test_a_card_is_asked_what_it_leases_then_plugged_in(probe: Probe) -> None:
    expected = ["power_on", "alternatives", "resources", "plug_and_play", "plugged"]
    assert [name for name, *_ in probe.heard[:5]] == expected
    assert probe.heard[4][1] is probe.slot


@hears("plug_and_play", "configured")
async def test_a_guest_configures_it_by_plug_and_play(probe: Probe, board: Board) -> None:
    class Configurable(Probe):
        identity = PlugAndPlay(
            "TST0001",
            "probe",
            (
                LogicalDevice(
                    "TST0002", Choices(ports=(PortChoice(0x320, 4),), irqs=(IrqChoice((9,)),))
                ),
            ),
        )

        def resources(self) -> Resources:
            return Resources()

    card = Configurable()
    await board.backplane.insert(card)
    pnp = PnpGuest(Ports(board.backplane))
    pnp.send_key()
    pnp.isolate()
    pnp.wake(1)
    assert pnp.activate(0, 0x320, 9)
    pnp.deactivate(0)
    assert calls(card, "configured") == [
        ("configured", 0, Configuration((0x320,), (), (9,), ())), ("configured", 0, None),
    ]  # fmt: skip
    probe.heard += card.heard


@hears("run")
async def test_its_task_begins_anew_after_each_freeze(probe: Probe, board: Board) -> None:
    await wait_all_tasks_blocked()
    await board.backplane.quiesce(each=1, total=1)
    board.backplane.thaw()
    await wait_all_tasks_blocked()
    assert calls(probe, "run") == [("run", probe.slot)] * 2


@hears("read", "write")
async def test_in_and_out_reach_it_and_wide_ones_are_cut(probe: Probe, board: Board) -> None:
    # mov dx,300h ; in al,dx ; in ax,dx ; mov eax,44434241h ; out dx,eax
    await run_guest(board, "66ba0003 ec 66ed b841424344 ef")
    assert calls(probe, "read", "write") == [
        ("read", PORT, 1), ("read", PORT, 2), ("write", PORT, 2, 0x4241),
    ]  # fmt: skip
    assert probe.state.came == b"AB"  # the upper half is for ports of nobody


@hears("burst_read", "burst_written")
async def test_rep_insw_and_outsw_go_in_bursts(probe: Probe, board: Board) -> None:
    """How many, depends on where slices end."""
    content = probe.state.out = bytes(range(SECTOR // 2)) * 2
    # cld ; mov dx,300h ; mov ecx,256 ; mov edi,9000h ; rep insw
    # mov ecx,256 ; mov esi,9000h ; rep outsw
    await run_guest(board, "fc 66ba0003 b900010000 bf00900000 66f36d b900010000 be00900000 66f36f")
    assert board.processor.read_memory(BUFFER, SECTOR) == content
    assert probe.state.came == content
    assert len(calls(probe, "read", "write")) < 100


@hears("memory_read", "memory_write")
async def test_loads_and_stores_in_its_window_reach_it(probe: Probe, board: Board) -> None:
    # mov al,[B0004h] ; mov [B0008h],al
    await run_guest(board, "a004000b00 a208000b00")
    assert calls(probe, "memory_read", "memory_write") == [
        ("memory_read", WINDOW + 4, 1), ("memory_write", WINDOW + 8, 1, 0x5A),
    ]  # fmt: skip


@pytest.mark.parametrize("start", [0xC0000, 0xB0000, 0x3FF0000])
async def test_a_window_no_cycle_would_reach_is_refused(board: Board, start: int) -> None:
    class Deaf(Base):
        def resources(self) -> Resources:
            return Resources(windows=(MemoryRange(start, 0x20000),))

    with pytest.raises(BusError, match=r"window 0x.* is in the machine's RAM; use 0x000a0000"):
        await board.backplane.insert(Deaf())


@hears("dma_read", "dma_write", "dma_end")
async def test_the_dma_controller_moves_what_it_has(probe: Probe, board: Board) -> None:
    await board.backplane.insert(make_card("dma"))
    ports = Ports(board.backplane)
    for mode in (0x45, 0x49):  # single transfers on channel 1: to memory, from memory
        for port, value in (
            (0x0A, 0x05), (0x0B, mode), (0x0C, 0), (0x02, BUFFER & 0xFF), (0x02, BUFFER >> 8),
            (0x83, 0), (0x0C, 0), (0x03, 7), (0x03, 0), (0x0A, 0x01),
        ):  # fmt: skip
            ports.write(port, value)
        while not ports.read(0x08) & 1 << DRQ:  # TC
            probe.slot.drq.set(True)
            board.backplane.settle_order()
    assert board.processor.read_memory(BUFFER, 8) == b"abcdefgh"
    assert probe.state.came == b"abcdefgh"
    assert calls(probe, "dma_end") == [("dma_end", DRQ)] * 2
    assert calls(probe, "dma_write")[-1][-1] is True


@hears("change")
async def test_an_operator_changes_a_setting(probe: Probe, board: Board) -> None:
    board.backplane.change(probe.slot.number, ProbeSettings("blue"))
    assert calls(probe, "change") == [("change", ProbeSettings("blue"))]
    assert probe.settings.colour == "blue"


@hears("save", "load")
async def test_a_rollback_point_is_put_back(probe: Probe, board: Board) -> None:
    await board.backplane.quiesce(each=1, total=1)
    before = board.backplane.snapshot()
    Ports(board.backplane).write(PORT, 0x41)
    assert probe.state.came == b"A"
    board.backplane.restore(before)
    assert probe.state.came == b""
    board.backplane.thaw()


@hears("reinitialise")
async def test_a_new_kernel_finds_it_as_its_policy_says(
    probe: Probe, guest: Guest, switchover: SwitchKernel
) -> None:
    probe.state.came = b"of the old kernel"
    guest.boot(["busy:1"], hold=True)
    report = await switchover(2)
    assert report.outcome == "committed", report.reason
    assert calls(probe, "reinitialise") == [("reinitialise",)]
    assert probe.state.came == b""


@hears("adopt", "close")
async def test_another_implementation_takes_over(probe: Probe, board: Board) -> None:
    probe.state.came = b"before"
    slot, new = probe.slot, Probe()
    await board.backplane.replace(slot.number, new)
    assert [name for name, *_ in new.heard if name in {"plugged", "adopt", "load"}] == [
        "plugged", "adopt", "load",
    ]  # fmt: skip
    assert new.state.came == b"before"
    assert calls(probe, "close") == [("close",)]
    await board.backplane.remove(slot.number)
    await wait_all_tasks_blocked()
    assert calls(new, "close") == [("close",)]
    probe.heard += new.heard


@pytest.mark.parametrize("hook", ["run", "read", "plugged"])
async def test_a_hook_that_exits_ends_nobody_else(board: Board, hook: str) -> None:
    def leave(self: Base, *arguments: Any) -> None:
        raise SystemExit(3)

    card = type("Leaving", (Base,), {hook: leave})()
    with board.backplane.listening(lambda event: None):
        if hook == "plugged":
            with pytest.raises(Exception, match="it could not be plugged in"):
                await board.backplane.insert(card)
            assert not hasattr(card, "slot") or card.slot.number not in board.backplane.slots
            return
        slot: Slot = await board.backplane.insert(card)
        await wait_all_tasks_blocked()
        # mov dx,300h ; in al,dx
        await run_guest(board, "66ba0003 ec")
    assert slot.fault is not None
    assert slot.fault.what == "SystemExit: 3"
