"""Deterministic mode: equal machines have equal traces, whatever the host does meanwhile."""

import hashlib
import subprocess
import sys

import trio

from hotswap.bus import Card, PortRange, Slot, State
from hotswap.host.board import Board, BoardConfig, open_board
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.switchover.coordinator import switch_over
from hotswap.switchover.options import Options

MS = 1_000_000
RUNS = 20


class MetronomeState(State):
    beats: int = 0


class Metronome(Card[MetronomeState]):
    """Beats on its IRQ line every 2 ms, at the same instants as the others of its kind."""

    name = "metronome"
    state_type = MetronomeState

    def __init__(self, irq: int) -> None:
        super().__init__()
        self.irq = irq  # type: ignore[misc]
        self.ports = PortRange(0x300 + 4 * irq, 1)  # type: ignore[misc]

    def read(self, port: int, width: int) -> int:
        return self.state.beats & 0xFF

    async def run(self, slot: Slot) -> None:
        while True:
            slot.alarm.set(2 * MS * (self.state.beats + 1))
            await slot.alarm.wait()
            self.state.beats += 1
            slot.irq.pulse()


async def trace_of_a_run() -> str:
    """Boot with four metronomes, switch over and back, 100 ms of machine time: the bus trace."""
    async with open_board(BoardConfig(deterministic=True)) as board:
        for irq in (11, 5, 9, 3):
            await board.backplane.insert(Metronome(irq))
        board.backplane.io.trace(True)
        guest = Guest(board)
        guest.boot(["registers:100", "pipes:50"])
        for kernel in (2, 1):
            await guest.pass_time(40 * MS)
            options = Options(probation_ms=5, patience=PATIENCE)
            await switch_over(board.machine, refkernel(kernel), options)
        await guest.pass_time(10 * MS)
        return _digest(board)


def _digest(board: Board) -> str:
    assert len(board.backplane.trace.records) > 1000
    state = repr((board.processor.instructions, board.processor.take_state()))
    return hashlib.sha256(board.backplane.trace.digest() + state.encode()).hexdigest()


def test_twenty_runs_with_coinciding_deadlines_are_equal_trace_for_trace() -> None:
    assert len({trio.run(trace_of_a_run) for _ in range(RUNS)}) == 1


def test_also_with_the_other_core_loaded() -> None:
    quiet = trio.run(trace_of_a_run)
    load = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        assert {trio.run(trace_of_a_run) for _ in range(3)} == {quiet}
    finally:
        load.kill()
        load.wait()
