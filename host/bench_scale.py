"""Benchmarks of the switchover's size: what a further process costs, what is copied."""

from __future__ import annotations

from hotswap.switchover.protocol import BootMode
from hotswap.switchover.schema import PAGE

from .bench_result import Row
from .bench_switch import BUSY, MS, WORK, switch_measured
from .board import BoardConfig, open_board
from .guest import Guest
from .images import refkernel

FEW, MORE, MANY = 64, 500, 1000
MEMORY = 256
SWITCHES = 20


async def bench_scale() -> list[Row]:
    """A further process among many beside one among few; the bytes of a switchover."""
    few, more, many = [await _blackout(count) for count in (FEW, MORE, MANY)]
    first, last = (more - few) / (MORE - FEW) * 1e3, (many - more) / (MANY - MORE) * 1e3
    return [
        Row("switchover.process", last, "us", first, last / first),
        await _copies(),
    ]


async def _blackout(processes: int) -> float:
    """The shortest blackout without translation, ms."""
    async with open_board(BoardConfig(memory=MEMORY)) as board:
        guest = Guest(board)
        guest.boot([f"sleeper*{processes}:1000000"], stay=True)
        await guest.pass_time(BUSY * MS)
        with board.processor.translations() as meter:
            return min(
                [
                    (await switch_measured(guest, meter, refkernel(2 - n % 2), BootMode.DMA)).net_ms
                    for n in range(SWITCHES)
                ]
            )


async def _copies() -> Row:
    """Bytes the host stores and commits, zeros left out, beside image, map and dirty pages."""
    async with open_board() as board:
        guest = Guest(board)
        guest.boot(WORK, stay=True)
        await guest.pass_time(BUSY * MS)
        processor, image, copied = board.processor, refkernel(2), 0
        store = processor.write_memory

        def counted(
            start: int, content: bytes | bytearray | memoryview, *, by: str = "host"
        ) -> None:
            nonlocal copied
            copied += len(content) if any(content) else 0
            store(start, content, by=by)

        def committed(_start: int, content: memoryview) -> None:
            nonlocal copied
            copied += len(content)

        with processor.translations() as meter:
            processor.write_memory = counted  # type: ignore[method-assign]
            processor.ram.on_commit = committed
            report = (await switch_measured(guest, meter, image, BootMode.DMA)).report
    dirty = (report.pages_ahead + report.pages_committed) * PAGE
    wanted = len(image.content) + report.map_bytes + dirty
    return Row("switchover.bytes_copied", copied, "B", wanted, copied / wanted)
