"""Benchmarks of cards in machine code: a port cycle, held against one a card in Python answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from hotswap.bus.code_engine import CodeEngine
from hotswap.cards.elf import ElfCard
from hotswap.cpu import CodePool

from .bench_bus import IN, Echo, loop_of, run_on_board
from .bench_result import Row, alternate
from .elf_cards import elf_image
from .sandbox import SandboxPool, missing

COUNT = 50_000
ROUNDS = 7
SANDBOXED = 20
"""A cycle that goes to another process is measured so many times less often."""
PATIENT = 1_000_000_000
"""ns: the deadline there. The benchmark is of a round trip, not of how busy the host is."""
CARD = Path(__file__).parent / "guests" / "bench-card.o"

_Take = Callable[[], Awaitable[CodeEngine]]


async def _by_code(take: _Take, count: int) -> float:
    """Seconds for `count` cycles that are answered on an engine `take` gives."""
    card = ElfCard(elf_image(CARD), {}, await take())
    try:
        return (await run_on_board(loop_of(count, IN), card))[0]
    finally:
        card.engine.close()


async def _by_python(count: int) -> float:
    return (await run_on_board(loop_of(count, IN), Echo()))[0]


async def bench_cards(count: int = COUNT, rounds: int = ROUNDS) -> list[Row]:
    """`count` port cycles answered by Python, by machine code, and their ratio.

    And, where the kernel has what it takes, by machine code in a process of its own.
    """
    with CodePool() as engines:

        async def engine() -> CodeEngine:
            return engines.take()

        python = partial(_by_python, count)
        pair = await alternate(partial(_by_code, engine, count), python, rounds)
    ours, base = pair.ours * 1e6 / count, pair.base * 1e6 / count
    rows = [
        Row("card.python", base, "us", base, 1),
        Row("card.elf", ours, "us", base, pair.factor),
        Row("card.ratio", pair.factor, "x", 1, pair.factor),
    ]
    if not missing():
        rows.append(await _sandboxed(count // SANDBOXED, rounds))
    return rows


async def _sandboxed(count: int, rounds: int) -> Row:
    with SandboxPool(deadline=PATIENT) as processes:
        in_process = partial(_by_code, processes.start, count)
        pair = await alternate(in_process, partial(_by_python, count), rounds)
    return Row("card.sandbox", pair.ours * 1e6 / count, "us", pair.base * 1e6 / count, pair.factor)
