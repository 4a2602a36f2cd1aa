"""Any card may be pulled while a kernel runs: what follows is the guest's affair alone."""

from __future__ import annotations

from typing import Any

import trio
from trio.testing import wait_all_tasks_blocked

from hotswap.host.board import Board, BoardConfig, PlugIn, open_board, usual_cards
from hotswap.host.card_changes import insert_card, remove_card
from hotswap.host.card_report import card_rows
from hotswap.host.control import Request
from hotswap.host.discovery import offers
from hotswap.host.exits import Exit
from hotswap.host.guest import Guest
from hotswap.host.operator import answer_for
from hotswap.host.prove.leftovers import Holdings
from hotswap.host.snapshot import Snapshot, go_on, open_restored, take_snapshot
from hotswap.switchover.memory import MIB, plan_memory

MS = 1_000_000
CONFIG = BoardConfig(memory=32, deterministic=True)
FURTHER = ("dma", "ferr", "kbc", "vga", "ide", "fdc", "lpt", "ne2000", "fwcfg", "rom")
INSTEAD = {"framebuffer"}  # of the VGA
SETTINGS: dict[str, dict[str, Any]] = {"fwcfg": {"memory_kib": 32768}}
NAMES = sorted(offer.name for offer in offers() if offer.distribution == "hotswap-host")


async def snapshot_with(extra: list[str]) -> Snapshot:
    """The reference kernel with programs at work, on a board with these cards, too."""
    plugs = usual_cards(CONFIG, plan_memory(CONFIG.memory * MIB))
    plugs += [PlugIn(20 + n, name, SETTINGS.get(name, {})) for n, name in enumerate(extra)]
    async with open_board(CONFIG, cards=plugs, frozen=False) as board:
        guest = Guest(board)
        guest.boot(["memory:200", "registers:2000", "pipes:200"], stay=True)
        await guest.pass_time(30 * MS)
        return await take_snapshot(board)


async def let_run(board: Board, ns: int) -> None:
    """Until so much machine time has passed, or the guest has ended."""
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:

            async def ended() -> None:
                await board.ended()
                nursery.cancel_scope.cancel()

            nursery.start_soon(ended)
            await board.backplane.clock.sleep_until(board.backplane.clock.now() + ns)
            nursery.cancel_scope.cancel()


async def pulled_and_put_back(snapshot: Snapshot, name: str) -> None:
    async with open_restored(snapshot) as board:
        go_on(board, snapshot)
        await let_run(board, MS)
        slot = board.slot(name)
        leased = slot.resources
        await remove_card(board, name)
        await let_run(board, 10 * MS)
        assert name not in {row.name for row in card_rows(board)}
        for ports in leased.ports:
            assert board.backplane.io.holder(ports.start) is None
        for lines, numbers in (
            (board.backplane.irq, leased.irqs),
            (board.backplane.drq, leased.drqs),
        ):
            assert not any(lines.levels[line] for line in numbers), name
        assert len(board.backplane.irq.snapshot().edges) < 10, name
        await answer_for(board)(Request("info"), lambda event: None)
        if name == "pic":
            await take_snapshot(board)
        await insert_card(board, name, number=slot.number, settings=_given(slot.card.settings))
        await let_run(board, 10 * MS)
        await board.pause()
        await wait_all_tasks_blocked()
        assert not Holdings.of(board).board["cards at fault"], name
        with trio.move_on_after(0.01):
            assert (await board.ended()).status == Exit.GUEST, name  # or it has not ended


def _given(settings: Any) -> dict[str, Any]:
    return {field: getattr(settings, field) for field in settings.__struct_fields__}


async def test_each_built_in_card_is_pulled_and_put_back_under_the_reference_kernel() -> None:
    snapshot = await snapshot_with(list(FURTHER))
    names = {card.name for card in snapshot.machine.cards}
    assert names | INSTEAD >= set(NAMES)
    for name in sorted(names):
        await pulled_and_put_back(snapshot, name)
