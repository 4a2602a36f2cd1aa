"""While every card's task is ended, the cards answer from their state: both kernels use them."""

from __future__ import annotations

from hotswap.bus import CycleRecord
from hotswap.host.board import Board
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.options import Options
from hotswap.switchover.phases import Phase
from hotswap.switchover.report import PhaseEvent

from .conftest import MS

PIC, PIT, UART = range(0x20, 0x22), range(0x40, 0x44), range(0x3F8, 0x400)


def tasks(board: Board) -> set[str]:
    """The cards whose run scope is open."""
    return {slot.title for slot in board.backplane.slots.values() if slot.running}


async def test_the_new_kernel_programs_pic_pit_and_uart_while_no_card_has_a_task(
    guest: Guest,
) -> None:
    guest.boot(["ticker:40:5", "registers:40"])
    await guest.pass_time(20 * MS)
    board = guest.board
    records = board.backplane.trace.records
    programmed: list[CycleRecord] = []
    seen: list[set[str]] = []

    def tell(event: PhaseEvent) -> None:
        if event.phase != Phase.NEWINIT.name:
            return
        seen.append(tasks(board))
        board.backplane.io.trace(event.state == "begun")
        programmed.extend(record for record in records if isinstance(record, CycleRecord))

    options = Options(patience=PATIENCE)
    report = await Switchover(board.machine, refkernel(2), options, tell).run()
    assert report.outcome == "committed"
    assert seen == [{"switchover"}, {"switchover"}]
    written = [record.address for record in programmed if record.write]
    for ports in (PIC, PIT, UART):
        assert set(written) & set(ports), f"nothing was written to {ports.start:#x}"
    assert tasks(board) > {"pit", "uart"}
    verdicts = await guest.reported()
    assert all(verdict.startswith("ok") for verdict in verdicts.values()), verdicts
