"""Benchmarks of cards in machine code: a port cycle, held against one a card in Python answers."""

from __future__ import annotations

from hotswap.bus import Card, HotswapError, PortRange, State
from hotswap.bus.code_engine import CodeEngine
from hotswap.cpu import CodePool

from .bench_bus import IN, PORT, READY, Echo, loop_of, run_on_board
from .bench_result import Row, alternate

COUNT = 50_000
ROUNDS = 7
BUDGET = 100_000
_TEXT, _DATA = 0x100000, 0x101000
# push ebp ; mov ebp,esp ; mov eax,[DATA] ; pop ebp ; ret - `return status;` by a C compiler
_READ = bytes.fromhex("55 89e5 a100101000 5d c3")


class _NoState(State):
    pass


class CodeEcho(Card[_NoState]):
    """The status register of `Echo`, answered by machine code on `engine`."""

    name = "bench-code-echo"
    ports = PortRange(PORT, 4)
    state_type = _NoState

    def __init__(self, engine: CodeEngine) -> None:
        super().__init__()
        engine.map(_TEXT, 0x1000, writable=False, executable=True)
        engine.map(_DATA, 0x1000, writable=True, executable=False)
        engine.write(_TEXT, _READ)
        engine.write(_DATA, bytes([READY]))
        self._call = engine.call

    def read(self, port: int, width: int) -> int:
        """The status register."""
        result = self._call(_TEXT, (port, width), BUDGET)
        if result.fault is not None:
            raise HotswapError(result.fault.reason)
        return result.value & 0xFFFFFFFF


async def bench_cards(count: int = COUNT, rounds: int = ROUNDS) -> list[Row]:
    """`count` port cycles answered by Python, by machine code, and their ratio."""
    code = loop_of(count, IN)
    with CodePool() as pool:

        async def by_code() -> float:
            engine = pool.take()
            try:
                return (await run_on_board(code, CodeEcho(engine)))[0]
            finally:
                engine.close()

        async def by_python() -> float:
            return (await run_on_board(code, Echo()))[0]

        pair = await alternate(by_code, by_python, rounds)
    ours, base = pair.ours * 1e6 / count, pair.base * 1e6 / count
    return [
        Row("card.python", base, "us", base, 1),
        Row("card.elf", ours, "us", base, pair.factor),
        Row("card.ratio", pair.factor, "x", 1, pair.factor),
    ]
