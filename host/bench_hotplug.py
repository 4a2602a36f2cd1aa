"""Benchmarks of many cards, and of cards that come and go: idle cost, insertion, memory."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import trio

from hotswap.bus import Card, PortRange, Resources, Settings, Slot, State

from .bench_result import Row
from .board import Board, BoardConfig, open_board
from .card_changes import insert_card, remove_card
from .prove.campaign import Campaign
from .prove.card_subjects import SAMPLE
from .prove.cards import prove

CARDS, FEW = 200, 2
IDLE_S = 3.0
"""Host seconds the halted machine is watched."""
IDLE_LIMIT = 2.0
"""Percent of a core."""
INSERT_LIMIT = 5.0
"""ms."""
ROUNDS = 40
SLOPE_ROUNDS = 600
HALT = b"\xfb\xf4\xeb\xfd"  # L: sti; hlt; jmp L
CODE = 0x1000


class ManyState(State):
    """What a usual card has."""

    count: int = 0


class ManySettings(Settings, frozen=True):
    """Where it is."""

    base: int = 0x1000


class Many(Card[ManyState]):
    """One of many: eight ports, a task that waits for commands and an alarm far ahead."""

    name = "bench-many"
    state_type = ManyState
    settings_type = ManySettings
    settings: ManySettings

    def resources(self) -> Resources:
        """Eight ports."""
        return Resources(ports=(PortRange(self.settings.base, 8),))

    async def run(self, slot: Slot) -> None:
        """As most cards' tasks: wait."""
        slot.alarm.set(slot.clock.now() + 3600 * 1_000_000_000)
        async for _ in slot.commands:
            self.state.count += 1


def _halt(board: Board) -> None:
    """A guest that sleeps until an interrupt, of which there are none."""
    board.processor.write_memory(CODE, HALT)
    board.processor.flat32(CODE, 0x8000)
    board.nursery.start_soon(board.processor.run, name="cpu")


async def _idle(count: int, seconds: float) -> float:
    """CPU seconds of this process a second, halted with so many cards."""
    async with open_board(BoardConfig(memory=1, switchover=False)) as board:
        for number in range(count):
            await board.insert(Many(ManySettings(0x1000 + 8 * number)))
        _halt(board)
        await trio.sleep(0.2)
        gc.collect()
        began, cpu = time.perf_counter(), time.process_time()
        await trio.sleep(seconds)
        used = (time.process_time() - cpu) / (time.perf_counter() - began)
        board.nursery.cancel_scope.cancel()
    return used


class Insertions(NamedTuple):
    """ms of each: by the clock, and of the processor."""

    wall: list[float]
    cpu: list[float]


async def _insertions(card: str, others: int, rounds: int) -> Insertions:
    """So many insertions by an operator beside so many other cards."""
    took = Insertions([], [])
    async with open_board(BoardConfig(memory=1, switchover=False)) as board:
        for number in range(others):
            await board.insert(Many(ManySettings(0x1000 + 8 * number)))
        _halt(board)
        for _ in range(rounds + 2):
            began, cpu = time.perf_counter(), time.process_time()
            slot = await insert_card(board, card)
            took.cpu.append((time.process_time() - cpu) * 1e3)
            took.wall.append((time.perf_counter() - began) * 1e3)
            await remove_card(board, str(slot.number))
        board.nursery.cancel_scope.cancel()
    return Insertions(took.wall[2:], took.cpu[2:])  # the first ones import and translate


async def _slope(rounds: int) -> float:
    campaign = Campaign("bench", rounds, 0)
    await prove(campaign, ["python", "elf"])
    return float(campaign.figures["slope_bytes"])


def _inserted(name: str, took: list[float], which: Callable[[list[float]], float]) -> Row:
    value = which(took)
    return Row(name, value, "ms", INSERT_LIMIT, value / INSERT_LIMIT)


async def bench_hotplug(
    idle_s: float = IDLE_S, rounds: int = ROUNDS, slope_rounds: int = SLOPE_ROUNDS
) -> list[Row]:
    """What 200 idle cards cost, insertions in Python and machine code, and their memory."""
    few, many = await _idle(FEW, idle_s), await _idle(CARDS, idle_s)
    idle = 100 * (many - few)
    python = await _insertions("lpt", CARDS, rounds)
    code = await _insertions(str(SAMPLE), CARDS, rounds)
    slope = await _slope(slope_rounds)
    return [
        Row("card.idle_200", idle, "%", IDLE_LIMIT, idle / IDLE_LIMIT),
        _inserted("card.insert_ms", [*python.wall, *code.wall], median),
        _inserted("card.insert_python_ms", python.wall, median),
        _inserted("card.insert_elf_ms", code.wall, median),
        _inserted("card.insert_max_ms", [*python.cpu, *code.cpu], max),
        Row("card.slope_bytes", slope, "B", 100, slope / 100),
    ]
