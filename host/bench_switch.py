"""Benchmarks of the switchover: blackout by mode, rollback, quiesce, control latency."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import trio

from hotswap.bus import Card, MachineClock, State, open_backplane
from hotswap.switchover.coordinator import Options, Switchover
from hotswap.switchover.errors import RolledBack
from hotswap.switchover.image import KernelImage
from hotswap.switchover.protocol import BootMode
from hotswap.switchover.report import Report

from .bench_result import Row
from .board import open_board
from .control import Request, connect, serve_control
from .guest import Guest
from .images import crashing, refkernel
from .operator import answer_for

PROCESSES = 64
ROUNDS = 6
JUMP_SELF = b"\xeb\xfe"


async def bench_switch() -> list[Row]:
    """Blackouts with 64 busy processes after all memory was touched; what a rollback costs."""
    rows: list[Row] = []
    async with open_board() as board:
        guest = Guest(board)
        guest.boot([f"busy*{PROCESSES}:16"], stay=True)
        await guest.pass_time(500_000_000)
        ram = board.processor.ram
        board.processor.write_memory(board.plan_top // 2, bytes(1))
        for page in range(0x200000, board.plan_top, 4096):  # all of it touched, as after a day
            board.processor.write_memory(page, board.processor.read_memory(page, 8))
        ram.commit()
        reports: dict[str, list[Report]] = {}
        for turn in range(ROUNDS):
            image = refkernel(2 if turn % 2 == 0 else 1)
            other = refkernel(1 if turn % 2 == 0 else 2)
            for name, new, mode in (
                ("rollback", crashing(image), BootMode.DMA),
                ("mode2", image, BootMode.DMA),
                ("mode0", other, BootMode.LZ4),
            ):
                reports.setdefault(name, []).append(await _switch(guest, new, mode))
    blackouts = {name: [r.blackout_ms for r in found] for name, found in reports.items()}
    best = min(blackouts["mode2"])
    rows.append(Row("switchover.blackout_mode2", best, "ms", 10, best / 10))
    translation = min(r.translation_ms for r in reports["mode2"])
    rows.append(Row("switchover.translation", translation, "ms", best, translation / best))
    mode0 = min(blackouts["mode0"])
    rows.append(Row("switchover.blackout_mode0", mode0, "ms", 30, mode0 / 30))
    back = min(r.rollback_ms for r in reports["rollback"])
    rows.append(Row("switchover.rollback", back, "ms", best, back / best))
    copied = max(r.user_pages_copied for r in reports["mode2"])
    rows.append(Row("switchover.user_pages_copied", copied, "pages", 0, 0.0 if not copied else 1.0))
    return rows


async def _switch(guest: Guest, image: KernelImage, mode: BootMode) -> Report:
    await guest.pass_time(100_000_000)
    options = Options(mode=mode, probation_ms=5, patience=10)
    try:
        return await Switchover(guest.board.machine, image, options).run()
    except RolledBack as back:
        return back.report


class IdleState(State):
    """Nothing."""


class Idle(Card[IdleState]):
    """A card that waits."""

    name = "bench-idle"
    state_type = IdleState


async def bench_quiesce() -> Row:
    """Ending the run scopes of 100 cards, and starting them again."""
    async with open_backplane(MachineClock(time.monotonic_ns)) as backplane:
        for _ in range(100):
            await backplane.insert(Idle())
        best = float("inf")
        for _ in range(20):
            began = time.perf_counter()
            await backplane.quiesce(each=1, total=10)
            best = min(best, time.perf_counter() - began)
            backplane.thaw()
            await trio.testing.wait_all_tasks_blocked()
    return Row("switchover.quiesce_100_cards", best * 1e3, "ms", 5, best * 1e3 / 5)


async def bench_control() -> Row:
    """A control request while the guest is in `jmp .`: 99th percentile of 200."""
    took: list[float] = []
    async with open_board() as board, trio.open_nursery() as nursery:
        board.processor.write_memory(0x100000, JUMP_SELF)
        board.processor.flat32(0x100000, 0x7000)
        nursery.start_soon(board.processor.run)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "control"
            await nursery.start(serve_control, path, answer_for(board))
            async with connect(path) as ask:
                for _ in range(200):
                    began = time.perf_counter()
                    async for _reply in ask(Request("info")):
                        took.append(time.perf_counter() - began)
            nursery.cancel_scope.cancel()
    p99 = sorted(took)[int(len(took) * 0.99) - 1] * 1e3
    return Row("control.latency_p99", p99, "ms", 20, p99 / 20)
